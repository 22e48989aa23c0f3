"""RFC 7009: revocation."""

from __future__ import annotations

import httpx
import pytest

from support.site import Registered, Site, introspect, refresh, signed_in_tokens, userinfo
from support.world import ANNA, BO

PKCE = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


async def revoke(site: Site, client: Registered | None, token: str, **fields: str) -> httpx.Response:
    data = {"token": token, **fields}
    if client is not None and client.client_secret is None:
        data["client_id"] = client.client_id
    auth = client.basic if client is not None and client.client_secret else None
    async with site.http() as http:
        return await http.post("/oauth2/revoke", data=data, auth=auth)


def done(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.content) == (200, b"")


HINTS = ["", "access_token", "refresh_token", "id_token", "nonsense"]


@pytest.mark.parametrize("hint", HINTS)
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("name", ["web", "jwt"])
async def test_s060_either_token_ends_the_grant(any_site: Site, name: str, which: str, hint: str) -> None:
    client = getattr(any_site.world, name)
    tokens = await signed_in_tokens(any_site, client, ANNA)
    newer = (await refresh(any_site, client, tokens["refresh_token"])).json()
    other = await signed_in_tokens(any_site, client, BO)
    done(await revoke(any_site, client, newer[which], token_type_hint=hint))
    for each in (tokens, newer):
        assert (await userinfo(any_site, each["access_token"])).status_code == 401
        assert (await refresh(any_site, client, each["refresh_token"])).status_code == 400
        assert await introspect(any_site, client, each["access_token"]) == {"active": False}
        assert await introspect(any_site, client, each["refresh_token"]) == {"active": False}
    assert (await userinfo(any_site, other["access_token"])).status_code == 200
    assert (await refresh(any_site, client, other["refresh_token"])).status_code == 200
    done(await revoke(any_site, client, newer[which], token_type_hint=hint))


async def test_s060_the_consent_stays(site: Site) -> None:
    client, visitor = site.world.web, site.visitor()
    await visitor.complete(client, ANNA)
    tokens = await signed_in_tokens(site, client, BO)
    done(await revoke(site, client, tokens["refresh_token"]))
    assert (await visitor.start(client)).status_code == 303


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("thief", ["pkce", "other", "spa", "resource", "jwt"])
async def test_s060_a_foreign_token_is_left_alone(any_site: Site, thief: str, which: str) -> None:
    client = any_site.world.web
    tokens = await signed_in_tokens(any_site, client, ANNA)
    done(await revoke(any_site, getattr(any_site.world, thief), tokens[which]))
    assert (await userinfo(any_site, tokens["access_token"])).status_code == 200
    assert (await refresh(any_site, client, tokens["refresh_token"])).status_code == 200


async def test_s060_a_public_client_revokes_its_own(site: Site) -> None:
    from support.site import exchange

    client = site.world.spa
    code = (await site.visitor().complete(client, ANNA, **PKCE))["code"]
    tokens = (await exchange(site, client, code, code_verifier=VERIFIER)).json()
    done(await revoke(site, client, tokens["refresh_token"]))
    assert (await userinfo(site, tokens["access_token"])).status_code == 401


async def test_s060_unauthenticated_is_refused_and_revokes_nothing(site: Site) -> None:
    client = site.world.web
    tokens = await signed_in_tokens(site, client, ANNA)
    async with site.http() as http:
        for data, auth in (
            ({}, None),
            ({}, (client.client_id, "wrong")),
            ({"client_id": client.client_id}, None),
            ({}, ("5b0f9a52-3a3f-4d6e-9d0c-7a1f6a5d4c3b", "x")),
        ):
            for which in ("access_token", "refresh_token"):
                answer = await http.post("/oauth2/revoke", data={"token": tokens[which], **data}, auth=auth)
                assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert (await userinfo(site, tokens["access_token"])).status_code == 200


@pytest.mark.parametrize(
    "token", ["x", "dk_rt_", "dk_at_AAAA", "dk_ac_AAAA", "eyJhbGciOiJub25lIn0.e30.", "a" * 60_000, "æøå", "..", "'; --"]
)
async def test_s060_an_unknown_token_is_200(site: Site, token: str) -> None:
    done(await revoke(site, site.world.web, token))


async def test_s060_token_is_required(site: Site) -> None:
    answer = await revoke(site, site.world.web, "")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("name", ["web", "jwt"])
async def test_s060_a_clients_own_token_is_revoked(any_site: Site, name: str) -> None:
    client = getattr(any_site.world, name)
    async with any_site.http() as http:
        fields = {"grant_type": "client_credentials", "scope": "voicemail.get"}
        tokens = [(await http.post("/oauth2/token", data=fields, auth=client.basic)).json()["access_token"] for _ in "ab"]
    done(await revoke(any_site, any_site.world.other, tokens[0]))
    assert (await introspect(any_site, client, tokens[0]))["active"] is True
    done(await revoke(any_site, client, tokens[0]))
    assert await introspect(any_site, client, tokens[0]) == {"active": False}
    assert await introspect(any_site, any_site.world.resource, tokens[0]) == {"active": False}
    assert (await introspect(any_site, client, tokens[1]))["active"] is True
