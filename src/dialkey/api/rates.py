"""How often an API key may ask: counted in memory, by the minute, in each process.

It keeps a script that runs wild from everybody else; it is no defence against guessing, which 256 random bits are.
"""

from __future__ import annotations

from dataclasses import dataclass

from dialkey.base.clock import MINUTE, SECOND, Instant


@dataclass(frozen=True, slots=True)
class Rate:
    """What is left of a key's minute."""

    most: int
    left: int
    """Below 0: it was one too many."""
    resets_in: int
    """Seconds."""

    def headers(self) -> dict[str, str]:
        """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers)."""
        return {
            "RateLimit-Policy": f'"minute";q={self.most};w=60',
            "RateLimit": f'"minute";r={max(self.left, 0)};t={self.resets_in}',
        }


class Rates:
    """Counts of the running minute."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._minute = 0
        self._counts: dict[str, int] = {}

    def take(self, key_id: str, now: Instant) -> Rate:
        """Counts one."""
        minute = now // MINUTE
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        count = self._counts[key_id] = self._counts.get(key_id, 0) + 1
        return Rate(self._most, self._most - count, -(-((minute + 1) * MINUTE - now) // SECOND))
