"""OpenID Connect Back-Channel Logout 1.0: a signed logout token to every client of a session, or of a subscriber.

The jobs are a worker's of their own (`Callers` in app.py), so that a client that does not answer keeps no PIN waiting.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import structlog
from prometheus_client import Counter

from dialkey.base.clock import SECOND, Clock, seconds
from dialkey.base.entropy import Entropy
from dialkey.base.ids import new_uuid
from dialkey.directory.model import Client
from dialkey.directory.store import ClientDirectory
from dialkey.events.leaving import LOGOUT_OF_SESSION, LOGOUT_OF_SUBJECT
from dialkey.jobs import Handler, Job, enqueue
from dialkey.jobs.model import Context
from dialkey.oauth import backchannel_store as store
from dialkey.oauth.keys import SigningKeys
from dialkey.settings import Settings
from dialkey.storage import Row, Writer
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.subjects import session_reference, subject
from dialkey.web.forms import FORM
from dialkey.web.posting import Posted, Poster, Unreachable

SEND_LOGOUT = "oauth.send_logout"
"""Payload: `client`, `subscription`, `session` (empty: all of the subscriber's)."""
EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYP = "logout+jwt"
LIFETIME = 120
"""Seconds that a logout token is good for; every retry has a fresh one."""
TIMEOUT = 5.0
RETRIES = 7
BACKOFF = 10 * SECOND
"""10, 20, 40 seconds and so on: about twenty minutes in all."""
log = structlog.get_logger("dialkey.oauth")
_SENT = Counter("dialkey_logout_tokens", "Back-channel logout tokens by what became of them.", ["outcome"])


class NotDelivered(Exception):
    """To be tried again."""


class BackChannel:
    """Finds out whom to tell, and tells them."""

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring,
        clock: Clock,
        entropy: Entropy,
        directory: ClientDirectory,
        signing: SigningKeys,
        poster: Poster,
    ) -> None:
        self._settings = settings
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy
        self._directory = directory
        self._signing = signing
        self._poster = poster
        self.handlers = {
            LOGOUT_OF_SESSION: Handler(run=self._of_session, retries=10),
            LOGOUT_OF_SUBJECT: Handler(run=self._of_subject, retries=10),
            SEND_LOGOUT: Handler(run=self._send, retries=RETRIES, backoff=BACKOFF),
        }

    def token(self, client: Client, subscription_id: str, session_id: str | None) -> str:
        """Section 2.4: `sub` always, `sid` where it is about one session, never a nonce."""
        now = seconds(self._clock.now())
        claims: dict[str, Any] = {
            "iss": self._settings.issuer,
            "aud": [client.id],
            "sub": subject(self._keyring, client.product.sector, subscription_id),
            "iat": now,
            "exp": now + LIFETIME,
            "jti": new_uuid(self._entropy),
            "events": {EVENT: {}},
        }
        if session_id:
            claims["sid"] = session_reference(self._keyring, client.id, session_id)
        return self._signing.sign(client.id_token_alg, claims, typ=TYP)

    async def _of_session(self, job: Job, context: Context) -> None:
        rows = await context.storage.read.all(store.OF_SESSION, session_id=str(job.payload["session"]))
        await self._queue(context, [(row, row.session_id) for row in rows])

    async def _of_subject(self, job: Job, context: Context) -> None:
        rows = await context.storage.read.all(
            store.OF_SUBJECT,
            subscription_id=str(job.payload["subscription"]),
            product_id=str(job.payload["product"]),
            since=int(job.payload["at"]),
        )
        told = {(row.client_id, row.session_id if row.session_required else ""): row for row in rows}
        await self._queue(context, [(row, session) for (_, session), row in told.items()])

    async def _queue(self, context: Context, wanted: list[tuple[Row, str]]) -> None:
        now = self._clock.now()

        async def unit(writer: Writer) -> None:
            for row, session in wanted:
                payload = {"client": row.client_id, "subscription": row.subscription_id, "session": session}
                await enqueue(writer, entropy=self._entropy, kind=SEND_LOGOUT, payload=payload, now=now)

        if wanted:
            await context.storage.write(unit)

    async def _send(self, job: Job, _: Context) -> None:
        """2xx is done, and so is a refusal; what may pass is tried again."""
        client = await self._directory.find_client(str(job.payload["client"]))
        if client is None or client.backchannel_logout_uri is None:
            return
        await self._signing.refresh()
        token = self.token(client, str(job.payload["subscription"]), str(job.payload["session"]) or None)
        body = urlencode({"logout_token": token}).encode()
        try:
            posted = await self._poster.post(
                client.backchannel_logout_uri, body, {"Content-Type": FORM}, timeout=TIMEOUT
            )
        except Unreachable as error:
            self._count(client, error.code)
            raise NotDelivered(error.code) from None
        self._count(client, "done" if posted.good else str(posted.status))
        if _may_pass(posted):
            raise NotDelivered(str(posted.status))

    @staticmethod
    def _count(client: Client, outcome: str) -> None:
        _SENT.labels("done" if outcome == "done" else "failed").inc()
        if outcome != "done":
            log.info("logout_token", client=client.id, outcome=outcome)


def _may_pass(posted: Posted) -> bool:
    """Section 2.8: with 400 the client says that it could not; another try of the same would be told the same."""
    return posted.status >= 500 or posted.status in (408, 425, 429)
