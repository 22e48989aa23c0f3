"""The virtual handset shows PINs to everybody: only on this machine, only for test subscriptions, and it says so."""

from __future__ import annotations

import msgspec
import pytest

from dialkey.base.phone import PhoneNumber
from dialkey.settings import Settings, SettingsError, Sms, load
from support.site import Site, make_site
from support.world import ACTOR, ANNA

REAL = PhoneNumber("+46701740690")


@pytest.mark.parametrize(
    "variables",
    [
        {"DIALKEY_ISSUER": "https://id.nordcell.example"},
        {"DIALKEY_ISSUER": "https://id.nordcell.example", "DIALKEY_SMS__ROUTE": "handset"},
        {"DIALKEY_ISSUER": "https://192.168.1.10"},
        {"DIALKEY_ISSUER": "https://localhost.example"},
        {"DIALKEY_ENVIRONMENT": "production"},
        {"DIALKEY_ENVIRONMENT": "production", "DIALKEY_ISSUER": "https://localhost"},
    ],
    ids=str,
)
def test_s083_the_handset_refuses_a_public_issuer(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"^sms\.route: "):
        load(None, variables)
    assert load(None, {**variables, "DIALKEY_SMS__ROUTE": "log", "DIALKEY_MAIL__ROUTE": "log"}).sandbox is False


@pytest.mark.parametrize("issuer", ["http://localhost:8080", "https://id.localhost", "http://127.0.0.1:1", "http://[::1]:1"])
def test_s083_the_handset_serves_this_machine(issuer: str) -> None:
    assert load(None, {"DIALKEY_ISSUER": issuer}).sandbox is True


async def test_s083_only_test_subscriptions_get_messages(any_site: Site) -> None:
    await any_site.subscribers.add(actor=ACTOR, operator_id=any_site.world.nordcell, number=REAL)
    for number in (REAL, ANNA):
        visitor = any_site.visitor()
        await visitor.start(any_site.world.web)
        assert (await visitor.type_number(number)).status_code == 200
    await any_site.run_jobs()
    assert await any_site.messages(REAL) == []
    assert len(await any_site.messages(ANNA)) == 1
    async with any_site.http() as http:
        assert (await http.get(f"/handset/{REAL[1:]}")).status_code == 404
        assert REAL[-4:] not in (await http.get("/handset")).text.replace(" ", "")
        assert (await http.get(f"/handset/{ANNA[1:]}")).status_code == 200


def on_route(site: Site, route: str) -> Site:
    settings: Settings = msgspec.structs.replace(site.settings, sms=Sms(route=route))  # type: ignore[arg-type]
    return make_site(settings, site.storage, site.keyring, site.clock, site.entropy, site.world)


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_s083_health_says_that_it_is_insecure(site: Site, path: str) -> None:
    async with site.http() as http:
        sandbox = await http.get(path)
    async with on_route(site, "log").http() as http:
        real = await http.get(path)
    assert sandbox.json() == {"status": "ok", "mode": "sandbox", "security": "insecure"}
    assert real.json() == {"status": "ok"}


async def test_s083_pages_say_that_it_is_a_sandbox(site: Site) -> None:
    sandbox = await site.visitor().start(site.world.web)
    real = await on_route(site, "log").visitor().start(site.world.web)
    assert "/handset" in sandbox.text
    assert "/handset" not in real.text


@pytest.mark.parametrize("path", ["/handset", "/handset/46701740605", "/handset/46701740605/events"])
async def test_s083_elsewhere_there_is_no_handset(site: Site, path: str) -> None:
    async with on_route(site, "log").http() as http:
        assert (await http.get(path)).status_code == 404
