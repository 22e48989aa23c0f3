"""OpenID Connect Core 1.0 at the authorization endpoint: silence, freshness, hints, insistence, and request objects."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from dialkey.base.signed import b64
from dialkey.directory.model import AuthMethod
from dialkey.signin.model import ACR
from support.canary import canary
from support.relying_party import CALLBACK, ask, claims_of, forge, own_kid, query_of, refused, register, returned, stays
from support.site import CHROME, Registered, Site, Visitor, exchange, userinfo
from support.world import ANNA, BO

OPENID = {"scope": "openid phone"}


async def _id_token(site: Site, client: Registered, back: dict[str, str]) -> str:
    return (await exchange(site, client, back["code"])).json()["id_token"]


async def _signed_in(site: Site, number: str = ANNA, client: Registered | None = None) -> tuple[Visitor, str]:
    """A browser with a session and a consent, and the ID token that it got."""
    client = client or site.world.web
    visitor = site.visitor()
    back = await visitor.complete(client, number, **OPENID)
    site.clock.advance(seconds=5)
    return visitor, await _id_token(site, client, back)


def _asks_for_a_number(response: httpx.Response) -> None:
    assert response.status_code == 200
    assert 'name="number"' in response.text


# prompt


async def test_s028_silence_without_a_session_is_login_required(any_site: Site) -> None:
    back = refused(await ask(any_site, any_site.world.web, prompt="none"), "login_required")
    assert back["state"] == "this-is-a-key"


async def test_s028_silence_without_consent_is_consent_required(any_site: Site) -> None:
    visitor, _ = await _signed_in(any_site)
    other = any_site.world.other
    response = await visitor.start(other, prompt="none")
    refused(response, "consent_required", other.redirect_uri)


async def test_s028_silence_with_session_and_consent_is_a_code(any_site: Site) -> None:
    visitor, _ = await _signed_in(any_site)
    back = returned(await visitor.start(any_site.world.web, prompt="none", **OPENID))
    assert await _id_token(any_site, any_site.world.web, back)


async def test_s028_silence_asks_nothing_for_a_new_scope_either(site: Site) -> None:
    visitor, _ = await _signed_in(site)
    refused(await visitor.start(site.world.web, prompt="none", scope="phone voicemail.get"), "consent_required")


async def test_s028_silence_after_the_session_ran_out_is_login_required(site: Site) -> None:
    visitor, _ = await _signed_in(site)
    site.clock.advance(seconds=site.settings.signin.session_idle_lifetime + 1)
    refused(await visitor.start(site.world.web, prompt="none"), "login_required")


async def test_s028_silence_where_the_operator_offers_nothing_shows_nothing(site: Site) -> None:
    visitor = site.visitor()
    await visitor.sign_in(site.world.web, ANNA)
    await site.directory.disable_product(
        actor="cli:tests", product_id=site.world.product, operator_id=site.world.nordcell
    )
    site.clock.advance(seconds=3)
    response = await visitor.start(site.world.web, prompt="none")
    refused(response, "access_denied")


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*", "image/avif"])
async def test_s028_silence_never_shows_a_page(site: Site, accept: str) -> None:
    async with site.http() as http:
        response = await http.get(f"/oauth2/auth?{query_of(site.world.web, prompt='none')}", headers={"accept": accept})
    refused(response, "login_required")
    assert response.content == b""


async def test_s028_silence_never_starts_a_session_or_sends_a_message(site: Site) -> None:
    response = await ask(site, site.world.web, prompt="none", login_hint=ANNA)
    refused(response, "login_required")
    assert "set-cookie" not in response.headers
    await site.run_jobs()
    assert await site.messages(ANNA) == []


@pytest.mark.parametrize("prompt", ["none login", "login none", "none consent", "none select_account", "create", "NONE", "login,consent", "x"])
async def test_prompts_that_make_no_sense_are_refused(site: Site, prompt: str) -> None:
    refused(await ask(site, site.world.web, prompt=prompt), "invalid_request")


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent", "consent login"])
async def test_s028_prompt_login_asks_for_a_pin_again(any_site: Site, prompt: str) -> None:
    visitor, before = await _signed_in(any_site)
    client = any_site.world.web
    any_site.clock.advance(minutes=11)
    _asks_for_a_number(await visitor.start(client, prompt=prompt, **OPENID))
    await visitor.type_number(ANNA)
    response = await visitor.type_pin(await any_site.pin(ANNA))
    if not response.is_redirect:
        assert "consent" in prompt
        response = await visitor.add_product()
    after = claims_of(await _id_token(any_site, client, returned(response)))
    assert after["auth_time"] - claims_of(before)["auth_time"] == 665
    assert after["auth_time"] == any_site.clock.now() // 1000


async def test_s028_prompt_login_is_not_satisfied_by_a_wrong_pin(site: Site) -> None:
    visitor, before = await _signed_in(site)
    site.clock.advance(minutes=11)
    await visitor.start(site.world.web, prompt="login", **OPENID)
    await visitor.type_number(ANNA)
    right = await site.pin(ANNA)
    page = await visitor.type_pin(f"{(int(right) + 1) % 1_000_000:06d}")
    assert page.status_code == 422
    page = await visitor.get(str(page.url).removesuffix("/pin").replace("/signin/", "/oauth2/auth/continue/"))
    assert 'name="pin"' in page.text
    back = returned(await visitor.start(site.world.web, prompt="none", **OPENID))
    now = claims_of(await _id_token(site, site.world.web, back))
    assert now["auth_time"] == claims_of(before)["auth_time"]


@pytest.mark.parametrize("how_far", ["number", "pin"])
async def test_s028_cancelling_a_new_sign_in_keeps_no_half_state(any_site: Site, how_far: str) -> None:
    visitor, before = await _signed_in(any_site)
    client = any_site.world.web
    any_site.clock.advance(minutes=11)
    await visitor.start(client, prompt="login", **OPENID)
    if how_far == "pin":
        await visitor.type_number(BO)
    refused(await visitor.submit("/oauth2/auth/cancel"), "access_denied")
    back = returned(await visitor.start(client, prompt="none", **OPENID))
    tokens = (await exchange(any_site, client, back["code"])).json()
    now, then = claims_of(tokens["id_token"]), claims_of(before)
    assert (now["sub"], now["auth_time"], now["sid"]) == (then["sub"], then["auth_time"], then["sid"])
    assert (await userinfo(any_site, tokens["access_token"])).json()["phone_number"] == ANNA
    _asks_for_a_number(await visitor.start(client, prompt="login", **OPENID))


async def test_s028_prompt_login_cannot_be_answered_by_going_round_it(site: Site) -> None:
    """A second tab with the live session does not complete the first tab's request."""
    visitor, _ = await _signed_in(site)
    client = site.world.web
    await visitor.start(client, prompt="login", **OPENID)
    page = await visitor.type_number(ANNA)
    run = str(page.url).rpartition("/")[2]
    returned(await visitor.start(client, prompt="none", **OPENID))
    page = await visitor.get(f"/oauth2/auth/continue/{run}")
    assert page.status_code == 200
    assert 'name="pin"' in page.text


