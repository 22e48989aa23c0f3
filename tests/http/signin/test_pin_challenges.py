"""The PIN: where it is valid, how long, how often it can be tried, and that no detour gives more tries."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from itertools import pairwise

import httpx
import pytest

from dialkey.signin.pins import new_seed, pin_of
from dialkey.storage import Statement
from support.site import Site, Visitor, callback, make_site
from support.world import ANNA, BO, KARI, NUMBERS

COOLDOWN = 31
SIGN_INS = Statement("tests.sign_ins", "SELECT id, phone_number, tries, seed FROM sign_ins ORDER BY created_at, id")
SIGN_IN_DUMP = Statement("tests.sign_in_dump", "SELECT * FROM sign_ins")


def wrong(pin: str, by: int = 1) -> str:
    return str((int(pin) + by) % 10 ** len(pin)).zfill(len(pin))


async def asked(site: Site, number: str = ANNA, client=None, **options) -> tuple[Visitor, str]:
    """A browser on the PIN page, and the PIN that was sent."""
    visitor = site.visitor(**options)
    await visitor.start(client or site.world.web)
    page = await visitor.type_number(number)
    assert page.status_code == 200, page.text
    return visitor, await site.pin(number)


def signed_in(response: httpx.Response) -> bool:
    return "/oauth2/auth/consent" in response.text or (response.is_redirect and "code=" in response.headers["location"])


# S071


def test_s071_pins_are_evenly_spread_and_independent(site: Site) -> None:
    """χ² over 10,000 PINs of one number, position by position, and over the first two digits."""
    pins = [
        pin_of(site.keyring, f"challenge-{n}", ANNA, new_seed(site.keyring, site.entropy), 6) for n in range(10_000)
    ]
    assert all(re.fullmatch(r"[0-9]{6}", pin) for pin in pins)
    for position in range(6):
        counts = Counter(pin[position] for pin in pins)
        assert sum((counts[str(d)] - 1000) ** 2 / 1000 for d in range(10)) < 33.7, position  # 9 degrees, p = 0.0001
    pairs = Counter(pin[:2] for pin in pins)
    assert sum((pairs[f"{n:02d}"] - 100) ** 2 / 100 for n in range(100)) < 158  # 99 degrees, p = 0.0001
    assert 900 < sum(pin.startswith("0") for pin in pins) < 1100
    neighbours = sum(a == b for a, b in pairwise(pins))
    assert neighbours <= 2
    assert len(set(pins)) > 9_900


async def test_s071_each_challenge_of_a_number_has_a_fresh_pin(site: Site) -> None:
    pins = []
    for _ in range(3):
        _, pin = await asked(site)
        pins.append(pin)
        site.clock.advance(seconds=COOLDOWN)
    assert len(set(pins)) == 3
    assert all(len(pin) == 6 for pin in pins)


# S072


@pytest.mark.parametrize("seconds, passes", [(299, True), (301, False)])
async def test_s072_a_pin_lives_five_minutes(any_site: Site, seconds: int, passes: bool) -> None:
    visitor, pin = await asked(any_site)
    any_site.clock.advance(seconds=seconds)
    response = await visitor.type_pin(pin)
    assert signed_in(response) is passes
    if not passes:
        assert response.status_code == 410
        assert "/oauth2/auth?" in response.text, "there is a way on"


async def test_s072_a_resend_does_not_prolong_the_pin_nor_give_tries(site: Site) -> None:
    visitor, pin = await asked(site)
    for by in range(1, 4):
        assert (await visitor.type_pin(wrong(pin, by))).status_code == 422
    site.clock.advance(seconds=200)
    await visitor.submit("/resend")
    again = await site.pin(ANNA)
    assert (await visitor.type_pin(wrong(again, 4))).status_code == 422
    assert (await visitor.type_pin(wrong(again, 5))).status_code == 429
    assert not signed_in(await visitor.post(f"{_base(visitor)}/pin", {}))

    other, first = await asked(site, BO)
    site.clock.advance(seconds=250)
    await other.submit("/resend")
    second = await site.pin(BO)
    site.clock.advance(seconds=51)
    page = await other.type_pin(second)
    assert page.status_code == 410
    assert not signed_in(page)
    assert first


async def test_s072_a_pin_is_good_once(any_site: Site) -> None:
    visitor, pin = await asked(any_site)
    form = visitor.read.form("/pin")
    assert signed_in(await visitor.type_pin(pin))
    cookies = {**visitor.http.cookies}
    any_site.clock.advance(seconds=1)
    stranger = any_site.visitor(cookies={name: value for name, value in cookies.items() if "browser" in name})
    replayed = await stranger.http.post(
        form.action, data={**form.fields, "pin": pin}, headers={"sec-fetch-site": "same-origin"}
    )
    assert not any("session" in header for header in replayed.headers.get_list("set-cookie"))
    after = await stranger._follow(replayed)
    assert not signed_in(after)


async def test_s072_parallel_right_tries_make_one_session(any_site: Site) -> None:
    visitor, pin = await asked(any_site)
    form = visitor.read.form("/pin")

    async def once() -> httpx.Response:
        return await visitor.http.post(
            form.action, data={**form.fields, "pin": pin}, headers={"sec-fetch-site": "same-origin"}
        )

    answers = await asyncio.gather(*(once() for _ in range(20)))
    assert sum("dialkey_session" in answer.headers.get("set-cookie", "") for answer in answers) == 1


# S073


def _base(visitor: Visitor) -> str:
    """`/signin/<id>` of the page that the visitor is on, or was on."""
    assert visitor.visited
    return next(location for location in reversed(visitor.visited) if location.startswith("/signin/")).partition("?")[0]


async def test_s073_a_pin_is_worth_nothing_in_another_browser(any_site: Site) -> None:
    visitor, pin = await asked(any_site)
    form = visitor.read.form("/pin")
    for other in (any_site.visitor(), (await asked(any_site, BO))[0]):
        response = await other.post(form.action, {**form.fields, "pin": pin})
        assert response.status_code == 400
        assert not signed_in(response)
    page = await any_site.visitor().get(form.action.removesuffix("/pin"))
    assert page.status_code == 400
    assert "70 174 06 05" not in page.text
    assert signed_in(await visitor.type_pin(pin)), "the stranger took no try from the owner"


async def test_s073_two_sign_ins_of_one_number_do_not_exchange_pins(any_site: Site) -> None:
    first, first_pin = await asked(any_site)
    any_site.clock.advance(seconds=1)
    second, second_pin = await asked(any_site, client=any_site.world.other)
    assert first_pin != second_pin
    assert (await first.type_pin(second_pin)).status_code == 422
    assert (await second.type_pin(first_pin)).status_code == 422
    assert signed_in(await first.type_pin(first_pin))
    assert signed_in(await second.type_pin(second_pin))


async def test_s073_two_tabs_of_one_browser_do_not_exchange_pins(any_site: Site) -> None:
    first, first_pin = await asked(any_site)
    page_of_first = first.page
    any_site.clock.advance(seconds=1)
    await first.start(any_site.world.other)
    await first.type_number(BO)
    second_pin = await any_site.pin(BO)
    assert (await first.type_pin(first_pin)).status_code == 422
    first.page = page_of_first
    assert (await first.type_pin(second_pin)).status_code == 422
    response = await first.type_pin(first_pin)
    assert signed_in(response) and "VoiceBox" in response.text and "70 174 06 05" in response.text


async def test_s073_the_csrf_value_of_one_sign_in_does_not_open_another(site: Site) -> None:
    first, _ = await asked(site)
    csrf = first.read.form("/pin").fields
    site.clock.advance(seconds=1)
    await first.start(site.world.web)
    await first.type_number(BO)
    pin = await site.pin(BO)
    assert (await first.post(f"{_base(first)}/pin", {**csrf, "pin": pin})).status_code == 403
    assert (await first.post(f"{_base(first)}/pin", {"pin": pin})).status_code == 403


# S074, S075, S076


async def test_s074_200_parallel_guesses_get_five_tries(any_site: Site) -> None:
    visitor, pin = await asked(any_site)
    form = visitor.read.form("/pin")
    order = [wrong(pin, n + 1) for n in range(200)]

    async def guess(presented: str) -> int:
        response = await visitor.http.post(
            form.action, data={**form.fields, "pin": presented}, headers={"sec-fetch-site": "same-origin"}
        )
        return response.status_code

    statuses = Counter(await asyncio.gather(*(guess(presented) for presented in order)))
    assert statuses == {422: 4, 429: 196}, "four are told how many are left, the fifth locks"
    assert (await any_site.storage.read.all(SIGN_INS))[0].tries == 5
    assert await guess(pin) == 429, "the right one comes too late"
    assert not signed_in(await visitor.get(form.action.removesuffix("/pin")))


async def test_s074_with_the_right_pin_among_parallel_guesses_five_are_looked_at(any_site: Site) -> None:
    visitor, pin = await asked(any_site)
    form = visitor.read.form("/pin")
    guesses = [wrong(pin, n + 1) for n in range(60)]
    guesses.insert(30, pin)
    answers = await asyncio.gather(
        *(
            visitor.http.post(form.action, data={**form.fields, "pin": p}, headers={"sec-fetch-site": "same-origin"})
            for p in guesses
        )
    )
    looked_at = sum(answer.status_code == 422 for answer in answers)
    passed = sum("dialkey_session" in answer.headers.get("set-cookie", "") for answer in answers)
    assert looked_at <= 4 and passed <= 1


async def test_s074_malformed_pins_are_no_oracle_and_take_no_try(site: Site) -> None:
    visitor, pin = await asked(site)
    for presented in ("", pin[:-1], pin + "0", "abcdef", "1" * 5000, f"{pin}x", "-" * 39):
        assert (await visitor.type_pin(presented)).status_code == 422
    assert (await site.storage.read.all(SIGN_INS))[0].tries == 0
    spaced = f" {pin[:3]}-{pin[3:]} "
    assert signed_in(await visitor.type_pin("".join(chr(0xFF10 + int(c)) if c.isdigit() else c for c in spaced)))


async def exhausted(site: Site, number: str, **options) -> None:
    """Ten wrong tries at a number, in two sign-ins."""
    for _ in range(2):
        visitor, pin = await asked(site, number, **options)
        for by in range(1, 6):
            await visitor.type_pin(wrong(pin, by))
        site.clock.advance(seconds=1)


WAYS = {
    "a new session": {},
    "another client": {"client": "other"},
    "another address": {"peer": ("203.0.113.9", 4)},
    "another network": {"peer": ("2001:db8:9::1", 4)},
    "a forged address": {"headers": {"x-forwarded-for": "203.0.113.77", "forwarded": "for=203.0.113.77"}},
}


@pytest.mark.parametrize("way", WAYS)
async def test_s075_s076_wrong_tries_at_a_number_are_counted_whatever_the_way(any_site: Site, way: str) -> None:
    """The limit stands before the comparison, on the try itself: the right PIN fails too while it holds."""
    await exhausted(any_site, ANNA)
    options = dict(WAYS[way])
    client = getattr(any_site.world, options.pop("client", "web"))
    visitor, pin = await asked(any_site, client=client, **options)
    response = await visitor.type_pin(pin)
    assert response.status_code == 429
    assert not signed_in(response)


async def test_s075_a_restart_resets_no_limit(any_site: Site) -> None:
    await exhausted(any_site, ANNA)
    restarted = make_site(any_site.settings, any_site.storage, any_site.keyring, any_site.clock, any_site.entropy,
                          any_site.world)  # fmt: skip
    visitor, pin = await asked(restarted)
    assert (await visitor.type_pin(pin)).status_code == 429
    fourth = restarted.visitor()
    await fourth.start(restarted.world.web)
    assert (await fourth.type_number(ANNA)).status_code == 429


async def test_s075_an_operator_elsewhere_does_not_lift_the_limit(site: Site) -> None:
    """The number moves to another operator: what was counted stays with the number."""
    await exhausted(site, ANNA)
    await site.subscribers.reassign_number(actor="t", number=ANNA, operator_id=site.world.fjordtel, sandbox=True)
    visitor, pin = await asked(site)
    assert (await visitor.type_pin(pin)).status_code == 429


async def test_s076_tries_without_sends_are_limited_by_address(site: Site) -> None:
    """Twenty-five numbers, four wrong tries each, from one address: the next right PIN there has to wait."""
    for number in NUMBERS[:25]:
        visitor, pin = await asked(site, number)
        for by in range(1, 5):
            assert (await visitor.type_pin(wrong(pin, by))).status_code == 422
    visitor, pin = await asked(site, NUMBERS[30])
    assert (await visitor.type_pin(pin)).status_code == 429
    elsewhere, pin = await asked(site, NUMBERS[31], peer=("203.0.113.9", 4))
    assert signed_in(await elsewhere.type_pin(pin))


SPELLINGS = ["+46701740605", "0701740605", "0046701740605", "+46 (0)70-174 06 05", "070 174 06 05", "(070) 174.06.05",
             "+４６７０１７４０６０５", "٠٧٠١٧٤٠٦٠٥", "tel:+46701740605", "+46\u00a070\u00ad1740605", "００４６７０１７４０６０５"]  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_s075_every_spelling_of_a_number_is_one_number(site: Site, spelling: str) -> None:
    for written in ("+46701740605", "0701740605", spelling):
        visitor = site.visitor(headers={"accept-language": "sv"})
        await visitor.start(site.world.web)
        assert (await visitor.type_number(written)).status_code == 200
        site.clock.advance(seconds=1)
    assert {row.phone_number for row in await site.storage.read.all(SIGN_INS)} == {ANNA}
    visitor = site.visitor(headers={"accept-language": "sv"})
    await visitor.start(site.world.web)
    assert (await visitor.type_number(spelling)).status_code == 429


@pytest.mark.parametrize("change", ["client", "address", "resend"])
async def test_s075_sends_are_counted_whatever_the_way(any_site: Site, change: str) -> None:
    statuses = []
    visitor, _ = await asked(any_site)
    for n in range(4):
        any_site.clock.advance(seconds=COOLDOWN)
        if change == "resend":
            statuses.append((await visitor.submit("/resend")).status_code)
            continue
        other = any_site.visitor(peer=(f"203.0.113.{n}" if change == "address" else "198.51.100.7", 9))
        await other.start(any_site.world.other if change == "client" else any_site.world.web)
        statuses.append((await other.type_number(ANNA)).status_code)
    await any_site.run_jobs()
    assert statuses == [200, 200, 429, 429]
    assert len(await any_site.messages(ANNA)) == 3


async def test_s075_other_numbers_are_not_touched(site: Site) -> None:
    await exhausted(site, ANNA)
    visitor, pin = await asked(site, BO)
    assert signed_in(await visitor.type_pin(pin))
    visitor, pin = await asked(site, KARI)
    assert signed_in(await visitor.type_pin(pin))


# S084, S090


async def test_s084_a_dump_of_challenges_tells_no_pin_and_a_used_seed_is_gone(any_site: Site) -> None:
    pins = {}
    for number in NUMBERS[:10]:
        visitor, pins[number] = await asked(any_site, number)
    rows = await any_site.storage.read.all(SIGN_IN_DUMP)
    assert len({row.seed for row in rows}) == len(rows) == 10
    for row in rows:
        text = " ".join(str(value) for value in row)
        assert not re.search(rf"(?<!\d){pins[row.phone_number]}(?!\d)", text)
    other_installation = {**any_site.keyring.keys, "pin": any_site.keyring["page"]}
    forged = type(any_site.keyring)(other_installation, any_site.keyring.master)
    without_key = [pin_of(forged, row.id, row.phone_number, row.seed, 6) == pins[row.phone_number] for row in rows]
    assert sum(without_key) == 0
    assert signed_in(await visitor.type_pin(pins[NUMBERS[9]]))
    used = [row for row in await any_site.storage.read.all(SIGN_INS) if row.phone_number == NUMBERS[9]]
    assert used[0].seed == ""


async def test_s090_changing_the_number_starts_anew(any_site: Site) -> None:
    visitor, pin_of_anna = await asked(any_site)
    await visitor.get(f"{_base(visitor)}/number")
    page = await visitor.type_number(BO)
    assert "70 174 06 06" in page.text
    pin_of_bo = await any_site.pin(BO)
    assert pin_of_anna != pin_of_bo
    assert (await visitor.type_pin(pin_of_anna)).status_code == 422
    consent = await visitor.type_pin(pin_of_bo)
    assert "70 174 06 06" in consent.text
    assert "70 174 06 05" not in consent.text
    assert "code" in callback(await visitor.add_product())


async def test_s090_a_number_posted_with_the_pin_changes_nothing(site: Site) -> None:
    visitor, pin = await asked(site)
    consent = await visitor.submit("/pin", pin=pin, number=BO, phone_number=BO, subscription_id=site.world.subscriptions[BO],
                                   verified="true")  # fmt: skip
    assert "70 174 06 05" in consent.text
    assert "70 174 06 06" not in consent.text
