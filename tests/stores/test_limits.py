"""Limits: never more than so many in any window of their length, however the hits fall, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialkey.base.clock import DAY, MINUTE, Instant
from dialkey.base.signed import MacKeys
from dialkey.settings import Database
from dialkey.signin.limits import Limit, OverLimit, hit, minutes_until, reached
from dialkey.storage import Statement, Storage, Writer, open_storage
from dialkey.storage.keyring import Box, Keyring
from dialkey.storage.migrations import migrate
from support.clock import START, ManualClock

KEYRING = Keyring({"digest": MacKeys({1: b"d" * 32}, 1)}, Box(b"m" * 32))
COUNT = Statement("tests.limits", "SELECT COUNT(*) AS n FROM limits")
KEYS = Statement("tests.limit_keys", "SELECT key FROM limits")


async def passes(storage: Storage, now: int, *limits: Limit) -> Instant | None:
    """None where one more was let through, else when the next would be."""

    async def unit(writer: Writer) -> None:
        await hit(writer, KEYRING, Instant(now), limits)

    try:
        await storage.write(unit)
    except OverLimit as over:
        return over.retry_at
    return None


def most_in_a_window(moments: list[int], window: int) -> int:
    return max((sum(1 for m in moments if first <= m < first + window) for first in moments), default=0)


@pytest.fixture(scope="module")
def loop_and_storage(tmp_path_factory: pytest.TempPathFactory):
    loop = asyncio.new_event_loop()

    async def make() -> Storage:
        opened = await open_storage(Database(url=f"sqlite:///{tmp_path_factory.mktemp('limits') / 'l.sqlite3'}"))
        await migrate(opened, ManualClock())
        return opened

    storage = loop.run_until_complete(make())
    yield loop, storage
    loop.run_until_complete(storage.close())
    loop.close()


RUN = iter(range(1_000_000))


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    most=st.integers(1, 6),
    window=st.sampled_from([1000, 1001, 10 * MINUTE, DAY]),
    gaps=st.lists(st.floats(0, 1.7), min_size=1, max_size=40),
    offset=st.integers(0, 10**7),
)
def test_never_more_than_the_limit_in_any_window_of_its_length(
    loop_and_storage, most: int, window: int, gaps: list[float], offset: int
) -> None:
    loop, storage = loop_and_storage
    limit = Limit("any", str(next(RUN)), most, window)

    async def play() -> list[int]:
        now, through = START + offset, []
        for gap in gaps:
            now += int(gap * window / most)
            free_at = await reached(storage.read, KEYRING, Instant(now), limit)
            retry_at = await passes(storage, now, limit)
            assert (free_at is None) == (retry_at is None)
            if retry_at is None:
                through.append(now)
            else:
                assert now < retry_at <= now + 3 * window // 2 + 2
                assert free_at == retry_at
        return through

    through = loop.run_until_complete(play())
    assert most_in_a_window(through, window) <= most


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(most=st.integers(1, 5), hits=st.integers(1, 12), jump=st.integers(0, 3 * 10 * MINUTE))
def test_what_it_says_about_the_next_one_is_true(loop_and_storage, most: int, hits: int, jump: int) -> None:
    loop, storage = loop_and_storage
    limit = Limit("true", str(next(RUN)), most)

    async def play() -> None:
        now, retry_at = START + jump, None
        for _ in range(hits):
            retry_at = await passes(storage, now, limit)
        assert (retry_at is not None) == (hits > most)
        if retry_at is not None:
            assert await passes(storage, retry_at - 1, limit) is not None
            assert await passes(storage, retry_at, limit) is None

    loop.run_until_complete(play())


async def test_a_burst_of_parallel_hits_lets_exactly_the_limit_through(storage: Storage) -> None:
    limits = (Limit("burst", "a", 7), Limit("burst", "b", 100), Limit("burst", "a", 9, DAY))
    outcomes = await asyncio.gather(*(passes(storage, START, *limits) for _ in range(60)))
    assert outcomes.count(None) == 7


async def test_what_one_limit_refuses_does_not_count_for_the_others(storage: Storage) -> None:
    narrow, wide = Limit("narrow", "a", 1), Limit("wide", "a", 3)
    assert await passes(storage, START, narrow, wide) is None
    for _ in range(10):
        assert await passes(storage, START, narrow, wide) is not None
    assert await passes(storage, START, wide) is None
    assert await passes(storage, START, wide) is None
    assert await passes(storage, START, wide) is not None


async def test_a_clock_that_jumps_back_frees_nothing(storage: Storage) -> None:
    limit = Limit("clock", "a", 3)
    for _ in range(3):
        assert await passes(storage, START, limit) is None
    for back in (1, MINUTE, DAY):
        assert await passes(storage, START - back, limit) is not None
    assert await passes(storage, START + 15 * MINUTE, limit) is None


async def test_limits_of_one_name_and_different_lengths_do_not_meet(storage: Storage) -> None:
    short, long = Limit("same", "a", 1), Limit("same", "a", 1, DAY)
    assert await passes(storage, START, short) is None
    assert await passes(storage, START, long) is None


async def test_a_number_does_not_stand_in_the_table(storage: Storage) -> None:
    await passes(storage, START, Limit("send-number", "+46701740605", 3))
    for row in await storage.read.all(KEYS):
        assert "46701740605" not in row.key


async def test_counting_again_needs_no_second_row(storage: Storage) -> None:
    for minute in range(50):
        await passes(storage, START + minute * MINUTE, Limit("row", "a", 2))
    assert (await storage.read.one(COUNT)).n == 1


async def test_limits_survive_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'r.sqlite3'}"
    storage = await open_storage(Database(url=url))
    await migrate(storage, ManualClock())
    assert await passes(storage, START, Limit("restart", "a", 1)) is None
    await storage.close()
    storage = await open_storage(Database(url=url))
    assert await passes(storage, START + MINUTE, Limit("restart", "a", 1)) is not None
    await storage.close()


@pytest.mark.parametrize("ahead, minutes", [(1, 1), (MINUTE, 1), (MINUTE + 1, 2), (15 * MINUTE, 15), (0, 1), (-5, 1)])
def test_minutes_are_rounded_up_and_never_none(ahead: int, minutes: int) -> None:
    assert minutes_until(Instant(START + ahead), Instant(START)) == minutes


