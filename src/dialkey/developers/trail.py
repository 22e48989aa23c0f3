"""The audit trail of one organization: who did what, when."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import msgspec

from dialkey.audit import Tag
from dialkey.base.clock import Instant
from dialkey.base.signed import seal, unseal
from dialkey.developers import keys_store as store
from dialkey.developers.access import Actor, Role
from dialkey.developers.office import Office
from dialkey.storage import Row, Writer
from dialkey.web.errors import Refusal

EXPORT_PAGE = 500
MOST_EXPORTED = 100_000
_PURPOSE = b"trail-cursor"
_NEWEST = (1 << 62, "")
_Where: TypeAlias = tuple[str, str, str]
"""Organization, tag, actor."""
_cursor = msgspec.msgpack.Decoder(tuple[tuple[str, str, str], int, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEvent:
    """One line. Every text is free of control characters."""

    id: str
    at: Instant
    tag: str
    actor: str
    """`account:<id>`, `key:<id>`, `staff:<id>`, `cli:<name>`."""
    actor_name: str
    """A person's or a key's name; what stands before the colon for others."""
    subject: str
    request_id: str
    data: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailPage:
    """A page of the trail, newest first; `cursor` leads on, None at its end."""

    events: tuple[TrailEvent, ...]
    cursor: str | None


class Trail:
    """Use cases: viewers, with grant `audit:read`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def list_events(
        self,
        actor: Actor,
        organization_id: str,
        *,
        tag: str | None = None,
        by: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> TrailPage:
        """`tag` is a tag, or the part before its dot; `by` an actor. 400 `cursor` for one that we did not make, for this
        organization and these filters."""
        await self._office.access.organization(actor, organization_id, Role.VIEWER, grant="audit:read")
        where = (organization_id, (tag or "")[:60], (by or "")[:80])
        return await self._page(where, self._open(where, cursor), min(max(limit, 1), 200))

    async def export(
        self, actor: Actor, organization_id: str, *, tag: str | None = None, by: str | None = None
    ) -> AsyncIterator[bytes]:
        """The same as CSV (RFC 4180), page by page, the newest `MOST_EXPORTED`; no cell of it is a formula. That it was
        taken stands in the trail."""
        await self._office.access.organization(actor, organization_id, Role.VIEWER, grant="audit:read")

        async def unit(writer: Writer) -> None:
            subject = f"organization:{organization_id}"
            await self._office.record(writer, Tag.TRAIL_EXPORTED, actor, subject, organization_id)

        await self._office.storage.write(unit)
        return self._pieces((organization_id, (tag or "")[:60], (by or "")[:80]))

    async def _pieces(self, where: _Where) -> AsyncIterator[bytes]:
        yield csv_line(("time", "event", "actor", "actor_name", "subject", "request", "data"))
        at: tuple[int, str] | None = _NEWEST
        for _ in range(MOST_EXPORTED // EXPORT_PAGE):
            if at is None:
                break
            page = await self._page(where, at, EXPORT_PAGE)
            yield b"".join(csv_line(_cells(event)) for event in page.events)
            at = None if page.cursor is None else (page.events[-1].at, page.events[-1].id)

    async def _page(self, where: _Where, at: tuple[int, str], limit: int) -> TrailPage:
        organization_id, tag, by = where
        rows = await self._office.storage.read.all(
            store.EVENTS, organization_id=organization_id, tag=tag, by=by, at=at[0], id=at[1], limit=limit + 1
        )
        events = tuple(_event(row) for row in rows[:limit])
        return TrailPage(events=events, cursor=self._close(where, events[-1]) if len(rows) > limit else None)

    def _close(self, where: _Where, last: TrailEvent) -> str:
        return seal(self._office.keyring["page"], _PURPOSE, msgspec.msgpack.encode((where, last.at, last.id)))

    def _open(self, where: _Where, cursor: str | None) -> tuple[int, str]:
        if cursor is None:
            return _NEWEST
        payload = unseal(self._office.keyring["page"], _PURPOSE, cursor) if len(cursor) <= 500 else None
        if payload is not None:
            meant, at, id = _cursor.decode(payload)
            if meant == where:
                return at, id
        raise Refusal(400, "cursor")


def shown(text: str, most: int = 300) -> str:
    """Text that somebody else may have chosen, fit for a line of a page, a file or a terminal: control, format and
    direction characters are written out, so that no line can be forged."""
    kept = "".join(
        c if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else f"\\u{ord(c):04x}"
        for c in text[: most + 1]
    )
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def csv_line(cells: Iterable[str]) -> bytes:
    """One line (RFC 4180). A cell that a spreadsheet would compute gets an apostrophe, which it then shows as text."""
    quoted = []
    for cell in cells:
        if cell.lstrip()[:1] in ("=", "+", "-", "@", "|", "%") or cell[:1] in ("\t", "\r", "\n"):
            cell = "'" + cell
        quoted.append('"' + cell.replace('"', '""') + '"')
    return (",".join(quoted) + "\r\n").encode()


def _cells(event: TrailEvent) -> tuple[str, ...]:
    at = datetime.fromtimestamp(event.at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    data = "; ".join(f"{name}: {value}" for name, value in event.data)
    return (at, event.tag, event.actor, event.actor_name, event.subject, event.request_id, data)


def _event(row: Row) -> TrailEvent:
    kind = row.actor.partition(":")[0]
    try:
        data = json.loads(row.data)
    except ValueError:
        data = {}
    return TrailEvent(
        id=row.id,
        at=Instant(row.at),
        tag=shown(row.tag),
        actor=shown(row.actor),
        actor_name=shown(row.actor_name or _KINDS.get(kind, kind), 80),
        subject=shown(row.subject),
        request_id=shown(row.request_id or ""),
        data=tuple((shown(str(name), 40), shown(str(value))) for name, value in data.items() if value is not None),
    )


_KINDS = {
    "account": "Somebody who closed their account",
    "key": "A key that is gone",
    "cli": "The installation",
    "schedule": "The installation",
}
