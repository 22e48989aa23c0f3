"""The link with which a product lets its subscriber remove it: asked for by the product, followed by the subscriber."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from dialkey.storage import Statement
from support.site import Registered, Site, Visitor, introspect, refresh, signed_in_tokens, userinfo
from support.world import ANNA, BO

PATH = "/ext-api/v0/auth/create-revoke-consent-magic-link"
BACK = "https://app.example/removed"
CHROME = {"accept": "text/html", "sec-fetch-site": "same-origin"}
HOUR = 3600 * 1000
_LINKS = Statement("tests.links", "SELECT * FROM removal_links")
_CONSENT = Statement("tests.consent", "SELECT withdrawn_at FROM consents WHERE subscription_id = :id")
_EVIDENCE = Statement("tests.evidence", "SELECT change, locale, shown FROM consent_evidence ORDER BY at")
_TRAIL = Statement("tests.trail", "SELECT tag, actor, data FROM audit_events WHERE tag = 'consent.withdrawn'")


async def own_token(site: Site, client: Registered) -> str:
    async with site.http() as http:
        response = await http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=client.basic)
        return response.json()["access_token"]


async def ask(site: Site, bearer: str | None, **form: str | None) -> httpx.Response:
    values = {k: v for k, v in form.items() if v is not None}
    headers = {} if bearer is None else {"authorization": f"Bearer {bearer}"}
    async with site.http() as http:
        return await http.post(PATH, data=values, headers=headers)


async def link(site: Site, token: str, state: str = "a-state-that-nobody-guesses", client: Registered | None = None) -> str:
    answer = await ask(site, await own_token(site, client or site.world.web), token=token, redirectTo=BACK, state=state)
    assert answer.status_code == 200, answer.text
    return answer.json()["redirectTo"]


def at(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def back(response: httpx.Response) -> dict[str, list[str]]:
    assert response.status_code == 303, (response.status_code, response.text[:300])
    location = response.headers["location"]
    assert location.startswith(BACK + "?"), location
    return parse_qs(urlsplit(location).query)


async def opened(site: Site, url: str, visitor: Visitor | None = None) -> Visitor:
    visitor = visitor or site.visitor()
    await visitor.get(at(url))
    return visitor


async def press(visitor: Visitor, decision: str) -> httpx.Response:
    return await visitor.submit("/revoke-consent/decision", decision=decision)


@pytest.fixture
async def tokens(site: Site) -> dict[str, Any]:
    return await signed_in_tokens(site, site.world.web, ANNA)


async def test_the_answer_is_the_documented_one(site: Site, tokens: dict[str, Any]) -> None:
    form = {"token": tokens["access_token"], "redirectTo": BACK, "state": "s" * 20}
    answer = await ask(site, await own_token(site, site.world.web), **form)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["redirectTo", "error", "errorDescription", "errorHint"]
    assert body["redirectTo"].startswith(site.settings.base_url + "/revoke-consent?revoke_token=")
    assert (body["error"], body["errorDescription"], body["errorHint"]) == (None, None, None)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"token": None}, "invalid_request"),
        ({"token": "dk_at_nonsense"}, "access_denied"),
        ({"redirectTo": None}, "invalid_request"),
        ({"redirectTo": "https://app.example/removed/"}, "invalid_request"),
        ({"redirectTo": "https://app.example/cb"}, "invalid_request"),
        ({"state": "s" * 2000}, "invalid_request"),
    ],
)
async def test_what_is_wrong_is_400_in_the_same_shape(
    site: Site, tokens: dict[str, Any], changed: dict[str, str | None], error: str
) -> None:
    form = {"token": tokens["access_token"], "redirectTo": BACK, "state": "s" * 20, **changed}
    answer = await ask(site, await own_token(site, site.world.web), **form)
    body = answer.json()
    assert (answer.status_code, body["redirectTo"], body["error"]) == (400, None, error)
    assert body["errorDescription"] and body["errorHint"]


async def test_a_repeated_parameter_and_another_media_type_are_refused(site: Site, tokens: dict[str, Any]) -> None:
    bearer = {"authorization": f"Bearer {await own_token(site, site.world.web)}"}
    async with site.http() as http:
        form = {**bearer, "content-type": "application/x-www-form-urlencoded"}
        twice = await http.post(PATH, content="token=a&token=b&redirectTo=c", headers=form)
        json = await http.post(PATH, json={"token": tokens["access_token"]}, headers=bearer)
    assert (twice.status_code, json.status_code) == (400, 400)
    assert twice.json()["error"] == json.json()["error"] == "invalid_request"


async def test_only_a_client_with_a_token_of_its_own_may_ask(site: Site, tokens: dict[str, Any]) -> None:
    form = {"token": tokens["access_token"], "redirectTo": BACK}
    for bearer in (None, "nonsense", tokens["access_token"], tokens["refresh_token"]):
        answer = await ask(site, bearer, **form)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["redirectTo"] is None


async def test_another_products_client_gets_no_link(site: Site, tokens: dict[str, Any]) -> None:
    answer = await ask(site, await own_token(site, site.world.other), token=tokens["access_token"], redirectTo=BACK)
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")


async def test_a_revoked_token_of_the_client_or_of_the_subscriber_gets_no_link(
    site: Site, tokens: dict[str, Any]
) -> None:
    bearer = await own_token(site, site.world.web)
    async with site.http() as http:
        await http.post("/oauth2/revoke", data={"token": bearer}, auth=site.world.web.basic)
    assert (await ask(site, bearer, token=tokens["access_token"], redirectTo=BACK)).status_code == 401
    async with site.http() as http:
        await http.post("/oauth2/revoke", data={"token": tokens["refresh_token"]}, auth=site.world.web.basic)
    bearer = await own_token(site, site.world.web)
    assert (await ask(site, bearer, token=tokens["access_token"], redirectTo=BACK)).status_code == 400


async def test_links_for_one_subscriber_are_limited(site: Site, tokens: dict[str, Any]) -> None:
    bearer = await own_token(site, site.world.web)
    answers = [await ask(site, bearer, token=tokens["access_token"], redirectTo=BACK) for _ in range(22)]
    assert [a.status_code for a in answers].count(200) == 20
    assert answers[-1].status_code == 429
    assert answers[-1].json()["redirectTo"] is None


async def test_s101_links_are_long_and_only_a_digest_of_them_is_kept(site: Site, tokens: dict[str, Any]) -> None:
    url = await link(site, tokens["access_token"])
    token = parse_qs(urlsplit(url).query)["revoke_token"][0]
    assert len(token.removeprefix("dk_rl_")) == 43
    rows = await site.storage.read.all(_LINKS)
    assert len(rows) == 1
    assert token not in repr(rows)
    assert rows[0].expires_at - rows[0].created_at <= 24 * HOUR


async def test_s101_s104_whatever_is_no_good_looks_the_same(site: Site, tokens: dict[str, Any]) -> None:
    url = await link(site, tokens["access_token"])
    used = await link(site, tokens["access_token"])
    back(await press(await opened(site, used), "cancel"))
    pages = [
        (await opened(site, used)).page,
        (await opened(site, url[:-1] + ("A" if url[-1] != "A" else "B"))).page,
        (await opened(site, site.settings.base_url + "/revoke-consent?revoke_token=" + tokens["access_token"])).page,
        (await opened(site, site.settings.base_url + "/revoke-consent")).page,
    ]
    site.clock.advance(seconds=3601)
    pages.append((await opened(site, url)).page)
    bodies = {page.text for page in pages if page is not None}
    assert {page.status_code for page in pages if page is not None} == {410}
    assert len(bodies) == 1
    assert "VoiceBox" not in bodies.pop()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_s102_looking_changes_nothing(site: Site, tokens: dict[str, Any], method: str) -> None:
    url = await link(site, tokens["access_token"])
    for _ in range(3):
        async with site.http() as scanner:
            first = await scanner.request(method, at(url))
            await scanner.request(method, first.headers["location"])
    assert (await userinfo(site, tokens["access_token"])).status_code == 200
    assert back(await press(await opened(site, url), "remove")) == {"state": ["a-state-that-nobody-guesses"]}


async def test_s102_the_effect_needs_our_own_page_in_this_browser(site: Site, tokens: dict[str, Any]) -> None:
    visitor = await opened(site, await link(site, tokens["access_token"]))
    form = visitor.read.form("/revoke-consent/decision")
    cross = {"accept": "text/html", "sec-fetch-site": "cross-site"}
    values = {**form.fields, "decision": "remove"}
    assert (await visitor.http.post(form.action, data=values, headers=cross)).status_code == 403
    other = site.visitor()
    await other.start(site.world.web)
    assert (await other.post(form.action, values)).status_code == 410
    assert (await other.post(form.action, {**values, "ticket": "x"})).status_code == 410
    assert (await userinfo(site, tokens["access_token"])).status_code == 200


async def test_s103_the_token_leaves_the_address_at_once(site: Site, tokens: dict[str, Any]) -> None:
    url = await link(site, tokens["access_token"])
    token = parse_qs(urlsplit(url).query)["revoke_token"][0]
    async with site.http() as http:
        first = await http.get(at(url), headers=CHROME)
        assert first.status_code == 303
        assert token not in first.headers["location"]
        page = await http.get(first.headers["location"], headers=CHROME)
    for response in (first, page):
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"
    assert token not in page.text
    assert "http://" not in page.text.replace(site.settings.base_url, "").replace("http://www.w3.org", "")


async def test_s104_the_number_is_shown_to_the_subscriber_only(site: Site, tokens: dict[str, Any]) -> None:
    url = await link(site, tokens["access_token"])
    stranger = await opened(site, url)
    assert "VoiceBox" in stranger.page.text
    assert "174 06 05" not in stranger.page.text
    other = site.visitor()
    await other.complete(site.world.web, BO)
    await opened(site, url, other)
    assert "174 06" not in other.page.text
    site.clock.advance(seconds=1)
    known = site.visitor()
    await known.complete(site.world.web, ANNA)
    await opened(site, url, known)
    assert "+46 70 174 06 05" in known.page.text


async def test_s105_after_removal_nothing_works_and_consent_is_asked_again(site: Site, tokens: dict[str, Any]) -> None:
    web = site.world.web
    site.clock.advance(seconds=1)
    second = await signed_in_tokens(site, web, ANNA)
    site.clock.advance(seconds=1)
    pending_code = (await site.visitor().complete(web, ANNA))["code"]
    assert back(await press(await opened(site, await link(site, tokens["access_token"])), "remove"))["state"]
    for gone in (tokens, second):
        assert (await userinfo(site, gone["access_token"])).status_code == 401
        assert (await refresh(site, web, gone["refresh_token"])).status_code == 400
        assert (await introspect(site, web, gone["access_token"])) == {"active": False}
    async with site.http() as http:
        data = {"grant_type": "authorization_code", "code": pending_code, "redirect_uri": web.redirect_uri}
        assert (await http.post("/oauth2/token", data=data, auth=web.basic)).json()["error"] == "invalid_grant"
    site.clock.advance(seconds=901)
    visitor = site.visitor()
    page = await visitor.sign_in(web, ANNA)
    assert page.status_code == 200
    assert visitor.read.form("/oauth2/auth/consent")


async def test_removing_leaves_evidence_and_a_line_in_the_trail(site: Site, tokens: dict[str, Any]) -> None:
    await press(await opened(site, await link(site, tokens["access_token"])), "remove")
    evidence = await site.storage.read.all(_EVIDENCE)
    assert [row.change for row in evidence] == ["given", "withdrawn"]
    trail = await site.storage.read.all(_TRAIL)
    assert len(trail) == 1
    assert ANNA not in repr(trail)
    rows = await site.storage.read.all(_CONSENT, id=site.world.subscriptions[ANNA])
    assert rows[0].withdrawn_at is not None


async def test_another_products_grants_and_other_subscribers_stay(site: Site, tokens: dict[str, Any]) -> None:
    site.clock.advance(seconds=1)
    other = await signed_in_tokens(site, site.world.other, ANNA)
    bo = await signed_in_tokens(site, site.world.web, BO)
    await press(await opened(site, await link(site, tokens["access_token"])), "remove")
    assert (await userinfo(site, other["access_token"])).status_code == 200
    assert (await userinfo(site, bo["access_token"])).status_code == 200


async def test_cancelling_keeps_everything_and_tells_the_product(site: Site, tokens: dict[str, Any]) -> None:
    visitor = await opened(site, await link(site, tokens["access_token"]))
    came = back(await press(visitor, "cancel"))
    assert came == {"error": ["access_denied"], "state": ["a-state-that-nobody-guesses"]}
    assert (await userinfo(site, tokens["access_token"])).status_code == 200


async def test_without_a_state_none_comes_back(site: Site, tokens: dict[str, Any]) -> None:
    answer = await ask(site, await own_token(site, site.world.web), token=tokens["access_token"], redirectTo=BACK)
    response = await press(await opened(site, answer.json()["redirectTo"]), "remove")
    assert response.headers["location"] == BACK


async def test_a_link_for_what_is_removed_already_says_so(site: Site, tokens: dict[str, Any]) -> None:
    first, second = [await link(site, tokens["access_token"]) for _ in range(2)]
    await press(await opened(site, first), "remove")
    page = (await opened(site, second)).page
    assert page.status_code == 200
    assert f'href="{BACK}?state=' in page.text


async def test_two_tabs_of_one_browser_do_not_disturb_each_other(site: Site, tokens: dict[str, Any]) -> None:
    site.clock.advance(seconds=1)
    other = await signed_in_tokens(site, site.world.other, ANNA)
    visitor = await opened(site, await link(site, tokens["access_token"], state="first" * 4))
    form = visitor.read.form("/revoke-consent/decision")
    await opened(site, await link(site, other["access_token"], "second" * 4, site.world.other), visitor)
    assert back(await press(visitor, "remove"))["state"] == ["second" * 4]
    assert (await userinfo(site, tokens["access_token"])).status_code == 200
    assert back(await visitor.post(form.action, {**form.fields, "decision": "remove"}))["state"] == ["first" * 4]
    assert (await userinfo(site, tokens["access_token"])).status_code == 401


async def test_s106_fifty_clicks_at_once_have_one_effect(any_site: Site) -> None:
    site = any_site
    tokens = await signed_in_tokens(site, site.world.web, ANNA)
    visitor = await opened(site, await link(site, tokens["access_token"]))
    form = visitor.read.form("/revoke-consent/decision")
    values = {**form.fields, "decision": "remove"}
    clicks = [visitor.http.post(form.action, data=values, headers=CHROME) for _ in range(50)]
    answers = await asyncio.gather(*clicks)
    assert {answer.status_code for answer in answers} == {303}
    assert {answer.headers["location"] for answer in answers} == {f"{BACK}?state=a-state-that-nobody-guesses"}
    evidence = await site.storage.read.all(_EVIDENCE)
    assert [row.change for row in evidence] == ["given", "withdrawn"]
    assert len(await site.storage.read.all(_TRAIL)) == 1


async def test_s107_no_log_line_holds_the_token(
    site: Site, tokens: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    url = await link(site, tokens["access_token"])
    token = parse_qs(urlsplit(url).query)["revoke_token"][0]
    visitor = await opened(site, url)
    await press(visitor, "remove")
    await opened(site, url)
    out = capsys.readouterr()
    assert token not in out.out + out.err
    assert tokens["access_token"] not in out.out + out.err


async def test_s087_a_link_dies_with_the_subscription(site: Site, tokens: dict[str, Any]) -> None:
    url = await link(site, tokens["access_token"])
    await site.subscribers.end(actor="cli:tests", subscription_id=site.world.subscriptions[ANNA])
    page = (await opened(site, url)).page
    assert page.status_code == 410
