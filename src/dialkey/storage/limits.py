"""Limits that many workers share: counted in one statement, and never reset by a restart or a clock that jumps back.

A window is covered by three buckets of half its length, so that no stretch of the window's length ever holds more than
the limit, and a limit is free again after one and a half windows at the latest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from dialkey.base.clock import DAY, MINUTE, Instant
from dialkey.storage.engine import Reader, Writer
from dialkey.storage.keyring import Keyring
from dialkey.storage.statement import Row, Statement

TEN_MINUTES = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` of `name` for one `value` within `window` milliseconds."""

    name: str
    value: str
    most: int
    window: int = TEN_MINUTES

    def bucket(self, now: Instant) -> int:
        return now // (self.window // 2)


class OverLimit(Exception):
    """Rolls back the unit of work: what was refused does not count. `retry_at` is when one more would pass."""

    def __init__(self, limit: Limit, retry_at: Instant) -> None:
        super().__init__(limit.name)
        self.limit = limit
        self.retry_at = retry_at


@lru_cache(maxsize=16)
def _hit(rows: int) -> Statement:
    values = ", ".join(f"(:key{n}, :bucket{n}, 1, 0, 0, :expires{n})" for n in range(rows))
    shifted = (
        "CASE WHEN excluded.bucket <= l.bucket THEN l.{0} WHEN excluded.bucket = l.bucket + 1 THEN {1}"
        " WHEN excluded.bucket = l.bucket + 2 THEN {2} ELSE 0 END"
    )
    return Statement(
        f"limits.hit{rows}",
        f"INSERT INTO limits AS l (key, bucket, c0, c1, c2, expires_at) VALUES {values}"
        " ON CONFLICT (key) DO UPDATE SET"
        f" c0 = 1 + {shifted.format('c0', '0', '0')},"
        f" c1 = {shifted.format('c1', 'l.c0', '0')},"
        f" c2 = {shifted.format('c2', 'l.c1', 'l.c0')},"
        " bucket = CASE WHEN excluded.bucket > l.bucket THEN excluded.bucket ELSE l.bucket END,"
        " expires_at = CASE WHEN excluded.expires_at > l.expires_at THEN excluded.expires_at ELSE l.expires_at END"
        " RETURNING key, bucket, c0, c1, c2",
    )


_READ = Statement("limits.read", "SELECT key, bucket, c0, c1, c2 FROM limits WHERE key = :key")


async def hit(writer: Writer, keyring: Keyring, now: Instant, limits: Sequence[Limit]) -> None:
    """Counts one for each of `limits`; raises OverLimit where that is one too many."""
    keyed = _keyed(keyring, limits)
    values: dict[str, str | int] = {}
    for n, (key, limit) in enumerate(keyed):
        values[f"key{n}"] = key
        values[f"bucket{n}"] = limit.bucket(now)
        values[f"expires{n}"] = now + 2 * limit.window
    by_key = dict(keyed)
    for row in await writer.all(_hit(len(keyed)), **values):
        limit = by_key[row.key]
        if row.c0 + row.c1 + row.c2 > limit.most:
            raise OverLimit(limit, _free_again(limit, row.bucket, row.c0 - 1, row.c1))


_GIVE_BACK = Statement("limits.give_back", "UPDATE limits SET c0 = CASE WHEN c0 > 0 THEN c0 - 1 ELSE 0 END WHERE key = :key")


async def give_back(writer: Writer, keyring: Keyring, limits: Sequence[Limit]) -> None:
    """Takes back what one `hit` counted, for what turned out not to be worth counting: where only failures are limited,
    each try is counted before it is evaluated, so that parallel ones cannot slip through."""
    for key, _ in _keyed(keyring, limits):
        await writer.run(_GIVE_BACK, key=key)


async def reached(reader: Reader, keyring: Keyring, now: Instant, limit: Limit) -> Instant | None:
    """When `limit` is free again, or None while it is."""
    row: Row | None = await reader.one(_READ, key=_key(keyring, limit))
    if row is None:
        return None
    gone = max(limit.bucket(now) - row.bucket, 0)
    counts = ([0] * gone + [row.c0, row.c1, row.c2] + [0, 0, 0])[:3] if gone < 3 else [0, 0, 0]
    if sum(counts) < limit.most:
        return None
    return _free_again(limit, row.bucket + gone, counts[0], counts[1])


def _keyed(keyring: Keyring, limits: Sequence[Limit]) -> list[tuple[str, Limit]]:
    """Sorted by key, so that two transactions never wait for each other crosswise."""
    return sorted(((_key(keyring, limit), limit) for limit in limits), key=lambda pair: pair[0])


def _key(keyring: Keyring, limit: Limit) -> str:
    return keyring.digest("limit", f"{limit.name}:{limit.window}:{limit.value}")


def _free_again(limit: Limit, bucket: int, newest: int, middle: int) -> Instant:
    if newest + middle < limit.most:
        steps = 1
    elif newest < limit.most:
        steps = 2
    else:
        steps = 3
    return Instant((bucket + steps) * (limit.window // 2))


def minutes_until(retry_at: Instant, now: Instant) -> int:
    """Whole minutes, at least one, for a page."""
    return max(1, -(-(retry_at - now) // MINUTE))


__all__ = ["DAY", "TEN_MINUTES", "Limit", "OverLimit", "give_back", "hit", "minutes_until", "reached"]
