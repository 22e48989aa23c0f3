"""Discovery (RFC 8414, OpenID Connect Discovery 1.0): exact, complete, and nothing in it that does not work."""

from __future__ import annotations

import re
from typing import Any

import httpx
import msgspec
import pytest

from dialkey.web.i18n import LOCALES
from support.site import Site, callback, challenge_of, exchange, make_site, userinfo
from support.world import ANNA

ADDRESSES = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
REQUIRED = {
    "issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported", "subject_types_supported",
    "id_token_signing_alg_values_supported",
}  # fmt: skip


async def metadata(site: Site, address: str = ADDRESSES[0]) -> dict[str, Any]:
    async with site.http() as http:
        response = await http.get(address)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    return response.json()


@pytest.mark.parametrize("address", ADDRESSES)
async def test_s131_issuer_and_endpoints_are_exact_and_https(site: Site, address: str) -> None:
    document = await metadata(site, address)
    assert document.keys() >= REQUIRED
    assert document["issuer"] == site.settings.issuer == "https://id.localhost"
    for name, value in document.items():
        if name.endswith(("_endpoint", "_uri")):
            assert re.fullmatch(re.escape(site.settings.issuer) + r"/[a-z0-9/._-]+", value), name
    assert document["code_challenge_methods_supported"] == ["S256"]
    for name, values in document.items():
        if "signing_alg" in name:
            assert values and not any(value.lower() == "none" or value.startswith("HS") for value in values), name
    assert document["subject_types_supported"] == ["pairwise"]
    assert document["response_types_supported"] == ["code"]


async def test_s131_both_addresses_say_the_same(site: Site) -> None:
    assert await metadata(site, ADDRESSES[0]) == await metadata(site, ADDRESSES[1])


@pytest.mark.parametrize("issuer", ["https://id.localhost/", "http://localhost:8080", "http://localhost:8080/"])
async def test_s131_the_issuer_is_written_as_the_settings_write_it(site: Site, issuer: str) -> None:
    settings = msgspec.structs.replace(site.settings, issuer=issuer)
    other = make_site(settings, site.storage, site.keyring, site.clock, site.entropy, site.world)
    document = await metadata(other)
    assert document["issuer"] == issuer
    assert "//oauth2" not in document["token_endpoint"]
    assert document["token_endpoint"] == issuer.rstrip("/") + "/oauth2/token"


async def test_s131_every_endpoint_is_there(site: Site) -> None:
    document = await metadata(site)
    statuses = {}
    async with site.http() as http:
        for name, url in document.items():
            if name.endswith("_endpoint") or name == "jwks_uri":
                post = name in ("token_endpoint", "revocation_endpoint", "introspection_endpoint")
                statuses[name] = (await (http.post(url) if post else http.get(url))).status_code
    assert statuses == {
        "authorization_endpoint": 400, "token_endpoint": 401, "userinfo_endpoint": 401, "jwks_uri": 200,
        "revocation_endpoint": 401, "introspection_endpoint": 401, "end_session_endpoint": 200,
    }  # fmt: skip


async def test_s131_every_grant_type_works_and_no_other(site: Site) -> None:
    listed = (await metadata(site))["grant_types_supported"]
    async with site.http() as http:
        for grant in [*listed, "password", "implicit", "urn:ietf:params:oauth:grant-type:device_code",
                      "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:openid:params:grant-type:ciba"]:  # fmt: skip
            form = {"grant_type": grant, "code": "x", "redirect_uri": site.world.web.redirect_uri, "refresh_token": "x"}
            response = await http.post("/oauth2/token", data=form, auth=site.world.web.basic)
            refused = response.json().get("error") == "unsupported_grant_type"
            assert refused is (grant not in listed), grant