async def test_prompt_consent_asks_again(site: Site) -> None:
    visitor, _ = await _signed_in(site)
    page = await visitor.start(site.world.web, prompt="consent", **OPENID)
    assert page.status_code == 200
    assert visitor.read.form("/oauth2/auth/consent")
    assert "code" in returned(await visitor.add_product())
    assert "code" in returned(await visitor.start(site.world.web, **OPENID))


# max_age


async def test_s028_max_age_asks_again_once_it_is_over(any_site: Site) -> None:
    visitor, before = await _signed_in(any_site)
    client = any_site.world.web
    any_site.clock.advance(minutes=11)
    within = returned(await visitor.start(client, max_age="665", **OPENID))
    assert claims_of(await _id_token(any_site, client, within))["auth_time"] == claims_of(before)["auth_time"]
    any_site.clock.advance(seconds=1)
    refused(await visitor.start(client, max_age="665", prompt="none", **OPENID), "login_required")
    _asks_for_a_number(await visitor.start(client, max_age="665", **OPENID))
    await visitor.type_number(ANNA)
    response = await visitor.type_pin(await any_site.pin(ANNA))
    after = claims_of(await _id_token(any_site, client, returned(response)))
    assert after["auth_time"] == any_site.clock.now() // 1000


async def test_s028_max_age_zero_is_now(site: Site) -> None:
    visitor, _ = await _signed_in(site)
    refused(await visitor.start(site.world.web, max_age="0", prompt="none"), "login_required")
    _asks_for_a_number(await visitor.start(site.world.web, max_age="0"))
    site.clock.advance(minutes=11)
    _asks_for_a_number(await visitor.start(site.world.web, max_age="0", **OPENID))
    await visitor.type_number(ANNA)
    site.clock.advance(seconds=30)
    response = await visitor.type_pin(await site.pin(ANNA))
    assert "code" in returned(response)


