"""Giving events their positions once they are committed, and waking who waits for them.

An event is written without a position, so that a consent locks nothing that another consent needs. A publisher numbers
what it sees, one at a time per product: it sees only what is committed, so a consumer that has read up to a position has
read all there will ever be below it. (Decision 0015.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import structlog
from prometheus_client import Counter

from dialkey.base.clock import DAY, SECOND, Clock, after
from dialkey.base.entropy import Entropy
from dialkey.events import store
from dialkey.settings import Settings
from dialkey.storage import Storage, StorageUnavailable, Writer

POLL = 1.0
"""Seconds after which what another node wrote is looked for."""
BATCH = 500
"""Events that one transaction numbers."""
OVERLAP = 10 * SECOND
"""By so much may nodes' clocks differ."""
_log = structlog.get_logger("dialkey.events")
_PUBLISHED = Counter("dialkey_consent_events", "Consent change events that were published.")


class Publisher:
    """One per process; any number may share a database. `wake` says that a change was committed here."""

    def __init__(
        self, storage: Storage, settings: Settings, clock: Clock, entropy: Entropy, ring: Callable[[], None]
    ) -> None:
        """`ring` is called where webhooks have something to do."""
        self._storage = storage
        self._keep = settings.events.retention_days * DAY
        self._webhooks = settings.webhooks
        self._clock = clock
        self._entropy = entropy
        self._ring = ring
        self._woken = asyncio.Event()
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._heads: dict[str, int] = {}

    def wake(self) -> None:
        """After a commit: publishes at once instead of within a second."""
        self._woken.set()

    def signal(self, product_id: str) -> None:
        """Wakes whoever waits in this process for something about a product."""
        for watcher in self._watchers.get(product_id, ()):
            watcher.set()

    @contextmanager
    def watch(self, product_id: str) -> Iterator[asyncio.Event]:
        """An event that is set when something was published for the product, by whichever node."""
        woken = asyncio.Event()
        watchers = self._watchers.setdefault(product_id, set())
        watchers.add(woken)
        try:
            yield woken
        finally:
            watchers.discard(woken)
            if not watchers and self._watchers.get(product_id) is watchers:
                del self._watchers[product_id]

    async def run(self) -> None:
        """Works until it is cancelled."""
        while True:
            self._woken.clear()
            try:
                await self.turn()
            except StorageUnavailable as error:
                _log.warning("events cannot be published", error=str(error)[:200])
            except Exception as error:
                _log.error("the publisher stumbled", error=type(error).__name__, exc_info=error)
            pause = POLL * (192 + self._entropy.take(1)[0] // 2) / 256  # nodes do not ask in step
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()

    async def turn(self) -> int:
        """Publishes what is there and wakes the watchers; gives the number of events published here."""
        count = 0
        for row in await self._storage.read.all(store.PENDING):
            count += await self.publish(row.product_id)
        if self._watchers:
            since = self._clock.now() - OVERLAP
            for row in await self._storage.read.all(store.MOVED, since=since):
                if self._heads.get(row.product_id) != row.last:
                    self._heads[row.product_id] = row.last
                    self.signal(row.product_id)
            if len(self._heads) > 10_000:
                self._heads.clear()
        return count

    async def publish(self, product_id: str) -> int:
        """Numbers what is committed and has no number yet; gives how many that was."""
        count = 0
        while True:
            numbered, told = await self._publish_some(product_id)
            count += numbered
            if numbered:
                _PUBLISHED.inc(numbered)
                self.signal(product_id)
            if told:
                self._ring()
            if numbered < BATCH:
                return count

    async def _publish_some(self, product_id: str) -> tuple[int, int]:
        now = self._clock.now()

        async def unit(writer: Writer) -> tuple[int, int]:
            head = await writer.one(store.HOLD_HEAD, product_id=product_id, now=now)
            assert head is not None
            # a statement of its own, behind the lock: it sees what was committed by now, and nobody numbers beside it
            count = await writer.run(store.NUMBER, product_id=product_id, last=head.last, keep=self._keep, most=BATCH)
            if not count:
                return 0, 0
            until = head.last + count
            await writer.run(store.MOVE_HEAD, product_id=product_id, last=until)
            told = await writer.run(
                store.TELL_WEBHOOKS,
                product_id=product_id,
                after=head.last,
                until=until,
                now=now,
                give_up_at=after(now, self._webhooks.retry_days * DAY),
                expires_at=after(now, self._webhooks.log_days * DAY),
            )
            if told:
                await writer.run(store.RING_WEBHOOKS, product_id=product_id, now=now)
            return count, told

        return await self._storage.write(unit)
