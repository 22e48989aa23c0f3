"""The phone number is told to a client with the scope `phone` and the subscriber's consent, and nowhere else."""

from __future__ import annotations

import base64
import json

import structlog

from support.site import Site, callback, exchange, introspect, refresh, userinfo
from support.world import ANNA

DIGITS = ANNA.removeprefix("+")
NATIONAL = DIGITS.removeprefix("46")


def _claims(id_token: str) -> dict[str, object]:
    segment = id_token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


async def test_s070_without_the_scope_no_answer_holds_the_number(site: Site) -> None:
    client = site.world.web
    with structlog.testing.capture_logs() as logs:
        visitor = site.visitor()
        back = await visitor.complete(client, ANNA, scope="openid offline_access")
        tokens = (await exchange(site, client, back["code"])).json()
        told = [
            back,
            tokens,
            _claims(tokens["id_token"]),
            (await userinfo(site, tokens["access_token"])).json(),
            await introspect(site, client, tokens["access_token"]),
            (await refresh(site, client, tokens["refresh_token"])).json(),
            visitor.visited,
            logs,
        ]
    for answer in told:
        assert NATIONAL not in str(answer)


async def test_s070_with_the_scope_it_stands_in_the_id_token_and_userinfo_only(site: Site) -> None:
    client = site.world.web
    with structlog.testing.capture_logs() as logs:
        visitor = site.visitor()
        back = await visitor.complete(client, ANNA, scope="openid phone offline_access")
        tokens = (await exchange(site, client, back["code"])).json()
        claims = _claims(tokens["id_token"])
        info = (await userinfo(site, tokens["access_token"])).json()
        introspected = await introspect(site, client, tokens["access_token"])
    assert claims["phone_number"] == info["phone_number"] == ANNA
    assert NATIONAL not in str(claims["sub"]) + str(claims["sid"]) + str(introspected)
    assert NATIONAL not in str(back) + str(visitor.visited) + str(logs)


async def test_s070_the_claims_parameter_is_no_way_around_the_scope(site: Site) -> None:
    wanted = json.dumps({"id_token": {"phone_number": {"essential": True}}, "userinfo": {"phone_number": None}})
    back = await site.visitor().complete(site.world.web, ANNA, scope="openid", claims=wanted)
    tokens = (await exchange(site, site.world.web, back["code"])).json()
    assert "phone_number" not in _claims(tokens["id_token"])
    assert "phone_number" not in (await userinfo(site, tokens["access_token"])).json()


async def test_s070_errors_and_links_do_not_repeat_a_number(site: Site) -> None:
    visitor = site.visitor()
    refused = callback(await visitor.start(site.world.web, prompt="none", login_hint=ANNA))
    assert refused["error"] == "login_required"
    assert NATIONAL not in str(refused)
    await visitor.start(site.world.web)
    sent = await visitor.http.post("/signin", data={**visitor.read.form("/signin").fields, "number": ANNA})
    assert NATIONAL not in sent.headers["location"]
    assert NATIONAL not in str(sent.headers.multi_items())
