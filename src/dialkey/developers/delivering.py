"""Delivering webhooks: a lane of its own beside the jobs, so that a receiver that is slow or dead keeps nothing waiting
but its own messages.

What is claimed is an endpoint, not a message: however many messages wait for a dead receiver, each look costs one call,
and fewer the longer it is dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import msgspec
import structlog
from prometheus_client import Counter

from dialkey.audit import Tag, record
from dialkey.base.clock import DAY, HOUR, MINUTE, SECOND, Clock, Instant, after
from dialkey.base.entropy import Entropy
from dialkey.developers import deliveries_store as store
from dialkey.developers.access import Role
from dialkey.developers.notices import NoticeKind, notify
from dialkey.developers.signing import signed_headers
from dialkey.developers.telling import rfc3339, webhook_of
from dialkey.events import EventLog
from dialkey.settings import Settings
from dialkey.storage import Row, Storage, StorageUnavailable, Writer
from dialkey.storage.keyring import Keyring
from dialkey.web.posting import Posted, Poster, Unreachable

TEST = "webhook.test"
POLL = 1.0
LEASE = 20 * SECOND
"""How long an endpoint belongs to the process that took it; a process that died gives it back then."""
WORK = 10 * SECOND
"""After so long it is given back, so that others get their turn; with one call's time to spare."""
SCHEDULE = (5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Between a message's attempts, as the specification proposes; the last one goes on."""
FIRST_REST, LONGEST_REST = 5 * SECOND, 5 * MINUTE
"""An endpoint that failed is left alone; twice as long with each failure."""
MOST_RETRY_AFTER = DAY
Keys = Callable[[str], Awaitable[Sequence[bytes]]]
log = structlog.get_logger("dialkey.webhooks")
_CALLS = Counter("dialkey_webhook_calls", "Calls of webhook endpoints by what came of them.", ["outcome"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call and what came of it."""

    row: Row
    status: int | None
    outcome: str
    """`ok`, `status`, `redirect`, `gone`, or the code of `Unreachable`; `lost` where the event is no longer kept."""
    retry_after: int | None
    """Milliseconds."""
    milliseconds: int

    @property
    def good(self) -> bool:
        return self.outcome == "ok"

    @property
    def down(self) -> bool:
        """Whether the endpoint as a whole is not well, not just this message."""
        if self.status is None:
            return self.outcome != "lost"
        return self.status in (408, 425, 429) or self.status >= 500


class DeliveryLane:
    """One per process; any number may share a database."""

    def __init__(
        self,
        storage: Storage,
        settings: Settings,
        keyring: Keyring,
        clock: Clock,
        entropy: Entropy,
        events: EventLog,
        poster: Poster,
        keys: Keys,
    ) -> None:
        """`keys` gives what an endpoint's messages are signed with, the newest first."""
        self._storage = storage
        self._policy = settings.webhooks
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy
        self._events = events
        self._poster = poster
        self._keys = keys
        self._woken = asyncio.Event()
        self._work: set[asyncio.Task[None]] = set()
        self._stopping = False

    def wake(self) -> None:
        """Says that something was queued and committed."""
        self._woken.set()

    async def run(self) -> None:
        """Works until it is cancelled, or `stop` is called."""
        try:
            while not self._stopping:
                self._woken.clear()
                try:
                    await self._start_due()
                except StorageUnavailable as error:
                    log.warning("deliveries cannot be read", error=str(error)[:200])
                pause = POLL * (192 + self._entropy.take(1)[0] // 2) / 256
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._woken.wait()
        finally:
            for task in self._work:
                task.cancel()

    async def stop(self, patience: float) -> None:
        """Takes nothing more and lets the calls that are under way end."""
        self._stopping = True
        self._woken.set()
        if self._work:
            await asyncio.wait(self._work, timeout=patience)

    async def run_due(self) -> None:
        """Delivers all that is due now. For tests."""
        while await self._start_due():
            await asyncio.gather(*self._work)

    async def _start_due(self) -> int:
        now = self._clock.now()
        free = self._policy.endpoints_at_once - len(self._work)
        if free <= 0 or await self._storage.read.one(store.LOOK, now=now) is None:
            return 0

        async def unit(writer: Writer) -> list[Row]:
            return await writer.all(store.CLAIM, now=now, until=after(now, LEASE), most=free)

        claimed = await self._storage.write(unit)
        for row in claimed:
            task = asyncio.create_task(self._serve(row, now), name="webhook")
            self._work.add(task)
            task.add_done_callback(self._served)
        return len(claimed)

    def _served(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an endpoint was left", error=type(error).__name__, exc_info=error)

    async def _serve(self, endpoint: Row, since: Instant) -> None:
        """Works through what is due at one endpoint, until it fails or its turn is over."""
        keys = await self._keys(endpoint.id)
        probing = endpoint.failures > 0
        while keys and not self._stopping and self._clock.now() - since < WORK:
            due = await self._storage.read.all(
                store.DUE,
                webhook_id=endpoint.id,
                now=self._clock.now(),
                most=1 if probing else self._policy.calls_per_endpoint,
            )
            if not due:
                break
            attempts = await asyncio.gather(*(self._try(endpoint, row, keys) for row in due))
            if not await self._settle(endpoint, attempts):
                break
            probing = False
        await self._release(endpoint.id)

    async def _try(self, endpoint: Row, row: Row, keys: Sequence[bytes]) -> Attempt:
        began = asyncio.get_running_loop().time()
        status, outcome, retry_after = None, "lost", None
        body = await self._body(endpoint, row)
        if body is not None:
            headers = {"Content-Type": "application/json"}
            headers |= signed_headers(row.message_id, self._clock.now(), body, keys)
            try:
                posted = await self._poster.post(endpoint.url, body, headers, timeout=self._policy.timeout)
                status, outcome, retry_after = posted.status, _outcome(posted), self._seconds(posted.retry_after)
            except Unreachable as error:
                outcome = error.code
        _CALLS.labels(outcome).inc()
        took = round((asyncio.get_running_loop().time() - began) * 1000)
        return Attempt(row=row, status=status, outcome=outcome, retry_after=retry_after, milliseconds=took)

    async def _body(self, endpoint: Row, row: Row) -> bytes | None:
        if row.type == TEST:
            said = {"type": TEST, "timestamp": rfc3339(row.created_at), "data": {"webhookId": endpoint.id}}
            return msgspec.json.encode(said)
        event = await self._events.find(row.message_id)
        return None if event is None else msgspec.json.encode(webhook_of(event, self._keyring))

    async def _settle(self, endpoint: Row, attempts: list[Attempt]) -> bool:
        """Writes down what came of a round; True where the next one may follow at once."""
        now = self._clock.now()
        bad = next((attempt for attempt in attempts if attempt.outcome == "gone" or attempt.down), None)
        failed = next((attempt for attempt in attempts if not attempt.good), None)
        asked = max((attempt.retry_after or 0 for attempt in attempts), default=0)
        rest = max(asked, self._jittered(min(FIRST_REST * 2 ** min(endpoint.failures, 16), LONGEST_REST)))
        since = endpoint.failing_since
        over = failed is not None and since is not None and now - since >= self._policy.retry_days * DAY
        over = over and not any(attempt.good for attempt in attempts)

        async def unit(writer: Writer) -> None:
            for attempt in attempts:
                await writer.run(store.SETTLE, **self._settled(endpoint.id, attempt, now))
            if any(attempt.good for attempt in attempts):
                await writer.run(store.WELL, id=endpoint.id)
            if failed is not None:
                await writer.run(store.ILL, id=endpoint.id, now=now, resting_until=after(now, rest) if bad else 0)
            if bad is not None and bad.outcome == "gone":
                await self._switch_off(writer, endpoint, "gone", now)
            elif over:
                await self._switch_off(writer, endpoint, "failing", now)

        await self._storage.write(unit)
        return bad is None and not over

    def _settled(self, webhook_id: str, attempt: Attempt, now: Instant) -> dict[str, str | int | None]:
        done = attempt.row.attempts + 1
        pause = self._jittered(SCHEDULE[min(done, len(SCHEDULE)) - 1])
        next_at = after(now, max(pause, attempt.retry_after or 0))
        if attempt.good:
            state = "delivered"
        elif attempt.outcome in ("lost", "gone") or next_at > attempt.row.give_up_at:
            state = "failed"
        else:
            state = "waiting"
        return {
            "webhook_id": webhook_id,
            "message_id": attempt.row.message_id,
            "state": state,
            "next_at": next_at,
            "now": now,
            "status": attempt.status,
            "outcome": attempt.outcome,
            "milliseconds": attempt.milliseconds,
        }

    async def _switch_off(self, writer: Writer, endpoint: Row, why: str, now: Instant) -> None:
        if await writer.one(store.SWITCH_OFF, id=endpoint.id, why=why) is None:
            return
        organization_id = endpoint.organization_id
        await record(
            writer,
            Tag.WEBHOOK_CHANGED,
            entropy=self._entropy,
            now=now,
            actor="delivery:webhooks",
            subject=f"webhook:{endpoint.id}",
            organization_id=organization_id,
            data={"before": "enabled", "after": "disabled", "why": why},
        )
        await notify(
            writer,
            NoticeKind.WEBHOOK_DISABLED,
            entropy=self._entropy,
            now=now,
            organization_id=organization_id,
            path=f"/portal/o/{organization_id}/webhooks/{endpoint.id}",
            role=Role.DEVELOPER,
        )

    async def _release(self, webhook_id: str) -> None:
        async def unit(writer: Writer) -> None:
            if await writer.one(store.HOLD, id=webhook_id) is not None:
                await writer.run(store.RELEASE, id=webhook_id)

        await self._storage.write(unit)

    def _jittered(self, pause: int) -> int:
        """Between 80 and 120 per cent: what failed together does not come back together."""
        return pause * (205 + self._entropy.take(1)[0] * 102 // 255) // 256

    def _seconds(self, text: str | None) -> int | None:
        """`Retry-After` in milliseconds: whole seconds, or a date (RFC 9110 section 10.2.3)."""
        if text is None:
            return None
        if text.isascii() and text.isdigit():
            wait = int(text[:9]) * SECOND
        else:
            try:
                at = parsedate_to_datetime(text)
            except ValueError:
                return None
            wait = int(at.astimezone(UTC).timestamp() * 1000) - self._clock.now() if at.tzinfo else 0
        return min(max(wait, 0), MOST_RETRY_AFTER)


def _outcome(posted: Posted) -> str:
    if posted.good:
        outcome = "ok"
    elif posted.status == 410:
        outcome = "gone"
    else:
        outcome = "redirect" if 300 <= posted.status < 400 else "status"
    return outcome


__all__ = ["SCHEDULE", "TEST", "DeliveryLane"]
