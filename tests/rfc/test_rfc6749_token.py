"""RFC 6749: the token endpoint — codes, client authentication, grant types, scopes."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import Any

import httpx
import pytest

from support.forge import unb64
from support.site import Registered, Site, exchange, introspect, refresh, signed_in_tokens, userinfo
from support.world import ANNA, BO, NUMBERS

PKCE = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
UNKNOWN = "5b0f9a52-3a3f-4d6e-9d0c-7a1f6a5d4c3b"


async def code_of(site: Site, client: Registered, number: str = ANNA, **parameters: str) -> str:
    return (await site.visitor().complete(client, number, **parameters))["code"]


async def post(site: Site, path: str = "/oauth2/token", *, auth: Any = None, **fields: str) -> httpx.Response:
    async with site.http() as http:
        return await http.post(path, data=fields, auth=auth)


def refused(response: httpx.Response, error: str, status: int = 400) -> None:
    assert (response.status_code, response.json().get("error")) == (status, error), response.text
    assert not {"access_token", "refresh_token", "id_token"} & response.json().keys()


# codes


@pytest.mark.parametrize("later", [0, 30, 90])
async def test_s034_replayed_code_ends_the_grant(any_site: Site, later: int) -> None:
    client = any_site.world.web
    code = await code_of(any_site, client)
    tokens = (await exchange(any_site, client, code)).json()
    assert (await userinfo(any_site, tokens["access_token"])).status_code == 200
    any_site.clock.advance(seconds=later)
    refused(await exchange(any_site, client, code), "invalid_grant")
    gone = await userinfo(any_site, tokens["access_token"])
    assert (gone.status_code, gone.json()["error"]) == (401, "invalid_token")
    refused(await refresh(any_site, client, tokens["refresh_token"]), "invalid_grant")
    assert await introspect(any_site, client, tokens["access_token"]) == {"active": False}
    refused(await exchange(any_site, client, code), "invalid_grant")


async def test_s034_replay_ends_rotated_tokens_too(site: Site) -> None:
    client = site.world.spa
    code = await code_of(site, client, **PKCE)
    first = (await exchange(site, client, code, code_verifier=VERIFIER)).json()
    second = (await refresh(site, client, first["refresh_token"])).json()
    refused(await exchange(site, client, code, code_verifier=VERIFIER), "invalid_grant")
    for tokens in (first, second):
        assert (await userinfo(site, tokens["access_token"])).status_code == 401
        refused(await refresh(site, client, tokens["refresh_token"]), "invalid_grant")


async def test_s034_replay_leaves_another_sign_in_alone(site: Site) -> None:
    client = site.world.web
    code = await code_of(site, client)
    await exchange(site, client, code)
    site.clock.advance(seconds=1)
    phone_two = await signed_in_tokens(site, client, ANNA)
    await exchange(site, client, code)
    assert (await userinfo(site, phone_two["access_token"])).status_code == 200
    assert (await refresh(site, client, phone_two["refresh_token"])).status_code == 200


WRONG: dict[str, dict[str, str]] = {
    "another verifier": {"code_verifier": "x" * 43},
    "no verifier": {"code_verifier": ""},
    "malformed verifier": {"code_verifier": "short"},
    "another redirect_uri": {"code_verifier": VERIFIER, "redirect_uri": "https://app.example/other"},
    "no redirect_uri": {"code_verifier": VERIFIER, "redirect_uri": ""},
}


@pytest.mark.parametrize("fields", WRONG.values(), ids=WRONG.keys())
async def test_s035_wrong_replay_does_not_end_the_grant(site: Site, fields: dict[str, str]) -> None:
    client = site.world.pkce
    code = await code_of(site, client, **PKCE)
    tokens = (await exchange(site, client, code, code_verifier=VERIFIER)).json()
    refused(await exchange(site, client, code, **fields), "invalid_grant")
    assert (await userinfo(site, tokens["access_token"])).status_code == 200
    assert (await refresh(site, client, tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("who", ["wrong secret", "other client", "public client", "nobody"])
async def test_s035_replay_by_somebody_else_does_not_end_the_grant(site: Site, who: str) -> None:
    client = site.world.web
    code = await code_of(site, client)
    tokens = (await exchange(site, client, code)).json()
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri}
    match who:
        case "wrong secret":
            refused(await post(site, auth=(client.client_id, "wrong"), **fields), "invalid_client", 401)
        case "other client":
            refused(await post(site, auth=site.world.pkce.basic, **fields), "invalid_grant")
        case "public client":
            refused(await post(site, client_id=site.world.spa.client_id, **fields), "invalid_grant")
        case _:
            refused(await post(site, **fields), "invalid_client", 401)
    assert (await userinfo(site, tokens["access_token"])).status_code == 200
    assert (await refresh(site, client, tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("round_", range(3))
async def test_s036_fifty_parallel_redemptions_give_one_token_family(any_site: Site, round_: int) -> None:
    client = any_site.world.web
    code = await code_of(any_site, client, NUMBERS[round_])
    async with any_site.http() as http:
        data = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri}
        answers = await asyncio.gather(
            *(http.post("/oauth2/token", data=data, auth=client.basic) for _ in range(50))
        )
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    for answer in answers:
        if answer.status_code != 200:
            refused(answer, "invalid_grant")
    access = (await userinfo(any_site, won[0]["access_token"])).status_code
    renewed = (await refresh(any_site, client, won[0]["refresh_token"])).status_code
    assert (access, renewed) in ((200, 200), (401, 400)), "a grant is alive as a whole, or over as a whole"


@pytest.mark.parametrize("thief", ["other", "post", "pkce", "spa", "native"])
async def test_s037_code_is_its_clients_only(site: Site, thief: str) -> None:
    client, other = site.world.web, getattr(site.world, thief)
    code = await code_of(site, client)
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri}
    if thief == "post":
        fields |= {"client_id": other.client_id, "client_secret": other.client_secret}
    elif other.client_secret is None:
        fields["client_id"] = other.client_id
    for redirect_uri in (client.redirect_uri, other.redirect_uri):
        auth = other.basic if other.client_secret and thief != "post" else None
        refused(await post(site, auth=auth, **{**fields, "redirect_uri": redirect_uri}), "invalid_grant")
    assert (await exchange(site, client, code)).status_code == 200, "nothing was spent"


async def test_s037_public_clients_code_is_not_a_confidential_clients(site: Site) -> None:
    spa, web = site.world.spa, site.world.web
    code = await code_of(site, spa, **PKCE)
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    refused(await post(site, auth=web.basic, redirect_uri=spa.redirect_uri, **fields), "invalid_grant")
    assert (await exchange(site, spa, code, code_verifier=VERIFIER)).status_code == 200


async def test_s037_code_is_bound_to_redirect_uri_and_session(site: Site) -> None:
    client = site.world.web
    anna, bo = site.visitor(), site.visitor()
    first, second = await anna.complete(client, ANNA), await bo.complete(client, BO)
    for redirect_uri in ("", "https://app.example/cb?x=1", "https://app.example/cb/", "https://spa.example/cb"):
        refused(await exchange(site, client, first["code"], redirect_uri=redirect_uri), "invalid_grant")
    one = (await exchange(site, client, first["code"])).json()
    two = (await exchange(site, client, second["code"])).json()
    said = [(await userinfo(site, tokens["access_token"])).json() for tokens in (one, two)]
    assert [claims["phone_number"] for claims in said] == [ANNA, BO]
    assert said[0]["sid"] != said[1]["sid"]
    assert said[0]["sub"] != said[1]["sub"]


async def test_s037_signing_out_takes_a_session_bound_code_along(site: Site) -> None:
    client = site.world.web
    visitor = site.visitor()
    code = (await visitor.complete(client, ANNA, scope="phone"))["code"]
    await visitor.get("/oauth2/sessions/logout")
    await visitor.submit("/confirm", decision="sign_out")
    refused(await exchange(site, client, code), "invalid_grant")


@pytest.mark.parametrize(("age", "fresh"), [(59, True), (61, False), (3600, False)])
async def test_s038_code_lives_sixty_seconds(any_site: Site, age: int, fresh: bool) -> None:
    client = any_site.world.web
    code = await code_of(any_site, client)
    any_site.clock.advance(seconds=age)
    answer = await exchange(any_site, client, code)
    if fresh:
        assert answer.status_code == 200
    else:
        refused(answer, "invalid_grant")


async def test_s038_codes_tell_nothing_and_cannot_be_guessed(site: Site) -> None:
    client = site.world.web
    visitor = site.visitor()
    codes = [(await visitor.complete(client, ANNA))["code"]]
    for _ in range(5):
        codes.append((await visitor.start(client)).headers["location"].partition("code=")[2].partition("&")[0])
    contents = [unb64(code.removeprefix("dk_ac_")) for code in codes]
    assert all(len(content) >= 32 for content in contents)
    for content in contents:
        for word in (ANNA, ANNA[1:], ANNA[-7:], client.client_id, client.client_id.replace("-", "")):
            assert word.encode() not in content
            assert word.encode().hex() not in content.hex()
    for position in range(1, min(map(len, contents)), 8):
        pieces = [content[position : position + 8] for content in contents]
        assert len(set(pieces)) == len(codes), "no two codes share eight bytes anywhere"
    for position in range(len("dk_ac_"), len(codes[0]), 7):
        letter = "A" if codes[0][position] != "A" else "B"
        forged = codes[0][:position] + letter + codes[0][position + 1 :]
        refused(await exchange(site, client, forged), "invalid_grant")
    assert (await exchange(site, client, codes[0])).status_code == 200


async def _disable_client(site: Site) -> tuple[str, int]:
    await site.directory.disable_client(actor="cli:tests", client_id=site.world.web.client_id)
    return "invalid_client", 401


async def _suspend_product(site: Site) -> tuple[str, int]:
    await site.directory.suspend_product(actor="cli:tests", product_id=site.world.product)
    return "invalid_client", 401


async def _disable_at_operator(site: Site) -> tuple[str, int]:
    world = site.world
    await site.directory.disable_product(actor="cli:tests", product_id=world.product, operator_id=world.nordcell)
    return "invalid_grant", 400


async def _suspend_subscription(site: Site) -> tuple[str, int]:
    await site.subscribers.suspend(actor="cli:tests", subscription_id=site.world.subscriptions[ANNA])
    return "invalid_grant", 400


async def _suspend_and_resume(site: Site) -> tuple[str, int]:
    await _suspend_subscription(site)
    await site.subscribers.resume(actor="cli:tests", subscription_id=site.world.subscriptions[ANNA])
    return "invalid_grant", 400


async def _reassign_number(site: Site) -> tuple[str, int]:
    await site.subscribers.reassign_number(actor="cli:tests", number=ANNA, operator_id=site.world.nordcell)
    return "invalid_grant", 400


async def _withdraw_consent(site: Site) -> tuple[str, int]:
    subscription, product = site.world.subscriptions[ANNA], site.world.product

    async def unit(writer: Any) -> None:
        now = site.clock.now()
        await site.built.house.authorizations.end_of_pair(writer, subscription, product, now, "withdrawn")

    await site.storage.write(unit)
    return "invalid_grant", 400


CHANGES = [
    _disable_client,
    _suspend_product,
    _disable_at_operator,
    _suspend_subscription,
    _suspend_and_resume,
    _reassign_number,
    _withdraw_consent,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
async def test_s039_code_dies_with_client_product_subscription_and_consent(any_site: Site, change: Any) -> None:
    code = await code_of(any_site, any_site.world.web)
    error, status = await change(any_site)
    any_site.clock.advance(seconds=1)
    refused(await exchange(any_site, any_site.world.web, code), error, status)


# client authentication


def basic(name: str, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def bad_credentials(site: Site) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """(headers, form) by what is wrong."""
    web, by_post, secret = site.world.web, site.world.post, site.world.web.client_secret
    return {
        "wrong secret": (basic(web.client_id, "dk_cs_wrong"), {}),
        "empty secret": (basic(web.client_id, ""), {}),
        "another client's secret": (basic(web.client_id, site.world.other.client_secret), {}),
        "secret in capitals": (basic(web.client_id, secret.upper()), {}),
        "secret cut short": (basic(web.client_id, secret[:-1]), {}),
        "secret with more": (basic(web.client_id, secret + "x"), {}),
        "unknown client": (basic(UNKNOWN, secret), {}),
        "no id": (basic("", secret), {}),
        "not a UUID": (basic("' OR 1=1 --", secret), {}),
        "secret omitted": ({}, {"client_id": web.client_id}),
        "nothing at all": ({}, {}),
        "empty secret in the form": ({}, {"client_id": by_post.client_id, "client_secret": ""}),
        "wrong secret in the form": ({}, {"client_id": by_post.client_id, "client_secret": "wrong"}),
        "unknown client in the form": ({}, {"client_id": UNKNOWN, "client_secret": "wrong"}),
        "no colon": ({"authorization": "Basic " + base64.b64encode(web.client_id.encode()).decode()}, {}),
        "not base64": ({"authorization": "Basic %%%"}, {}),
        "bearer": ({"authorization": f"Bearer {secret}"}, {}),
        "digest stored in the database": (basic(web.client_id, site.keyring.digest("client-secret", secret)), {}),
    }


BAD = (
    "wrong secret", "empty secret", "another client's secret", "secret in capitals", "secret cut short",
    "secret with more", "unknown client", "no id", "not a UUID", "secret omitted", "nothing at all",
    "empty secret in the form", "wrong secret in the form", "unknown client in the form", "no colon", "not base64",
    "bearer", "digest stored in the database",
)  # fmt: skip


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"])
@pytest.mark.parametrize("kind", BAD)
async def test_s045_every_failed_authentication_gets_the_same_answer(site: Site, kind: str, path: str) -> None:
    headers, fields = bad_credentials(site)[kind]
    data = {"grant_type": "client_credentials", "token": "x", **fields}
    async with site.http() as http:
        answer = await http.post(path, data=data, headers=headers)
    refused(answer, "invalid_client", 401)
    assert answer.json() == {"error": "invalid_client", "error_description": "Client authentication failed."}
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_s045_right_credentials_open(site: Site) -> None:
    for client, auth, fields in (
        (site.world.web, site.world.web.basic, {}),
        (site.world.web, site.world.web.basic, {"client_id": site.world.web.client_id}),
        (site.world.post, None, {"client_id": site.world.post.client_id, "client_secret": site.world.post.client_secret}),
    ):
        answer = await post(site, auth=auth, grant_type="client_credentials", **fields)
        assert answer.status_code == 200, (client, answer.text)


async def test_s045_unknown_clients_take_as_long_as_wrong_secrets(site: Site) -> None:
    samples: dict[str, list[float]] = {site.world.web.client_id: [], UNKNOWN: []}
    async with site.http() as http:
        for _ in range(120):
            for client_id, times in samples.items():
                began = time.perf_counter()
                await http.post("/oauth2/token", data={"grant_type": "x"}, headers=basic(client_id, "dk_cs_wrong"))
                times.append(time.perf_counter() - began)
    known, unknown = (sorted(times)[60] for times in samples.values())
    assert abs(known - unknown) <= 0.005, (known, unknown)


async def test_s046_two_methods_in_one_request_are_refused(site: Site) -> None:
    web = site.world.web
    assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    for fields in (
        {"client_id": web.client_id, "client_secret": web.client_secret},
        {"client_secret": web.client_secret},
        {"client_assertion": "a.b.c", "client_assertion_type": assertion_type},
        {"client_assertion_type": assertion_type},
    ):
        refused(await post(site, auth=web.basic, grant_type="client_credentials", **fields), "invalid_request")
    both = {"client_secret": "x", "client_assertion": "a.b.c", "client_assertion_type": assertion_type}
    refused(await post(site, client_id=web.client_id, grant_type="client_credentials", **both), "invalid_request")
    async with site.http() as http:
        twice = [*basic(web.client_id, web.client_secret).items()] * 2
        answer = await http.post("/oauth2/token", data={"grant_type": "client_credentials"}, headers=twice)
    refused(answer, "invalid_request")


async def test_s046_two_client_ids_are_refused(site: Site) -> None:
    other = site.world.other.client_id
    refused(await post(site, auth=site.world.web.basic, client_id=other, grant_type="client_credentials"), "invalid_request")


async def test_s046_only_the_registered_method_opens(site: Site) -> None:
    web, by_post, spa = site.world.web, site.world.post, site.world.spa
    grant = {"grant_type": "client_credentials"}
    in_form = {"client_id": web.client_id, "client_secret": web.client_secret}
    refused(await post(site, **grant, **in_form), "invalid_client", 401)
    refused(await post(site, auth=by_post.basic, **grant), "invalid_client", 401)
    refused(await post(site, auth=(spa.client_id, ""), **grant), "invalid_client", 401)
    refused(await post(site, client_id=spa.client_id, client_secret="x", **grant), "invalid_client", 401)
    refused(await post(site, client_id=web.client_id, **grant), "invalid_client", 401)


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"])
async def test_s047_secrets_in_the_address_are_refused(site: Site, path: str) -> None:
    client = site.world.post
    query = {"client_id": client.client_id, "client_secret": client.client_secret}
    form = {"grant_type": "client_credentials", "token": "x"}
    async with site.http() as http:
        refused(await http.post(path, params=query, data=form), "invalid_request")
        refused(await http.post(path, params=query | form), "invalid_request")
        answer = await http.post(path, params={"client_id": client.client_id}, data=form, auth=site.world.web.basic)
        refused(answer, "invalid_request")
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
            answer = await http.request(method, path, params=query | form)
            assert answer.status_code == 405, method
            assert "POST" in answer.headers["allow"]


# grant types and scopes


async def test_s051_client_credentials_stand_for_the_client_alone(site: Site) -> None:
    web = site.world.web
    for scope in ("", "voicemail.get"):
        answer = await post(site, auth=web.basic, grant_type="client_credentials", scope=scope)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body.keys() == {"access_token", "expires_in", "scope", "token_type"}
        assert body["scope"] == scope
        said = await introspect(site, web, body["access_token"])
        assert said["sub"] == web.client_id == said["client_id"]
        assert not {"sid", "auth_time", "acr", "phone_number"} & said.keys()
        refusal = await userinfo(site, body["access_token"])
        assert refusal.status_code == 403
        assert refusal.json()["error"] == "insufficient_scope"


@pytest.mark.parametrize("scope", ["openid", "phone", "offline_access", "offline", "voicemail.get phone"])
async def test_s051_client_credentials_reach_no_subscriber(site: Site, scope: str) -> None:
    refused(
        await post(site, auth=site.world.web.basic, grant_type="client_credentials", scope=scope), "invalid_scope"
    )


async def test_s051_client_ids_and_subjects_have_nothing_in_common(site: Site) -> None:
    tokens = await signed_in_tokens(site, site.world.web, ANNA)
    sub = (await introspect(site, site.world.web, tokens["access_token"]))["sub"]
    assert len(sub) == 128
    assert int(sub, 16)
    clients = [c for c in vars(site.world).values() if isinstance(c, Registered)]
    assert all(len(client.client_id) == 36 and client.client_id.count("-") == 4 for client in clients)


@pytest.mark.parametrize(
    "grant_type",
    ["password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "AUTHORIZATION_CODE", "x" * 500, "null",
     "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange", "code\n"],
)  # fmt: skip
async def test_s052_other_grant_types_are_refused(site: Site, grant_type: str) -> None:
    fields = {"grant_type": grant_type, "username": ANNA, "password": "123456"}
    refused(await post(site, auth=site.world.web.basic, **fields), "unsupported_grant_type")


async def test_s052_grant_type_must_be_there(site: Site) -> None:
    refused(await post(site, auth=site.world.web.basic), "invalid_request")
    refused(await post(site, auth=site.world.web.basic, grant_type=""), "invalid_request")


async def test_s052_grant_types_are_limited_per_client(site: Site) -> None:
    from dialkey.directory.model import ClientKind, GrantType
    from dialkey.directory.registration import ClientRegistration

    async def client(kind: ClientKind, *grants: GrantType) -> Registered:
        uris = () if kind is ClientKind.MACHINE else ("https://app.example/cb",)
        registration = ClientRegistration(kind=kind, grant_types=frozenset(grants), redirect_uris=uris)
        made = await site.directory.create_client(
            actor="cli:tests", product_id=site.world.product, registration=registration
        )
        return Registered(made.client_id, made.client_secret)

    machine = await client(ClientKind.MACHINE, GrantType.CLIENT_CREDENTIALS)
    once = await client(ClientKind.WEB, GrantType.AUTHORIZATION_CODE)
    rights = await signed_in_tokens(site, site.world.web, ANNA)
    refused(await refresh(site, machine, rights["refresh_token"]), "unauthorized_client")
    refused(await exchange(site, machine, "x"), "unauthorized_client")
    refused(await post(site, auth=once.basic, grant_type="client_credentials"), "unauthorized_client")
    refused(
        await post(site, client_id=site.world.spa.client_id, grant_type="client_credentials"), "unauthorized_client"
    )
    tokens = await signed_in_tokens(site, once, BO)
    assert "refresh_token" not in tokens
    assert "offline_access" not in tokens["scope"]


MORE = {
    "not granted": "phone offline_access voicemail.get",
    "of another product": "sms.text:send_to_subscriber",
    "for staff": "sim.authentication_vector:generate",
    "unknown": "admin",
    "tab": "phone\toffline_access",
    "line end": "phone\nvoicemail.get",
    "no-break space": "phone\u00a0voicemail.get",
    "quotes": 'phone "voicemail.get"',
    "ten thousand": " ".join(f"s{n}" for n in range(10_000)),
    "ten thousand times the same": "phone " * 10_000,
    "one of a thousand letters": "p" * 1000,
    "capitals": "PHONE",
    "star": "*",
}


@pytest.mark.parametrize("kind", MORE)
async def test_s053_refresh_never_widens(site: Site, kind: str) -> None:
    client = site.world.web
    tokens = await signed_in_tokens(site, client, ANNA)
    answer = await refresh(site, client, tokens["refresh_token"], scope=MORE[kind])
    refused(answer, "invalid_scope")
    again = await refresh(site, client, tokens["refresh_token"])
    assert again.status_code == 200, "a refused request spends nothing"
    assert again.json()["scope"] == "phone offline_access"


@pytest.mark.parametrize("path", ["token", "client_credentials"])
@pytest.mark.parametrize("kind", MORE)
async def test_s053_scope_at_the_token_endpoint_never_widens(site: Site, kind: str, path: str) -> None:
    client = site.world.web
    if path == "token":
        answer = await exchange(site, client, await code_of(site, client), scope=MORE[kind])
        granted = {"phone", "offline_access"}
    else:
        answer = await post(site, auth=client.basic, grant_type="client_credentials", scope=MORE[kind])
        granted = {"voicemail.get", "mms.send.from_subscriber"}
    if answer.status_code == 200:
        assert set(answer.json()["scope"].split()) <= granted
        said = await introspect(site, client, answer.json()["access_token"])
        assert set(said["scope"].split()) <= granted
    else:
        assert answer.status_code == 400
        assert answer.json()["error"] in ("invalid_scope", "invalid_request")


@pytest.mark.parametrize("path", ["/oauth2/token"])
async def test_s053_nul_in_a_scope_is_refused(site: Site, path: str) -> None:
    client = site.world.web
    tokens = await signed_in_tokens(site, client, ANNA)
    for fields in ({"grant_type": "client_credentials"}, {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}):
        refused(await post(site, path, auth=client.basic, scope="phone\x00voicemail.get", **fields), "invalid_request")


async def test_s053_narrowing_once_is_not_for_ever_and_widens_nothing(site: Site) -> None:
    client = site.world.web
    tokens = await signed_in_tokens(site, client, ANNA, scope="openid phone offline_access")
    narrow = (await refresh(site, client, tokens["refresh_token"], scope="offline_access")).json()
    assert narrow["scope"] == "offline_access"
    assert "id_token" not in narrow
    assert "phone_number" not in (await userinfo(site, narrow["access_token"])).json()
    wide = (await refresh(site, client, narrow["refresh_token"])).json()
    assert set(wide["scope"].split()) == {"openid", "phone", "offline_access"}


async def test_s053_what_a_product_loses_its_tokens_lose(site: Site) -> None:
    client, product = site.world.web, site.world.product
    tokens = await signed_in_tokens(site, client, ANNA, scope="openid phone offline_access")
    code = await code_of(site, client, BO, scope="openid phone offline_access")
    await site.directory.set_product_scopes(
        actor="cli:tests", product_id=product, required=["openid", "offline_access"], optional=["voicemail.get"]
    )
    site.clock.advance(seconds=1)
    assert "phone_number" not in (await userinfo(site, tokens["access_token"])).json()
    assert (await introspect(site, client, tokens["access_token"]))["scope"] == "openid offline_access"
    for answer in (await refresh(site, client, tokens["refresh_token"]), await exchange(site, client, code)):
        assert answer.json()["scope"] == "openid offline_access"
        assert "phone_number" not in unb64(answer.json()["id_token"].split(".")[1]).decode()


@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke", "/userinfo"])
async def test_s062_answers_with_secrets_are_never_stored(site: Site, path: str) -> None:
    client = site.world.web
    tokens = await signed_in_tokens(site, client, ANNA)
    bearer = {"authorization": f"Bearer {tokens['access_token']}"}
    async with site.http() as http:
        if path == "/userinfo":
            answers = [await http.get(path, headers=bearer), await http.post(path, headers=bearer), await http.get(path)]
        else:
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "token": tokens["access_token"]}
            answers = [
                await http.post(path, data=form, auth=client.basic),
                await http.post(path, data=form),
                await http.post(path, data={"grant_type": "x"}, auth=client.basic),
                await http.post(path, content="{", headers={"content-type": "application/json"}),
            ]
        answers.append(await http.options(path, headers={"origin": "https://spa.example"}))
    assert {answer.status_code for answer in answers} >= {200, 401}
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store", answer
        assert answer.headers["pragma"] == "no-cache"


async def test_s062_pages_are_never_stored_and_keys_may_be(site: Site) -> None:
    visitor = site.visitor()
    pages = [
        await visitor.start(site.world.web),
        await visitor.type_number(ANNA),
        await visitor.type_pin(await site.pin(ANNA)),
        await visitor.add_product(),
        await visitor.get("/oauth2/sessions/logout"),
        await visitor.get("/oauth2/auth?client_id=nobody"),
    ]
    for page in pages:
        assert page.headers["cache-control"] == "no-store", page.url
        assert page.headers["pragma"] == "no-cache"
    async with site.http() as http:
        for path in ("openid-configuration", "oauth-authorization-server", "jwks.json"):
            answer = await http.get(f"/.well-known/{path}")
            assert "public" in answer.headers["cache-control"]
            assert "max-age=" in answer.headers["cache-control"]