@pytest.mark.parametrize("max_age", ["-1", "1.5", "x", "1e3", " 1", "\u0661", "9" * 11, "0x10"])
async def test_a_max_age_that_is_no_number_is_refused(site: Site, max_age: str) -> None:
    refused(await ask(site, site.world.web, max_age=max_age), "invalid_request")


# id_token_hint and claims


def _sub(value: Any, place: str = "id_token") -> str:
    return json.dumps({place: {"sub": value}})


@pytest.mark.parametrize("way", ["hint", "claims", "claims-userinfo"])
async def test_s029_another_subscriber_than_the_client_insists_on(any_site: Site, way: str) -> None:
    client = any_site.world.web
    anna, hint = await _signed_in(any_site, ANNA)
    sub = claims_of(hint)["sub"]
    insist = {
        "hint": {"id_token_hint": hint},
        "claims": {"claims": _sub({"value": sub})},
        "claims-userinfo": {"claims": _sub({"value": sub, "essential": True}, "userinfo")},
    }[way]
    bo, _ = await _signed_in(any_site, BO)
    refused(await bo.start(client, prompt="none", **insist, **OPENID), "login_required")
    _asks_for_a_number(await bo.start(client, **insist, **OPENID))
    any_site.clock.advance(minutes=11)
    _asks_for_a_number(await bo.start(client, **insist, **OPENID))
    await bo.type_number(BO)
    refused(await bo.type_pin(await any_site.pin(BO)), "login_required")
    back = returned(await anna.start(client, prompt="none", **insist, **OPENID))
    assert claims_of(await _id_token(any_site, client, back))["sub"] == sub


async def test_s029_the_right_one_may_sign_in_instead(site: Site) -> None:
    client = site.world.web
    _, hint = await _signed_in(site, ANNA)
    bo, _ = await _signed_in(site, BO)
    site.clock.advance(minutes=11)
    _asks_for_a_number(await bo.start(client, id_token_hint=hint, **OPENID))
    await bo.type_number(ANNA)
    response = await bo.type_pin(await site.pin(ANNA))
    assert claims_of(await _id_token(site, client, returned(response)))["sub"] == claims_of(hint)["sub"]


async def test_s029_the_consent_page_is_no_way_round_it(site: Site) -> None:
    """Somebody without a consent, who would be asked for one, is refused before."""
    _, hint = await _signed_in(site, ANNA)
    visitor = site.visitor()
    await visitor.start(site.world.web, id_token_hint=hint, **OPENID)
    await visitor.type_number(BO)
    refused(await visitor.type_pin(await site.pin(BO)), "login_required")


async def test_s029_an_old_hint_still_says_who(site: Site) -> None:
    visitor, hint = await _signed_in(site)
    site.clock.advance(hours=2)
    assert "code" in returned(await visitor.start(site.world.web, id_token_hint=hint, prompt="none", **OPENID))


