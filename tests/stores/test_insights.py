"""What is noted: folded, bounded, counted by hour and day, and the same on several nodes; and what is told of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dialkey.insights import Insights, Kind, Outcome
from dialkey.insights.reading import FEWEST, SPANS, Analytics, EventLog, Traffic
from dialkey.insights.recorder import LINES_A_MINUTE, MOST_KEPT
from dialkey.storage import Statement, Storage, StorageUnavailable
from support.clock import ManualClock

CLIENT, PRODUCT = "client-1", "product-1"
WEEK = next(span for span in SPANS if span.key == "week")
YEAR = next(span for span in SPANS if span.key == "year")
_OPERATOR = Statement(
    "tests.operator",
    """INSERT INTO operators (id, slug, name, country, locale, accent, sms_sender, status, created_at)
    VALUES (:id, :id, :name, 'SE', 'sv', '#000000', 'x', 'active', 1)""",
)


@pytest.fixture
def insights(storage: Storage, clock: ManualClock) -> Insights:
    return Insights(storage, clock)


async def lines(storage: Storage, client_id: str = CLIENT) -> list[Any]:
    return list((await EventLog(storage).page(client_id, most=1000)).events)


async def test_lines_fold_within_a_minute_and_over_nodes(storage: Storage, clock: ManualClock) -> None:
    nodes = [Insights(storage, clock) for _ in range(3)]
    for n, node in enumerate(nodes):
        for _ in range(5):
            node.note(CLIENT, PRODUCT, Kind.TOKEN, detail="the code has expired", request_id=f"r{n}")
        clock.advance(seconds=0.002)
    await asyncio.gather(*(node.flush() for node in nodes))
    (line,) = await lines(storage)
    assert (line.times, line.reason, line.outcome) == (15, "code_expired", Outcome.FAILED)
    assert line.request_id == "r2" and line.last_at - line.first_at == 4
    clock.advance(seconds=60)
    nodes[0].note(CLIENT, PRODUCT, Kind.TOKEN, detail="the code has expired")
    await nodes[0].flush()
    assert [line.times for line in await lines(storage)] == [1, 15]


async def test_nodes_count_at_once_without_a_deadlock(storage: Storage, clock: ManualClock) -> None:
    nodes = [Insights(storage, clock) for _ in range(4)]
    for n, node in enumerate(nodes):
        for kind in (list(Kind) if n % 2 else list(reversed(Kind))):
            for client in ("a", "b", "c"):
                node.note(client, PRODUCT, kind)
    await asyncio.gather(*(node.flush() for node in nodes))
    rows = await storage.read.all(Statement("tests.sum", "SELECT SUM(times) AS n FROM traffic_hours"))
    assert int(rows[0].n) == 4 * 3 * len(Kind)


async def test_a_client_s_log_is_bounded(storage: Storage, clock: ManualClock, insights: Insights) -> None:
    for minute in range(30):
        for n in range(LINES_A_MINUTE * 3):
            insights.note(CLIENT, PRODUCT, Kind.AUTHORIZE, detail=f"redirect_uri is not registered: {minute}/{n}")
        await insights.flush()
        clock.advance(seconds=60)
    kept = await lines(storage)
    assert MOST_KEPT <= len(kept) <= MOST_KEPT + 100
    assert kept[0].last_at > kept[-1].last_at


async def test_what_waits_is_kept_while_the_database_is_away(
    storage: Storage, clock: ManualClock, insights: Insights, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = storage.write

    async def away(unit: Any, **_: Any) -> None:
        raise StorageUnavailable("away")

    insights.note(CLIENT, PRODUCT, Kind.TOKEN)
    monkeypatch.setattr(storage, "write", away)
    with pytest.raises(StorageUnavailable):
        await insights.flush()
    insights.note(CLIENT, PRODUCT, Kind.TOKEN)
    monkeypatch.setattr(storage, "write", write)
    await insights.flush()
    await insights.flush()
    (line,) = await lines(storage)
    assert line.times == 2


async def operator(storage: Storage, id: str, name: str) -> None:
    async def unit(writer: Any) -> None:
        await writer.run(_OPERATOR, id=id, name=name)

    await storage.write(unit)


async def traffic(storage: Storage, clock: ManualClock, **asked: Any) -> Traffic:
    return await Analytics(storage, clock).traffic(PRODUCT, asked.pop("span", WEEK), **asked)


async def test_the_funnel_by_client_and_span(storage: Storage, clock: ManualClock, insights: Insights) -> None:
    for n in range(20):
        insights.note(CLIENT if n % 2 else "client-2", PRODUCT, Kind.AUTHORIZE)
        insights.note(CLIENT, PRODUCT, Kind.PIN_SENT)
        if n < 8:
            insights.note(CLIENT, PRODUCT, Kind.TOKEN)
        clock.advance(seconds=3600)
    insights.note(CLIENT, PRODUCT, Kind.TOKEN, detail="the code has expired")
    insights.note(CLIENT, PRODUCT, Kind.AUTHORIZE, sandbox=True)
    insights.note(CLIENT, "another", Kind.AUTHORIZE)
    await insights.flush()
    whole = await traffic(storage, clock)
    assert [figure.times for _, _, figure in whole.funnel] == [20, 20, 0, 0, 8]
    assert sum(bucket.started.times for bucket in whole.buckets) == 20
    assert [(failure.reason, failure.times) for failure in whole.failures] == [("code_expired", 1)]
    one = await traffic(storage, clock, client_id=CLIENT)
    assert one.funnel[0][2].times == 10
    tests = await traffic(storage, clock, sandbox=True)
    assert tests.funnel[0][2].times == 1 and not tests.failures
    clock.advance(seconds=100 * 86_400)
    assert (await traffic(storage, clock)).empty
    year = await traffic(storage, clock, span=YEAR)
    assert year.funnel[0][2].times == 20 and len(year.buckets) == 365


async def test_few_subscribers_of_an_operator_cannot_be_counted(
    storage: Storage, clock: ManualClock, insights: Insights
) -> None:
    """Neither alone nor by subtracting one view from another."""
    for id, name, count in (("big", "Big", 57), ("mid", "Mid", 23), ("tiny", "Tiny", FEWEST - 1)):
        await operator(storage, id, name)
        for _ in range(count):
            insights.note(CLIENT, PRODUCT, Kind.PIN_RIGHT, operator_id=id)
        insights.note(CLIENT, PRODUCT, Kind.CONSENT_REMOVED, operator_id=id)
    await insights.flush()
    whole = await traffic(storage, clock)
    assert [(line.name, line.right.text, line.removed.text) for line in whole.operators] == [
        ("Big", "50", "< 10"), ("Mid", "20", "< 10"),
    ]  # fmt: skip
    told = sum(line.right.times for line in whole.operators)
    assert whole.funnel[2][2].times - told != FEWEST - 1
    one = await traffic(storage, clock, operator_id="mid")
    assert [(key, figure.text) for key, _, figure in one.funnel] == [("right", "20"), ("consented", "0"), ("tokens", "0")]
    assert {bucket.started.text for bucket in one.buckets} == {"0", "20"}
    assert one.failures == () and one.returning == one.refreshed == 0
    hidden = await traffic(storage, clock, operator_id="tiny")
    assert hidden.funnel == whole.funnel, "asking for one that is not listed is asking for all"


def test_noting_is_quick(storage: Storage, clock: ManualClock, insights: Insights) -> None:
    """A tenth of a millisecond would already be far off; measured: some six microseconds."""
    import time

    began = time.perf_counter()
    for _ in range(2000):
        insights.note(CLIENT, PRODUCT, Kind.TOKEN, request_id="r")
    assert (time.perf_counter() - began) / 2000 < 0.0001
