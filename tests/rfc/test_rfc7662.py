"""RFC 7662: introspection."""

from __future__ import annotations

import httpx
import pytest

from support.site import Registered, Site, introspect, refresh, signed_in_tokens, userinfo
from support.world import ANNA, BO

OPENID = "openid phone offline_access"


async def post(site: Site, auth: httpx.BasicAuth | None, **fields: str) -> httpx.Response:
    async with site.http() as http:
        return await http.post("/oauth2/introspect", data=fields, auth=auth)


@pytest.mark.parametrize("name", ["web", "jwt"])
async def test_s061_a_client_hears_of_its_own_tokens(any_site: Site, name: str) -> None:
    client = getattr(any_site.world, name)
    tokens = await signed_in_tokens(any_site, client, ANNA, scope=OPENID)
    said = await introspect(any_site, client, tokens["access_token"])
    claims = (await userinfo(any_site, tokens["access_token"])).json()
    assert said["active"] is True
    assert said["client_id"] == client.client_id
    assert said["scope"] == OPENID
    assert said["iss"] == any_site.settings.issuer
    assert said["exp"] == any_site.clock.now() // 1000 + tokens["expires_in"]
    assert said["token_type"] == "bearer"
    assert (said["sub"], said["sid"]) == (claims["sub"], claims["sid"])
    assert ANNA not in str(said)
    assert ANNA[1:] not in str(said)
    said = await introspect(any_site, client, tokens["refresh_token"])
    assert said["active"] is True
    assert said["token_type"] == "refresh_token"


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("name", ["pkce", "strict", "other", "draft"])
async def test_s061_a_foreign_token_is_inactive_and_no_more(any_site: Site, name: str, which: str) -> None:
    tokens = await signed_in_tokens(any_site, any_site.world.web, ANNA)
    assert await introspect(any_site, getattr(any_site.world, name), tokens[which]) == {"active": False}


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("name", ["web", "jwt", "other"])
async def test_s061_a_resource_server_hears_of_all(any_site: Site, name: str, which: str) -> None:
    client = getattr(any_site.world, name)
    tokens = await signed_in_tokens(any_site, client, ANNA)
    mine = await introspect(any_site, client, tokens[which])
    theirs = await introspect(any_site, any_site.world.resource, tokens[which])
    assert mine == theirs
    assert theirs["client_id"] == client.client_id


@pytest.mark.parametrize(
    "token", ["x", "dk_at_", "dk_rt_AAAA", "eyJhbGciOiJub25lIn0.e30.", "..", "a" * 50_000, "\u202e", "%00"]
)
async def test_s061_an_unknown_token_is_inactive_and_no_more(site: Site, token: str) -> None:
    for client in (site.world.web, site.world.resource):
        assert await introspect(site, client, token) == {"active": False}


async def test_s061_whoever_proves_nothing_hears_nothing(site: Site) -> None:
    tokens = await signed_in_tokens(site, site.world.web, ANNA)
    token = tokens["access_token"]
    for auth, fields, status in (
        (None, {}, 401),
        (httpx.BasicAuth(site.world.web.client_id, "wrong"), {}, 401),
        (None, {"client_id": site.world.web.client_id}, 401),
        (None, {"client_id": site.world.spa.client_id}, 400),
    ):
        answer = await post(site, auth, token=token, **fields)
        assert answer.status_code == status, answer.text
        assert "active" not in answer.json()
    async with site.http() as http:
        bearer = {"authorization": f"Bearer {token}"}
        assert (await http.post("/oauth2/introspect", data={"token": token}, headers=bearer)).status_code == 401


async def test_s061_token_is_required(site: Site) -> None:
    answer = await post(site, site.world.web.basic)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_s061_callers_never_get_each_others_answer(site: Site) -> None:
    """One token, asked by everybody in turn: no answer is remembered for the next caller, or for other scopes."""
    web = site.world.web
    tokens = await signed_in_tokens(site, web, ANNA, scope=OPENID)
    narrow = (await refresh(site, web, tokens["refresh_token"], scope="offline_access")).json()
    for _ in range(3):
        assert (await introspect(site, web, tokens["access_token"]))["scope"] == OPENID
        assert await introspect(site, site.world.pkce, tokens["access_token"]) == {"active": False}
        assert (await introspect(site, site.world.resource, narrow["access_token"]))["scope"] == "offline_access"
        assert await introspect(site, site.world.other, narrow["access_token"]) == {"active": False}
        assert (await introspect(site, web, narrow["access_token"]))["scope"] == "offline_access"


async def test_s061_no_newer_end_hides_an_older_one(site: Site) -> None:
    """Every reason to be inactive counts, whichever others there are."""
    web, resource = site.world.web, site.world.resource
    anna, bo = await signed_in_tokens(site, web, ANNA), await signed_in_tokens(site, web, BO)
    await site.directory.disable_client(actor="cli:tests", client_id=web.client_id)
    async with site.http() as http:
        site.clock.advance(seconds=1)
        assert (await http.post("/oauth2/revoke", data={"token": bo["access_token"]}, auth=web.basic)).status_code == 401
    for tokens in (anna, bo):
        assert await introspect(site, resource, tokens["access_token"]) == {"active": False}
    await site.subscribers.suspend(actor="cli:tests", subscription_id=site.world.subscriptions[ANNA])
    await site.directory.enable_client(actor="cli:tests", client_id=web.client_id)
    site.clock.advance(seconds=1)
    assert await introspect(site, resource, anna["access_token"]) == {"active": False}
    assert (await introspect(site, resource, bo["access_token"]))["active"] is True
    site.clock.advance(hours=1)
    assert await introspect(site, resource, bo["access_token"]) == {"active": False}


async def test_s061_codes_id_tokens_and_secrets_are_inactive(site: Site) -> None:
    web: Registered = site.world.web
    visitor = site.visitor()
    code = (await visitor.complete(web, ANNA, scope=OPENID))["code"]
    tokens = await signed_in_tokens(site, web, BO, scope=OPENID)
    for token in (code, tokens["id_token"], web.client_secret, web.client_id):
        assert await introspect(site, web, token) == {"active": False}
