"""Sign-ins and sessions: all their SQL."""

from __future__ import annotations

import msgspec

from dialkey.base.clock import Instant
from dialkey.base.phone import PhoneNumber
from dialkey.signin.model import Session, SignIn, SignInStart
from dialkey.storage import Reader, Row, Statement, Storage, Writer
from dialkey.subscribers.model import ForcedOutcome

_START = msgspec.json.Decoder(SignInStart)

_COLUMNS = (
    "id, browser_digest, start, locale, phone_number, subscription_id, operator_id, seed, digits, pin_expires_at,"
    " tries, sends, last_sent_at, session_id, passed_at, expires_at, forced"
)
_ADD = Statement(
    "sign_ins.add",
    "INSERT INTO sign_ins (id, browser_digest, client_id, start, locale, phone_number,"
    " subscription_id, operator_id, seed, digits, pin_expires_at, tries, sends, last_sent_at, created_at, expires_at,"
    " forced) VALUES (:id, :browser_digest, :client_id, :start, :locale, :phone_number, :subscription_id,"
    " :operator_id, :seed, :digits, :pin_expires_at, 0, 1, :now, :now, :expires_at,"
    " :forced)",
)
_FIND = Statement("sign_ins.find", f"SELECT {_COLUMNS} FROM sign_ins WHERE id = :id")
_TRY = Statement(
    "sign_ins.try",
    "UPDATE sign_ins SET tries = tries + 1 WHERE id = :id AND browser_digest = :browser_digest AND tries < :most"
    f" AND passed_at IS NULL AND pin_expires_at > :now RETURNING {_COLUMNS}",
)
_PASS = Statement(
    "sign_ins.pass",
    "UPDATE sign_ins SET passed_at = :now, session_id = :session_id, seed = '' WHERE id = :id AND passed_at IS NULL",
)
_EXPIRE = Statement(
    "sign_ins.expire", "UPDATE sign_ins SET pin_expires_at = :now WHERE id = :id AND pin_expires_at > :now"
)
_RESEND = Statement(
    "sign_ins.resend",
    "UPDATE sign_ins SET sends = sends + 1, last_sent_at = :now WHERE id = :id AND browser_digest = :browser_digest"
    " AND last_sent_at <= :not_after AND passed_at IS NULL AND tries < :most AND pin_expires_at > :now"
    f" RETURNING {_COLUMNS}",
)

_SESSION_COLUMNS = (
    "s.id, s.subscription_id, s.operator_id, s.phone_number, s.authenticated_at, s.amr, s.acr, s.idle_expires_at"
)
_ADD_SESSION = Statement(
    "sessions.add",
    "INSERT INTO sessions (id, token_digest, subscription_id, operator_id, phone_number, authenticated_at, amr, acr,"
    " created_at, idle_expires_at, expires_at) VALUES (:id, :token_digest, :subscription_id, :operator_id,"
    " :phone_number, :now, :amr, :acr, :now, :idle_expires_at, :expires_at)",
)
_FIND_SESSION = Statement(
    "sessions.find",
    f"SELECT {{ordinal}} {_SESSION_COLUMNS}, p.organization_id FROM {{join_batch}} sessions s"
    " JOIN subscriptions p ON p.id = s.subscription_id"
    " WHERE s.token_digest = v.token_digest AND s.ended_at IS NULL AND s.expires_at > v.now"
    " AND s.idle_expires_at > v.now AND p.status = 'active' AND p.phone_number = s.phone_number",
    batch={"token_digest": "text", "now": "bigint"},
)
_TOUCH_SESSION = Statement(
    "sessions.touch", "UPDATE sessions SET idle_expires_at = :idle_expires_at WHERE id = :id AND ended_at IS NULL"
)
_END_SESSION = Statement(
    "sessions.end",
    "UPDATE sessions SET ended_at = :now, end_reason = :reason WHERE id = :id AND ended_at IS NULL"
    " RETURNING subscription_id",
)
_END_SESSION_OF_COOKIE = Statement(
    "sessions.end_of_cookie",
    "UPDATE sessions SET ended_at = :now, end_reason = :reason WHERE token_digest = :token_digest"
    " AND ended_at IS NULL RETURNING id, subscription_id",
)


