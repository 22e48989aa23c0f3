"""RFC 6749 section 6 and RFC 9700 section 4.14: refresh tokens, their rotation, and what ends them."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from support.site import (
    Registered,
    Site,
    callback,
    exchange,
    introspect,
    make_site,
    refresh,
    signed_in_tokens,
    userinfo,
)
from support.world import ANNA, BO, NUMBERS

DAY = 24 * 3600


def refused(answer: httpx.Response, error: str = "invalid_grant", status: int = 400) -> None:
    assert (answer.status_code, answer.json().get("error")) == (status, error), answer.text
    assert "access_token" not in answer.json()


async def family_is_over(site: Site, client: Registered, *tokens: dict[str, Any]) -> None:
    for each in tokens:
        assert (await userinfo(site, each["access_token"])).status_code == 401
        refused(await refresh(site, client, each["refresh_token"]))
        for name in ("access_token", "refresh_token"):
            if client.client_secret:
                assert await introspect(site, client, each[name]) == {"active": False}


async def rotated(site: Site, client: Registered, tokens: dict[str, Any]) -> dict[str, Any]:
    answer = await refresh(site, client, tokens["refresh_token"])
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_s054_every_use_gives_another_refresh_token(any_site: Site) -> None:
    client = any_site.world.web
    tokens = [await signed_in_tokens(any_site, client, ANNA)]
    for _ in range(4):
        tokens.append(await rotated(any_site, client, tokens[-1]))
    assert len({each["refresh_token"] for each in tokens}) == 5
    assert len({each["access_token"] for each in tokens}) == 5
    for each in tokens[:-1]:
        assert await introspect(any_site, client, each["refresh_token"]) == {"active": False}
    assert (await introspect(any_site, client, tokens[-1]["refresh_token"]))["active"] is True


@pytest.mark.parametrize("name", ["web", "spa"])
async def test_s054_a_used_refresh_token_ends_the_family(any_site: Site, name: str) -> None:
    client = getattr(any_site.world, name)
    pkce = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
    code = (await any_site.visitor().complete(client, ANNA, **(pkce if name == "spa" else {})))["code"]
    verifier = {"code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"} if name == "spa" else {}
    first = (await exchange(any_site, client, code, **verifier)).json()
    second = await rotated(any_site, client, first)
    any_site.clock.advance(seconds=61)
    refused(await refresh(any_site, client, first["refresh_token"]))
    await family_is_over(any_site, client, first, second)


async def test_s054_within_the_window_a_retry_gets_the_same_successor(any_site: Site) -> None:
    client = any_site.world.web
    first = await signed_in_tokens(any_site, client, ANNA)
    second = await rotated(any_site, client, first)
    any_site.clock.advance(seconds=60)
    retried = await rotated(any_site, client, first)
    assert retried["refresh_token"] == second["refresh_token"]
    third = await rotated(any_site, client, retried)
    assert third["refresh_token"] != second["refresh_token"]


async def test_s054_within_the_window_nothing_older_than_the_previous_one(any_site: Site) -> None:
    client = any_site.world.web
    first = await signed_in_tokens(any_site, client, ANNA)
    second = await rotated(any_site, client, first)
    third = await rotated(any_site, client, second)
    refused(await refresh(any_site, client, first["refresh_token"]))
    await family_is_over(any_site, client, first, second, third)


async def test_s054_the_clients_own_window_counts(site: Site) -> None:
    from dialkey.directory.registration import ClientRegistration

    made = await site.directory.create_client(
        actor="cli:tests",
        product_id=site.world.product,
        registration=ClientRegistration(redirect_uris=("https://app.example/cb",), retry_window=0),
    )
    client = Registered(made.client_id, made.client_secret)
    first = await signed_in_tokens(site, client, ANNA)
    second = await rotated(site, client, first)
    site.clock.advance(seconds=0.001)
    refused(await refresh(site, client, first["refresh_token"]))
    await family_is_over(site, client, second)


async def test_s054_two_phones_never_disturb_each_other(site: Site) -> None:
    client = site.world.web
    one = await signed_in_tokens(site, client, ANNA)
    site.clock.advance(seconds=1)
    two = await signed_in_tokens(site, client, ANNA)
    newer = await rotated(site, client, one)
    site.clock.advance(seconds=61)
    refused(await refresh(site, client, one["refresh_token"]))
    await family_is_over(site, client, newer)
    assert (await userinfo(site, two["access_token"])).status_code == 200
    assert (await refresh(site, client, two["refresh_token"])).status_code == 200


@pytest.mark.parametrize("round_", range(2))
async def test_s055_fifty_parallel_refreshes_give_one_branch(any_site: Site, round_: int) -> None:
    client = any_site.world.web
    first = await signed_in_tokens(any_site, client, NUMBERS[round_])
    data = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    async with any_site.http() as http:
        answers = await asyncio.gather(*(http.post("/oauth2/token", data=data, auth=client.basic) for _ in range(50)))
    assert {answer.status_code for answer in answers} <= {200, 400}
    successors = {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}
    assert len(successors) == 1
    assert first["refresh_token"] not in successors
    [successor] = successors
    third = await rotated(any_site, client, {"refresh_token": successor})
    any_site.clock.advance(seconds=61)
    refused(await refresh(any_site, client, successor))
    await family_is_over(any_site, client, third)


async def test_s055_parallel_refreshes_with_two_generations_leave_one_branch_or_none(any_site: Site) -> None:
    client = any_site.world.web
    first = await signed_in_tokens(any_site, client, ANNA)
    second = await rotated(any_site, client, first)
    data = [{"grant_type": "refresh_token", "refresh_token": each["refresh_token"]} for each in (first, second)]
    async with any_site.http() as http:
        answers = await asyncio.gather(
            *(http.post("/oauth2/token", data=data[n % 2], auth=client.basic) for n in range(50))
        )
    given = {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}
    states = [(await introspect(any_site, client, token))["active"] for token in given | {first["refresh_token"]}]
    assert states.count(True) <= 1


async def test_s055_a_retry_after_the_successor_was_used_ends_the_family(site: Site) -> None:
    client = site.world.web
    first = await signed_in_tokens(site, client, ANNA)
    second = await rotated(site, client, first)
    retried = await rotated(site, client, first)
    third = await rotated(site, client, second)
    refused(await refresh(site, client, first["refresh_token"]))
    await family_is_over(site, client, second, retried, third)


@pytest.mark.parametrize("which", ["newest", "previous", "access"])
async def test_s056_a_revoked_refresh_token_is_dead_inside_the_window(any_site: Site, which: str) -> None:
    client = any_site.world.web
    first = await signed_in_tokens(any_site, client, ANNA)
    second = await rotated(any_site, client, first)
    token = {"newest": second["refresh_token"], "previous": first["refresh_token"], "access": second["access_token"]}
    async with any_site.http() as http:
        assert (await http.post("/oauth2/revoke", data={"token": token[which]}, auth=client.basic)).status_code == 200
    await family_is_over(any_site, client, second, first)


@pytest.mark.parametrize("age", [0, 59, 61, 30 * DAY])
async def test_s056_an_old_generation_ends_the_family(any_site: Site, age: int) -> None:
    client = any_site.world.web
    tokens = [await signed_in_tokens(any_site, client, ANNA)]
    for _ in range(4):
        tokens.append(await rotated(any_site, client, tokens[-1]))
    any_site.clock.advance(seconds=age)
    refused(await refresh(any_site, client, tokens[1]["refresh_token"]))
    await family_is_over(any_site, client, tokens[-1])


def restarted(site: Site) -> Site:
    """Another process over the same database: nothing that was in memory is left."""
    return make_site(site.settings, site.storage, site.keyring, site.clock, site.entropy, site.world)


@pytest.mark.parametrize("end", ["used", "revoked", "replayed code", "suspended"])
async def test_s057_a_dead_refresh_token_stays_dead_after_a_restart(any_site: Site, end: str) -> None:
    client = any_site.world.web
    code = (await any_site.visitor().complete(client, ANNA))["code"]
    first = (await exchange(any_site, client, code)).json()
    second = first
    match end:
        case "used":
            second = await rotated(any_site, client, await rotated(any_site, client, first))
        case "revoked":
            async with any_site.http() as http:
                await http.post("/oauth2/revoke", data={"token": first["refresh_token"]}, auth=client.basic)
        case "replayed code":
            refused(await exchange(any_site, client, code))
        case "suspended":
            subscription_id = any_site.world.subscriptions[ANNA]
            await any_site.subscribers.suspend(actor="cli:tests", subscription_id=subscription_id)
            await any_site.subscribers.resume(actor="cli:tests", subscription_id=subscription_id)
    again = restarted(any_site)
    refused(await refresh(again, client, first["refresh_token"]))
    await family_is_over(again, client, first, second)


async def test_s057_a_living_refresh_token_survives_a_restart(any_site: Site) -> None:
    client = any_site.world.web
    first = await signed_in_tokens(any_site, client, ANNA)
    again = restarted(any_site)
    assert (await userinfo(again, first["access_token"])).status_code == 200
    second = await rotated(again, client, first)
    assert (await rotated(restarted(any_site), client, first))["refresh_token"] == second["refresh_token"]


@pytest.mark.parametrize("name", ["pkce", "post", "spa", "other", "draft"])
async def test_s058_refresh_token_is_its_clients_only(any_site: Site, name: str) -> None:
    client, thief = any_site.world.web, getattr(any_site.world, name)
    first = await signed_in_tokens(any_site, client, ANNA)
    second = await rotated(any_site, client, first)
    for token in (first, second):
        data = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
        auth = None
        if name == "post":
            data |= {"client_id": thief.client_id, "client_secret": thief.client_secret}
        elif thief.client_secret is None:
            data["client_id"] = thief.client_id
        else:
            auth = thief.basic
        async with any_site.http() as http:
            refused(await http.post("/oauth2/token", data=data, auth=auth))
            any_site.clock.advance(seconds=61)
            refused(await http.post("/oauth2/token", data=data, auth=auth))
    assert (await userinfo(any_site, second["access_token"])).status_code == 200
    assert (await refresh(any_site, client, second["refresh_token"])).status_code == 200


async def test_s058_refresh_token_ends_when_it_is_not_used(any_site: Site) -> None:
    client = any_site.world.web
    late = await signed_in_tokens(any_site, client, ANNA)
    in_time = await signed_in_tokens(any_site, client, BO)
    any_site.clock.advance(days=59)
    in_time = await rotated(any_site, client, in_time)
    any_site.clock.advance(days=1, seconds=1)
    refused(await refresh(any_site, client, late["refresh_token"]))
    assert await introspect(any_site, client, late["refresh_token"]) == {"active": False}
    assert (await introspect(any_site, client, in_time["refresh_token"]))["active"] is True
    assert (await refresh(any_site, client, in_time["refresh_token"])).status_code == 200


async def test_s058_refresh_token_ends_absolutely(any_site: Site) -> None:
    client = any_site.world.web
    tokens = await signed_in_tokens(any_site, client, ANNA)
    for _ in range(7):
        any_site.clock.advance(days=50)
        tokens = await rotated(any_site, client, tokens)
    any_site.clock.advance(days=14)
    tokens = await rotated(any_site, client, tokens)
    any_site.clock.advance(days=1)
    refused(await refresh(any_site, client, tokens["refresh_token"]))
    assert await introspect(any_site, client, tokens["refresh_token"]) == {"active": False}
    assert (await userinfo(any_site, tokens["access_token"])).status_code == 401


async def _suspend(site: Site) -> None:
    await site.subscribers.suspend(actor="cli:tests", subscription_id=site.world.subscriptions[ANNA])


async def _end(site: Site) -> None:
    await site.subscribers.end(actor="cli:tests", subscription_id=site.world.subscriptions[ANNA])


async def _reassign(site: Site) -> None:
    await site.subscribers.reassign_number(actor="cli:tests", number=ANNA, operator_id=site.world.nordcell)


async def _withdraw(site: Site) -> None:
    async def unit(writer: Any) -> None:
        await site.built.house.authorizations.end_of_pair(
            writer, site.world.subscriptions[ANNA], site.world.product, site.clock.now(), "withdrawn"
        )

    await site.storage.write(unit)


async def _disable_client(site: Site) -> None:
    for client in (site.world.web, site.world.jwt):
        await site.directory.disable_client(actor="cli:tests", client_id=client.client_id)


async def _suspend_product(site: Site) -> None:
    await site.directory.suspend_product(actor="cli:tests", product_id=site.world.product)


async def _disable_at_operator(site: Site) -> None:
    await site.directory.disable_product(
        actor="cli:tests", product_id=site.world.product, operator_id=site.world.nordcell
    )


ENDS = (_suspend, _end, _reassign, _withdraw, _disable_client, _suspend_product, _disable_at_operator)
AT_ONCE = (_suspend, _end, _reassign, _withdraw)


@pytest.mark.parametrize("name", ["web", "jwt"])
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__.strip("_"))
async def test_s059_what_ends_a_subscriber_client_or_product_ends_its_tokens(
    any_site: Site, end: Any, name: str
) -> None:
    client = getattr(any_site.world, name)
    tokens = await signed_in_tokens(any_site, client, ANNA)
    assert (await userinfo(any_site, tokens["access_token"])).status_code == 200
    await end(any_site)
    if end not in AT_ONCE:
        any_site.clock.advance(seconds=1)
    assert (await userinfo(any_site, tokens["access_token"])).status_code == 401
    answer = await refresh(any_site, client, tokens["refresh_token"])
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] in ("invalid_grant", "invalid_client")
    other = any_site.world.resource if end is not _suspend_product else None
    if other is not None:
        assert await introspect(any_site, other, tokens["access_token"]) == {"active": False}
        assert await introspect(any_site, other, tokens["refresh_token"]) == {"active": False}


async def test_s059_jwt_access_tokens_live_five_minutes_at_most(site: Site) -> None:
    tokens = await signed_in_tokens(site, site.world.jwt, ANNA)
    assert tokens["expires_in"] <= 300
    site.clock.advance(seconds=tokens["expires_in"] - 1)
    assert (await userinfo(site, tokens["access_token"])).status_code == 200
    site.clock.advance(seconds=1)
    assert (await userinfo(site, tokens["access_token"])).status_code == 401
    assert await introspect(site, site.world.jwt, tokens["access_token"]) == {"active": False}


async def test_s059_a_number_change_keeps_the_grant_and_its_subject(site: Site) -> None:
    from dialkey.base.phone import PhoneNumber

    tokens = await signed_in_tokens(site, site.world.web, ANNA)
    before = (await userinfo(site, tokens["access_token"])).json()
    await site.subscribers.change_number(
        actor="cli:tests", subscription_id=site.world.subscriptions[ANNA], new=PhoneNumber("+46701740699")
    )
    after = (await userinfo(site, tokens["access_token"])).json()
    assert after == {**before, "phone_number": "+46701740699"}


async def test_s059_a_grant_beyond_the_cap_ends_the_longest_idle(site: Site) -> None:
    client, visitor = site.world.web, site.visitor()
    codes = [(await visitor.complete(client, ANNA))["code"]]
    tokens = [(await exchange(site, client, codes[0])).json()]
    for _ in range(site.settings.tokens.grants_per_client):
        site.clock.advance(seconds=1)
        back = callback(await visitor.start(client))
        tokens.append((await exchange(site, client, back["code"])).json())
    assert (await userinfo(site, tokens[0]["access_token"])).status_code == 401
    assert (await userinfo(site, tokens[1]["access_token"])).status_code == 200


