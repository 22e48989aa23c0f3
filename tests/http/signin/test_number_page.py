"""What the number page gives away, and what makes a message go out."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from dialkey.base.phone import PhoneNumber
from dialkey.settings import Limits
from dialkey.sms.segments import fits_one_gsm_segment
from dialkey.storage import Statement
from support.site import Site, Visitor, make_site
from support.world import ACTOR, ANNA, ELSEWHERE, KARI, NOBODY, NUMBERS

SUSPENDED = NUMBERS[40]
PLAUSIBLE = PhoneNumber("+46700000000")
KINDS = {"known": ANNA, "another operator's": KARI, "nobody's": NOBODY, "where nothing is enabled": ELSEWHERE,
         "suspended": SUSPENDED, "plausible": PLAUSIBLE}  # fmt: skip
COUNT_JOBS = Statement("tests.jobs", "SELECT COUNT(*) AS n FROM jobs")
COUNT_SIGN_INS = Statement("tests.sign_ins", "SELECT COUNT(*) AS n FROM sign_ins")
WIDE = Limits(sends_per_number_10_minutes=100_000, sends_per_number_day=100_000, sends_per_prefix_10_minutes=100_000,
              sends_per_address_10_minutes=100_000, sends_per_network_10_minutes=100_000,
              wrong_pins_per_number_10_minutes=100_000, wrong_pins_per_address_10_minutes=100_000)  # fmt: skip


@pytest.fixture
async def crowd(any_site: Site) -> AsyncIterator[Site]:
    await any_site.subscribers.suspend(actor=ACTOR, subscription_id=any_site.world.subscriptions[SUSPENDED])
    yield any_site


async def counted(site: Site) -> tuple[int, int]:
    """Sign-ins and jobs, and nothing on any handset."""
    await site.run_jobs()
    assert await site.messages(ANNA) == []
    return (await site.storage.read.one(COUNT_SIGN_INS)).n, (await site.storage.read.one(COUNT_JOBS)).n


# S080


@pytest.mark.parametrize(
    "headers",
    [{}, {"sec-purpose": "prefetch"}, {"sec-purpose": "prefetch;prerender"}, {"purpose": "prefetch"}, {"x-moz": "prefetch"}],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_s080_a_link_with_a_number_sends_nothing(site: Site, method: str, headers: dict[str, str]) -> None:
    before = await counted(site)
    visitor = site.visitor(headers=headers)
    for parameters in ({"login_hint": ANNA}, {"login_hint": ANNA, "prompt": "login"}, {"number": ANNA, "login_hint": ANNA}):
        url = visitor.authorize_url(site.world.web, **parameters)
        if method == "POST":
            path, _, query = url.partition("?")
            response = await visitor.http.post(
                path, content=query, headers={"content-type": "application/x-www-form-urlencoded"}
            )
        else:
            response = await visitor.http.request(method, url)
        assert response.status_code in (200, 303)
    for path in ("/signin", f"/signin?number={ANNA}", "/signin/x/resend", "/signin/x/pin", "/signin/x/number"):
        assert (await visitor.http.get(path)).status_code == 404
    assert await counted(site) == before


async def on_number_page(site: Site, **options) -> Visitor:
    visitor = site.visitor(**options)
    await visitor.start(site.world.web)
    return visitor


@pytest.mark.parametrize(
    "headers, status",
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "https://id.localhost"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "https://app.example"}, 403),
        ({"origin": "https://id.localhost.evil.example"}, 403),
        ({"sec-fetch-site": "same-origin", "content-type": "text/plain"}, 415),
        ({"sec-fetch-site": "same-origin", "content-type": "multipart/form-data; boundary=x"}, 415),
        ({"sec-fetch-site": "same-origin", "content-type": "application/json"}, 415),
    ],
    ids=str,
)
async def test_s080_a_post_from_elsewhere_sends_nothing(site: Site, headers: dict[str, str], status: int) -> None:
    visitor = await on_number_page(site)
    before = await counted(site)
    form = visitor.read.form("/signin")
    body = httpx.QueryParams({**form.fields, "number": ANNA})
    sent = {"content-type": "application/x-www-form-urlencoded", **headers}
    response = await visitor.http.post("/signin", content=str(body), headers=sent)
    assert response.status_code == status
    assert await counted(site) == before


@pytest.mark.parametrize("ticket", ["none", "made up", "changed", "another browser's", "another purpose's"])
async def test_s080_a_post_without_its_pages_ticket_sends_nothing(site: Site, ticket: str) -> None:
    visitor = await on_number_page(site)
    other = await on_number_page(site)
    before = await counted(site)
    mine = visitor.read.form("/signin").fields["ticket"]
    value = {
        "none": "",
        "made up": "A" * 200,
        "changed": mine[:-2] + ("AA" if not mine.endswith("AA") else "BB"),
        "another browser's": other.read.form("/signin").fields["ticket"],
        "another purpose's": visitor.read.form("/oauth2/auth/cancel").fields["ticket"],
    }[ticket]
    response = await visitor.post("/signin", {"ticket": value, "number": ANNA})
    assert response.status_code in (400, 404)
    assert await counted(site) == before


async def test_s080_a_ticket_without_its_cookie_sends_nothing(site: Site) -> None:
    visitor = await on_number_page(site)
    ticket = visitor.read.form("/signin").fields["ticket"]
    before = await counted(site)
    response = await site.visitor().post("/signin", {"ticket": ticket, "number": ANNA})
    assert response.status_code == 400
    assert await counted(site) == before


async def test_s080_resend_wants_its_pages_value_and_the_cooldown(site: Site) -> None:
    visitor = await on_number_page(site)
    await visitor.type_number(ANNA)
    await site.run_jobs()
    form = visitor.read.form("/resend")
    assert (await visitor.post(form.action, {})).status_code == 403
    assert (await visitor.http.post(form.action, data=form.fields, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    await visitor.get(form.action)
    await visitor.submit("/resend")
    await site.run_jobs()
    assert len(await site.messages(ANNA)) == 1
    site.clock.advance(seconds=31)
    await visitor.submit("/resend")
    await site.run_jobs()
    assert len(await site.messages(ANNA)) == 2


# S081


def same_for_all(response: httpx.Response, number: str) -> tuple:
    """All that a stranger sees, without what is random and what was typed."""
    text = response.text
    text = re.sub(r'(name="(?:ticket|csrf)" value=")[^"]*', r"\1", text)
    text = re.sub(r"/signin/[A-Za-z0-9_-]{22}", "/signin/ID", text)
    text = re.sub(r"\+[0-9][0-9 ]{6,18}[0-9]", "NUMBER", text)
    text = re.sub(r"([Rr]eference|request)[^<]*", "", text)
    headers = {
        name: re.sub(r"=[A-Za-z0-9_-]{43}", "=VALUE", re.sub(r"/signin/[A-Za-z0-9_-]{22}", "/signin/ID", value))
        for name, value in response.headers.items()
        if name not in ("x-request-id", "content-length")
    }
    return response.status_code, headers, text


async def seen(site: Site, number: PhoneNumber) -> list[tuple]:
    """What every step of a sign-in shows for a number, with wrong PINs to the end."""
    visitor = await on_number_page(site)
    form = visitor.read.form("/signin")
    steps = [
        await visitor.http.post("/signin", data={**form.fields, "number": number}, headers={"sec-fetch-site": "same-origin"})
    ]
    steps.append(await visitor.http.get(steps[0].headers["location"]))
    visitor.page = steps[-1]
    await site.run_jobs()
    pin = visitor.read.form("/pin")
    site.clock.advance(seconds=31)
    resend = visitor.read.form("/resend")
    steps.append(await visitor.http.post(resend.action, data=resend.fields, headers={"sec-fetch-site": "same-origin"}))
    steps.append(await visitor.http.get(steps[-1].headers["location"]))
    known = (await site.pin(number)) if await site.messages(number) else "999999"
    for by in range(1, 7):
        presented = str((int(known) + by) % 10**6).zfill(6)
        steps.append(
            await visitor.http.post(pin.action, data={**pin.fields, "pin": presented}, headers={"sec-fetch-site": "same-origin"})
        )
    steps.append(await visitor.http.get(pin.action.removesuffix("/pin")))
    await visitor.get(f"{pin.action.removesuffix('/pin')}/number")
    steps.append(visitor.page)
    return [same_for_all(step, number) for step in steps]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "known"])
async def test_s081_every_number_is_answered_alike(crowd: Site, kind: str) -> None:
    known = await seen(crowd, KINDS["known"])
    crowd.clock.advance(seconds=-31)
    other = await seen(crowd, KINDS[kind])
    for step, (one, two) in enumerate(zip(known, other, strict=True)):
        assert one == two, step


@pytest.mark.parametrize("kind", list(KINDS))
async def test_s081_limits_answer_alike(crowd: Site, kind: str) -> None:
    statuses = []
    for _ in range(4):
        visitor = await on_number_page(crowd)
        statuses.append((await visitor.type_number(KINDS[kind])).status_code)
    assert statuses == [200, 200, 200, 429]


async def test_s081_only_who_is_enabled_gets_a_message(crowd: Site) -> None:
    for number in KINDS.values():
        await (await on_number_page(crowd)).type_number(number)
    await crowd.run_jobs()
    assert {kind for kind, number in KINDS.items() if await crowd.messages(number)} == {"known", "another operator's"}


def separable(one: list[float], two: list[float]) -> float:
    """The area under the ROC curve: 0.5 where nobody can tell them apart."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in two])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 1)
    area = (ranks - len(two) * (len(two) + 1) / 2) / (len(one) * len(two))
    return max(area, 1 - area)


