"""Time and chance that a test owns."""

from __future__ import annotations

import hashlib

from dialkey.base.clock import Instant

START = Instant(1_795_000_000_000)


class ManualClock:
    """Stands still until it is moved."""

    def __init__(self, now: int = START) -> None:
        self._now = now

    def now(self) -> Instant:
        return Instant(self._now)

    def advance(self, *, seconds: float = 0, minutes: float = 0, hours: float = 0, days: float = 0) -> None:
        self._now += int((seconds + 60 * minutes + 3600 * hours + 86400 * days) * 1000)


class SeededEntropy:
    """The same bytes in every run: SHA-256 of a seed and a counter."""

    def __init__(self, seed: str = "dialkey") -> None:
        self._seed = seed.encode()
        self._counter = 0

    def take(self, length: int) -> bytes:
        made = b""
        while len(made) < length:
            self._counter += 1
            made += hashlib.sha256(self._seed + self._counter.to_bytes(8)).digest()
        return made[:length]
