"""Test numbers of an organization on the wire: its own products only, forced outcomes, and nothing that leaks into live."""

from __future__ import annotations

import re

import httpx
import msgspec
import pytest

from dialkey.base.phone import PhoneNumber
from dialkey.developers.access import Actor
from dialkey.directory.registration import ClientRegistration
from dialkey.directory.store import CLIENTS_OF_PRODUCT
from dialkey.settings import Limits, Sms
from dialkey.storage import Statement
from dialkey.subscribers.model import SANDBOX_OPERATOR_ID, ForcedOutcome, SandboxNumber
from dialkey.subscribers.sandbox import SandboxNumbers
from support.site import (
    Registered,
    Site,
    Visitor,
    callback,
    introspect,
    make_site,
    refresh,
    signed_in_tokens,
    userinfo,
)
from support.world import ACTOR, ALL_GRANTS, ANNA, NOBODY

CALLBACK = "https://new.example/cb"
_PENDING = Statement(
    "tests.pending_uri",
    "INSERT INTO client_uris (client_id, kind, uri, position, pending) VALUES (:id, 'redirect', :uri, 9, 1)",
)
_PENDING_CLIENT = Statement("tests.pending_client", "UPDATE clients SET pending = 1 WHERE id = :id")
_PENDING_URIS = Statement("tests.pending_uris", "UPDATE client_uris SET pending = 1 WHERE client_id = :id")
_FOREIGN_TRAIL = Statement("tests.trail", "SELECT COUNT(*) AS n FROM audit_events WHERE operator_id = :id")
_SIGN_INS = Statement("tests.sign_ins", "SELECT phone_number, subscription_id FROM sign_ins ORDER BY created_at, id")


@pytest.fixture(autouse=True)
def _time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """From one visitor to the next, so that messages have an order."""
    meet = Site.visitor

    def visitor(self: Site, **options: object) -> Visitor:
        self.clock.advance(seconds=0.01)
        return meet(self, **options)

    monkeypatch.setattr(Site, "visitor", visitor)


def sandbox(site: Site) -> SandboxNumbers:
    return SandboxNumbers(site.storage, site.clock, site.entropy, site.keyring, pin_digits=6)


async def first(site: Site, organization_id: str | None = None) -> SandboxNumber:
    return (await sandbox(site).list_or_open(organization_id or site.world.organization))[0]


async def force(site: Site, number: PhoneNumber, outcome: ForcedOutcome, *, once: bool = True) -> None:
    await sandbox(site).set_outcome(
        actor=ACTOR, organization_id=site.world.organization, number=number, outcome=outcome, once=once
    )


async def write(site: Site, statement: Statement, **values: object) -> None:
    async def unit(writer) -> None:  # type: ignore[no-untyped-def]
        await writer.run(statement, **values)

    await site.storage.write(unit)
    site.built.house.directory.forget()


@pytest.fixture
async def number(site: Site) -> PhoneNumber:
    return (await first(site)).number


async def unlisted(site: Site, **options: object) -> Registered:
    """A client of a product that no operator has."""
    product = await site.directory.create_product(
        actor=ACTOR, organization_id=site.world.organization, name="Draftbox", subtitle="x"
    )
    await site.directory.set_product_scopes(
        actor=ACTOR, product_id=product, required=["phone", "openid", "offline_access"], optional=[]
    )
    made = await site.directory.create_client(
        actor=ACTOR,
        product_id=product,
        registration=ClientRegistration(
            description="d", redirect_uris=("https://app.example/cb",), grant_types=ALL_GRANTS, **options
        ),
    )
    return Registered(made.client_id, made.client_secret, product_id=product)


async def test_a_test_number_goes_all_the_way(any_site: Site) -> None:
    site = any_site
    test = await first(site)
    tokens = await signed_in_tokens(site, site.world.web, test.number, scope="openid phone offline_access")
    claims = (await userinfo(site, tokens["access_token"])).json()
    assert claims["phone_number"] == test.number
    assert set(claims) == {"phone_number", "phone_number_verified", "sid", "sub"}
    described = await introspect(site, site.world.web, tokens["access_token"])
    assert described["active"] and described["sub"] == claims["sub"]
    renewed = (await refresh(site, site.world.web, tokens["refresh_token"])).json()
    assert (await introspect(site, site.world.web, renewed["access_token"]))["active"]
    real = await signed_in_tokens(site, site.world.web, ANNA, scope="openid phone offline_access")
    assert set(tokens) == set(real)
    assert set(await introspect(site, site.world.web, real["access_token"])) == set(described)


