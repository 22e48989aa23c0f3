"""Test numbers on both databases: bounded, their own, and apart from every real number."""

from __future__ import annotations

import asyncio
import json

import pytest

from dialkey.base.phone import phone_number
from dialkey.directory.rules import Directory
from dialkey.settings import Settings
from dialkey.settings import Sms as SmsSettings
from dialkey.sms import Accepted, Delivery, Refused, Sms
from dialkey.storage import Statement, Storage
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.model import (
    FIRST_NUMBERS,
    MOST_NUMBERS,
    SANDBOX_OPERATOR_ID,
    ForcedOutcome,
    SubscriptionStatus,
)
from dialkey.subscribers.numbering import is_test_number
from dialkey.subscribers.rules import Subscribers
from dialkey.subscribers.sandbox import SandboxNumbers
from dialkey.subscribers.store import SubscriberStore
from dialkey.web.errors import Refusal
from support.clock import ManualClock, SeededEntropy

ACTOR = "account:ada"
TRAIL = Statement("tests.trail", "SELECT tag, organization_id, actor, data FROM audit_events ORDER BY at, id")
PINS = Statement("tests.pins", "SELECT sealed_pin FROM sandbox_numbers WHERE sealed_pin IS NOT NULL")
COUNT = Statement("tests.count", "SELECT numbers FROM sandboxes WHERE organization_id = :id")


@pytest.fixture
def numbers(storage: Storage, clock: ManualClock, entropy: SeededEntropy, keyring: Keyring) -> SandboxNumbers:
    return SandboxNumbers(storage, clock, entropy, keyring, pin_digits=6)


@pytest.fixture
async def ours(directory: Directory) -> str:
    return await directory.create_organization(actor=ACTOR, name="VoiceBox AB")


@pytest.fixture
async def theirs(directory: Directory) -> str:
    return await directory.create_organization(actor=ACTOR, name="Elsewhere AS")


