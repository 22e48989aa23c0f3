"""Noting: in memory while a request is answered, in the database once a second."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from hashlib import blake2b
from typing import NamedTuple

import structlog
from prometheus_client import Counter

from dialkey.base.clock import DAY, HOUR, MINUTE, Clock, Instant
from dialkey.insights import store
from dialkey.insights.model import Kind, Outcome
from dialkey.insights.reasons import reason_of
from dialkey.storage import Storage, StorageUnavailable, Writer

log = structlog.get_logger("dialkey.insights")
EVERY = 1.0
"""Seconds between two writes; what a crash can lose."""
MOST_LINES = 5_000
"""Different lines that wait for the next write, over all clients."""
LINES_A_MINUTE = 30
"""Different lines of one client and minute in this process; whatever more there is shares a line without its detail."""
MOST_KEPT = 500
"""Lines of a client; trimming happens now and then, so that there may be some more for a while."""
_TRIM_AFTER = 50
_SLOWLY = 10 * MINUTE
"""What goes well shares a line for so long, so that it does not drive out what did not; failures for a minute."""
MAX_DETAIL = 200

_DROPPED = Counter("dialkey_insights_dropped", "Events that were not noted, because too much was waiting to be written.")

_SECRETS = re.compile(r"dk_[a-z]{2}_[\w.~-]+|eyJ[\w.-]+|[\w.+-]+@[\w-]+\.[\w.-]+|\+?\d(?:[ ().-]?\d){6,}")
_UNSEEMLY = re.compile(r"[^\x20-\x7e\u00a1-\u024f\u2010-\u2027]")


class _Line(NamedTuple):
    """Which line of which client's log."""

    client_id: str
    kind: Kind
    outcome: Outcome
    reason: str
    detail: str
    sandbox: bool
    since: int


class _Cell(NamedTuple):
    """What is counted together. Compared as it stands, so that all nodes lock rows in one order."""

    product_id: str
    sandbox: int
    hour: int
    client_id: str
    operator_id: str
    kind: str
    outcome: str
    reason: str


class _Seen:
    """How often a line was noted since the last write."""

    __slots__ = ("first_at", "last_at", "request_id", "times")

    def __init__(self, now: Instant, request_id: str) -> None:
        self.first_at = self.last_at = now
        self.request_id = request_id
        self.times = 0


class Insights:
    """One per process. `note` awaits nothing and never fails."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._lines: dict[_Line, _Seen] = {}
        self._cells: dict[_Cell, int] = {}
        self._minute = 0
        self._fresh: dict[str, set[_Line]] = {}
        self._untrimmed: dict[str, int] = {}

    def note(
        self,
        client_id: str,
        product_id: str,
        kind: Kind,
        *,
        detail: str | None = None,
        request_id: str = "",
        operator_id: str = "",
        sandbox: bool = False,
    ) -> None:
        """Something happened at a client that exists. `detail`: why it did not go well; None where it did. Numbers,
        addresses and tokens are taken out of it. `sandbox`: by a test number."""
        if detail is None:
            outcome, reason, said = Outcome.OK, "", ""
        else:
            found = reason_of(detail)
            outcome, reason, said = found.outcome, found.code, harmless(detail)
        now = self._clock.now()
        cell = _Cell(
            product_id, int(sandbox), now // HOUR * HOUR, client_id, operator_id, kind.value, outcome.value, reason
        )
        if cell in self._cells or len(self._cells) < MOST_LINES:
            self._cells[cell] = self._cells.get(cell, 0) + 1
        else:
            _DROPPED.inc()
        period = _SLOWLY if outcome is Outcome.OK else MINUTE
        line = self._line(_Line(client_id, kind, outcome, reason, said, sandbox, now // period * period), now)
        if line is None:
            _DROPPED.inc()
            return
        seen = self._lines.get(line)
        if seen is None:
            seen = self._lines[line] = _Seen(now, request_id)
        seen.times += 1
        seen.last_at, seen.request_id = now, request_id

    def _line(self, line: _Line, now: Instant) -> _Line | None:
        """The line as it may stand in the log: without its detail past so many of one client and minute."""
        if now // MINUTE != self._minute:
            self._minute = now // MINUTE
            self._fresh.clear()
        fresh = self._fresh.setdefault(line.client_id, set())
        if line not in fresh:
            if len(fresh) >= LINES_A_MINUTE:
                line = line._replace(detail="")
            fresh.add(line)
        return line if line in self._lines or len(self._lines) < MOST_LINES else None

    async def run(self) -> None:
        """Writes once a second, for ever; what waits when it is cancelled is for `flush`."""
        while True:
            await asyncio.sleep(EVERY)
            with suppress(StorageUnavailable):  # it waits, up to its bound
                await self.flush()

    async def flush(self) -> None:
        """Writes what waits, in one transaction; keeps it where the database does not take it."""
        if not self._lines and not self._cells:
            return
        lines, cells = self._lines, self._cells
        self._lines, self._cells = {}, {}
        trim = self._to_trim(lines)

        async def unit(writer: Writer) -> None:
            for cell in sorted(cells):
                await _count(writer, cell, cells[cell])
            for line, seen in sorted(lines.items()):
                await _write(writer, line, seen)
            for client_id in trim:
                await writer.run(store.TRIM, client_id=client_id, most=MOST_KEPT)

        try:
            await self._storage.write(unit)
        except StorageUnavailable:
            self._put_back(lines, cells)
            raise
        except Exception:
            log.exception("insights_lost", lines=len(lines))

    def _to_trim(self, lines: dict[_Line, _Seen]) -> list[str]:
        for line in lines:
            self._untrimmed[line.client_id] = self._untrimmed.get(line.client_id, 0) + 1
        full = sorted(client_id for client_id, count in self._untrimmed.items() if count >= _TRIM_AFTER)
        for client_id in full:
            del self._untrimmed[client_id]
        if len(self._untrimmed) > MOST_LINES:
            self._untrimmed.clear()
        return full

    def _put_back(self, lines: dict[_Line, _Seen], cells: dict[_Cell, int]) -> None:
        for cell, times in cells.items():
            self._cells[cell] = self._cells.get(cell, 0) + times
        for line, seen in lines.items():
            later = self._lines.setdefault(line, seen)
            if later is not seen:
                later.times += seen.times
                later.first_at = seen.first_at


def harmless(detail: str) -> str:
    """A detail as a developer may read it: one line, shortened, and without what looks like a token, an e-mail address or a
    phone number."""
    text = _UNSEEMLY.sub("·", _SECRETS.sub("…", detail[: MAX_DETAIL * 4]))
    return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"


def line_id(line: tuple[object, ...]) -> str:
    """The same for the same line on every node."""
    return blake2b("\x1f".join(map(str, line)).encode(), digest_size=16).hexdigest()


async def _count(writer: Writer, cell: _Cell, times: int) -> None:
    values = cell._asdict() | {"times": times}
    hour = values.pop("hour")
    await writer.run(store.COUNT_HOUR, **values, bucket=hour)
    await writer.run(store.COUNT_DAY, **values, bucket=hour // DAY * DAY)


async def _write(writer: Writer, line: _Line, seen: _Seen) -> None:
    await writer.run(
        store.NOTE,
        id=line_id(line),
        client_id=line.client_id,
        kind=line.kind.value,
        outcome=line.outcome.value,
        reason=line.reason,
        detail=line.detail,
        sandbox=int(line.sandbox),
        request_id=seen.request_id,
        times=seen.times,
        first_at=seen.first_at,
        last_at=seen.last_at,
    )
