"""Queued and delivered mails: all their SQL. Address, subject and text are sealed under the row's id."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from dialkey.base.clock import Instant
from dialkey.mail.model import Letter
from dialkey.storage import Reader, Row, Statement, Writer
from dialkey.storage.keyring import Keyring

_COLUMNS = "id, kind, sealed, queued_at"
_ADD = Statement(
    "mail.add",
    "INSERT INTO mail_messages (id, kind, sealed, queued_at, delivered_at, expires_at)"
    " VALUES (:id, :kind, :sealed, :queued_at, :delivered_at, :expires_at)",
)
_WAITING = Statement(
    "mail.waiting",
    f"SELECT {_COLUMNS} FROM mail_messages WHERE id = :id AND delivered_at IS NULL AND expires_at > :now",
)
_DROP = Statement("mail.drop", "DELETE FROM mail_messages WHERE id = :id")
_DELIVERED = Statement(
    "mail.delivered",
    f"SELECT {_COLUMNS} FROM mail_messages WHERE delivered_at IS NOT NULL AND expires_at > :now"
    " ORDER BY delivered_at DESC, id DESC LIMIT :most",
)
_DELIVERED_BEFORE = Statement(
    "mail.delivered_before",
    f"SELECT {_COLUMNS} FROM mail_messages WHERE delivered_at IS NOT NULL AND expires_at > :now"
    " AND (delivered_at, id) < (SELECT delivered_at, id FROM mail_messages WHERE id = :after)"
    " ORDER BY delivered_at DESC, id DESC LIMIT :most",
)
_ONE_DELIVERED = Statement(
    "mail.one_delivered",
    f"SELECT {_COLUMNS} FROM mail_messages WHERE id = :id AND delivered_at IS NOT NULL AND expires_at > :now",
)


class Sealed(msgspec.Struct, frozen=True):
    """What nobody reads in the database."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A row."""

    id: str
    kind: str
    sealed: bytes
    queued_at: Instant
    delivered_at: Instant | None
    expires_at: Instant


class MailStore:
    """Rows of `mail_messages` as letters."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def add(self, writer: Writer, stored: Stored) -> None:
        await writer.run(
            _ADD,
            id=stored.id,
            kind=stored.kind,
            sealed=stored.sealed,
            queued_at=stored.queued_at,
            delivered_at=stored.delivered_at,
            expires_at=stored.expires_at,
        )

    async def find_waiting(self, reader: Reader, mail_id: str, *, now: Instant) -> Letter | None:
        """None where it was delivered, is too old, or the key that closed it is gone."""
        row = await reader.one(_WAITING, id=mail_id, now=now)
        return None if row is None else self._open(row)

    async def drop(self, writer: Writer, mail_id: str) -> None:
        await writer.run(_DROP, id=mail_id)

    async def list_delivered(self, reader: Reader, *, after: str | None, limit: int, now: Instant) -> list[Letter]:
        if after is None:
            rows = await reader.all(_DELIVERED, now=now, most=limit)
        else:
            rows = await reader.all(_DELIVERED_BEFORE, now=now, most=limit, after=after)
        return [letter for row in rows if (letter := self._open(row)) is not None]

    async def find_delivered(self, reader: Reader, mail_id: str, *, now: Instant) -> Letter | None:
        row = await reader.one(_ONE_DELIVERED, id=mail_id, now=now)
        return None if row is None else self._open(row)

    def _open(self, row: Row) -> Letter | None:
        content = self._keyring.open_box(f"mail/{row.id}", row.sealed)
        if content is None:
            return None
        sealed = msgspec.json.decode(content, type=Sealed)
        return Letter(
            id=row.id,
            to=sealed.to,
            subject=sealed.subject,
            text=sealed.text,
            kind=row.kind,
            queued_at=Instant(row.queued_at),
        )
