"""Test numbers and their virtual handsets."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dialkey.api.house import ApiHouse
from dialkey.api.operations import BASE, Answer, Call, Operation
from dialkey.api.shapes import Id, Time, listed, time
from dialkey.base.phone import PhoneNumber
from dialkey.developers.access import Role
from dialkey.subscribers.model import MOST_NUMBERS, ForcedOutcome, SandboxNumber
from dialkey.subscribers.sandbox import MAX_LABEL

TAG = "Sandbox"
Locale = Literal["en", "nb", "sv"]


class TestNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A number that nobody has, for the organization's own products."""

    number: Annotated[str, Meta(examples=["+999123456789"])]
    label: str
    locale: Annotated[str, Meta(description="The language of its messages; null: that of the page.")] | None
    brand_operator_id: Annotated[str, Meta(description="Whose brand the consent page shows.")] | None
    pin: Annotated[str, Meta(description="The same every time; null: a new one for every sign-in.")] | None
    outcome: Annotated[ForcedOutcome, Meta(description="What a sign-in comes to, whatever is typed.")]
    once: Annotated[bool, Meta(description="For the next sign-in only.")]
    created_at: Time


class TestNumberList(msgspec.Struct, frozen=True, kw_only=True):
    """Test numbers, the oldest first."""

    data: tuple[TestNumber, ...]
    next: str | None = None


class TestNumbersNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many; nobody chooses which."""

    count: Annotated[int, Meta(ge=1, le=MOST_NUMBERS)] = 1


class TestNumberChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of a test number can be changed. What is left out stays as it is; null takes a value away."""

    label: Annotated[str, Meta(max_length=MAX_LABEL)] | UnsetType | None = UNSET
    locale: Locale | UnsetType | None = UNSET
    brand_operator_id: Id | UnsetType | None = UNSET


class Pin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The PIN of every sign-in with a test number."""

    pin: Annotated[
        str,
        Meta(pattern="^[0-9]{4,10}$", description="As many digits as all PINs here have.", examples=["000000"]),
    ]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a sign-in comes to, whatever is typed."""

    outcome: ForcedOutcome
    once: Annotated[bool, Meta(description="For the next sign-in only; a suspension stays until it is reset.")] = True


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A text message on a virtual handset."""

    id: Id
    sender: str
    text: str
    received_at: Time


class MessageList(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of the last day, the latest first."""

    data: tuple[Message, ...]
    next: str | None = None


def _number(found: SandboxNumber) -> TestNumber:
    return TestNumber(
        number=found.number,
        label=found.label,
        locale=found.locale,
        brand_operator_id=found.brand_operator_id,
        pin=found.pin,
        outcome=found.outcome,
        once=found.once,
        created_at=time(found.created_at),
    )


async def list_numbers(house: ApiHouse, call: Call) -> Answer:
    found = await house.sandbox.list(call.actor, call.path["organization_id"])
    return listed(TestNumberList(data=tuple(map(_number, found))))


async def add_numbers(house: ApiHouse, call: Call) -> list[PhoneNumber]:
    made = await house.sandbox.add(call.actor, call.path["organization_id"], call.body.count)
    return [one.number for one in made]


async def show_numbers(house: ApiHouse, call: Call, made: list[PhoneNumber]) -> Answer:
    organization_id = call.path["organization_id"]
    found = await house.sandbox.list(call.actor, organization_id)
    body = TestNumberList(data=tuple(_number(one) for one in found if one.number in made))
    return Answer(body=body, headers={"Location": f"{BASE}/organizations/{organization_id}/sandbox/numbers"})


async def get_number(house: ApiHouse, call: Call) -> Answer:
    return Answer(body=_number(await house.sandbox.get(*_key(call))))


async def change_number(house: ApiHouse, call: Call) -> Answer:
    body: TestNumberChange = call.body
    now = await house.sandbox.get(*_key(call))
    found = await house.sandbox.label(
        *_key(call),
        label=now.label if body.label is UNSET else body.label or "",
        locale=now.locale if body.locale is UNSET else body.locale,
        brand_operator_id=now.brand_operator_id if body.brand_operator_id is UNSET else body.brand_operator_id,
    )
    return Answer(body=_number(found))


async def remove_number(house: ApiHouse, call: Call) -> Answer:
    await house.sandbox.remove(*_key(call))
    return Answer()


async def set_pin(house: ApiHouse, call: Call) -> Answer:
    return Answer(body=_number(await house.sandbox.set_pin(*_key(call), call.body.pin)))


async def remove_pin(house: ApiHouse, call: Call) -> Answer:
    await house.sandbox.set_pin(*_key(call), None)
    return Answer()


async def set_outcome(house: ApiHouse, call: Call) -> Answer:
    found = await house.sandbox.set_outcome(*_key(call), call.body.outcome, once=call.body.once)
    return Answer(body=_number(found))


async def recycle_number(house: ApiHouse, call: Call) -> None:
    await house.sandbox.recycle(*_key(call))


