"""Subscriptions on both databases: numbers come and go, subjects do not."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest

from dialkey.base.phone import PhoneNumber, phone_number
from dialkey.directory.rules import Directory
from dialkey.storage import Statement, Storage, Writer
from dialkey.storage.keyring import Keyring
from dialkey.subscribers import store
from dialkey.subscribers.model import SubscriptionStatus
from dialkey.subscribers.rules import Subscribers
from dialkey.subscribers.store import SubscriberStore, end_everything_of
from dialkey.subscribers.subjects import subject
from dialkey.web.errors import Refusal
from support.clock import ManualClock, SeededEntropy

ACTOR = "cli:tests"
NUMBER = phone_number("+46701740605")
OTHER = phone_number("+46701740606")
THIRD = phone_number("+46701740607")
TRAIL = Statement("test.trail", "SELECT tag, subject, operator_id, data FROM audit_events ORDER BY at, id")


@pytest.fixture
async def operator(directory: Directory) -> str:
    return await directory.create_operator(
        actor=ACTOR, slug="nordcell", name="Nordcell", country="SE", locale="sv", sms_sender="Nordcell"
    )


@pytest.fixture
def numbers(storage: Storage) -> SubscriberStore:
    return SubscriberStore(storage)


async def add(subscribers: Subscribers, operator: str, number: PhoneNumber = NUMBER) -> str:
    return (await subscribers.add(actor=ACTOR, operator_id=operator, number=number, locale="sv", sandbox=True)).id


async def refused(work: object, code: str, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        await work  # type: ignore[misc]
    assert (caught.value.status, caught.value.code) == (status, code)


async def history(storage: Storage, subscription_id: str) -> list[tuple[str, int, int]]:
    rows = await storage.read.all(store.NUMBER_HISTORY, subscription_id=subscription_id)
    return [(row.phone_number, row.from_at, row.until_at) for row in rows]


async def test_a_subscription_is_found_in_every_way(
    subscribers: Subscribers, numbers: SubscriberStore, storage: Storage, operator: str, clock: ManualClock
) -> None:
    added = await subscribers.add(actor=ACTOR, operator_id=operator, number=NUMBER, locale="sv", sandbox=True)
    assert added.active and added.status is SubscriptionStatus.ACTIVE
    assert (added.phone_number, added.number_since, added.locale) == (NUMBER, clock.now(), "sv")
    assert await numbers.find_by_number(storage.read, NUMBER) == added
    assert await numbers.find(storage.read, added.id) == added
    assert await numbers.find_hot(added.id) == added

    async def unit(writer: Writer) -> bool:
        return await numbers.find(writer, added.id) == await numbers.find_by_number(writer, NUMBER) == added

    assert await storage.write(unit)
    for nobody in ("-", "", "A" * 22):
        assert await numbers.find(storage.read, nobody) is None
    assert await numbers.find_by_number(storage.read, OTHER) is None


async def test_a_number_belongs_to_one_subscription(subscribers: Subscribers, operator: str) -> None:
    await add(subscribers, operator)
    await refused(add(subscribers, operator), "number_taken", 409)
    other = await add(subscribers, operator, OTHER)
    change = subscribers.change_number(actor=ACTOR, subscription_id=other, new=NUMBER)
    await refused(change, "number_taken", 409)


async def test_one_of_many_at_once_gets_the_number(subscribers: Subscribers, operator: str) -> None:
    outcomes = await asyncio.gather(*(add(subscribers, operator) for _ in range(6)), return_exceptions=True)
    assert sorted(isinstance(outcome, Refusal) for outcome in outcomes) == [False] + [True] * 5


async def test_an_operator_that_does_not_exist_is_a_mistake_and_no_taken_number(subscribers: Subscribers) -> None:
    with pytest.raises(Exception) as caught:
        await add(subscribers, "A" * 22)
    assert not isinstance(caught.value, Refusal)


async def test_a_changed_number_keeps_subscription_and_subject(
    subscribers: Subscribers,
    numbers: SubscriberStore,
    storage: Storage,
    operator: str,
    keyring: Keyring,
    clock: ManualClock,
) -> None:
    subscription = await add(subscribers, operator)
    began, before = clock.now(), subject(keyring, "sector", subscription)
    clock.advance(days=3)
    changed = await subscribers.change_number(actor=ACTOR, subscription_id=subscription, new=OTHER)
    assert (changed.id, changed.phone_number, changed.number_since) == (subscription, OTHER, clock.now())
    assert subject(keyring, "sector", changed.id) == before
    assert await numbers.find_by_number(storage.read, NUMBER) is None
    assert await history(storage, subscription) == [(NUMBER, began, clock.now())]
    assert await subscribers.change_number(actor=ACTOR, subscription_id=subscription, new=OTHER) == changed
    assert len(await history(storage, subscription)) == 1


async def test_numbers_that_change_within_one_millisecond_are_all_remembered(
    subscribers: Subscribers, storage: Storage, operator: str
) -> None:
    subscription = await add(subscribers, operator)
    for number in (OTHER, THIRD, NUMBER, OTHER):
        await subscribers.change_number(actor=ACTOR, subscription_id=subscription, new=number)
    kept = await history(storage, subscription)
    assert [number for number, _, _ in kept] == [NUMBER, OTHER, THIRD, NUMBER]
    assert all(until == following for (_, _, until), (_, following, _) in itertools.pairwise(kept))


async def test_two_changes_at_once_leave_one_number_and_a_whole_history(
    subscribers: Subscribers, numbers: SubscriberStore, storage: Storage, operator: str
) -> None:
    subscription = await add(subscribers, operator)
    outcomes = await asyncio.gather(
        *(
            subscribers.change_number(actor=ACTOR, subscription_id=subscription, new=number)
            for number in (OTHER, THIRD)
        ),
        return_exceptions=True,
    )
    changed = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert changed
    now = await numbers.find(storage.read, subscription)
    assert now is not None and now.phone_number in (OTHER, THIRD)
    assert len(await history(storage, subscription)) == len(changed)


async def test_a_suspended_subscription_is_not_active_until_it_is_resumed(
    subscribers: Subscribers, numbers: SubscriberStore, storage: Storage, operator: str
) -> None:
    subscription = await add(subscribers, operator)
    for _ in range(2):
        await subscribers.suspend(actor=ACTOR, subscription_id=subscription)
    suspended = await numbers.find_hot(subscription)
    assert suspended is not None and not suspended.active and suspended.phone_number == NUMBER
    for _ in range(2):
        await subscribers.resume(actor=ACTOR, subscription_id=subscription)
    resumed = await numbers.find_hot(subscription)
    assert resumed is not None and resumed.active
    tags = [row.tag for row in await storage.read.all(TRAIL)]
    assert (tags.count("subscription.suspended"), tags.count("subscription.resumed")) == (1, 1)


async def test_an_ended_subscription_frees_its_number_and_stays_ended(
    subscribers: Subscribers, numbers: SubscriberStore, storage: Storage, operator: str
) -> None:
    subscription = await add(subscribers, operator)
    await subscribers.end(actor=ACTOR, subscription_id=subscription)
    ended = await numbers.find(storage.read, subscription)
    assert ended is not None and ended.status is SubscriptionStatus.ENDED and ended.phone_number is None
    assert [number for number, _, _ in await history(storage, subscription)] == [NUMBER]
    for work in (
        subscribers.end(actor=ACTOR, subscription_id=subscription),
        subscribers.suspend(actor=ACTOR, subscription_id=subscription),
        subscribers.resume(actor=ACTOR, subscription_id=subscription),
        subscribers.change_number(actor=ACTOR, subscription_id=subscription, new=OTHER),
        subscribers.end(actor=ACTOR, subscription_id="A" * 22),
    ):
        await refused(work, "no_such_subscription", 404)
    assert await add(subscribers, operator) != subscription


async def test_a_reassigned_number_has_a_new_subscription(
    subscribers: Subscribers, numbers: SubscriberStore, storage: Storage, operator: str, keyring: Keyring
) -> None:
    old = await add(subscribers, operator)
    new = await subscribers.reassign_number(actor=ACTOR, number=NUMBER, operator_id=operator)
    assert new.id != old and new.phone_number == NUMBER and new.active
    assert subject(keyring, "sector", new.id) != subject(keyring, "sector", old)
    before = await numbers.find(storage.read, old)
    assert before is not None and before.status is SubscriptionStatus.ENDED and before.phone_number is None
    assert [number for number, _, _ in await history(storage, old)] == [NUMBER]
    free = await subscribers.reassign_number(actor=ACTOR, number=OTHER, operator_id=operator)
    assert free.phone_number == OTHER
    tags = [row.tag for row in await storage.read.all(TRAIL)]
    assert tags.count("number.reassigned") == 1


async def test_reassigning_at_once_leaves_one_holder(
    subscribers: Subscribers, numbers: SubscriberStore, storage: Storage, operator: str
) -> None:
    await add(subscribers, operator)
    outcomes = await asyncio.gather(
        *(subscribers.reassign_number(actor=ACTOR, number=NUMBER, operator_id=operator) for _ in range(5)),
        return_exceptions=True,
    )
    assert all(isinstance(o, Refusal) for o in outcomes if isinstance(o, BaseException))
    holder = await numbers.find_by_number(storage.read, NUMBER)
    assert holder is not None and holder.active
    live = Statement("test.live", "SELECT id FROM subscriptions WHERE status <> 'ended'")
    assert len(await storage.read.all(live)) == 1


async def test_the_trail_holds_no_number(subscribers: Subscribers, storage: Storage, operator: str) -> None:
    subscription = await add(subscribers, operator)
    await subscribers.change_number(actor=ACTOR, subscription_id=subscription, new=OTHER)
    await subscribers.reassign_number(actor=ACTOR, number=OTHER, operator_id=operator)
    rows = await storage.read.all(TRAIL)
    assert "17406" not in repr(rows)
    ended = next(row for row in rows if row.tag == "number.reassigned")
    assert ended.subject == f"subscription:{subscription}"
    assert json.loads(ended.data) == {"sessions": 0, "grants": 0, "consents": 0}


async def test_ending_everything_twice_ends_nothing_more(
    subscribers: Subscribers, storage: Storage, operator: str, clock: ManualClock, entropy: SeededEntropy
) -> None:
    subscription = await add(subscribers, operator)

    async def unit(writer: Writer) -> tuple[int, int, int]:
        return await end_everything_of(writer, subscription, clock.now(), "test", entropy=entropy)

    assert await storage.write(unit) == await storage.write(unit) == (0, 0, 0)
