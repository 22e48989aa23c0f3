"""Queues: durable places in a product's stream. Any number of consumers of one client share a queue: each event goes to
one of them, and to another one when it was not acknowledged in time. At least once, never less."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dialkey.base.clock import DAY, Clock, Instant, after
from dialkey.base.entropy import Entropy
from dialkey.base.ids import looks_like_id, new_id
from dialkey.events import queues_store as store
from dialkey.events.model import Lease
from dialkey.events.store import LEASED, event_of
from dialkey.settings import Settings
from dialkey.storage import Storage, Writer
from dialkey.web.errors import Refusal

MOST_QUEUES = 20
"""Of one client."""
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ACK = re.compile(r"([A-Za-z0-9_-]{22})\.([1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class Queue:
    id: str
    product_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a look at a queue found."""

    ready: bool
    """There is something to hand out."""
    pending: bool
    """Something was committed and not published yet."""
    due_at: Instant | None
    """When the next lease runs out."""
    gone: bool = False


class Queues:
    """Use cases of one client's consumers."""

    def __init__(self, storage: Storage, settings: Settings, clock: Clock, entropy: Entropy) -> None:
        self._storage = storage
        self._keep = settings.events.retention_days * DAY
        self._clock = clock
        self._entropy = entropy

    async def find(self, client_id: str, name: str) -> Queue | None:
        row = await self._storage.read.one(store.FIND, client_id=client_id, name=name)
        return None if row is None else Queue(row.id, row.product_id, row.name)

    async def open(self, client_id: str, product_id: str, name: str, cursor: int) -> Queue:
        """The client's queue of this name; a new one begins behind `cursor`. 409 `too_many_queues`."""
        now = self._clock.now()

        async def unit(writer: Writer) -> None:
            await writer.run(
                store.ADD,
                id=new_id(self._entropy),
                client_id=client_id,
                product_id=product_id,
                name=name,
                cursor=cursor,
                now=now,
                expires_at=after(now, self._keep),
                most=MOST_QUEUES,
            )

        await self._storage.write(unit)
        found = await self.find(client_id, name)
        if found is None:
            raise Refusal(409, "too_many_queues", most=MOST_QUEUES)
        return found

    async def drop(self, client_id: str, name: str) -> bool:
        """Forgets the queue and its place."""

        async def unit(writer: Writer) -> bool:
            row = await writer.one(store.DROP, client_id=client_id, name=name)
            if row is not None:
                await writer.run(store.DROP_LEASES, queue_id=row.id)
            return row is not None

        return await self._storage.write(unit)

    async def look(self, queue: Queue, max_in_flight: int) -> Outlook:
        """One statement, by keys."""
        row = await self._storage.read.one(store.LOOK, id=queue.id)
        if row is None:
            return Outlook(ready=False, pending=False, due_at=None, gone=True)
        overdue = row.due_at is not None and row.due_at <= self._clock.now()
        new = row.last is not None and row.last > row.cursor and row.leased < max_in_flight
        return Outlook(ready=overdue or new, pending=bool(row.pending), due_at=row.due_at)

    async def take(self, queue: Queue, *, most: int, max_in_flight: int, ack_within: int) -> list[Lease]:
        """Up to `most` events for this consumer alone, for `ack_within` milliseconds: first those whose time was up, then
        new ones, as long as no more than `max_in_flight` are out."""
        now = self._clock.now()
        due_at, expires_at = after(now, ack_within), after(now, self._keep)

        async def unit(writer: Writer) -> dict[int, int]:
            held = await writer.one(store.HOLD, id=queue.id, expires_at=expires_at)
            if held is None:
                return {}
            await writer.run(store.FORGET, id=queue.id, product_id=held.product_id, now=now)
            lease = {"id": queue.id, "due_at": due_at, "expires_at": expires_at}
            rows = await writer.all(store.AGAIN, **lease, now=now, most=most)
            counted = await writer.one(store.COUNT, id=queue.id)
            assert counted is not None
            room = min(most - len(rows), max_in_flight - counted.leased)
            if room > 0:
                place = {"product_id": held.product_id, "cursor": held.cursor}
                new = await writer.all(store.TAKE, **lease, **place, most=room)
                if new:
                    await writer.run(store.MOVE, id=queue.id, cursor=max(row.position for row in new))
                rows += new
            return {row.position: row.attempts for row in rows}

        taken = await self._storage.write(unit)
        if not taken:
            return []
        found = await self._storage.read.all(
            LEASED, queue_id=queue.id, due_at=due_at, first=min(taken), last=max(taken)
        )
        return [
            Lease(queue_id=queue.id, event=event_of(row), attempt=taken[row.position])
            for row in found
            if row.position in taken
        ]

    async def settle(self, client_id: str, ack: str, *, done: bool) -> str | None:
        """Acknowledges, or hands back at once to be delivered again. The product whose queue it is; None where the client
        has no such event out (it may have been acknowledged before)."""
        match = _ACK.fullmatch(ack)
        if match is None or not looks_like_id(match[1]):
            return None
        key = {"id": match[1], "position": int(match[2]), "client_id": client_id}
        now = self._clock.now()

        async def unit(writer: Writer) -> str | None:
            owned = await writer.one(store.OWNED, id=match[1], client_id=client_id)
            if owned is None:
                return None
            row = await (writer.one(store.ACK, **key) if done else writer.one(store.NACK, **key, now=now))
            if row is None and key["position"] > owned.cursor:
                return None
            return owned.product_id

        return await self._storage.write(unit)

