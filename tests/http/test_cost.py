"""What each step costs the database: statements are counted, so that one more is noticed.

On SQLite, lookups remembered for a second (client, operator, listing, scope catalogue) are warm, as they are on a busy
server; `jobs` are the worker's own statements for the message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from support.site import Site, callback, exchange, introspect, refresh, userinfo
from support.world import ANNA, BO

COSTS = {
    "authorize": 0,
    "number": 5,
    "pin page": 1,
    "jobs": 7,
    "pin": 8,
    "consent page": 3,
    "consent": 8,  # one of them writes the event that tells the product
    "token": 1,
    "userinfo": 1,
}
"""Statements of one complete sign-in of a subscriber whom nobody has seen before."""


class Count:
    def __init__(self, site: Site) -> None:
        self._site = site
        self.costs: dict[str, int] = {}

    async def __call__(self, step: str, work: Callable[[], Awaitable[Any]]) -> Any:
        before = self._site.storage.statements
        result = await work()
        self.costs[step] = self._site.storage.statements - before
        return result


async def _warm(site: Site) -> None:
    back = await site.visitor().complete(site.world.web, BO)
    tokens = (await exchange(site, site.world.web, back["code"])).json()
    await userinfo(site, tokens["access_token"])


async def test_a_complete_sign_in_costs_a_known_number_of_statements(site: Site) -> None:
    await _warm(site)
    count, visitor, client = Count(site), site.visitor(), site.world.web
    await count("authorize", lambda: visitor.start(client))
    form = visitor.read.form("/signin")
    sent = await count("number", lambda: visitor.http.post("/signin", data={**form.fields, "number": ANNA}))
    await count("pin page", lambda: visitor.get(sent.headers["location"]))
    await count("jobs", site.run_jobs)
    pin, page = await site.pin(ANNA), visitor.read.form("/pin")
    passed = await count("pin", lambda: visitor.http.post(page.action, data={**page.fields, "pin": pin}))
    await count("consent page", lambda: visitor.get(passed.headers["location"]))
    back = await count("consent", visitor.add_product)
    answer = await count("token", lambda: exchange(site, client, callback(back)["code"]))
    await count("userinfo", lambda: userinfo(site, answer.json()["access_token"]))
    assert count.costs == COSTS


@pytest.mark.parametrize("step", ["userinfo", "introspect", "refresh", "client_credentials", "discovery"])
async def test_what_servers_call_costs_one_statement_at_most(site: Site, step: str) -> None:
    await _warm(site)
    client = site.world.web
    back = await site.visitor().complete(client, ANNA)
    tokens = (await exchange(site, client, back["code"])).json()

    async def client_credentials() -> None:
        async with site.http() as http:
            data = {"grant_type": "client_credentials", "scope": "voicemail.get"}
            assert (await http.post("/oauth2/token", data=data, auth=client.basic)).status_code == 200

    async def discovery() -> None:
        async with site.http() as http:
            assert (await http.get("/.well-known/openid-configuration")).status_code == 200

    work = {
        "userinfo": lambda: userinfo(site, tokens["access_token"]),
        "introspect": lambda: introspect(site, client, tokens["access_token"]),
        "refresh": lambda: refresh(site, client, tokens["refresh_token"]),
        "client_credentials": client_credentials,
        "discovery": discovery,
    }[step]
    count = Count(site)
    await count(step, work)
    assert count.costs[step] == (0 if step in ("client_credentials", "discovery") else 1)