@pytest.mark.parametrize("name", ["web", "other", "draft", "strict", "jwt"])
async def test_every_client_of_the_organization_takes_it(site: Site, number: PhoneNumber, name: str) -> None:
    client = getattr(site.world, name)
    tokens = await signed_in_tokens(site, client, number, scope="openid phone")
    assert (await userinfo(site, tokens["access_token"])).status_code == 200


async def test_no_listing_is_needed(site: Site, number: PhoneNumber) -> None:
    client = await unlisted(site)
    tokens = await signed_in_tokens(site, client, number)
    assert (await userinfo(site, tokens["access_token"])).json()["phone_number"] == number
    assert (await refresh(site, client, tokens["refresh_token"])).status_code == 200


def plain(response: httpx.Response) -> tuple[object, ...]:
    """A response without what differs from run to run."""
    text = re.sub(r'value="[\w-]{30,}"|/signin/[\w-]{22}|[\w-]{22}', "…", response.text)
    text = re.sub(r"\+999 \d{3} \d{3} \d{3}|\+46 70 174 06 99", "number", text)
    headers = {k: v for k, v in response.headers.items() if k not in ("x-request-id", "content-length", "set-cookie")}
    return response.status_code, text, {k: re.sub(r"[\w-]{22}", "…", v) for k, v in headers.items()}


async def walk(site: Site, client: Registered, number: str) -> list[tuple[object, ...]]:
    """All answers up to five wrong PINs and a new message."""
    visitor = site.visitor()
    answers = [await visitor.start(client), await visitor.type_number(number)]
    site.clock.advance(seconds=31)
    answers.append(await visitor.submit("/resend"))
    answers += [await visitor.type_pin("000000") for _ in range(5)]
    return [plain(answer) for answer in answers]


async def test_s081_to_another_organization_it_is_a_number_that_nobody_has(any_site: Site) -> None:
    site = any_site
    elsewhere = await site.directory.create_organization(actor=ACTOR, name="Elsewhere AS")
    foreign = (await first(site, elsewhere)).number
    assert await walk(site, site.world.web, foreign) == await walk(site, site.world.web, NOBODY)
    await site.run_jobs()
    assert await site.messages(foreign) == []
    rows = await site.storage.read.all(_SIGN_INS)
    assert {row.phone_number for row in rows} == {foreign, NOBODY}
    assert all(row.subscription_id is None for row in rows)


async def test_s081_a_foreign_number_costs_what_nobodys_costs(site: Site) -> None:
    elsewhere = await site.directory.create_organization(actor=ACTOR, name="Elsewhere AS")
    foreign = (await first(site, elsewhere)).number
    costs = []
    for number in (NOBODY, NOBODY, foreign, NOBODY, foreign):
        visitor = site.visitor()
        await visitor.start(site.world.web)
        form = visitor.read.form("/signin")
        before = site.storage.statements
        await visitor.http.post("/signin", data={**form.fields, "number": number})
        costs.append(site.storage.statements - before)
    assert len(set(costs[1:])) == 1, costs


async def test_its_session_counts_for_its_own_organization_only(site: Site, number: PhoneNumber) -> None:
    elsewhere = await site.directory.create_organization(actor=ACTOR, name="Elsewhere AS")
    product = await site.directory.create_product(
        actor=ACTOR, organization_id=elsewhere, name="Farbox", subtitle="x"
    )
    await site.directory.set_product_scopes(actor=ACTOR, product_id=product, required=["phone", "offline_access"], optional=[])
    await site.directory.list_product(actor=ACTOR, product_id=product, operator_id=site.world.nordcell)
    await site.directory.enable_product(actor=ACTOR, product_id=product, operator_id=site.world.nordcell)
    made = await site.directory.create_client(
        actor=ACTOR,
        product_id=product,
        registration=ClientRegistration(description="d", redirect_uris=(CALLBACK,), grant_types=ALL_GRANTS),
    )
    foreign = Registered(made.client_id, made.client_secret, CALLBACK, product)
    visitor = site.visitor()
    await visitor.complete(site.world.web, number)
    assert (await visitor.start(site.world.web)).is_redirect, "signed in"
    page = await visitor.start(foreign)
    assert page.status_code == 200 and visitor.read.form("/signin")
    silent = await visitor.http.get(visitor.authorize_url(foreign, prompt="none"))
    assert callback(silent)["error"] == "login_required"


# what waits for approval


async def pending_uri(site: Site) -> Registered:
    web = site.world.web
    await write(site, _PENDING, id=web.client_id, uri=CALLBACK)
    return Registered(web.client_id, web.client_secret, CALLBACK, web.product_id)