SUB = "s" * 43
MALFORMED = [
    _sub({"value": [SUB, "b"]}), _sub({"values": [SUB, "b"]}), _sub({"value": SUB, "values": [SUB]}), _sub({"value": None}),
    _sub({"value": 7}), _sub({"value": {"x": 1}}), _sub([SUB]), _sub(SUB), _sub(True),
    f'{{"id_token":{{"sub":{{"value":"{SUB}"}},"sub":{{"value":"b"}}}}}}',
    f'{{"id_token":{{"sub":{{"value":"{SUB}","value":"b"}}}}}}',
    f'{{"id_token":{{"sub":{{"value":"{SUB}"}}}},"id_token":{{}}}}',
    f'{{"id_token":{{"sub":{{"value":"{SUB}"}}}},"userinfo":{{"sub":{{"value":"b"}}}}}}',
    "[]", "null", '"x"', "7", "{", "{}x", '{"id_token":[]}', '{"id_token":"x"}', "[" * 4000,
]  # fmt: skip


@pytest.mark.parametrize("claims", MALFORMED, ids=lambda text: text[:60])
async def test_s029_claims_that_can_be_read_in_two_ways_are_refused(site: Site, claims: str) -> None:
    visitor, _ = await _signed_in(site)
    refused(await visitor.start(site.world.web, claims=claims, **OPENID), "invalid_request")


async def test_s029_two_different_subjects_are_refused(site: Site) -> None:
    visitor, hint = await _signed_in(site)
    response = await visitor.start(site.world.web, id_token_hint=hint, claims=_sub({"value": "x"}), **OPENID)
    refused(response, "invalid_request")


@pytest.mark.parametrize("claims", ["{}", '{"id_token":null}', '{"id_token":{"sub":null}}', '{"userinfo":{"phone_number":null}}',
                                    '{"id_token":{"auth_time":{"essential":true}},"x":{"y":1}}'])  # fmt: skip
async def test_claims_that_insist_on_nothing_change_nothing(site: Site, claims: str) -> None:
    visitor, _ = await _signed_in(site)
    assert "code" in returned(await visitor.start(site.world.web, claims=claims, **OPENID))


@pytest.mark.parametrize("kind", ["garbage", "unsigned", "none", "cut", "other-client", "other-issuer", "access-token", "code"])
async def test_s029_a_hint_that_we_did_not_give_this_client_is_refused(site: Site, kind: str) -> None:
    client = site.world.web
    visitor, hint = await _signed_in(site)
    head, body, signature = hint.split(".")
    claims = claims_of(hint)
    good = {"alg": "RS256", "kid": own_kid(site), "typ": "JWT"}
    site.clock.advance(minutes=11)
    _, other_hint = await _signed_in(site, BO, site.world.strict)
    jwt_back = await site.visitor().complete(site.world.jwt, BO, **OPENID)
    site.clock.advance(minutes=11)
    access_token = (await exchange(site, site.world.jwt, jwt_back["code"])).json().get("access_token", "x")
    bad = {
        "garbage": "garbage",
        "unsigned": f"{head}.{body}.",
        "none": f"{b64(json.dumps({'alg': 'none', 'typ': 'JWT'}).encode())}.{body}.",
        "cut": f"{head}.{body}.{signature[:-4]}AAAA",
        "other-client": other_hint,
        "other-issuer": forge(site, {**claims, "iss": "https://evil.tld"}, good),
        "access-token": access_token,
        "code": "dk_ac_x",
    }[kind]
    refused(await visitor.start(client, id_token_hint=bad, **OPENID), "invalid_request")
    assert "code" in returned(await visitor.start(client, id_token_hint=forge(site, claims, good), **OPENID))


@pytest.mark.parametrize(
    ("claims", "passes"),
    [
        ({"acr": {"essential": True, "values": [ACR, "x"]}}, True),
        ({"acr": {"essential": True, "value": ACR}}, True),
        ({"acr": {"essential": True}}, True),
        ({"acr": {"values": ["urn:gold"]}}, True),
        ({"acr": {"essential": True, "values": ["urn:gold"]}}, False),
        ({"acr": {"essential": True, "value": "urn:gold"}}, False),
    ],
    ids=str,
)
async def test_an_essential_acr_is_met_or_refused(site: Site, claims: dict[str, Any], passes: bool) -> None:
    visitor, _ = await _signed_in(site)
    response = await visitor.start(site.world.web, claims=json.dumps({"id_token": claims}), **OPENID)
    if passes:
        assert claims_of(await _id_token(site, site.world.web, returned(response)))["acr"] == ACR
    else:
        refused(response, "unmet_authentication_requirements")


