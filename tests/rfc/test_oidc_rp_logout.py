"""OpenID Connect RP-Initiated Logout 1.0: nobody is signed out by a stranger, and nobody is sent to one."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import httpx
import pytest

from dialkey.base.signed import b64
from support.relying_party import CALLBACK, ask, claims_of, forge, links, own_kid, refused, register, returned
from support.site import CHROME, Registered, Site, Visitor, exchange, refresh, userinfo
from support.world import ACTOR, ANNA, BO

LOGOUT = "/oauth2/sessions/logout"
BACK = "https://app.example/signed-out"


async def _signed_in(site: Site, number: str = ANNA, client: Registered | None = None, scope: str = "openid phone") -> tuple[Visitor, dict]:
    client = client or site.world.web
    visitor = site.visitor()
    back = await visitor.complete(client, number, scope=scope)
    tokens = (await exchange(site, client, back["code"])).json()
    site.clock.advance(seconds=1)
    return visitor, tokens


async def _session_lives(visitor: Visitor) -> bool:
    back = returned(await visitor.start(visitor.site.world.web, prompt="none", scope="openid phone"))
    return "code" in back


def _url(**parameters: str) -> str:
    return f"{LOGOUT}?{urlencode(parameters)}"


def _asks_first(response: httpx.Response) -> None:
    assert response.status_code == 200
    assert "/oauth2/sessions/logout/confirm" in response.text
    assert 'value="sign_out"' in response.text


async def test_s033_a_hint_of_this_session_signs_out_and_leads_back(any_site: Site) -> None:
    visitor, tokens = await _signed_in(any_site)
    cookies = dict(visitor.http.cookies)
    url = _url(id_token_hint=tokens["id_token"], post_logout_redirect_uri=BACK, state="a b&c=\u00e5")
    response = await visitor.get(url)
    assert response.status_code == 303
    assert response.headers["location"] == f"{BACK}?state=a%20b%26c%3D%C3%A5"
    assert not await _session_lives(visitor)
    assert (await userinfo(any_site, tokens["access_token"])).status_code == 401
    replay = any_site.visitor(cookies=cookies)
    assert not await _session_lives(replay)


async def test_s033_without_an_address_there_is_a_page(site: Site) -> None:
    visitor, tokens = await _signed_in(site)
    response = await visitor.get(_url(id_token_hint=tokens["id_token"]))
    assert response.status_code == 200
    assert not await _session_lives(visitor)


async def test_s033_refresh_tokens_for_offline_use_outlive_a_sign_out(site: Site) -> None:
    visitor, tokens = await _signed_in(site, scope="openid phone offline_access")
    await visitor.get(_url(id_token_hint=tokens["id_token"]))
    assert (await refresh(site, site.world.web, tokens["refresh_token"])).status_code == 200


async def test_s033_an_expired_hint_counts(site: Site) -> None:
    visitor, tokens = await _signed_in(site)
    site.clock.advance(hours=5)
    response = await visitor.get(_url(id_token_hint=tokens["id_token"], post_logout_redirect_uri=BACK))
    assert response.headers["location"] == BACK
    assert not await _session_lives(visitor)


async def test_s033_the_client_id_may_stand_beside_the_hint(site: Site) -> None:
    visitor, tokens = await _signed_in(site)
    hint = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BACK}
    _asks_first(await visitor.get(_url(**hint, client_id=site.world.other.client_id)))
    assert await _session_lives(visitor)
    response = await visitor.get(_url(**hint, client_id=site.world.web.client_id))
    assert response.headers["location"] == BACK


@pytest.mark.parametrize(
    "uri",
    ["https://evil.tld/", CALLBACK, f"{BACK}/", f"{BACK}?x=1", f"{BACK}#f", f"{BACK}#", "https://app.example", "https://app.example/",
     "https://APP.example/signed-out", "HTTPS://app.example/signed-out", "https://app.example:443/signed-out",
     "https://app.example@evil.tld/signed-out", "https://app.example.evil.tld/signed-out", "https://evil.tld\\@app.example/signed-out",
     f"{BACK}/../evil", "//evil.tld", "/\\evil.tld", "/\t//evil.tld", "https:evil.tld", "%2f%2fevil.tld", "javascript:alert(1)",
     "data:text/html,x", f"{BACK}\r\nX: y", f" {BACK}", "https://notes.example/cb"],
)  # fmt: skip
async def test_s032_s033_the_address_is_compared_to_the_letter(site: Site, uri: str) -> None:
    visitor, tokens = await _signed_in(site)
    for parameters in ({"client_id": site.world.web.client_id}, {}, {"id_token_hint": tokens["id_token"]}):
        response = await visitor.get(_url(post_logout_redirect_uri=uri, **parameters))
        assert response.status_code == 200
        assert "location" not in response.headers
        _leads_nowhere_else(response)
    response = await site.visitor().get(_url(post_logout_redirect_uri=uri, client_id=site.world.web.client_id))
    assert response.status_code == 200
    _leads_nowhere_else(response)


def _leads_nowhere_else(response: httpx.Response) -> None:
    assert "alert(1)" not in response.text
    for link in links(response):
        assert link.startswith(("/", "#", "mailto:")), link
        assert not link.startswith(("//", "/\\")), link


async def test_s033_an_address_needs_a_client_to_belong_to(site: Site) -> None:
    visitor, _ = await _signed_in(site)
    response = await visitor.get(_url(post_logout_redirect_uri=BACK))
    _asks_first(response)
    response = await visitor.submit("/confirm", decision="sign_out")
    assert response.status_code == 200
    assert "location" not in response.headers
    response = await site.visitor().get(_url(post_logout_redirect_uri=BACK))
    assert "location" not in response.headers


async def test_s033_the_address_of_another_client_is_not_this_ones(site: Site) -> None:
    other = await register(site, CALLBACK, post_logout_redirect_uris=("https://other.example/out",))
    visitor, tokens = await _signed_in(site)
    response = await visitor.get(_url(id_token_hint=tokens["id_token"], post_logout_redirect_uri="https://other.example/out"))
    assert "location" not in response.headers
    visitor, tokens = await _signed_in(site, BO)
    url = _url(id_token_hint=tokens["id_token"], client_id=other.client_id, post_logout_redirect_uri="https://other.example/out")
    _asks_first(await visitor.get(url))


@pytest.mark.parametrize("with_client_id", [False, True])
async def test_s033_without_a_hint_it_asks_first(any_site: Site, with_client_id: bool) -> None:
    visitor, tokens = await _signed_in(any_site)
    client_id = {"client_id": any_site.world.web.client_id, "post_logout_redirect_uri": BACK} if with_client_id else {}
    _asks_first(await visitor.get(_url(**client_id, state="s")))
    assert await _session_lives(visitor)
    assert (await userinfo(any_site, tokens["access_token"])).status_code == 200
    await visitor.get(_url(**client_id, state="s"))
    response = await visitor.submit("/confirm", decision="sign_out")
    if with_client_id:
        assert (response.status_code, response.headers["location"]) == (303, f"{BACK}?state=s")
    else:
        assert (response.status_code, "location" in response.headers) == (200, False)
    assert not await _session_lives(visitor)
    assert (await userinfo(any_site, tokens["access_token"])).status_code == 401


async def test_s033_who_wants_to_stay_stays(site: Site) -> None:
    visitor, _ = await _signed_in(site)
    await visitor.get(_url(client_id=site.world.web.client_id, post_logout_redirect_uri=BACK))
    response = await visitor.submit("/confirm", decision="stay")
    assert response.status_code == 200
    assert await _session_lives(visitor)


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site", "sec-fetch-dest": "image", "sec-fetch-mode": "no-cors", "accept": "image/avif,*/*"},
     {"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"}, {"accept": "*/*"}, {"sec-purpose": "prefetch", "accept": "text/html"}],
    ids=["img", "iframe", "bare", "prefetch"],
)  # fmt: skip
async def test_s033_an_image_does_not_sign_anybody_out(site: Site, headers: dict[str, str]) -> None:
    visitor, tokens = await _signed_in(site)
    for query in ({}, {"client_id": site.world.web.client_id}, {"decision": "sign_out"}, {"id_token_hint": "x"}, {"logout_hint": ANNA}):
        for path in (LOGOUT, f"{LOGOUT}/confirm"):
            response = await visitor.http.get(f"{path}?{urlencode(query)}", headers=headers)
            assert not any("session=;" in value for value in response.headers.get_list("set-cookie"))
    assert await _session_lives(visitor)
    assert (await userinfo(site, tokens["access_token"])).status_code == 200


async def test_s033_the_confirmation_cannot_be_forged(site: Site) -> None:
    visitor, _ = await _signed_in(site)
    mallory, _ = await _signed_in(site, BO)
    await mallory.get(LOGOUT)
    ticket = mallory.read.form("/confirm").fields["ticket"]
    fields = {"decision": "sign_out"}
    for forged in ({}, {"ticket": ""}, {"ticket": "x"}, {"ticket": ticket}, {"ticket": ticket[:-2] + "AA"}):
        await visitor.post(f"{LOGOUT}/confirm", {**fields, **forged})
        assert await _session_lives(visitor)
    await visitor.get(LOGOUT)
    own = visitor.read.form("/confirm").fields
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "none"}):
        response = await visitor.http.post(f"{LOGOUT}/confirm", data={**own, **fields}, headers={**CHROME, **headers})
        assert response.status_code == 403
    without = {"origin": "https://evil.tld", "accept": "text/html"}
    assert (await visitor.http.post(f"{LOGOUT}/confirm", data={**own, **fields}, headers=without)).status_code == 403
    assert await _session_lives(visitor)


async def test_s033_a_confirmation_is_for_the_session_it_was_made_for(site: Site) -> None:
    visitor, _ = await _signed_in(site)
    await visitor.get(LOGOUT)
    form = visitor.read.form("/confirm")
    await visitor.start(site.world.web, prompt="login", scope="openid phone")
    await visitor.type_number(BO)
    await visitor.type_pin(await site.pin(BO))
    await visitor.add_product()
    _asks_first(await visitor.post(form.action, {**form.fields, "decision": "sign_out"}))
    assert await _session_lives(visitor)


async def test_s033_an_old_confirmation_asks_again(site: Site) -> None:
    visitor, _ = await _signed_in(site)
    await visitor.get(LOGOUT)
    site.clock.advance(seconds=site.settings.signin.ticket_lifetime + 1)
    _asks_first(await visitor.submit("/confirm", decision="sign_out"))
    assert await _session_lives(visitor)


KINDS = ["signature", "unsigned", "none", "hs256", "claims", "issuer", "audience", "typ", "access-token", "garbage", "huge"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("with_client_id", [False, True])
async def test_s033_a_forged_hint_redirects_nobody(site: Site, kind: str, with_client_id: bool) -> None:
    visitor, tokens = await _signed_in(site)
    bad = _forged(site, tokens, kind)
    client_id = {"client_id": site.world.web.client_id} if with_client_id else {}
    url = _url(id_token_hint=bad, post_logout_redirect_uri=BACK, **client_id)
    _asks_first(await visitor.get(url))
    assert (await visitor.submit("/confirm", decision="stay")).status_code == 200
    assert await _session_lives(visitor)
    await visitor.get(url)
    assert "location" not in (await visitor.submit("/confirm", decision="sign_out")).headers
    assert "location" not in (await site.visitor().get(url)).headers


def _forged(site: Site, tokens: dict, kind: str) -> str:
    hint = tokens["id_token"]
    head, body, signature = hint.split(".")
    claims, header = claims_of(hint), {"alg": "RS256", "kid": own_kid(site), "typ": "JWT"}
    nobody = "00000000-0000-4000-8000-000000000000"
    match kind:
        case "signature":
            return f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
        case "unsigned":
            return f"{head}.{body}."
        case "none" | "hs256":
            fake = b64(json.dumps({**header, "alg": "none" if kind == "none" else "HS256"}).encode())
            return f"{fake}.{body}.{signature if kind == 'hs256' else ''}"
        case "claims":
            return f"{head}.{b64(json.dumps({**claims, 'sub': 'x'}).encode())}.{signature}"
        case "issuer":
            return forge(site, {**claims, "iss": "https://evil.tld"}, header)
        case "audience":
            return forge(site, {**claims, "aud": [nobody]}, header)
        case "typ":
            return forge(site, claims, {**header, "typ": "at+jwt"})
        case "access-token":
            return tokens["access_token"]
        case "huge":
            return "A" * 30_000 + f".{body}.{signature}"
        case _:
            return "garbage"


async def test_s033_a_hint_of_another_subscriber_asks_first(any_site: Site) -> None:
    visitor, _ = await _signed_in(any_site)
    _, others = await _signed_in(any_site, BO)
    _asks_first(await visitor.get(_url(id_token_hint=others["id_token"], post_logout_redirect_uri=BACK)))
    assert await _session_lives(visitor)


async def test_s033_other_browsers_of_the_same_subscriber_stay(any_site: Site) -> None:
    first, tokens = await _signed_in(any_site)
    any_site.clock.advance(minutes=11)
    second, _ = await _signed_in(any_site)
    await first.get(_url(id_token_hint=tokens["id_token"]))
    assert not await _session_lives(first)
    assert await _session_lives(second)


async def test_s033_nobody_signed_in_is_led_back_all_the_same(site: Site) -> None:
    url = _url(client_id=site.world.web.client_id, post_logout_redirect_uri=BACK, state="s")
    response = await site.visitor().get(url)
    assert (response.status_code, response.headers["location"]) == (303, f"{BACK}?state=s")
    assert (await site.visitor().get(LOGOUT)).status_code == 200


async def test_s033_a_disabled_clients_address_is_none(site: Site) -> None:
    client = await register(site, CALLBACK, post_logout_redirect_uris=(BACK,))
    await site.directory.disable_client(actor=ACTOR, client_id=client.client_id)
    site.clock.advance(seconds=2)
    response = await site.visitor().get(_url(client_id=client.client_id, post_logout_redirect_uri=BACK))
    assert "location" not in response.headers


async def test_s033_the_page_lets_its_form_lead_back_and_says_nothing_else_in_its_policy(site: Site) -> None:
    odd = "https://out.example/a;script-src,x?y=1"
    client = await register(site, CALLBACK, post_logout_redirect_uris=(odd,))
    visitor, _ = await _signed_in(site)
    page = await visitor.get(_url(client_id=client.client_id, post_logout_redirect_uri=odd))
    _asks_first(page)
    policy = page.headers["content-security-policy"]
    assert "form-action 'self' https: https://out.example; " in policy
    assert policy.count("script-src") == 1
    response = await visitor.submit("/confirm", decision="sign_out")
    assert response.headers["location"] == odd


@pytest.mark.parametrize("site_of_request", ["same-origin", "cross-site"])
async def test_logout_may_be_posted(site: Site, site_of_request: str) -> None:
    visitor, tokens = await _signed_in(site)
    data = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BACK, "state": "s"}
    if site_of_request == "cross-site":
        async with site.http() as bare:
            response = await bare.post(LOGOUT, data=data, headers={**CHROME, "sec-fetch-site": "cross-site"})
        assert response.status_code == 303
        assert response.headers["location"].startswith(f"{LOGOUT}?")
        response = await visitor.get(response.headers["location"])
    else:
        response = await visitor.post(LOGOUT, data)
    assert response.headers["location"] == f"{BACK}?state=s"
    assert not await _session_lives(visitor)


async def test_repeated_parameters_are_refused(site: Site) -> None:
    visitor, tokens = await _signed_in(site)
    for name, value in (("id_token_hint", tokens["id_token"]), ("post_logout_redirect_uri", BACK), ("client_id", site.world.web.client_id)):
        response = await visitor.get(f"{LOGOUT}?{urlencode([(name, value), (name, value)])}")
        assert response.status_code == 400
    assert await _session_lives(visitor)


async def test_after_signing_out_the_next_request_asks_for_a_number(site: Site) -> None:
    visitor, tokens = await _signed_in(site)
    await visitor.get(_url(id_token_hint=tokens["id_token"]))
    refused(await visitor.start(site.world.web, prompt="none"), "login_required")
    assert 'name="number"' in (await visitor.start(site.world.web)).text
    assert (await ask(site, site.world.web)).status_code == 200


def _kid(tokens: dict) -> str:
    from dialkey.oauth.jose import read_object

    return read_object(tokens["id_token"].partition(".")[0])["kid"]


async def test_s033_a_hint_outlives_the_key_that_signed_it(site: Site) -> None:
    """A session lasts longer than a key; what was signed before a rotation still says whose session it is."""
    from dialkey.oauth.keys import ensure_keys, revoke_key, rotate_key

    parts = (site.storage, site.settings, site.keyring, site.clock, site.entropy)
    visitor, tokens = await _signed_in(site)
    for _ in range(2):
        await rotate_key(*parts, "RS256")
        site.clock.advance(hours=5)
    async with site.http() as http:
        keys = (await http.get("/.well-known/jwks.json")).json()["keys"]
    assert _kid(tokens) not in {key["kid"] for key in keys}
    response = await visitor.get(_url(id_token_hint=tokens["id_token"], post_logout_redirect_uri=BACK))
    assert response.headers["location"] == BACK
    visitor, tokens = await _signed_in(site, BO)
    await revoke_key(site.storage, site.clock, site.entropy, _kid(tokens))
    await ensure_keys(*parts)
    site.clock.advance(seconds=3)
    _asks_first(await visitor.get(_url(id_token_hint=tokens["id_token"], post_logout_redirect_uri=BACK)))


async def test_the_page_speaks_the_language_that_was_asked_for(site: Site) -> None:
    visitor, _ = await _signed_in(site)
    response = await visitor.get(_url(ui_locales="nb sv"))
    assert response.headers["content-language"] == "nb"
