"""Scripts of other origins: who may read what (Fetch, RFC 9700 section 2.6)."""

from __future__ import annotations

import httpx
import pytest

from support.site import Site, signed_in_tokens
from support.world import ANNA

REGISTERED = "https://spa.example"
STRANGE = [
    "null", "https://spa.example.evil.tld", "https://evilspa.example", "http://spa.example", "https://spa.example:8443",
    "https://SPA.example", "https://spa.example/", "https://sub.spa.example", "https://app.example", "*", "file://",
    "https://spa.example, https://evil.tld", "https://id.localhost", "x" * 5000,
]  # fmt: skip
BY_POST = ["/oauth2/token", "/oauth2/revoke"]


async def ask(site: Site, method: str, path: str, origin: str, **options: object) -> httpx.Response:
    headers = {"origin": origin, "access-control-request-method": "POST", **dict(options.pop("headers", {}))}
    async with site.http() as http:
        return await http.request(method, path, headers=headers, **options)  # type: ignore[arg-type]


def allowed(answer: httpx.Response) -> str | None:
    assert "access-control-allow-credentials" not in answer.headers
    return answer.headers.get("access-control-allow-origin")


@pytest.mark.parametrize("path", BY_POST)
async def test_s063_origins_of_public_clients_may_call(site: Site, path: str) -> None:
    preflight = await ask(site, "OPTIONS", path, REGISTERED)
    assert preflight.status_code == 204
    assert allowed(preflight) == REGISTERED
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert "origin" in preflight.headers["vary"].lower()
    data = {"client_id": site.world.spa.client_id, "grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
    for fields in (data, {"grant_type": "x"}):
        answer = await ask(site, "POST", path, REGISTERED, data=fields)
        assert allowed(answer) == REGISTERED, "the script must be able to read the error"
        assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize("origin", STRANGE)
@pytest.mark.parametrize("path", BY_POST)
async def test_s063_no_other_origin_may_call(site: Site, path: str, origin: str) -> None:
    data = {"client_id": site.world.spa.client_id, "grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
    for method in ("OPTIONS", "POST"):
        answer = await ask(site, method, path, origin, data=data if method == "POST" else None)
        assert allowed(answer) is None
        assert "access-control-allow-methods" not in answer.headers


async def test_s063_origins_of_confidential_clients_may_not_call(site: Site) -> None:
    assert "https://app.example" in STRANGE
    assert site.world.web.redirect_uri.startswith("https://app.example/")


@pytest.mark.parametrize("origin", [REGISTERED, *STRANGE])
async def test_s063_nothing_that_pages_or_servers_use_is_open_to_scripts(site: Site, origin: str) -> None:
    closed = [
        ("OPTIONS", "/oauth2/introspect"), ("POST", "/oauth2/introspect"), ("GET", "/oauth2/auth"),
        ("OPTIONS", "/oauth2/auth"), ("POST", "/oauth2/auth"), ("GET", "/oauth2/sessions/logout"),
        ("OPTIONS", "/oauth2/sessions/logout"), ("POST", "/oauth2/auth/consent"), ("OPTIONS", "/oauth2/auth/consent"),
        ("GET", "/nowhere"), ("GET", "/oauth2/token"),
    ]  # fmt: skip
    for method, path in closed:
        answer = await ask(site, method, path, origin)
        assert allowed(answer) is None, (method, path)
        assert "access-control-allow-methods" not in answer.headers
    visitor = site.visitor()
    page = await visitor.http.get(visitor.authorize_url(site.world.web), headers={"origin": origin})
    assert page.status_code == 200
    assert allowed(page) is None


@pytest.mark.parametrize("origin", [REGISTERED, *STRANGE])
async def test_s063_what_is_public_is_open_to_all_without_credentials(site: Site, origin: str) -> None:
    for path in ("openid-configuration", "oauth-authorization-server", "jwks.json"):
        assert allowed(await ask(site, "GET", f"/.well-known/{path}", origin)) == "*"
    tokens = await signed_in_tokens(site, site.world.web, ANNA)
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    assert allowed(await ask(site, "GET", "/userinfo", origin, headers=bearer)) == "*"
    assert allowed(await ask(site, "GET", "/userinfo", origin)) == "*"
    preflight = await ask(site, "OPTIONS", "/userinfo", origin)
    assert allowed(preflight) == "*"
    assert preflight.headers["access-control-allow-headers"].lower() == "authorization"


async def test_s063_cookies_get_a_script_nothing(site: Site) -> None:
    visitor = site.visitor()
    await visitor.complete(site.world.web, ANNA)
    answer = await visitor.http.get("/userinfo", headers={"origin": REGISTERED})
    assert answer.status_code == 401
    assert allowed(answer) == "*"