async def pending_client(site: Site) -> Registered:
    web = site.world.web
    await write(site, _PENDING_CLIENT, id=web.client_id)
    await write(site, _PENDING_URIS, id=web.client_id)
    return web


@pytest.mark.parametrize("make", [pending_uri, pending_client, unlisted])
async def test_s112_what_was_not_approved_is_for_test_numbers_only(site: Site, number: PhoneNumber, make) -> None:  # type: ignore[no-untyped-def]
    client = await make(site)
    tokens = await signed_in_tokens(site, client, number)
    assert tokens["access_token"]
    visitor = site.visitor()
    page = await visitor.start(client)
    assert "Test mode of" in page.text
    await visitor.type_number(ANNA)
    await site.run_jobs()
    assert await site.messages(ANNA) == [], "a real subscriber is not texted"
    nobody = site.visitor()
    await nobody.start(client)
    assert plain(await nobody.type_number(NOBODY))[0] == 200


@pytest.mark.parametrize("make", [pending_uri, pending_client, unlisted])
async def test_s112_a_subscribers_session_does_not_count_there(site: Site, make) -> None:  # type: ignore[no-untyped-def]
    visitor = site.visitor()
    await visitor.complete(site.world.other, ANNA)
    client = await make(site)
    assert (await visitor.start(site.world.other)).is_redirect
    assert (await visitor.start(client)).status_code == 200
    assert visitor.read.form("/signin")
    silent = await visitor.http.get(visitor.authorize_url(client, prompt="none"))
    assert callback(silent)["error"] == "login_required"


async def test_s112_a_consent_page_that_was_open_gives_no_code_to_what_lost_its_approval(site: Site) -> None:
    visitor, web = site.visitor(), site.world.web
    await visitor.sign_in(web, ANNA)
    await write(site, _PENDING_URIS, id=web.client_id)
    answer = await visitor.add_product()
    assert not answer.is_redirect and visitor.read.form("/signin")


async def test_an_error_is_not_sent_to_a_waiting_address_by_itself(site: Site) -> None:
    client = await pending_uri(site)
    visitor = site.visitor()
    page = await visitor.start(client, prompt="none login")
    assert page.status_code == 400 and not page.is_redirect
    known = await visitor.start(site.world.web, prompt="none login")
    assert known.is_redirect


async def test_an_unknown_address_stays_unknown(site: Site, number: PhoneNumber) -> None:
    await pending_uri(site)
    web = site.world.web
    other = Registered(web.client_id, web.client_secret, CALLBACK + "/", web.product_id)
    assert (await site.visitor().start(other)).status_code == 400
    assert await site.storage.read.all(CLIENTS_OF_PRODUCT, product_id=web.product_id)


# banners


async def test_pages_say_test_mode_to_a_test_number_and_to_nobody_else(site: Site, number: PhoneNumber) -> None:
    visitor = site.visitor()
    assert "Test mode of VoiceBox" not in (await visitor.start(site.world.web)).text
    page = await visitor.type_number(number)
    assert "Test mode of VoiceBox" in page.text
    assert f"/portal/o/{site.world.organization}/sandbox/{number[1:]}" in page.text
    consent = await visitor.type_pin(await site.pin(number))
    assert "Test mode of VoiceBox" in consent.text
    real = site.visitor()
    await real.start(site.world.web)
    assert "Test mode of" not in (await real.type_number(ANNA)).text
    assert "Test mode of" not in (await real.type_pin(await site.pin(ANNA))).text


async def test_the_consent_page_shows_the_brand_that_was_chosen(site: Site, number: PhoneNumber) -> None:
    visitor = site.visitor()
    assert "Test operator" in (await visitor.sign_in(site.world.web, number)).text
    await sandbox(site).label(
        actor=ACTOR,
        organization_id=site.world.organization,
        number=number,
        label="",
        locale="sv",
        brand_operator_id=site.world.nordcell,
    )
    before = await site.storage.read.one(_FOREIGN_TRAIL, id=site.world.nordcell)
    again = site.visitor()
    page = await again.sign_in(site.world.web, number)
    assert "Nordcell" in page.text and "Test operator" not in page.text
    assert callback(await again.add_product())["code"]
    assert "din kod" in (await site.messages(number))[0], "in Swedish"
    after = await site.storage.read.one(_FOREIGN_TRAIL, id=site.world.nordcell)
    assert before == after, "nothing of a test is in the operator's books"


# forced outcomes


