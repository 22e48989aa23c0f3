"""SQL of events, and `EventLog`, which reads a product's published events by position."""

from __future__ import annotations

import json
from collections.abc import Iterable

from dialkey.base.clock import Instant
from dialkey.base.scopes import ScopeSet
from dialkey.events.model import ChangeKind, Event
from dialkey.storage import Reader, Row, Statement, Storage

ADD = Statement(
    "consent_events.add",
    """INSERT INTO consent_events (id, product_id, position, kind, subscription_id, operator_id, scopes, numbered,
      metadata, at, expires_at)
    VALUES (:id, :product_id, NULL, :kind, :subscription_id, :operator_id, :scopes, :numbered, :metadata, :at, 0)""",
)

# publishing

PENDING = Statement(
    "consent_events.pending", "SELECT DISTINCT product_id FROM consent_events WHERE position IS NULL LIMIT 100"
)
MOVED = Statement("event_heads.moved", "SELECT product_id, last FROM event_heads WHERE changed_at >= :since")
HOLD_HEAD = Statement(
    "event_heads.hold",
    """INSERT INTO event_heads (product_id, last, changed_at) VALUES (:product_id, 0, :now)
    ON CONFLICT (product_id) DO UPDATE SET changed_at = excluded.changed_at RETURNING last""",
)
NUMBER = Statement(
    "consent_events.number",
    """UPDATE consent_events SET position = :last + due.n, expires_at = consent_events.at + :keep
    FROM (SELECT id, row_number() OVER (ORDER BY at, id) AS n FROM consent_events
      WHERE product_id = :product_id AND position IS NULL ORDER BY at, id LIMIT :most) AS due
    WHERE consent_events.id = due.id""",
)
MOVE_HEAD = Statement("event_heads.move", "UPDATE event_heads SET last = :last WHERE product_id = :product_id")
# These two change tables of the room above: which endpoints an event goes to is decided in the moment in which it is
# published, once, and a crash in between must neither lose nor double one.
TELL_WEBHOOKS = Statement(
    "webhook_deliveries.add",
    """INSERT INTO webhook_deliveries (webhook_id, message_id, type, product_id, state, attempts, next_at, give_up_at,
      created_at, expires_at)
    SELECT w.id, e.id, 'consent.' || e.kind, e.product_id, 'waiting', 0, :now, :give_up_at, :now, :expires_at
    FROM consent_events e JOIN products p ON p.id = e.product_id
    JOIN webhooks w ON w.organization_id = p.organization_id AND w.status = 'enabled'
    WHERE e.product_id = :product_id AND e.position > :after AND e.position <= :until""",
)
RING_WEBHOOKS = Statement(
    "webhooks.ring",
    """UPDATE webhooks SET due_at = :now WHERE status = 'enabled' AND (due_at IS NULL OR due_at > :now)
    AND organization_id = (SELECT organization_id FROM products WHERE id = :product_id)""",
)

# reading

_NUMBER_THEN = """CASE WHEN e.numbered = 1 THEN COALESCE((SELECT h.phone_number FROM number_history h
  WHERE h.subscription_id = e.subscription_id AND h.from_at <= e.at AND h.until_at >= e.at ORDER BY h.until_at LIMIT 1),
  s.phone_number, (SELECT h.phone_number FROM number_history h WHERE h.subscription_id = e.subscription_id
  ORDER BY h.until_at DESC LIMIT 1)) END AS number"""
_EVENT = f"""e.id, e.product_id, e.position, e.kind, e.scopes, e.metadata, e.at, e.subscription_id, p.sector,
  {_NUMBER_THEN}, o.slug AS operator"""
_FROM = """FROM consent_events e JOIN products p ON p.id = e.product_id
  LEFT JOIN subscriptions s ON s.id = e.subscription_id LEFT JOIN operators o ON o.id = e.operator_id"""
_AFTER = Statement(
    "consent_events.after",
    f"""SELECT {_EVENT} {_FROM} WHERE e.product_id = :product_id AND e.position > :after
    ORDER BY e.position LIMIT :most""",
)
LEASED = Statement(
    "consent_events.leased",
    f"""SELECT {_EVENT}, l.attempts {_FROM} JOIN event_queues q ON q.product_id = e.product_id
    JOIN event_leases l ON l.queue_id = q.id AND l.position = e.position
    WHERE q.id = :queue_id AND l.due_at = :due_at AND e.position >= :first AND e.position <= :last
    ORDER BY e.position""",
)
_ONE = Statement("consent_events.one", f"SELECT {_EVENT} {_FROM} WHERE e.id = :id AND e.position IS NOT NULL")
_PLACE = Statement("consent_events.place", "SELECT position FROM consent_events WHERE id = :id AND product_id = :product_id")
_HEAD = Statement("event_heads.find", "SELECT last FROM event_heads WHERE product_id = :product_id")
_OLDEST = Statement(
    "consent_events.oldest",
    """SELECT MIN(position) AS position FROM consent_events WHERE product_id = :product_id AND position IS NOT NULL
    AND at >= :at""",
)


class EventLog:
    """A product's published events, while they are kept."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def list_after(self, product_id: str, after: int, most: int) -> list[Event]:
        """The next ones behind a position."""
        return _events(await self._storage.read.all(_AFTER, product_id=product_id, after=after, most=most))

    async def find(self, event_id: str) -> Event | None:
        row = await self._storage.read.one(_ONE, id=event_id)
        return None if row is None else event_of(row)

    async def head(self, product_id: str, reader: Reader | None = None) -> int:
        """The position of the newest event; 0 where there has been none."""
        row = await (reader or self._storage.read).one(_HEAD, product_id=product_id)
        return 0 if row is None else row.last

    async def position_of(self, product_id: str, event_id: str) -> int | None:
        row = await self._storage.read.one(_PLACE, id=event_id, product_id=product_id)
        return None if row is None else row.position

    async def before(self, product_id: str, at: Instant) -> int:
        """The position behind which everything stands that happened at `at` or later."""
        row = await self._storage.read.one(_OLDEST, product_id=product_id, at=at)
        return await self.head(product_id) if row is None or row.position is None else row.position - 1


def event_of(row: Row) -> Event:
    return Event(
        id=row.id,
        product_id=row.product_id,
        position=row.position,
        kind=ChangeKind(row.kind),
        scopes=ScopeSet(row.scopes.split()),
        metadata=json.loads(row.metadata),
        at=row.at,
        subscription_id=row.subscription_id,
        sector=row.sector,
        number=row.number,
        operator=row.operator,
    )


def _events(rows: Iterable[Row]) -> list[Event]:
    return [event_of(row) for row in rows]
