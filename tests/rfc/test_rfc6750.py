"""RFC 6750: bearer tokens at userinfo."""

from __future__ import annotations

import httpx
import pytest

from support.site import Site, signed_in_tokens
from support.world import ANNA

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def ask(site: Site, method: str = "GET", path: str = "/userinfo", **options: object) -> httpx.Response:
    async with site.http() as http:
        return await http.request(method, path, **options)  # type: ignore[arg-type]


async def token_of(site: Site) -> str:
    return (await signed_in_tokens(site, site.world.web, ANNA))["access_token"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_s064_the_scheme_is_case_insensitive(site: Site, method: str, scheme: str) -> None:
    token = await token_of(site)
    answer = await ask(site, method, headers={"authorization": f"{scheme} {token}"})
    assert answer.status_code == 200
    assert answer.json()["phone_number"] == ANNA


async def test_s064_a_token_in_the_query_is_refused(site: Site) -> None:
    token = await token_of(site)
    for method in ("GET", "POST"):
        answer = await ask(site, method, params={"access_token": token})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        answer = await ask(site, method, params={"access_token": token}, headers={"authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    for query in (f"a%63cess_token={token}", f"access%5Ftoken={token}", f"ACCESS_TOKEN={token}", f"token={token}"):
        assert (await ask(site, path=f"/userinfo?{query}")).status_code in (400, 401)


async def test_s064_a_token_in_the_form_of_a_post_only(site: Site) -> None:
    token = await token_of(site)
    assert (await ask(site, "POST", data={"access_token": token})).status_code == 200
    assert (await ask(site, "GET", data={"access_token": token})).status_code == 401
    answer = await ask(site, "POST", json={"access_token": token})
    assert answer.status_code in (400, 401, 415)
    assert "sub" not in answer.json()
    answer = await ask(site, "POST", files={"access_token": (None, token)})
    assert answer.status_code in (400, 401, 415)


async def test_s064_two_transports_are_refused(site: Site) -> None:
    token = await token_of(site)
    header = {"authorization": f"Bearer {token}"}
    for options in (
        {"data": {"access_token": token}, "headers": header},
        {"data": {"access_token": "x"}, "headers": header},
        {"headers": [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]},
        {"content": f"access_token={token}&access_token={token}", "headers": FORM},
    ):
        answer = await ask(site, "POST", **options)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), options


@pytest.mark.parametrize(
    "credentials",
    ["", "Bearer", "Bearer ", "Basic Zm9vOmJhcg==", "{token}", "Token {token}", "Bearer {token} x", "Bearer x {token}",
     "Bearer,{token}", 'Bearer "{token}"', "DPoP {token}", "Bearer {token},Bearer {token}"],
)  # fmt: skip
async def test_s064_other_credentials_get_the_challenge(site: Site, credentials: str) -> None:
    token = await token_of(site)
    answer = await ask(site, headers={"authorization": credentials.replace("{token}", token)})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_s064_no_credentials_are_told_no_error_code(site: Site) -> None:
    answer = await ask(site)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="dialkey"'
    answer = await ask(site, headers={"authorization": "Bearer x"})
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_s064_cookies_are_no_credentials(site: Site) -> None:
    visitor = site.visitor()
    await visitor.complete(site.world.web, ANNA)
    assert (await visitor.http.get("/userinfo")).status_code == 401