async def typed(site: Site, number: str) -> tuple[Visitor, str]:
    """A visitor on the PIN page, and the right PIN."""
    visitor = site.visitor()
    await visitor.start(site.world.web)
    await visitor.type_number(number)
    return visitor, await site.pin(number)


async def test_wrong_pin(site: Site, number: PhoneNumber) -> None:
    await force(site, number, ForcedOutcome.WRONG_PIN)
    visitor, pin = await typed(site, number)
    for _ in range(4):
        assert (await visitor.type_pin(pin)).status_code == 422
    assert (await visitor.type_pin(pin)).status_code == 429
    assert (await site.visitor().complete(site.world.web, number))["code"], "only the next sign-in"


async def test_until_it_is_reset(site: Site, number: PhoneNumber) -> None:
    await force(site, number, ForcedOutcome.WRONG_PIN, once=False)
    for _ in range(3):
        visitor, pin = await typed(site, number)
        assert (await visitor.type_pin(pin)).status_code == 422
    await force(site, number, ForcedOutcome.NONE)
    assert (await site.visitor().complete(site.world.web, number))["code"]


async def test_pin_expired(site: Site, number: PhoneNumber) -> None:
    await force(site, number, ForcedOutcome.PIN_EXPIRED)
    visitor, pin = await typed(site, number)
    address = visitor.read.form("/pin").action
    assert (await visitor.type_pin(pin)).status_code == 410
    assert (await visitor.get(address)).status_code == 410
    assert (await site.visitor().complete(site.world.web, number))["code"]


async def test_too_many_messages(site: Site, number: PhoneNumber) -> None:
    await force(site, number, ForcedOutcome.TOO_MANY_MESSAGES)
    visitor = site.visitor()
    await visitor.start(site.world.web)
    page = await visitor.type_number(number)
    assert page.status_code == 429 and "10 minutes" in page.text
    await site.run_jobs()
    assert await site.messages(number) == []
    assert (await site.visitor().complete(site.world.web, number))["code"]


async def test_not_delivered(site: Site, number: PhoneNumber) -> None:
    await force(site, number, ForcedOutcome.NOT_DELIVERED)
    visitor = site.visitor()
    await visitor.start(site.world.web)
    await visitor.type_number(number)
    site.clock.advance(seconds=31)
    await visitor.submit("/resend")
    await site.run_jobs()
    assert await site.messages(number) == []
    assert (await site.visitor().complete(site.world.web, number))["code"]


async def test_declined(site: Site, number: PhoneNumber) -> None:
    await force(site, number, ForcedOutcome.DECLINED)
    visitor, pin = await typed(site, number)
    back = callback(await visitor.type_pin(pin))
    assert (back["error"], back["state"]) == ("access_denied", "this-is-a-key-set-by-the-caller")
    assert back["iss"] == site.settings.issuer and "code" not in back
    assert "sandbox" not in str(back), "the reason is for the log"


async def test_s086_sim_swapped(site: Site, number: PhoneNumber) -> None:
    await force(site, number, ForcedOutcome.SIM_SWAPPED)
    visitor, pin = await typed(site, number)
    assert callback(await visitor.type_pin(pin))["error"] == "access_denied"
    assert (await visitor.start(site.world.web)).status_code == 200
    assert visitor.read.form("/signin"), "nobody is signed in"


