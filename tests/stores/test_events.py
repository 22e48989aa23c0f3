"""Consent change events: published in one order per product, none lost, none before its change is committed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dialkey.base.clock import DAY, SECOND, Instant
from dialkey.base.scopes import ScopeSet
from dialkey.events import Change, ChangeKind, Event, EventLog, Publisher, Queues, record_change
from dialkey.settings import Settings
from dialkey.storage import Statement, Storage, Writer, open_storage
from dialkey.web.errors import Refusal
from support.clock import ManualClock, SeededEntropy

SETTINGS = Settings()
PRODUCT = "p"
_PLANT = Statement(
    "tests.product",
    """INSERT INTO products (id, organization_id, sector, name, subtitle, price, accent, terms_version, status, created_at,
    updated_at) VALUES (:id, 'o', :id, :id, '', '', '', 1, 'active', 0, 0)""",
)
_ORGANIZATION = Statement("tests.organization", "INSERT INTO organizations (id, name, created_at) VALUES ('o', 'O', 0)")
_OPERATOR = Statement(
    "tests.operator",
    """INSERT INTO operators (id, slug, name, country, locale, accent, sms_sender, status, created_at)
    VALUES ('op', 'nordcell', 'N', 'SE', 'sv', '', '', 'active', 0)""",
)
_SUBSCRIPTION = Statement(
    "tests.subscription",
    """INSERT INTO subscriptions (id, operator_id, status, phone_number, number_since, sandbox, created_at)
    VALUES (:id, 'op', 'active', :number, 0, 1, 0)""",
)
_CLIENT = Statement(
    "tests.client",
    """INSERT INTO clients (id, product_id, description, kind, auth_method, grant_types, require_pkce, id_token_alg,
    access_token_format, profile, may_introspect_all, status, created_at, updated_at)
    VALUES (:id, 'p', '', 'web', '', '', 0, '', '', '', 0, 'active', 0, 0)""",
)
_LEASES = Statement("tests.leases", "SELECT COUNT(*) AS n FROM event_leases")


@pytest.fixture
async def house(storage: Storage) -> Storage:
    async def unit(writer: Writer) -> None:
        await writer.run(_ORGANIZATION)
        await writer.run(_OPERATOR)
        for product in (PRODUCT, "q"):
            await writer.run(_PLANT, id=product)
        for n in range(4):
            await writer.run(_SUBSCRIPTION, id=f"s{n}", number=f"+4670174060{n}")
        for client in ("c", "d"):
            await writer.run(_CLIENT, id=client)

    await storage.write(unit)
    return storage


@pytest.fixture
def publisher(house: Storage, clock: ManualClock, entropy: SeededEntropy) -> Publisher:
    return Publisher(house, SETTINGS, clock, entropy, lambda: None)


@pytest.fixture
def queues(house: Storage, clock: ManualClock, entropy: SeededEntropy) -> Queues:
    return Queues(house, SETTINGS, clock, entropy)


def change(n: int = 0, kind: ChangeKind = ChangeKind.ADDED, product: str = PRODUCT, at: int = 1000, scopes: str = "phone") -> Change:
    return Change(
        kind=kind, product_id=product, subscription_id=f"s{n}", scopes=ScopeSet(scopes.split()), at=Instant(at)
    )


async def put(storage: Storage, entropy: Any, *changes: Change) -> None:
    async def unit(writer: Writer) -> None:
        for one in changes:
            await record_change(writer, one, entropy=entropy)

    await storage.write(unit)


async def test_positions_have_no_gap_and_follow_the_time_of_the_change(house, publisher, entropy) -> None:
    await put(house, entropy, change(1, at=30), change(0, at=10), change(2, at=20, product="q"), change(3, at=20))
    assert await publisher.turn() == 4
    events = await EventLog(house).list_after(PRODUCT, 0, 10)
    assert [(event.position, event.subscription_id) for event in events] == [(1, "s0"), (2, "s3"), (3, "s1")]
    assert [event.position for event in await EventLog(house).list_after("q", 0, 10)] == [1]
    assert await publisher.turn() == 0
    await put(house, entropy, change(1, at=5))
    await publisher.turn()
    assert [event.position for event in await EventLog(house).list_after(PRODUCT, 3, 10)] == [4], "a late one comes last"


async def test_what_is_rolled_back_is_never_told(house, publisher, entropy) -> None:
    async def unit(writer: Writer) -> None:
        await record_change(writer, change(), entropy=entropy)
        raise LookupError

    with pytest.raises(LookupError):
        await house.write(unit)
    assert await publisher.turn() == 0


async def test_the_number_is_the_one_of_then_and_only_where_the_consent_covers_it(house, publisher, entropy) -> None:
    history = Statement(
        "tests.history",
        "INSERT INTO number_history (subscription_id, phone_number, from_at, until_at) VALUES ('s0', '+46700000000', 0, 500)",
    )

    async def unit(writer: Writer) -> None:
        await writer.run(history)

    await house.write(unit)
    changes = (change(0, at=400), change(0, at=600), change(0, at=700, scopes="voicemail.get"))
    await put(house, entropy, *changes, change(0, ChangeKind.REVOKED, at=800))
    await publisher.turn()
    events = await EventLog(house).list_after(PRODUCT, 0, 10)
    assert [event.number for event in events] == ["+46700000000", "+46701740600", None, "+46701740600"]
    assert [str(event.scopes) for event in events] == ["phone", "phone", "voicemail.get", ""]


async def test_no_reader_skips_what_commits_late(house, databases, entropy, clock) -> None:
    """Writers that commit out of order, publishers on two nodes, and a reader with nothing but its cursor."""
    url = house.path if hasattr(house, "path") else None
    settings = Settings().database
    other = await open_storage(_same(settings, house, url))
    done = asyncio.Event()
    written = 0

    async def write(storage: Storage, n: int) -> None:
        nonlocal written
        for turn in range(40):
            await asyncio.sleep((n * 7 + turn * 3) % 5 / 1000)
            await put(storage, entropy, change(n % 4, at=1000 + (turn * 37 + n * 11) % 500), change((n + 1) % 4, at=2000 - turn))
            written += 2

    async def publish(storage: Storage) -> None:
        publisher = Publisher(storage, SETTINGS, clock, SeededEntropy(str(id(storage))), lambda: None)
        while not done.is_set():
            await publisher.turn()
            await asyncio.sleep(0.001)
        await publisher.turn()

    seen: list[str] = []

    async def read() -> None:
        cursor = 0
        log = EventLog(other)
        while True:
            finished = done.is_set()
            events = await log.list_after(PRODUCT, cursor, 7)
            for event in events:
                assert event.position == cursor + 1
                cursor = event.position
                seen.append(event.id)
            if not events:
                if finished and len(seen) >= written:
                    return
                await asyncio.sleep(0.001)

    publishing = [asyncio.create_task(publish(storage)) for storage in (house, other)]
    reading = asyncio.create_task(read())
    await asyncio.gather(*(write(storage, n) for n in range(4) for storage in (house, other)))
    done.set()
    await asyncio.gather(*publishing)
    async with asyncio.timeout(20):
        await reading
    assert len(seen) == len(set(seen)) == written == 4 * 2 * 40 * 2
    await other.close()


def _same(settings: Any, storage: Any, path: str | None) -> Any:
    import msgspec

    url = f"sqlite:///{path}" if path else storage.pool.conninfo
    return msgspec.structs.replace(settings, url=url, pool_size=4)


async def filled(house: Storage, publisher: Publisher, entropy: Any, count: int) -> None:
    await put(house, entropy, *(change(n % 4, at=1000 + n) for n in range(count)))
    await publisher.turn()


def numbers(leases: Any) -> list[int]:
    return [lease.event.position for lease in leases]


async def test_consumers_of_a_queue_share_it(house, publisher, queues, entropy) -> None:
    await filled(house, publisher, entropy, 10)
    queue = await queues.open("c", PRODUCT, "main", 0)
    assert await queues.open("c", PRODUCT, "main", 7) == queue, "the start counts once"
    takes = await asyncio.gather(*(queues.take(queue, most=2, max_in_flight=50, ack_within=30_000) for _ in range(8)))
    got = sorted(position for take in takes for position in numbers(take))
    assert got == list(range(1, 11))
    other = await queues.open("d", PRODUCT, "main", 0)
    assert numbers(await queues.take(other, most=50, max_in_flight=50, ack_within=30_000)) == list(range(1, 11))


async def test_what_is_not_acknowledged_in_time_comes_again(house, publisher, queues, entropy, clock) -> None:
    await filled(house, publisher, entropy, 3)
    queue = await queues.open("c", PRODUCT, "main", 0)
    first = await queues.take(queue, most=50, max_in_flight=50, ack_within=10_000)
    assert [lease.attempt for lease in first] == [1, 1, 1]
    assert await queues.settle("c", first[0].ack, done=True) == PRODUCT
    assert await queues.settle("d", first[1].ack, done=True) is None, "another client's word counts for nothing"
    clock.advance(seconds=9)
    assert await queues.take(queue, most=50, max_in_flight=50, ack_within=10_000) == []
    assert not (await queues.look(queue, 50)).ready
    clock.advance(seconds=1)
    assert (await queues.look(queue, 50)).ready
    again = await queues.take(queue, most=50, max_in_flight=50, ack_within=10_000)
    assert [(lease.event.position, lease.attempt) for lease in again] == [(2, 2), (3, 2)]
    assert await queues.settle("c", again[0].ack, done=True) == PRODUCT
    assert await queues.settle("c", again[0].ack, done=True) == PRODUCT, "twice is as good as once"
    assert await queues.settle("c", f"{queue.id}.99", done=True) is None
    assert await queues.settle("c", again[1].ack, done=False) == PRODUCT
    assert [lease.attempt for lease in await queues.take(queue, most=9, max_in_flight=9, ack_within=1000)] == [3]


async def test_no_more_is_out_than_the_consumer_can_bear(house, publisher, queues, entropy) -> None:
    await filled(house, publisher, entropy, 10)
    queue = await queues.open("c", PRODUCT, "main", 0)
    first = await queues.take(queue, most=10, max_in_flight=4, ack_within=30_000)
    assert numbers(first) == [1, 2, 3, 4]
    assert not (await queues.look(queue, 4)).ready
    assert await queues.take(queue, most=10, max_in_flight=4, ack_within=30_000) == []
    await queues.settle("c", first[2].ack, done=True)
    assert (await queues.look(queue, 4)).ready
    assert numbers(await queues.take(queue, most=10, max_in_flight=4, ack_within=30_000)) == [5]


async def test_looking_at_a_queue_costs_one_statement(house, publisher, queues, entropy) -> None:
    await filled(house, publisher, entropy, 3)
    queue = await queues.open("c", PRODUCT, "main", 3)
    before = house.statements
    outlook = await queues.look(queue, 50)
    assert (house.statements - before, outlook.ready, outlook.pending) == (1, False, False)
    await put(house, entropy, change())
    assert (await queues.look(queue, 50)).pending


async def test_queues_are_bounded_and_can_be_dropped(house, publisher, queues, entropy) -> None:
    await filled(house, publisher, entropy, 2)
    for n in range(20):
        queue = await queues.open("c", PRODUCT, f"q{n}", 0)
    with pytest.raises(Refusal, match="too_many_queues"):
        await queues.open("c", PRODUCT, "one-more", 0)
    await queues.take(queue, most=50, max_in_flight=50, ack_within=10_000)
    assert await queues.drop("c", "q19")
    assert not await queues.drop("c", "q19")
    assert (await house.read.one(_LEASES)).n == 0
    assert (await queues.look(queue, 50)).gone
    assert await queues.take(queue, most=50, max_in_flight=50, ack_within=10_000) == []


async def test_a_start_at_a_time_or_an_event(house, publisher, entropy) -> None:
    await filled(house, publisher, entropy, 5)
    log = EventLog(house)
    events: list[Event] = await log.list_after(PRODUCT, 0, 9)
    assert await log.before(PRODUCT, Instant(1003)) == 3
    assert await log.before(PRODUCT, Instant(0)) == 0
    assert await log.before(PRODUCT, Instant(9999)) == 5
    assert await log.position_of(PRODUCT, events[2].id) == 3
    assert await log.position_of("q", events[2].id) is None


async def test_events_go_when_their_time_is_over_and_leases_of_them_are_forgotten(house, publisher, queues, entropy, clock) -> None:
    from dialkey.jobs import Context, retention_schedule

    now = clock.now()
    await put(house, entropy, change(0, at=now), change(1, at=now + 20 * DAY))
    await publisher.turn()
    queue = await queues.open("c", PRODUCT, "main", 0)
    clock.advance(seconds=29 * 86400)
    assert numbers(await queues.take(queue, most=9, max_in_flight=9, ack_within=10 * SECOND)) == [1, 2]
    clock.advance(seconds=2 * 86400)
    await put(house, entropy, change(2, at=clock.now()))
    await retention_schedule().handler(Context(storage=house, clock=clock, entropy=entropy))
    assert await publisher.turn() == 1, "what was not published yet stays"
    assert [event.position for event in await EventLog(house).list_after(PRODUCT, 0, 9)] == [2, 3]
    assert numbers(await queues.take(queue, most=9, max_in_flight=9, ack_within=10 * SECOND)) == [2, 3]
    assert (await house.read.one(_LEASES)).n == 2