async def test_s131_every_response_mode_works_and_no_other(site: Site) -> None:
    listed = (await metadata(site))["response_modes_supported"]
    visitor = site.visitor()
    await visitor.complete(site.world.web, ANNA)
    for mode in [*listed, "fragment", "web_message", "query.jwt"]:
        response = await visitor.start(site.world.web, response_mode=mode)
        given = "code=" in response.headers.get("location", "") or 'name="code"' in response.text
        assert given is (mode in listed), mode


async def test_s131_every_client_authentication_method_is_one_that_a_client_can_have(site: Site) -> None:
    document = await metadata(site)
    assert set(document["token_endpoint_auth_methods_supported"]) == {
        "client_secret_basic", "client_secret_post", "private_key_jwt", "none"
    }  # fmt: skip
    assert "none" not in document["introspection_endpoint_auth_methods_supported"]
    form = {"grant_type": "client_credentials"}
    async with site.http() as http:
        assert (await http.post("/oauth2/token", data=form, auth=site.world.web.basic)).status_code == 200
        post = {**form, "client_id": site.world.post.client_id, "client_secret": site.world.post.client_secret}
        assert (await http.post("/oauth2/token", data=post)).status_code == 200
        public = {"grant_type": "authorization_code", "code": "x", "client_id": site.world.spa.client_id}
        assert (await http.post("/oauth2/token", data=public)).json()["error"] == "invalid_grant"


async def test_s131_pkce_scopes_claims_and_prompts_are_what_is_listed(site: Site) -> None:
    document = await metadata(site)
    verifier = "v" * 43
    visitor = site.visitor()
    back = await visitor.complete(
        site.world.web, ANNA, scope="openid phone offline_access", nonce="n", code_challenge=challenge_of(verifier),
        code_challenge_method="S256",
    )  # fmt: skip
    assert document["authorization_response_iss_parameter_supported"] is True
    assert back["iss"] == document["issuer"]
    tokens = (await exchange(site, site.world.web, back["code"], code_verifier=verifier)).json()
    assert set(tokens["scope"].split()) <= set(document["scopes_supported"])
    hidden = tokens["id_token"].split(".")[1]
    claims = msgspec.json.decode(_bytes(hidden))
    told = set(claims) | set((await userinfo(site, tokens["access_token"])).json())
    assert told <= set(document["claims_supported"]) | {"iss", "aud", "exp", "iat"}
    assert claims["acr"] in document["acr_values_supported"]
    for prompt in document["prompt_values_supported"]:
        answer = await visitor.start(site.world.web, prompt=prompt)
        assert "error=invalid_request" not in answer.headers.get("location", ""), prompt
    plain = await visitor.start(site.world.web, code_challenge="c" * 43, code_challenge_method="plain")
    assert "error=invalid_request" in plain.headers["location"]


def _bytes(segment: str) -> bytes:
    from dialkey.base.signed import unb64

    data = unb64(segment)
    assert data is not None
    return data


@pytest.mark.parametrize("parameter, error", [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")])
async def test_s131_what_is_said_not_to_be_supported_is_not(site: Site, parameter: str, error: str) -> None:
    assert (await metadata(site))[f"{parameter}_parameter_supported"] is False
    visitor = site.visitor()
    answer = await visitor.start(site.world.web, **{parameter: "https://app.example/x"})
    assert callback(answer)["error"] == error


async def test_s131_every_language_is_spoken(site: Site) -> None:
    listed = (await metadata(site))["ui_locales_supported"]
    assert listed == list(LOCALES)
    for locale in listed:
        page = await site.visitor().start(site.world.web, ui_locales=locale)
        assert page.headers["content-language"] == locale


async def test_s131_documents_can_be_cached_and_checked_again(site: Site) -> None:
    async with site.http() as http:
        for address in (*ADDRESSES, "/.well-known/jwks.json"):
            response: httpx.Response = await http.get(address)
            assert "max-age=" in response.headers["cache-control"] and "no-store" not in response.headers["cache-control"]
            again = await http.get(address, headers={"if-none-match": response.headers["etag"]})
            assert again.status_code == 304