async def test_s087_recycled(site: Site, number: PhoneNumber) -> None:
    tokens = await signed_in_tokens(site, site.world.web, number)
    before = (await userinfo(site, tokens["access_token"])).json()["sub"]
    visitor = site.visitor()
    await visitor.complete(site.world.web, number)
    await sandbox(site).recycle(actor=ACTOR, organization_id=site.world.organization, number=number)
    assert (await userinfo(site, tokens["access_token"])).status_code == 401
    assert (await refresh(site, site.world.web, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await visitor.start(site.world.web)).status_code == 200, "the session is over"
    page = await site.visitor().sign_in(site.world.web, number)
    assert page.status_code == 200, "consent is asked for anew"
    renewed = await signed_in_tokens(site, site.world.web, number)
    assert (await userinfo(site, renewed["access_token"])).json()["sub"] != before


async def test_suspended(site: Site, number: PhoneNumber) -> None:
    tokens = await signed_in_tokens(site, site.world.web, number)
    seen = len(await site.messages(number))
    await force(site, number, ForcedOutcome.SUSPENDED)
    assert (await refresh(site, site.world.web, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert not (await introspect(site, site.world.web, tokens["access_token"]))["active"]
    assert [a[0] for a in await walk(site, site.world.web, number)] == [
        a[0] for a in await walk(site, site.world.web, NOBODY)
    ]
    await site.run_jobs()
    assert len(await site.messages(number)) == seen
    await force(site, number, ForcedOutcome.NONE)
    assert (await site.visitor().complete(site.world.web, number))["code"]


# fixed PINs


async def test_s083_a_fixed_pin_is_the_same_every_time_and_its_tries_are_limited(site: Site, number: PhoneNumber) -> None:
    of = {"actor": ACTOR, "organization_id": site.world.organization, "number": number}
    await sandbox(site).set_pin(**of, pin="000000")
    for _ in range(2):
        visitor, pin = await typed(site, number)
        assert pin == "000000"
        assert (await visitor.type_pin("000000")).status_code in (200, 303)
    visitor, _ = await typed(site, number)
    for _ in range(5):
        await visitor.type_pin("111111")
    assert (await visitor.get(visitor.visited[0])).status_code == 429
    await sandbox(site).set_pin(**of, pin=None)
    assert (await typed(site, number))[1] != "000000"


async def test_s083_a_fixed_pin_opens_no_other_number(site: Site, number: PhoneNumber) -> None:
    of = {"actor": ACTOR, "organization_id": site.world.organization, "number": number}
    await sandbox(site).set_pin(**of, pin="000000")
    other = (await sandbox(site).list_or_open(site.world.organization))[1].number
    for someone in (other, ANNA, NOBODY):
        visitor = site.visitor()
        await visitor.start(site.world.web)
        await visitor.type_number(someone)
        assert (await visitor.type_pin("000000")).status_code == 422


# limits and routes


async def test_tests_take_nothing_from_what_subscribers_can_use(site: Site, number: PhoneNumber) -> None:
    tight = msgspec.structs.replace(
        site.settings, limits=Limits(sends_per_client_10_minutes=1, sends_per_address_10_minutes=1)
    )
    small = make_site(tight, site.storage, site.keyring, site.clock, site.entropy, site.world)
    for _ in range(5):
        assert (await small.visitor().complete(site.world.web, number))["code"]
    visitor = small.visitor()
    await visitor.start(site.world.web)
    assert (await visitor.type_number(ANNA)).status_code == 200
    visitor = small.visitor()
    await visitor.start(site.world.web)
    assert (await visitor.type_number(NOBODY)).status_code == 429


@pytest.mark.parametrize(
    "limits",
    [Limits(sends_per_test_number_10_minutes=2), Limits(sends_to_tests_per_organization_10_minutes=2)],
)
async def test_tests_are_bounded(site: Site, number: PhoneNumber, limits: Limits) -> None:
    tight = make_site(
        msgspec.structs.replace(site.settings, limits=limits),
        site.storage, site.keyring, site.clock, site.entropy, site.world,
    )  # fmt: skip
    statuses = []
    for _ in range(3):
        visitor = tight.visitor()
        await visitor.start(site.world.web)
        statuses.append((await visitor.type_number(number)).status_code)
    assert statuses == [200, 200, 429]


async def test_s083_a_public_installation_texts_its_test_numbers_too(site: Site, number: PhoneNumber) -> None:
    settings = msgspec.structs.replace(site.settings, sms=Sms(route="log"))
    public = make_site(settings, site.storage, site.keyring, site.clock, site.entropy, site.world)
    assert (await public.visitor().complete(site.world.web, number))["code"]
    async with public.http() as http:
        assert (await http.get(f"/handset/{number[1:]}")).status_code == 404


async def test_the_public_handset_page_does_not_know_them(site: Site, number: PhoneNumber) -> None:
    await site.visitor().complete(site.world.web, number)
    async with site.http() as http:
        for path in (f"/handset/{number[1:]}", f"/handset/{number[1:]}/events"):
            assert (await http.get(path)).status_code == 404
        assert "999" not in (await http.get("/handset")).text


async def test_the_sandbox_operator_is_in_no_list(site: Site, number: PhoneNumber) -> None:
    listed = await site.directory.list_operators()
    assert SANDBOX_OPERATOR_ID not in {operator.id for operator in listed if operator.active}
    assert Actor.account("x").has("sandbox:write")


@pytest.mark.parametrize("way", ["+{}", "00{}", "tel:+{}", "msisdn:{}", "+{} ", "(+{})"])
async def test_every_way_of_writing_it(site: Site, number: PhoneNumber, way: str) -> None:
    visitor = site.visitor()
    await visitor.start(site.world.web)
    page = await visitor.type_number(way.format(number[1:]))
    assert page.status_code == 200 and "Test mode of VoiceBox" in page.text