@pytest.mark.parametrize("acr_values", [ACR, "urn:gold", f"urn:gold {ACR}", "0"])
async def test_acr_values_are_a_wish(site: Site, acr_values: str) -> None:
    visitor, _ = await _signed_in(site)
    back = returned(await visitor.start(site.world.web, acr_values=acr_values, **OPENID))
    assert claims_of(await _id_token(site, site.world.web, back))["acr"] == ACR


# login_hint, ui_locales


@pytest.mark.parametrize("hint", [ANNA, "0046701740605", "tel:+46701740605", "MSISDN:46701740605", "+46 (0)70-174 06 05"])
async def test_s030_a_login_hint_fills_the_field(site: Site, hint: str) -> None:
    visitor = site.visitor()
    _asks_for_a_number(await visitor.start(site.world.web, login_hint=hint))
    assert visitor.read.form("/signin").fields["number"] == "+46 70 174 06 05"


@pytest.mark.parametrize(
    "hint",
    ['"><script>alert(1)</script>', "javascript:alert(1)", "anna@example.com", "ipport:80.90.34.2:16790", "operatortoken:abc",
     "+46", "1" * 64, "x" * 5000, "+46701740605\r\nX: y", "+46701740605 onfocus=alert(1)", "\u202e+46701740605"],
    ids=lambda hint: repr(hint)[:40],
)  # fmt: skip
async def test_s030_a_login_hint_is_a_number_or_nothing(site: Site, hint: str) -> None:
    visitor = site.visitor()
    page = await visitor.start(site.world.web, login_hint=hint)
    _asks_for_a_number(page)
    number = visitor.read.form("/signin").fields["number"]
    assert number == "" or number.replace(" ", "").lstrip("+").isdigit()
    assert "alert(1)" not in page.text
    await site.run_jobs()
    assert await site.messages(ANNA) == []


async def test_s030_a_login_hint_sends_nothing_by_itself(site: Site) -> None:
    async with site.http() as http:
        url = f"/oauth2/auth?{query_of(site.world.web, login_hint=ANNA)}"
        for headers in (CHROME, {**CHROME, "sec-purpose": "prefetch"}, {**CHROME, "sec-fetch-site": "cross-site"}, {}):
            assert (await http.get(url, headers=headers)).status_code == 200
        await http.head(url, headers=CHROME)
        body = query_of(site.world.web, login_hint=ANNA) + "&number=%2B46701740605"
        kind = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "cross-site"}
        await http.post("/oauth2/auth", content=body, headers={**CHROME, **kind})
    await site.run_jobs()
    assert await site.messages(ANNA) == []


async def test_s030_a_login_hint_does_not_spare_the_pin(site: Site) -> None:
    visitor = site.visitor()
    await visitor.start(site.world.web, login_hint=ANNA)
    page = await visitor.submit("/signin")
    assert page.status_code == 200
    assert 'name="pin"' in page.text
    page = await visitor.start(site.world.web, login_hint=ANNA)
    _asks_for_a_number(page)
    refused(await visitor.start(site.world.web, login_hint=ANNA, prompt="none"), "login_required")


@pytest.mark.parametrize(
    ("ui_locales", "language"),
    [("sv", "sv"), ("nb", "nb"), ("no", "nb"), ("fr sv en", "sv"), ("sv-SE", "sv"), ("xx", "en"), ("<script>", "en"), ("../../x", "en")],
)
async def test_ui_locales_choose_the_language(site: Site, ui_locales: str, language: str) -> None:
    visitor = site.visitor()
    page = await visitor.start(site.world.web, ui_locales=ui_locales)
    assert f'<html lang="{language}">' in page.text
    assert page.headers["content-language"] == language
    page = await visitor.type_number(ANNA)
    assert f'<html lang="{language}">' in page.text
    page = await visitor.type_pin(await site.pin(ANNA))
    assert f'<html lang="{language}">' in page.text