@pytest.mark.parametrize("kind", ["nobody's", "where nothing is enabled", "suspended"])
async def test_s081_every_number_takes_as_long(crowd: Site, kind: str) -> None:
    settings = msgspec.structs.replace(crowd.settings, limits=WIDE)
    site = make_site(settings, crowd.storage, crowd.keyring, crowd.clock, crowd.entropy, crowd.world)
    visitor = await on_number_page(site)
    form = visitor.read.form("/signin")
    taken: dict[str, list[float]] = {"known": [], kind: []}
    tried: dict[str, list[float]] = {"known": [], kind: []}
    for turn in range(120):
        for which in (("known", kind), (kind, "known"))[turn % 2]:
            data = {**form.fields, "number": KINDS[which]}
            started = time.perf_counter()
            answer = await visitor.http.post("/signin", data=data, headers={"sec-fetch-site": "same-origin"})
            taken[which].append(time.perf_counter() - started)
            visitor.page = await visitor.http.get(answer.headers["location"])
            pin = visitor.read.form("/pin")
            started = time.perf_counter()
            await visitor.http.post(pin.action, data={**pin.fields, "pin": "000000"}, headers={"sec-fetch-site": "same-origin"})
            tried[which].append(time.perf_counter() - started)
    for samples in (taken, tried):
        one, two = (values[20:] for values in samples.values())
        assert abs(statistics.median(one) - statistics.median(two)) < 0.005
        assert separable(one, two) < 0.7  # 100 samples each; the bound of 500 is for a quiet machine


