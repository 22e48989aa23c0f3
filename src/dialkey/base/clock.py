"""Time, passed in. An `Instant` is whole milliseconds since 1970-01-01T00:00:00Z; a lifetime is whole milliseconds."""

from __future__ import annotations

import time
from typing import NewType, Protocol

Instant = NewType("Instant", int)

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """Where a use case learns what time it is."""

    def now(self) -> Instant: ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> Instant:
        return Instant(time.time_ns() // 1_000_000)


def after(instant: Instant, lifetime: int) -> Instant:
    """The instant `lifetime` milliseconds later."""
    return Instant(instant + lifetime)


def seconds(instant: Instant) -> int:
    """NumericDate of RFC 7519: whole seconds since the epoch."""
    return instant // 1000