async def test_display_and_other_wishes_are_ignored(site: Site) -> None:
    for wish in ({"display": "popup"}, {"claims_locales": "sv"}, {"display": "nonsense"}):
        _asks_for_a_number(await ask(site, site.world.web, **wish))


# POST


async def test_a_request_may_be_posted(site: Site) -> None:
    visitor = site.visitor()
    kind = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "cross-site", "origin": "https://app.example"}
    response = await visitor.http.post("/oauth2/auth", content=query_of(site.world.web), headers={**CHROME, **kind})
    _asks_for_a_number(await visitor._follow(response))
    await visitor.type_number(ANNA)
    await visitor.type_pin(await site.pin(ANNA))
    assert returned(await visitor.add_product())["state"] == "this-is-a-key"
    response = await visitor.http.post("/oauth2/auth", content=query_of(site.world.web), headers={**CHROME, **kind})
    assert "code" in returned(await visitor._follow(response))


async def test_a_long_request_may_be_posted(site: Site) -> None:
    visitor = site.visitor()
    state = "\u00e5<" * 1500
    page = await visitor.post("/oauth2/auth", dict(_pairs(query_of(site.world.web, state=state))))
    _asks_for_a_number(page)
    await visitor.type_number(ANNA)
    await visitor.type_pin(await site.pin(ANNA))
    assert returned(await visitor.add_product())["state"] == state


def _pairs(query: str) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(query)


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x", ""])
async def test_a_request_is_posted_as_a_form_only(site: Site, kind: str) -> None:
    async with site.http() as http:
        headers = {**CHROME, "content-type": kind}
        response = await http.post("/oauth2/auth", content=query_of(site.world.web), headers=headers)
    assert response.status_code in (400, 415)
    assert "location" not in response.headers


# request objects: not supported, not fetched


async def test_the_canary_notices() -> None:
    with canary() as watch:
        assert watch.quiet
        with socket.create_connection(("127.0.0.1", watch.port)):
            assert not watch.quiet


@pytest.mark.parametrize("prompt", [None, "none"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_s017_request_objects_are_refused_by_name_and_not_fetched(site: Site, method: str, prompt: str | None) -> None:
    client = site.world.web
    request_object = f"{b64(b'{}')}.{b64(b'{}')}."
    visitor, _ = await _signed_in(site)
    with canary() as watch:
        for parameters, error in (
            ({"request": request_object}, "request_not_supported"),
            ({"request": "x"}, "request_not_supported"),
            ({"request_uri": watch.url}, "request_uri_not_supported"),
            ({"request_uri": watch.url.replace("http:", "https:")}, "request_uri_not_supported"),
            ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "request_uri_not_supported"),
            ({"request_uri": "file:///etc/passwd"}, "request_uri_not_supported"),
            ({"request_uri": "https://canary.invalid/x"}, "request_uri_not_supported"),
            ({"registration": json.dumps({"jwks_uri": watch.url})}, "registration_not_supported"),
        ):
            query = query_of(client, prompt=prompt, **parameters)
            for http in (site.http(), visitor.http):
                kind = {"content-type": "application/x-www-form-urlencoded"}
                response = (
                    await http.get(f"/oauth2/auth?{query}", headers=CHROME)
                    if method == "GET"
                    else await http.post("/oauth2/auth", content=query, headers={**CHROME, **kind})
                )
                if response.headers.get("location", "").startswith("/oauth2/auth?"):
                    response = await http.get(response.headers["location"], headers=CHROME)
                refused(response, error)
        assert watch.quiet, watch.attempts


async def test_s017_no_fetch_for_requests_that_go_nowhere(site: Site) -> None:
    with canary() as watch:
        stays(await ask(site, site.world.web, request_uri=watch.url, redirect_uri="https://evil.tld/"))
        stays(await ask(site, site.world.web, request_uri=watch.url, client_id=watch.url))
        stays(await ask(site, site.world.web, request_uri=watch.url, client_id=None, redirect_uri=None))
        assert watch.quiet, watch.attempts


async def test_s017_the_metadata_says_so(site: Site) -> None:
    async with site.http() as http:
        metadata = (await http.get("/.well-known/openid-configuration")).json()
    assert metadata["request_parameter_supported"] is False
    assert metadata["request_uri_parameter_supported"] is False


STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _stranger_jwk(kid: str) -> dict[str, str]:
    numbers = STRANGER.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "alg": "RS256", "n": b64(numbers.n.to_bytes(256)), "e": b64(numbers.e.to_bytes(3))}


