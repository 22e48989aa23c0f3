"""Who is signed in: the session behind a cookie."""

from __future__ import annotations

from starlette.requests import Request

from dialkey.audit import Tag, record
from dialkey.base.clock import HOUR, SECOND, Clock, after
from dialkey.base.entropy import Entropy
from dialkey.events.leaving import queue_session_logout
from dialkey.settings import Settings
from dialkey.signin.model import Session
from dialkey.signin.store import SessionStore
from dialkey.storage import Storage, Writer
from dialkey.storage.keyring import Keyring
from dialkey.web.cookies import Cookie

_PREFIX = "dk_ss_"


class Sessions:
    """Finds and ends browser sessions. The database decides at every use: a cookie by itself is worth nothing."""

    def __init__(
        self, storage: Storage, settings: Settings, keyring: Keyring, clock: Clock, entropy: Entropy
    ) -> None:
        self._storage = storage
        self._store = SessionStore(storage)
        self._idle = settings.signin.session_idle_lifetime * SECOND
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy
        self.cookie = Cookie(
            "dialkey_session", secure=settings.secure, max_age=settings.signin.session_absolute_lifetime
        )

    def digest(self, request: Request) -> str | None:
        """What the request's session cookie is looked up by; None where it has none of ours."""
        value = self.cookie.read(request)
        if value is None or not value.startswith(_PREFIX):
            return None
        return self._keyring.digest("session", value)

    async def find(self, request: Request) -> Session | None:
        """The live session; its idle time begins anew, written at most once an hour."""
        digest = self.digest(request)
        if digest is None:
            return None
        now = self._clock.now()
        found = await self._store.find(digest, now)
        if found is None:
            return None
        session, idle_expires_at = found
        if idle_expires_at - now < self._idle - HOUR:
            await self._store.touch(session.id, after(now, self._idle))
        return session

    async def end(self, writer: Writer, session: Session, *, reason: str, request_id: str = "") -> bool:
        """Inside the caller's transaction; its clients are told. False where it had ended already."""
        now = self._clock.now()
        if await self._store.end(writer, session.id, now, reason) is None:
            return False
        await queue_session_logout(writer, entropy=self._entropy, now=now, session_id=session.id)
        await record(
            writer,
            Tag.SIGNED_OUT,
            entropy=self._entropy,
            now=now,
            actor=f"subscription:{session.subscription_id}",
            subject=f"session:{session.id}",
            operator_id=session.operator_id,
            request_id=request_id,
            data={"reason": reason},
        )
        return True
