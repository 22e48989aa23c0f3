"""OpenID Connect Back-Channel Logout 1.0: clients are told by a signed token, of a session or of a subscriber."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jws
from joserfc.jwk import KeySet

from dialkey.directory.model import AuthMethod, ClientKind, GrantType
from dialkey.directory.registration import ClientRegistration
from dialkey.storage import Statement
from dialkey.web.errors import Refusal
from support.events import remove
from support.receiver import Receiver
from support.relying_party import claims_of
from support.site import Registered, Site, Visitor, callback, exchange
from support.world import ACTOR, ALL_GRANTS, ANNA

EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT = "/oauth2/sessions/logout"
_JOBS = Statement("tests.jobs", "SELECT kind, state, payload FROM jobs WHERE kind = 'oauth.send_logout'")


async def client_with(site: Site, url: str, product: str | None = None, *, session: bool = False, **options: Any) -> Registered:
    made = await site.directory.create_client(
        actor=ACTOR,
        product_id=product or site.world.product,
        registration=ClientRegistration(
            redirect_uris=("https://app.example/cb",), post_revoke_redirect_uris=("https://app.example/removed",),
            grant_types=ALL_GRANTS, backchannel_logout_uri=url, backchannel_logout_session_required=session, **options,
        ),
    )  # fmt: skip
    return Registered(made.client_id, made.client_secret)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = await Receiver(lambda got: 200).start()
    yield made
    await made.stop()


async def signed_in(site: Site, client: Registered, visitor: Visitor | None = None, scope: str = "openid phone") -> tuple[Visitor, dict[str, Any]]:
    visitor = visitor or site.visitor()
    site.clock.advance(seconds=1)  # two messages of one moment have no order
    if visitor.visited:
        response = await visitor.start(client, scope=scope)
        if not response.is_redirect:
            response = await visitor.add_product()
        back = callback(response)
    else:
        back = await visitor.complete(client, ANNA, scope=scope)
    return visitor, (await exchange(site, client, back["code"])).json()


async def tell(site: Site) -> None:
    await site.run_jobs()
    await site.built.callers.run_due()


def tokens(receiver: Receiver) -> list[str]:
    return [parse_qs(got.body.decode())["logout_token"][0] for got in receiver.got]


async def checked(site: Site, token: str, client: Registered) -> dict[str, Any]:
    """Section 2.6, step by step, with the published keys."""
    async with site.http() as http:
        keys = KeySet.import_key_set((await http.get("/.well-known/jwks.json")).json())
    signed = jws.deserialize_compact(token, keys, algorithms=["RS256", "ES256"])
    assert signed.headers()["typ"] == "logout+jwt"
    claims = claims_of(token)
    assert claims["iss"] == site.settings.issuer
    assert claims["aud"] == [client.client_id]
    assert claims["iat"] == site.clock.now() // 1000 and 0 < claims["exp"] - claims["iat"] <= 120
    assert claims["events"] == {EVENT: {}}
    assert "nonce" not in claims
    assert "sub" in claims or "sid" in claims
    assert claims["jti"]
    return claims


async def test_signing_out_tells_every_client_of_the_session(any_site: Site, receiver: Receiver) -> None:
    site = any_site
    first = await client_with(site, f"{receiver.url}/first")
    second = await client_with(site, f"{receiver.url}/second", site.world.other_product)
    visitor, mine = await signed_in(site, first)
    _, theirs = await signed_in(site, second, visitor)
    _, elsewhere = await signed_in(site, first)
    await visitor.get(f"{LOGOUT}?id_token_hint={mine['id_token']}")
    await tell(site)
    got = dict(zip([one.path for one in receiver.got], tokens(receiver), strict=True))
    assert set(got) == {"/first", "/second"}
    assert receiver.got[0].headers["content-type"] == "application/x-www-form-urlencoded"
    for path, client, answer in (("/first", first, mine), ("/second", second, theirs)):
        claims, known = await checked(site, got[path], client), claims_of(answer["id_token"])
        assert (claims["sub"], claims["sid"]) == (known["sub"], known["sid"])
        assert claims["sid"] != claims_of(elsewhere["id_token"])["sid"]
    await tell(site)
    assert len(receiver.got) == 2


@pytest.mark.parametrize("session", [False, True])
async def test_removing_the_product_tells_of_the_subscriber(site: Site, receiver: Receiver, session: bool) -> None:
    client = await client_with(site, receiver.url, session=session)
    known = []
    for _ in range(2):
        _, answer = await signed_in(site, client)
        known.append(claims_of(answer["id_token"]))
    site.clock.advance(seconds=2)
    await remove(site, ANNA, answer["access_token"])
    await tell(site)
    claims = [await checked(site, token, client) for token in tokens(receiver)]
    assert {one["sub"] for one in claims} == {known[0]["sub"]}
    if session:
        assert {one["sid"] for one in claims} == {one["sid"] for one in known} and len(claims) == 2
    else:
        assert len(claims) == 1 and "sid" not in claims[0]


async def test_a_number_that_is_reassigned_or_suspended_is_told(site: Site, receiver: Receiver) -> None:
    client = await client_with(site, receiver.url)
    await signed_in(site, client)
    site.clock.advance(seconds=1)
    await site.subscribers.suspend(actor=ACTOR, subscription_id=site.world.subscriptions[ANNA])
    await tell(site)
    assert len(receiver.got) == 1
    await site.subscribers.resume(actor=ACTOR, subscription_id=site.world.subscriptions[ANNA])
    await signed_in(site, client)
    site.clock.advance(seconds=1)
    await site.subscribers.reassign_number(actor=ACTOR, number=ANNA, operator_id=site.world.nordcell)
    await tell(site)
    assert len(receiver.got) == 2


@pytest.mark.parametrize(("status", "again"), [(500, True), (503, True), (429, True), (400, False), (404, False), (302, False)])
async def test_what_may_pass_is_tried_again(site: Site, receiver: Receiver, status: int, again: bool) -> None:
    client = await client_with(site, receiver.url)
    visitor, answer = await signed_in(site, client)
    receiver.answer = lambda got: status
    await visitor.get(f"{LOGOUT}?id_token_hint={answer['id_token']}")
    await tell(site)
    assert len(receiver.got) == 1
    site.clock.advance(seconds=11)
    receiver.answer = lambda got: 200
    await tell(site)
    assert len(receiver.got) == 1 + again
    jtis = [claims_of(token)["jti"] for token in tokens(receiver)]
    assert len(set(jtis)) == len(jtis), "a retry is a fresh token"
    assert await site.storage.read.all(_JOBS) == []


async def test_a_client_that_never_answers_is_given_up(site: Site, receiver: Receiver) -> None:
    client = await client_with(site, receiver.url)
    visitor, answer = await signed_in(site, client)
    await receiver.stop()
    await visitor.get(f"{LOGOUT}?id_token_hint={answer['id_token']}")
    for _ in range(12):
        await tell(site)
        site.clock.advance(hours=1)
    [job] = await site.storage.read.all(_JOBS)
    assert job.state == "failed"
    assert ANNA not in job.payload


async def test_the_worker_of_pins_leaves_these_jobs_alone(site: Site, receiver: Receiver) -> None:
    client = await client_with(site, receiver.url)
    visitor, answer = await signed_in(site, client)
    await visitor.get(f"{LOGOUT}?id_token_hint={answer['id_token']}")
    await site.run_jobs()
    assert receiver.got == []


@pytest.mark.parametrize(
    "uri", ["http://app.example/x", "https://10.0.0.1/", "https://app/", "https://app.example/#f", "ftp://app.example/", "https://u@app.example/",
            "https://x.internal/", "https://app.example:22/"],
)  # fmt: skip
async def test_s020_an_address_inside_is_not_registered(site: Site, uri: str) -> None:
    with pytest.raises(Refusal, match="backchannel_logout_uri"):
        await client_with(site, uri)


async def test_a_machine_has_nobody_to_sign_out() -> None:
    with pytest.raises(Refusal, match="backchannel_logout_uri"):
        ClientRegistration(
            kind=ClientKind.MACHINE, auth_method=AuthMethod.BASIC, grant_types=frozenset({GrantType.CLIENT_CREDENTIALS}),
            backchannel_logout_uri="https://app.example/x",
        ).check()  # fmt: skip


async def test_discovery_says_so(site: Site) -> None:
    async with site.http() as http:
        document = (await http.get("/.well-known/openid-configuration")).json()
    assert document["backchannel_logout_supported"] is True
    assert document["backchannel_logout_session_supported"] is True


async def test_s066_a_logout_token_is_no_other_token(site: Site, receiver: Receiver) -> None:
    client = await client_with(site, receiver.url)
    visitor, answer = await signed_in(site, client)
    await visitor.get(f"{LOGOUT}?id_token_hint={answer['id_token']}")
    await tell(site)
    [token] = tokens(receiver)
    async with site.http() as http:
        assert (await http.get("/userinfo", headers={"authorization": f"Bearer {token}"})).status_code == 401
    visitor, _ = await signed_in(site, client)
    assert "/confirm" in (await visitor.get(f"{LOGOUT}?id_token_hint={token}")).text, "nor is it a hint"