# S085


NAMES = ["VoiceBox", "Äpple & Päron", "Ærlig Øl", "O'Neill", "evil.example", "https://evil.example/x", "www.evil.example",
         "Call +46 8 123 456 78", "@evil.example #999999", "A B C D E F G H I J K L M N O P"]  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "sv", "nb"])
@pytest.mark.parametrize("name", NAMES)
async def test_s085_the_message_names_the_client_and_binds_the_code_to_our_host(
    site: Site, name: str, locale: str
) -> None:
    product = await site.directory.create_product(
        actor=ACTOR, organization_id=site.world.organization, name=name, subtitle="x"
    )
    await site.directory.set_product_scopes(
        actor=ACTOR, product_id=product, required=_scopes("phone"), optional=_scopes()
    )
    await site.directory.list_product(actor=ACTOR, product_id=product, operator_id=site.world.nordcell)
    await site.directory.enable_product(actor=ACTOR, product_id=product, operator_id=site.world.nordcell)
    client = await _client(site, product)
    visitor = site.visitor(headers={"accept-language": locale})
    await visitor.start(client, scope="phone")
    assert (await visitor.type_number(ANNA)).status_code == 200
    pin = await site.pin(ANNA)
    text = (await site.messages(ANNA))[0]
    lines = text.split("\n")
    assert lines[-1] == f"@id.localhost #{pin}"
    assert len(lines) == 3 and lines[1] == ""
    assert pin in lines[0]
    assert not re.search(r"https?:|www|//|@|#|\w\.\w|999999|\d{7}", lines[0]), lines[0]
    assert fits_one_gsm_segment(text)
    if re.fullmatch(r"[\w' &]+", name):
        assert name in lines[0] or name[:12] in lines[0]


def _scopes(*names: str):
    from dialkey.base.scopes import ScopeSet

    return ScopeSet(names)


async def _client(site: Site, product: str):
    from dialkey.directory.registration import ClientRegistration
    from support.site import Registered

    made = await site.directory.create_client(
        actor=ACTOR,
        product_id=product,
        registration=ClientRegistration(description="t", redirect_uris=("https://app.example/cb",)),
    )
    return Registered(made.client_id, made.client_secret, "https://app.example/cb", product)