async def show_number(house: ApiHouse, call: Call, _: None) -> Answer:
    return await get_number(house, call)


async def list_messages(house: ApiHouse, call: Call) -> Answer:
    found = await house.sandbox.messages(*_key(call))
    data = tuple(
        Message(id=one.id, sender=one.sender, text=one.text, received_at=time(one.received_at)) for one in found
    )
    return listed(MessageList(data=data))


def _key(call: Call) -> tuple:  # type: ignore[type-arg]
    return call.actor, call.path["organization_id"], call.path["number"]


_NUMBER = TestNumber(
    number="+999123456789",
    label="Anna",
    locale="sv",
    brand_operator_id=None,
    pin="000000",
    outcome=ForcedOutcome.NONE,
    once=True,
    created_at="2026-11-02T08:15:00.000Z",
)
_BASE = "/organizations/{organization_id}/sandbox/numbers"
_ONE = ("no_such_organization", "no_such_number")


def _operation(method: str, path: str, handler, summary: str, *refuses: str, **options) -> Operation:  # type: ignore[no-untyped-def]
    """One of this room: looking takes a viewer, changing a developer."""
    looks = method == "GET"
    return Operation(
        method=method,
        path=_BASE + path,
        name=options.pop("name", handler.__name__),
        tag=TAG,
        summary=summary,
        scope="sandbox:read" if looks else "sandbox:write",
        role=Role.VIEWER if looks else Role.DEVELOPER,
        handler=handler,
        refuses=refuses if looks else (*refuses, "organization_closing"),
        **options,
    )


OPERATIONS = (
    _operation(
        "GET",
        "",
        list_numbers,
        "Test numbers of an organization",
        "no_such_organization",
        "changed_meanwhile",
        name="list_test_numbers",
        description="The first ten are made when this is asked for the first time.",
        gives=TestNumberList,
        given=TestNumberList(data=(_NUMBER,)),
    ),
    _operation(
        "POST",
        "",
        add_numbers,
        "Add test numbers",
        "no_such_organization",
        "sandbox_full",
        "changed_meanwhile",
        name="add_test_numbers",
        show=show_numbers,
        takes=TestNumbersNew,
        optional=True,
        gives=TestNumberList,
        status=201,
        sent=TestNumbersNew(count=1),
        given=TestNumberList(data=(_NUMBER,)),
    ),
    _operation(
        "GET",
        "/{number}",
        get_number,
        "One test number",
        *_ONE,
        name="get_test_number",
        description="With or without its plus sign.",
        gives=TestNumber,
        given=_NUMBER,
    ),
    _operation(
        "PATCH",
        "/{number}",
        change_number,
        "Change a test number",
        *_ONE,
        "label",
        "locale",
        "brand",
        name="change_test_number",
        takes=TestNumberChange,
        gives=TestNumber,
        sent={"label": "Anna", "locale": "sv"},
        given=_NUMBER,
    ),
    _operation(
        "DELETE",
        "/{number}",
        remove_number,
        "Remove a test number",
        *_ONE,
        name="remove_test_number",
        description="For good: its sessions, grants and consents end.",
        status=204,
    ),
    _operation(
        "PUT",
        "/{number}/pin",
        set_pin,
        "Fix the PIN of a test number",
        *_ONE,
        "pin",
        name="set_test_pin",
        description="For automated tests: every sign-in has this PIN.",
        takes=Pin,
        gives=TestNumber,
        sent=Pin(pin="000000"),
        given=_NUMBER,
    ),
    _operation(
        "DELETE",
        "/{number}/pin",
        remove_pin,
        "No longer fix the PIN",
        *_ONE,
        name="remove_test_pin",
        status=204,
    ),
    _operation(
        "PUT",
        "/{number}/outcome",
        set_outcome,
        "Choose what a sign-in comes to",
        *_ONE,
        name="set_test_outcome",
        description="`none` resets it. `suspended` suspends at once, and until it is reset.",
        takes=Outcome,
        gives=TestNumber,
        sent=Outcome(outcome=ForcedOutcome.DECLINED),
        given=_NUMBER,
    ),
    _operation(
        "POST",
        "/{number}/recycling",
        recycle_number,
        "Give a test number to somebody else",
        *_ONE,
        "changed_meanwhile",
        name="recycle_test_number",
        show=show_number,
        description="As operators do with old numbers: sessions, grants and consents end, and who signs in next has\n"
        "another `sub`.",
        gives=TestNumber,
        given=_NUMBER,
    ),
    _operation(
        "GET",
        "/{number}/messages",
        list_messages,
        "Messages on the virtual handset",
        *_ONE,
        name="list_test_messages",
        description="For a day.",
        gives=MessageList,
        given=MessageList(
            data=(
                Message(
                    id="n5Vb0yHc2Tz8QkWx7mRsJg",
                    sender="Nordcell",
                    text="123456 is your code for VoiceBox.",
                    received_at="2026-11-24T09:30:00.000Z",
                ),
            )
        ),
    ),
)