class SignInStore:
    """Rows of `sign_ins` as values."""

    async def add(self, writer: Writer, sign_in: SignIn, now: Instant) -> None:
        await writer.run(
            _ADD,
            id=sign_in.id,
            browser_digest=sign_in.browser_digest,
            client_id=sign_in.start.client_id,
            start=msgspec.json.encode(sign_in.start).decode(),
            locale=sign_in.locale,
            phone_number=sign_in.phone_number,
            subscription_id=sign_in.subscription_id,
            operator_id=sign_in.operator_id,
            seed=sign_in.seed,
            digits=sign_in.digits,
            pin_expires_at=sign_in.pin_expires_at,
            now=now,
            expires_at=sign_in.expires_at,
            forced="" if sign_in.forced is ForcedOutcome.NONE else sign_in.forced.value,
        )

    async def find(self, reader: Reader, sign_in_id: str) -> SignIn | None:
        row = await reader.one(_FIND, id=sign_in_id)
        return None if row is None else _sign_in(row)

    async def count_try(
        self, writer: Writer, sign_in_id: str, browser_digest: str, *, most: int, now: Instant
    ) -> SignIn | None:
        """Takes one try of those that are left; None where no try may be taken."""
        row = await writer.one(_TRY, id=sign_in_id, browser_digest=browser_digest, most=most, now=now)
        return None if row is None else _sign_in(row)

    async def mark_passed(self, writer: Writer, sign_in_id: str, session_id: str, now: Instant) -> bool:
        """True for the one who was first. The seed goes: the PIN cannot be derived again."""
        return await writer.run(_PASS, id=sign_in_id, session_id=session_id, now=now) == 1

    async def expire(self, writer: Writer, sign_in_id: str, now: Instant) -> None:
        """Its PIN runs out now."""
        await writer.run(_EXPIRE, id=sign_in_id, now=now)

    async def count_send(
        self, writer: Writer, sign_in_id: str, browser_digest: str, *, not_after: Instant, most: int, now: Instant
    ) -> SignIn | None:
        row = await writer.one(
            _RESEND, id=sign_in_id, browser_digest=browser_digest, not_after=not_after, most=most, now=now
        )
        return None if row is None else _sign_in(row)


def _sign_in(row: Row) -> SignIn:
    return SignIn(
        id=row.id,
        browser_digest=row.browser_digest,
        start=_START.decode(row.start),
        locale=row.locale,
        phone_number=PhoneNumber(row.phone_number),
        subscription_id=row.subscription_id,
        operator_id=row.operator_id,
        seed=row.seed,
        digits=row.digits,
        pin_expires_at=row.pin_expires_at,
        tries=row.tries,
        sends=row.sends,
        last_sent_at=row.last_sent_at,
        session_id=row.session_id,
        passed_at=row.passed_at,
        expires_at=row.expires_at,
        forced=ForcedOutcome(row.forced) if row.forced else ForcedOutcome.NONE,
    )


class SessionStore:
    """Rows of `sessions` as values. A session is live while its subscription is, and has the number it signed in with."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def add(
        self, writer: Writer, session: Session, token_digest: str, *, idle_expires_at: Instant, expires_at: Instant
    ) -> None:
        await writer.run(
            _ADD_SESSION,
            id=session.id,
            token_digest=token_digest,
            subscription_id=session.subscription_id,
            operator_id=session.operator_id,
            phone_number=session.phone_number,
            now=session.authenticated_at,
            amr=" ".join(session.amr),
            acr=session.acr,
            idle_expires_at=idle_expires_at,
            expires_at=expires_at,
        )

    async def find(self, token_digest: str, now: Instant) -> tuple[Session, Instant] | None:
        """The live session of a cookie, and when it idles out."""
        row = await self._storage.find(_FIND_SESSION, token_digest=token_digest, now=now)
        if row is None:
            return None
        session = Session(
            id=row.id,
            subscription_id=row.subscription_id,
            operator_id=row.operator_id,
            phone_number=PhoneNumber(row.phone_number),
            authenticated_at=row.authenticated_at,
            amr=tuple(row.amr.split()),
            acr=row.acr,
            organization_id=row.organization_id,
        )
        return session, row.idle_expires_at

    async def touch(self, session_id: str, idle_expires_at: Instant) -> None:
        async def unit(writer: Writer) -> None:
            await writer.run(_TOUCH_SESSION, id=session_id, idle_expires_at=idle_expires_at)

        await self._storage.write(unit)

    async def end(self, writer: Writer, session_id: str, now: Instant, reason: str) -> str | None:
        """The subscription whose session it was; None where it had ended already."""
        row = await writer.one(_END_SESSION, id=session_id, now=now, reason=reason)
        return None if row is None else row.subscription_id

    async def end_of_cookie(self, writer: Writer, token_digest: str, now: Instant, reason: str) -> Row | None:
        """What it ended: `id` and `subscription_id`."""
        return await writer.one(_END_SESSION_OF_COOKIE, token_digest=token_digest, now=now, reason=reason)
