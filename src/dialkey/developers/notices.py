"""Notices: what somebody should know the next time they look. Each member has their own copy, and reads it alone.

The door for other rooms: `notify`, called inside a unit of work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dialkey.base.clock import DAY, Instant, after
from dialkey.base.entropy import Entropy
from dialkey.base.ids import new_id
from dialkey.developers import keys_store as store
from dialkey.developers.access import Actor, Role
from dialkey.developers.office import Office
from dialkey.storage import Writer

LIFETIME = 90 * DAY


class NoticeKind(StrEnum):
    """The words of each stand in the portal."""

    INVITATION_ACCEPTED = "invitation_accepted"
    ROLE_CHANGED = "role_changed"
    MEMBER_LEFT = "member_left"
    ORGANIZATION_CLOSING = "organization_closing"
    ORGANIZATION_KEPT = "organization_kept"
    REVIEW_DECIDED = "review_decided"
    REVIEW_COMMENTED = "review_commented"
    SECRET_EXPIRING = "secret_expiring"
    WEBHOOK_DISABLED = "webhook_disabled"
    KEY_EXPIRING = "key_expiring"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    id: str
    kind: NoticeKind
    at: Instant
    path: str
    """Where in the portal it leads."""
    data: Mapping[str, str]
    """Names for its words: `product`, `who`, `decision`."""
    unread: bool


async def notify(
    writer: Writer,
    kind: NoticeKind,
    *,
    entropy: Entropy,
    now: Instant,
    organization_id: str,
    path: str,
    data: Mapping[str, str] | None = None,
    role: Role = Role.VIEWER,
    account_id: str | None = None,
    besides: str | None = None,
) -> None:
    """Tells every member with at least `role`, or one account only, in the caller's transaction; `besides` is the
    account that did it. `data` is names, never secrets or addresses; `path` is one of our own."""
    await writer.run(
        store.TELL,
        id=new_id(entropy),
        organization_id=organization_id,
        kind=kind.value,
        data=json.dumps(dict(data or {}), ensure_ascii=True, separators=(",", ":")),
        path=path,
        now=now,
        expires_at=after(now, LIFETIME),
        account_id=account_id or "",
        besides=besides or "",
        rank=role.rank,
    )


class Notices:
    """Use cases."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def list_mine(self, actor: Actor, organization_id: str) -> list[Notice]:
        """The newest hundred of this organization."""
        await self._office.access.organization(actor, organization_id, Role.VIEWER)
        rows = await self._office.storage.read.all(
            store.NOTICES,
            account_id=actor.person(),
            organization_id=organization_id,
            now=self._office.clock.now(),
        )
        return [
            Notice(
                id=row.id,
                kind=NoticeKind(row.kind),
                at=Instant(row.at),
                path=row.path,
                data=json.loads(row.data),
                unread=row.read_at is None,
            )
            for row in rows
            if row.kind in _KINDS
        ]

    async def mark_read(self, actor: Actor, organization_id: str) -> None:
        """All of this organization's, for the asker."""
        await self._office.access.organization(actor, organization_id, Role.VIEWER)
        account_id, now = actor.person(), self._office.clock.now()

        async def unit(writer: Writer) -> None:
            await writer.run(store.READ_NOTICES, account_id=account_id, organization_id=organization_id, now=now)

        await self._office.storage.write(unit)


_KINDS = frozenset(NoticeKind)
