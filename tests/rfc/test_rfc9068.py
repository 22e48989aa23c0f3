"""RFC 9068: access tokens as JWTs, and whom an access token is for."""

from __future__ import annotations

from typing import Any

import pytest

from dialkey.directory.registration import ClientRegistration
from support import forge
from support.site import Registered, Site, exchange, introspect, refresh, signed_in_tokens, userinfo
from support.world import ANNA, BO

USERINFO = "urn:dialkey:api:userinfo"
VOICEMAIL = "urn:dialkey:api:voicemail"
OPENID = "openid phone offline_access"


async def machine_token(site: Site, client: Registered, scope: str = "") -> str:
    async with site.http() as http:
        data = {"grant_type": "client_credentials", "scope": scope}
        return (await http.post("/oauth2/token", data=data, auth=client.basic)).json()["access_token"]


async def strict_client(site: Site, **options: Any) -> Registered:
    registration = ClientRegistration(redirect_uris=("https://app.example/cb",), profile="strict", **options)
    made = await site.directory.create_client(
        actor="cli:tests", product_id=site.world.product, registration=registration
    )
    return Registered(made.client_id, made.client_secret)


async def test_s065_a_jwt_says_what_it_is_and_whom_it_is_for(site: Site) -> None:
    client = site.world.jwt
    tokens = await signed_in_tokens(site, client, ANNA, scope=OPENID)
    header, claims = forge.parts(tokens["access_token"])
    async with site.http() as http:
        keys = (await http.get("/.well-known/jwks.json")).json()["keys"]
    assert header["typ"] == "at+jwt"
    assert header["alg"] == "RS256"
    assert header["kid"] in {key["kid"] for key in keys if key["alg"] == "RS256"}
    assert claims["iss"] == site.settings.issuer
    assert claims["aud"] == [USERINFO]
    assert claims["client_id"] == client.client_id
    assert claims["scope"] == OPENID
    assert claims["sub"] == (await userinfo(site, tokens["access_token"])).json()["sub"]
    assert claims["exp"] - claims["iat"] == tokens["expires_in"] <= 300
    assert claims["jti"] != forge.parts((await refresh(site, client, tokens["refresh_token"])).json()["access_token"])[1]["jti"]


async def test_s065_audience_is_the_apis_of_the_scopes(site: Site) -> None:
    visitor = site.visitor()
    await visitor.sign_in(site.world.jwt, ANNA, scope="phone voicemail.get")
    back = await visitor.add_product(**{"scope:voicemail.get": "on"})
    code = back.headers["location"].partition("code=")[2].partition("&")[0]
    tokens = (await exchange(site, site.world.jwt, code)).json()
    assert tokens["scope"] == "phone voicemail.get"
    _, claims = forge.parts(tokens["access_token"])
    assert claims["aud"] == [USERINFO, VOICEMAIL]
    _, claims = forge.parts(await machine_token(site, site.world.jwt, "voicemail.get"))
    assert claims["aud"] == [VOICEMAIL]
    assert claims["sub"] == site.world.jwt.client_id
    _, claims = forge.parts(await machine_token(site, site.world.jwt))
    assert claims["aud"] == [site.settings.issuer]


async def test_s065_introspection_tells_the_audience_of_opaque_tokens(site: Site) -> None:
    tokens = await signed_in_tokens(site, site.world.web, ANNA)
    assert (await introspect(site, site.world.resource, tokens["access_token"]))["aud"] == [USERINFO]
    token = await machine_token(site, site.world.web, "voicemail.get mms.send.from_subscriber")
    said = await introspect(site, site.world.resource, token)
    assert said["aud"] == ["urn:dialkey:api:mms", VOICEMAIL]


@pytest.mark.parametrize("name", ["web", "jwt"])
async def test_s065_the_open_profile_needs_no_openid(site: Site, name: str) -> None:
    tokens = await signed_in_tokens(site, getattr(site.world, name), ANNA, scope="phone offline_access")
    assert (await userinfo(site, tokens["access_token"])).json()["phone_number"] == ANNA


