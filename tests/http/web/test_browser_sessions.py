"""Cookies and the sessions behind them."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie

import httpx
import msgspec
import pytest

from dialkey.storage import Statement
from support.site import Site, Visitor, exchange, make_site, userinfo
from support.world import ANNA, BO

SESSION = "__Host-dialkey_session"
BROWSER = "__Host-dialkey_browser"
LIVE = Statement("tests.live", "SELECT id FROM sessions WHERE ended_at IS NULL")


async def all_cookies(site: Site, number: str = ANNA) -> list[str]:
    """Every Set-Cookie header of a sign-in, a language choice and a sign-out."""
    seen: list[str] = []

    async def keep(response: httpx.Response) -> None:
        seen.extend(response.headers.get_list("set-cookie"))

    visitor = site.visitor(event_hooks={"response": [keep]})
    await visitor.start(site.world.web, ui_locales="nb", state="secret-state", nonce="secret-nonce", login_hint=number)
    await visitor.type_number(number)
    await visitor.type_pin(await site.pin(number))
    await visitor.add_product()
    await visitor.get("/oauth2/sessions/logout")
    await visitor.submit("/confirm", decision="sign_out")
    return seen


async def test_s092_every_cookie_is_bound_to_the_host_and_out_of_scripts_reach(site: Site) -> None:
    cookies = await all_cookies(site)
    names = {cookie.partition("=")[0] for cookie in cookies}
    assert names == {SESSION, BROWSER, "__Host-dialkey_language"}
    for cookie in cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= attributes, cookie
        assert not any(attribute.startswith("domain") for attribute in attributes)
        assert len(cookie) < 4096


async def test_s092_cookies_hold_nothing_of_person_or_request(site: Site) -> None:
    for cookie in await all_cookies(site):
        value = SimpleCookie(cookie)
        text = next(iter(value.values())).value
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}|dk_ss_[A-Za-z0-9_-]{43}|[a-z]{2}|", text), text
        assert "70174" not in text


async def test_s092_over_http_on_this_machine_cookies_still_work(site: Site) -> None:
    settings = msgspec.structs.replace(site.settings, issuer="http://localhost:8080")
    local = make_site(settings, site.storage, site.keyring, site.clock, site.entropy, site.world)
    visitor = local.visitor()
    assert "code" in await visitor.complete(site.world.web, ANNA)
    assert set(visitor.http.cookies) == {"dialkey_session", "dialkey_browser"}
    cookies = await all_cookies(local, BO)
    assert all("httponly" in cookie.lower() and "samesite=lax" in cookie.lower() for cookie in cookies)


async def signed_in_as(site: Site, number: str, **options) -> Visitor:
    site.clock.advance(seconds=1)
    visitor = site.visitor(**options)
    await visitor.complete(site.world.web, number)
    return visitor


async def silent(site: Site, cookies: dict[str, str]) -> str:
    back = await site.visitor(cookies=cookies).start(site.world.web, prompt="none")
    return back.headers["location"]


async def test_s091_a_sign_in_makes_a_new_session_and_ends_the_one_before(any_site: Site) -> None:
    visitor = await signed_in_as(any_site, ANNA)
    before = visitor.http.cookies[SESSION]
    any_site.clock.advance(seconds=1)
    await visitor.start(any_site.world.web, prompt="login")
    await visitor.type_number(ANNA)
    await visitor.type_pin(await any_site.pin(ANNA))
    after = visitor.http.cookies[SESSION]
    assert after != before
    assert "error=login_required" in await silent(any_site, {SESSION: before})
    assert "code=" in await silent(any_site, {SESSION: after})
    assert len(await any_site.storage.read.all(LIVE)) == 1


@pytest.mark.parametrize("name", [SESSION, "dialkey_session", "__Secure-dialkey_session", "session"])
async def test_s091_a_session_id_that_was_planted_is_never_taken_over(site: Site, name: str) -> None:
    planted = "dk_ss_" + "F" * 43
    visitor = site.visitor(headers={"cookie": f"{name}={planted}"})
    del visitor.http.headers["cookie"]
    await visitor.http.get("/health/live")
    visitor = site.visitor(cookies={name: planted})
    await visitor.sign_in(site.world.web, ANNA)
    given = [c.value for c in visitor.http.cookies.jar if c.name == SESSION and c.value != planted]
    assert len(given) == 1 and given[0] != planted
    assert "error=login_required" in await silent(site, {SESSION: planted})
    assert "error=login_required" in await silent(site, {"dialkey_session": given[0]})


async def test_s091_what_was_known_before_the_sign_in_opens_nothing(site: Site) -> None:
    """An attacker knows the browser cookie and the address of the PIN page from before the sign-in."""
    visitor = site.visitor()
    await visitor.start(site.world.web)
    await visitor.type_number(ANNA)
    known, address = visitor.http.cookies[BROWSER], visitor.visited[-1]
    await visitor.type_pin(await site.pin(ANNA))
    attacker = site.visitor(cookies={BROWSER: known})
    sign_in = address.rpartition("/")[2]
    for path in (address, f"/oauth2/auth/continue/{sign_in}"):
        page = await attacker.get(path)
        assert SESSION not in attacker.http.cookies
        assert "/oauth2/auth/consent" not in page.text
    assert "error=login_required" in await silent(site, {BROWSER: known})


async def test_s091_two_cookies_of_one_name_are_none(site: Site) -> None:
    """Cookie tossing: a sibling host plants a second cookie; which one is ours cannot be told."""
    mine = (await signed_in_as(site, ANNA)).http.cookies[SESSION]
    theirs = (await signed_in_as(site, BO)).http.cookies[SESSION]
    visitor = site.visitor()
    url = visitor.authorize_url(site.world.web, prompt="none")
    for header in (f"{SESSION}={mine}; {SESSION}={theirs}", f"{SESSION}={theirs}; {SESSION}={mine}"):
        back = await visitor.http.get(url, headers={"cookie": header})
        assert "error=login_required" in back.headers["location"]
    back = await visitor.http.get(url, headers={"cookie": f"dialkey_session={theirs}; {SESSION}={mine}"})
    assert "code=" in back.headers["location"]


@pytest.mark.parametrize("pause, live", [({"days": 13, "hours": 23}, True), ({"days": 14, "seconds": 1}, False)])
async def test_s093_an_idle_session_ends(any_site: Site, pause: dict[str, float], live: bool) -> None:
    cookies = dict((await signed_in_as(any_site, ANNA)).http.cookies)
    any_site.clock.advance(**pause)
    assert ("code=" in await silent(any_site, cookies)) is live


async def test_s093_a_used_session_lives_on_but_not_for_ever(any_site: Site) -> None:
    cookies = dict((await signed_in_as(any_site, ANNA)).http.cookies)
    for _ in range(8):
        any_site.clock.advance(days=11)
        assert "code=" in await silent(any_site, cookies)
    any_site.clock.advance(days=2, seconds=1)
    assert "error=login_required" in await silent(any_site, cookies), "90 days after the sign-in"


async def test_s093_a_signed_out_cookie_is_worth_nothing(any_site: Site) -> None:
    visitor = await signed_in_as(any_site, ANNA)
    stolen = dict(visitor.http.cookies)
    await visitor.get("/oauth2/sessions/logout")
    assert "code=" in await silent(any_site, stolen), "a GET alone signs nobody out"
    page = await visitor.submit("/confirm", decision="sign_out")
    assert page.status_code == 200
    assert SESSION not in visitor.http.cookies
    assert "error=login_required" in await silent(any_site, stolen)
    revived = any_site.visitor(cookies=stolen)
    assert "/signin" in (await revived.start(any_site.world.web)).text


async def test_s093_signing_out_one_browser_leaves_another(site: Site) -> None:
    one, two = await signed_in_as(site, ANNA), await signed_in_as(site, ANNA)
    await one.get("/oauth2/sessions/logout")
    await one.submit("/confirm", decision="sign_out")
    assert "code=" in await silent(site, dict(two.http.cookies))


async def test_s093_signing_out_ends_what_lived_with_the_session(site: Site) -> None:
    visitor = site.visitor()
    back = await visitor.complete(site.world.web, ANNA, scope="phone")
    tokens = (await exchange(site, site.world.web, back["code"])).json()
    assert (await userinfo(site, tokens["access_token"])).status_code == 200
    await visitor.get("/oauth2/sessions/logout")
    await visitor.submit("/confirm", decision="sign_out")
    assert (await userinfo(site, tokens["access_token"])).status_code == 401