def _headers(url: str, kid: str) -> list[dict[str, Any]]:
    """JWT headers that want another key to be used than ours."""
    jwk = _stranger_jwk(kid)
    return [
        {"jku": url}, {"x5u": url}, {"jwk": jwk}, {"x5c": ["MIIB"]}, {"x5t": "x"}, {"jku": url, "kid": "x"}, {"x5u": url, "kid": None},
        {"crit": ["jku"], "jku": url},
        *({"kid": bad} for bad in ("../../dev/null", "/dev/null", "' OR 1=1--", "x' UNION SELECT 'a", url, "", "\x00", "a" * 4000)),
        {"kid": [kid]}, {"kid": {"x": kid}}, {"kid": 0}, {"kid": jwk},
    ]  # fmt: skip


async def test_s019_headers_of_a_hint_choose_no_key_and_fetch_nothing(site: Site) -> None:
    client = site.world.web
    visitor, hint = await _signed_in(site)
    claims, kid = claims_of(hint), own_kid(site)
    with canary() as watch:
        for extra in _headers(watch.url, kid):
            forged = forge(site, claims, {"alg": "RS256", "typ": "JWT", "kid": kid, **extra}, STRANGER)
            refused(await visitor.start(client, id_token_hint=forged, **OPENID), "invalid_request")
            page = await visitor.get(f"/oauth2/sessions/logout?id_token_hint={forged}")
            assert visitor.read.form("/confirm"), page.text
        assert watch.quiet, watch.attempts
    assert "code" in returned(await visitor.start(client, prompt="none", **OPENID))


async def test_s019_headers_of_an_access_token_choose_no_key_and_fetch_nothing(site: Site) -> None:
    client = site.world.jwt
    back = await site.visitor().complete(client, ANNA, **OPENID)
    token = (await exchange(site, client, back["code"])).json()["access_token"]
    assert (await userinfo(site, token)).status_code == 200
    claims, kid = claims_of(token), own_kid(site)
    with canary() as watch:
        for extra in _headers(watch.url, kid):
            forged = forge(site, claims, {"alg": "RS256", "typ": "at+jwt", "kid": kid, **extra}, STRANGER)
            assert (await userinfo(site, forged)).status_code == 401
            async with site.http() as http:
                told = await http.post("/oauth2/introspect", data={"token": forged}, auth=site.world.resource.basic)
            assert told.json() == {"active": False}
        assert watch.quiet, watch.attempts


async def test_s019_headers_of_a_client_assertion_choose_no_key_and_fetch_nothing(site: Site) -> None:
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = own.public_key().public_numbers()
    jwk = {"kty": "RSA", "kid": "k1", "alg": "RS256", "use": "sig", "n": b64(numbers.n.to_bytes(256)), "e": b64(numbers.e.to_bytes(3))}
    client = await register(site, CALLBACK, auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=json.dumps({"keys": [jwk]}))
    now = site.clock.now() // 1000
    serial = 0

    async def authenticates(header: dict[str, Any], key: Any) -> bool:
        nonlocal serial
        serial += 1
        claims = {"iss": client.client_id, "sub": client.client_id, "aud": site.settings.issuer, "exp": now + 60, "iat": now, "jti": str(serial)}
        data = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": forge(site, claims, {"alg": "RS256", **header}, key),
        }
        async with site.http() as http:
            response = await http.post("/oauth2/token", data=data)
        assert (response.status_code, response.json().get("error")) in ((200, None), (401, "invalid_client"))
        return response.status_code == 200

    with canary() as watch:
        assert await authenticates({"kid": "k1"}, own)
        for extra in _headers(watch.url, "k1"):
            assert not await authenticates({"kid": "k1", **extra}, STRANGER), extra
        assert watch.quiet, watch.attempts