@pytest.mark.parametrize("access_token_format", ["opaque", "jwt"])
async def test_s065_the_strict_profile_needs_openid(site: Site, access_token_format: str) -> None:
    client = await strict_client(site, access_token_format=access_token_format)
    without = await signed_in_tokens(site, client, ANNA, scope="phone offline_access")
    answer = await userinfo(site, without["access_token"])
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert "phone_number" not in answer.text
    with_openid = await signed_in_tokens(site, client, BO, scope=OPENID)
    assert (await userinfo(site, with_openid["access_token"])).json()["phone_number"] == BO
    narrow = (await refresh(site, client, with_openid["refresh_token"], scope="phone")).json()
    assert (await userinfo(site, narrow["access_token"])).status_code == 403


@pytest.mark.parametrize(
    "audience", [[VOICEMAIL], [], ["urn:dialkey:api:userinfo2"], ["https://api.example"], [VOICEMAIL, "userinfo"]]
)
async def test_s065_a_token_for_another_api_is_refused_at_userinfo(site: Site, audience: list[str]) -> None:
    """Signed by our own key, so that only the audience is wrong."""
    tokens = await signed_in_tokens(site, site.world.jwt, ANNA, scope=OPENID)
    _, claims = forge.parts(tokens["access_token"])
    signing = site.built.house.signing
    right = signing.sign("RS256", claims, typ="at+jwt")
    assert (await userinfo(site, right)).status_code == 200
    wrong = signing.sign("RS256", {**claims, "aud": audience}, typ="at+jwt")
    answer = await userinfo(site, wrong)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_s065_a_token_of_another_issuer_is_refused(site: Site) -> None:
    tokens = await signed_in_tokens(site, site.world.jwt, ANNA, scope=OPENID)
    _, claims = forge.parts(tokens["access_token"])
    token = site.built.house.signing.sign("RS256", {**claims, "iss": "https://evil.example"}, typ="at+jwt")
    assert (await userinfo(site, token)).status_code == 401


@pytest.mark.parametrize("name", ["web", "jwt", "es256"])
async def test_s065_an_id_token_is_no_access_token(site: Site, name: str) -> None:
    client = getattr(site.world, name)
    tokens = await signed_in_tokens(site, client, ANNA, scope=OPENID)
    answer = await userinfo(site, tokens["id_token"])
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert await introspect(site, client, tokens["id_token"]) == {"active": False}
    assert (await refresh(site, client, tokens["id_token"])).status_code == 400


async def test_s065_an_access_token_is_no_id_token(site: Site) -> None:
    client, visitor = site.world.jwt, site.visitor()
    code = (await visitor.complete(client, ANNA, scope=OPENID))["code"]
    tokens = (await exchange(site, client, code)).json()
    back = await visitor.start(client, scope=OPENID, id_token_hint=tokens["access_token"])
    assert "error=invalid_request" in back.headers["location"]
    back_uri = "https://app.example/signed-out"
    page = await visitor.get(
        f"/oauth2/sessions/logout?id_token_hint={tokens['access_token']}&post_logout_redirect_uri={back_uri}"
    )
    assert page.status_code == 200, "asks, and goes nowhere"
    assert (await visitor.start(client, scope=OPENID)).status_code == 303, "still signed in"


async def test_s065_types_of_our_own_jwts_are_not_exchangeable(site: Site) -> None:
    tokens = await signed_in_tokens(site, site.world.jwt, ANNA, scope=OPENID)
    _, claims = forge.parts(tokens["access_token"])
    for typ in ("JWT", "jwt", "application/at+jwt", "AT+JWT", "", "logout+jwt"):
        token = site.built.house.signing.sign("RS256", claims, typ=typ)
        assert (await userinfo(site, token)).status_code == 401, typ