async def refused(work: object, code: str, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        await work  # type: ignore[misc]
    assert (caught.value.status, caught.value.code) == (status, code)


async def test_the_first_ten_are_made_once(numbers: SandboxNumbers, ours: str, theirs: str, storage: Storage) -> None:
    listed = await asyncio.gather(*(numbers.list_or_open(ours) for _ in range(5)))
    assert [len(some) for some in listed] == [FIRST_NUMBERS] * 5
    first = await numbers.list_or_open(ours)
    assert len({one.number for one in first}) == FIRST_NUMBERS
    assert all(is_test_number(one.number) and one.outcome is ForcedOutcome.NONE and one.pin is None for one in first)
    others = await numbers.list_or_open(theirs)
    assert not {one.number for one in first} & {one.number for one in others}
    made = [row for row in await storage.read.all(TRAIL) if row.tag == "sandbox.numbers_added"]
    assert sorted(row.organization_id for row in made) == sorted((ours, theirs))


async def test_what_was_removed_is_not_made_again(numbers: SandboxNumbers, ours: str) -> None:
    for one in await numbers.list_or_open(ours):
        await numbers.remove(actor=ACTOR, organization_id=ours, number=one.number)
    assert await numbers.list_or_open(ours) == []


async def test_there_is_a_cap(numbers: SandboxNumbers, ours: str, storage: Storage) -> None:
    await numbers.list_or_open(ours)
    await numbers.add(actor=ACTOR, organization_id=ours, count=MOST_NUMBERS - FIRST_NUMBERS - 3)

    async def one() -> bool:
        try:
            return len(await numbers.add(actor=ACTOR, organization_id=ours, count=1)) == 1
        except Refusal as refusal:
            assert (refusal.status, refusal.code) == (409, "sandbox_full")
            return False

    assert sum(await asyncio.gather(*(one() for _ in range(8)))) == 3
    assert len(await numbers.list_or_open(ours)) == MOST_NUMBERS
    gone = (await numbers.list_or_open(ours))[0]
    await numbers.remove(actor=ACTOR, organization_id=ours, number=gone.number)
    assert await one()
    row = await storage.read.one(COUNT, id=ours)
    assert row is not None and row.numbers == MOST_NUMBERS
    for count in (0, -1, MOST_NUMBERS + 1):
        await refused(numbers.add(actor=ACTOR, organization_id=ours, count=count), "count", 422)


async def test_s108_a_number_of_another_organization_does_not_exist(
    numbers: SandboxNumbers, ours: str, theirs: str
) -> None:
    foreign = (await numbers.list_or_open(theirs))[0].number
    of = {"actor": ACTOR, "organization_id": ours, "number": foreign}
    tries = (
        numbers.get(ours, foreign),
        numbers.remove(**of),
        numbers.label(**of, label="mine", locale=None, brand_operator_id=None),
        numbers.set_pin(**of, pin="000000"),
        numbers.set_outcome(**of, outcome=ForcedOutcome.DECLINED, once=True),
        numbers.recycle(**of),
    )
    for work in tries:
        await refused(work, "no_such_number", 404)
    assert (await numbers.get(theirs, foreign)).label == ""


@pytest.mark.parametrize("number", ["", "+", "+999", "+46701740605", "999'; --", "+999123456789", "+99912345678", "x" * 99])
async def test_what_is_no_number_of_ours_is_not_found(numbers: SandboxNumbers, ours: str, number: str) -> None:
    await numbers.list_or_open(ours)
    await refused(numbers.get(ours, number), "no_such_number", 404)


async def test_label_language_and_brand(numbers: SandboxNumbers, ours: str, directory: Directory) -> None:
    operator = await directory.create_operator(
        actor=ACTOR, slug="nordcell", name="Nordcell", country="SE", locale="sv", sms_sender="Nordcell"
    )
    number = (await numbers.list_or_open(ours))[0].number
    of = {"actor": ACTOR, "organization_id": ours, "number": number}
    changed = await numbers.label(**of, label=" Says no ", locale="sv", brand_operator_id=operator)
    assert (changed.label, changed.locale, changed.brand_operator_id) == ("Says no", "sv", operator)
    for label in ("x" * 61, "a\nb", "a\u202eb"):
        await refused(numbers.label(**of, label=label, locale=None, brand_operator_id=None), "label", 422)
    await refused(numbers.label(**of, label="", locale="xx", brand_operator_id=None), "locale", 422)
    for brand in ("nobody", "-" * 22, SANDBOX_OPERATOR_ID):
        await refused(numbers.label(**of, label="", locale=None, brand_operator_id=brand), "brand", 422)
    assert await numbers.get(ours, number[1:]) == changed


async def test_a_fixed_pin_is_sealed_at_rest(numbers: SandboxNumbers, ours: str, storage: Storage) -> None:
    number = (await numbers.list_or_open(ours))[0].number
    of = {"actor": ACTOR, "organization_id": ours, "number": number}
    assert (await numbers.set_pin(**of, pin="012345")).pin == "012345"
    (row,) = await storage.read.all(PINS)
    assert b"012345" not in bytes(row.sealed_pin)
    for pin in ("", "12345", "1234567", "12345a", "１２３４５６"):
        await refused(numbers.set_pin(**of, pin=pin), "pin", 422)
    assert (await numbers.set_pin(**of, pin=None)).pin is None
    assert "012345" not in json.dumps([row.data for row in await storage.read.all(TRAIL)])


async def test_an_outcome_for_one_sign_in_is_taken_once(numbers: SandboxNumbers, ours: str, storage: Storage) -> None:
    number = (await numbers.list_or_open(ours))[0].number
    of = {"actor": ACTOR, "organization_id": ours, "number": number}

    async def taken() -> ForcedOutcome:
        async def unit(writer):  # type: ignore[no-untyped-def]
            found = await numbers.store.find(writer, number)
            assert found is not None
            return await numbers.store.spend_outcome(writer, found)

        return await storage.write(unit)

    await numbers.set_outcome(**of, outcome=ForcedOutcome.DECLINED, once=True)
    every = await asyncio.gather(*(taken() for _ in range(6)))
    assert sorted(every) == sorted([ForcedOutcome.DECLINED, *[ForcedOutcome.NONE] * 5])
    await numbers.set_outcome(**of, outcome=ForcedOutcome.WRONG_PIN, once=False)
    assert [await taken() for _ in range(3)] == [ForcedOutcome.WRONG_PIN] * 3


async def test_suspended_is_a_state_that_is_reset(numbers: SandboxNumbers, ours: str, storage: Storage) -> None:
    number = (await numbers.list_or_open(ours))[0].number
    of = {"actor": ACTOR, "organization_id": ours, "number": number}
    store = SubscriberStore(storage)
    suspended = await numbers.set_outcome(**of, outcome=ForcedOutcome.SUSPENDED, once=True)
    assert not suspended.once
    found = await store.find_by_number(storage.read, number)
    assert found is not None and found.status is SubscriptionStatus.SUSPENDED
    await numbers.set_outcome(**of, outcome=ForcedOutcome.WRONG_PIN, once=True)
    found = await store.find_by_number(storage.read, number)
    assert found is not None and found.active


async def test_recycled_a_number_is_somebody_elses(numbers: SandboxNumbers, ours: str, storage: Storage) -> None:
    before = (await numbers.list_or_open(ours))[0]
    of = {"actor": ACTOR, "organization_id": ours, "number": before.number}
    await numbers.label(**of, label="Old", locale="sv", brand_operator_id=None)
    await numbers.set_outcome(**of, outcome=ForcedOutcome.SUSPENDED, once=False)
    after = await numbers.recycle(**of)
    assert after.subscription_id != before.subscription_id
    assert (after.number, after.label, after.locale, after.outcome) == (before.number, "Old", "sv", ForcedOutcome.NONE)
    store = SubscriberStore(storage)
    old, new = [await store.find(storage.read, id) for id in (before.subscription_id, after.subscription_id)]
    assert old is not None and old.status is SubscriptionStatus.ENDED and old.phone_number is None
    assert new is not None and new.active and new.organization_id == ours and new.sandbox
    assert len(await numbers.list_or_open(ours)) == FIRST_NUMBERS


async def test_no_number_and_no_pin_is_in_the_trail(numbers: SandboxNumbers, ours: str, storage: Storage) -> None:
    number = (await numbers.list_or_open(ours))[0].number
    of = {"actor": ACTOR, "organization_id": ours, "number": number}
    await numbers.set_pin(**of, pin="271828")
    await numbers.recycle(**of)
    await numbers.remove(**of)
    rows = await storage.read.all(TRAIL)
    own = [row for row in rows if row.organization_id == ours and row.tag.startswith("sandbox.")]
    assert {row.tag: row.actor for row in own} == {
        "sandbox.numbers_added": "system:sandbox",
        "sandbox.number_changed": ACTOR,
        "sandbox.number_recycled": ACTOR,
        "sandbox.number_removed": ACTOR,
    }
    text = json.dumps([list(row) for row in rows])
    assert number[1:] not in text and "271828" not in text


async def test_no_operator_can_have_a_test_number(subscribers: Subscribers, directory: Directory) -> None:
    operator = await directory.create_operator(
        actor=ACTOR, slug="nordcell", name="Nordcell", country="SE", locale="sv", sms_sender="Nordcell"
    )
    number = phone_number("+999123456789")
    await refused(subscribers.add(actor=ACTOR, operator_id=operator, number=number), "test_number", 422)
    await refused(
        subscribers.reassign_number(actor=ACTOR, number=number, operator_id=operator), "test_number", 422
    )
    real = await subscribers.add(actor=ACTOR, operator_id=operator, number=phone_number("+46701740605"))
    await refused(subscribers.change_number(actor=ACTOR, subscription_id=real.id, new=number), "test_number", 422)


@pytest.mark.parametrize("route", ["handset", "log"])
async def test_messages_to_test_numbers_go_to_the_handset_whatever_the_route(
    route: str,
    numbers: SandboxNumbers,
    ours: str,
    storage: Storage,
    keyring: Keyring,
    clock: ManualClock,
    entropy: SeededEntropy,
) -> None:
    delivery = Delivery(storage, keyring, clock, entropy, Settings(sms=SmsSettings(route=route)))  # type: ignore[arg-type]
    number = (await numbers.list_or_open(ours))[0].number
    message = {"sender": "Test", "text": "123456 is your code.", "reference": "r"}
    outcome = await delivery.send(Sms(to=number, sandbox=True, **message))
    assert isinstance(outcome, Accepted) and outcome.route == "handset"
    assert [one.text for one in await delivery.handsets.list_messages(number)] == [message["text"]]
    real = phone_number("+46701740605")
    outcome = await delivery.send(Sms(to=real, sandbox=False, **message))
    assert outcome.route == route and isinstance(outcome, Refused if route == "handset" else Accepted)
    assert await delivery.handsets.list_messages(real) == []
    assert await delivery.handsets.find_handset(number) is None, "not on the page that everybody can open"
    assert await delivery.handsets.list_handsets(50) == []
