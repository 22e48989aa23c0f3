"""No step of a sign-in can be skipped, and nothing that a browser sends says that it was done."""

from __future__ import annotations

import pytest

from dialkey.storage import Statement
from support.site import Site, Visitor, signed_in_tokens
from support.world import ANNA, BO

COUNTS = Statement(
    "tests.counts",
    "SELECT (SELECT COUNT(*) FROM sessions) AS sessions, (SELECT COUNT(*) FROM authorizations) AS authorizations,"
    " (SELECT COUNT(*) FROM consents) AS consents",
)


async def before_the_pin(site: Site, **options) -> Visitor:
    visitor = site.visitor(**options)
    await visitor.start(site.world.web)
    await visitor.type_number(ANNA)
    await site.run_jobs()
    return visitor


async def nothing_happened(site: Site) -> bool:
    return tuple(await site.storage.read.one(COUNTS)) == (0, 0, 0)


def led_nowhere(response) -> bool:
    return "code=" not in response.headers.get("location", "") and "/oauth2/auth/consent" not in response.text


async def test_s089_resuming_before_the_pin_leads_back_to_it(site: Site) -> None:
    visitor = await before_the_pin(site)
    sign_in = visitor.visited[-1].rpartition("/")[2]
    page = await visitor.get(f"/oauth2/auth/continue/{sign_in}")
    assert visitor.visited[-1] == f"/signin/{sign_in}"
    assert page.status_code == 200 and led_nowhere(page)
    for other in ("x", "A" * 22, "%00"):
        page = await visitor.get(f"/oauth2/auth/continue/{other}")
        assert page.status_code == 404 and led_nowhere(page)
    assert await nothing_happened(site)


@pytest.mark.parametrize("source", ["/signin", "/oauth2/auth/cancel"])
async def test_s089_a_consent_posted_before_the_pin_is_not_taken(site: Site, source: str) -> None:
    visitor = site.visitor()
    await visitor.start(site.world.web)
    ticket = visitor.read.form(source).fields["ticket"]
    fields = {"ticket": ticket, "decision": "add", "terms": "on", "responsibility": "on", "session_id": "x"}
    assert led_nowhere(await visitor.post("/oauth2/auth/consent", fields))
    assert led_nowhere(await visitor.post("/oauth2/auth/consent", {**fields, "ticket": ""}))
    assert await nothing_happened(site)


async def test_s089_a_consent_page_of_another_subscriber_is_not_taken(site: Site) -> None:
    """Signed in as Anna, the page is open; the browser signs in as Bo; then Anna's page is posted."""
    visitor = site.visitor()
    await visitor.sign_in(site.world.web, ANNA)
    annas = visitor.read.form("/oauth2/auth/consent")
    site.clock.advance(seconds=1)
    await visitor.start(site.world.web, prompt="login")
    await visitor.type_number(BO)
    await visitor.type_pin(await site.pin(BO))
    before = tuple(await site.storage.read.one(COUNTS))
    page = await visitor.post(annas.action, {**annas.fields, "decision": "add", "terms": "on"})
    assert "code=" not in page.headers.get("location", "")
    assert tuple(await site.storage.read.one(COUNTS))[1:] == before[1:]


@pytest.mark.parametrize(
    "cookies",
    [
        {"verified": "true", "verificationCheck": "true", "authenticated": "1"},
        {"__Host-dialkey_session": "dk_ss_" + "A" * 43},
        {"__Host-dialkey_session": "x"},
        {"dialkey_session": "dk_ss_" + "A" * 43},
        {"__Host-dialkey_session": "dk_ss_" + "A" * 20000},
    ],
    ids=lambda cookies: "+".join(cookies) + str(len(str(cookies))),
)
async def test_s089_forged_cookies_and_parameters_sign_nobody_in(site: Site, cookies: dict[str, str]) -> None:
    visitor = site.visitor(cookies=cookies)
    page = await visitor.start(
        site.world.web, verified="true", step="consent", passed="1", subscription_id=site.world.subscriptions[ANNA]
    )
    assert page.status_code == 200
    assert visitor.read.form("/signin")
    await visitor.type_number(ANNA)
    form = visitor.read.form("/pin")
    for extra in ({}, {"pin": "", "verified": "true"}, {"verified": "true", "passed_at": "1", "skip": "1"}):
        assert led_nowhere(await visitor.post(form.action, {**form.fields, **extra}))
    assert await nothing_happened(site)


async def test_s089_silent_requests_before_the_pin_get_login_required(site: Site) -> None:
    visitor = await before_the_pin(site)
    back = await visitor.start(site.world.web, prompt="none")
    assert "error=login_required" in back.headers["location"]


async def test_s094_tokens_are_no_session_cookie(site: Site) -> None:
    tokens = await signed_in_tokens(site, site.world.web, ANNA, scope="openid phone offline_access")
    values = [tokens["access_token"], tokens["id_token"], tokens["refresh_token"]]
    values += [f"dk_ss_{value}" for value in values] + [f"dk_ss_{value.rpartition('_')[2]}" for value in values]
    for value in values:
        visitor = site.visitor(cookies={"__Host-dialkey_session": value})
        page = await visitor.start(site.world.web)
        assert page.status_code == 200 and visitor.read.form("/signin")
        silent = await visitor.start(site.world.web, prompt="none")
        assert "error=login_required" in silent.headers["location"]


async def test_s094_a_session_cookie_is_no_token(site: Site) -> None:
    visitor = site.visitor()
    await visitor.complete(site.world.web, ANNA)
    cookie = visitor.http.cookies["__Host-dialkey_session"]
    async with site.http() as http:
        assert (await http.get("/userinfo", headers={"authorization": f"Bearer {cookie}"})).status_code == 401
        form = {"grant_type": "refresh_token", "refresh_token": cookie}
        assert (await http.post("/oauth2/token", data=form, auth=site.world.web.basic)).status_code == 400
