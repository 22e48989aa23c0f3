"""Who we are is in the settings; who calls is told by the connection, or by a proxy that the settings trust."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address

import msgspec
import pytest
from starlette.requests import Request

from dialkey.settings import Limits, Server
from dialkey.web.http import Addresses, address_keys
from support.site import Site, make_site, signed_in_tokens
from support.world import ANNA, NUMBERS

POISON = {
    "x-forwarded-host": "evil.example",
    "x-host": "evil.example",
    "x-forwarded-server": "evil.example",
    "x-forwarded-proto": "http",
    "x-forwarded-port": "1234",
    "x-original-url": "/evil",
    "x-rewrite-url": "/evil",
    "forwarded": "host=evil.example;proto=http;for=1.2.3.4",
}


def request_from(peer: str | None, *forwarded: str) -> Request:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return Request({"type": "http", "client": (peer, 1) if peer is not None else None, "headers": headers})


@pytest.mark.parametrize(
    "trusted, peer, forwarded, address",
    [
        ((), "198.51.100.7", (), "198.51.100.7"),
        ((), "198.51.100.7", ("1.2.3.4",), "198.51.100.7"),
        ((), "10.0.0.1", ("1.2.3.4",), "10.0.0.1"),
        ((), None, (), "0.0.0.0"),
        ((), "testclient", (), "0.0.0.0"),
        ((), "::ffff:198.51.100.7", (), "198.51.100.7"),
        (("10.0.0.0/8",), "198.51.100.7", ("1.2.3.4",), "198.51.100.7"),
        (("10.0.0.0/8",), "10.0.0.1", (), "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", ("1.2.3.4",), "1.2.3.4"),
        (("10.0.0.0/8",), "::ffff:10.0.0.1", ("1.2.3.4",), "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", ("9.9.9.9, 1.2.3.4",), "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", ("9.9.9.9", "1.2.3.4"), "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", ("9.9.9.9", "1.2.3.4, 10.0.0.2"), "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", ("9.9.9.9, 1.2.3.4,10.0.0.2",), "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", ("1.2.3.4, nonsense",), "10.0.0.1"),
        (("10.0.0.0/8",), "10.0.0.1", ("nonsense, 1.2.3.4",), "1.2.3.4"),
        (("10.0.0.0/8",), "10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        (("10.0.0.1",), "10.0.0.2", ("1.2.3.4",), "10.0.0.2"),
        (("2001:db8::/32",), "2001:db8::1", ("2001:470::5",), "2001:470::5"),
        (("2001:db8::/32",), "10.0.0.1", ("2001:470::5",), "10.0.0.1"),
    ],
)
def test_s098_only_trusted_proxies_say_who_calls(
    trusted: tuple[str, ...], peer: str | None, forwarded: tuple[str, ...], address: str
) -> None:
    assert Addresses(trusted).of(request_from(peer, *forwarded)) == ip_address(address)


@pytest.mark.parametrize(
    "one, other, near, around",
    [
        ("198.51.100.7", "198.51.100.7", True, True),
        ("198.51.100.7", "198.51.100.8", False, True),
        ("198.51.100.7", "198.51.101.7", False, False),
        ("2001:db8:1:1::1", "2001:db8:1:1:ffff:ffff:ffff:ffff", True, True),
        ("2001:db8:1:1::1", "2001:db8:1:2::1", False, True),
        ("2001:db8:1:1::1", "2001:db8:2:1::1", False, False),
    ],
)
def test_s075_limits_count_networks_as_one(one: str, other: str, near: bool, around: bool) -> None:
    first, second = address_keys(ip_address(one)), address_keys(ip_address(other))
    assert (first[0] == second[0], first[1] == second[1]) == (near, around)


@pytest.mark.parametrize("host", ["evil.example", "id.localhost.evil.example", "id.localhost:1234", "id.localhost.", "",
                                  "evil@id.localhost", "id.localhost, evil.example", "127.0.0.1", "id.localhost/"])  # fmt: skip
@pytest.mark.parametrize("path", ["/oauth2/auth", "/.well-known/openid-configuration", "/nothing", "/userinfo"])
async def test_s097_an_unknown_host_is_not_answered(site: Site, host: str, path: str) -> None:
    async with site.http(headers={"host": host}) as http:
        response = await http.get(path)
    assert response.status_code in (400, 421)
    assert "evil" not in response.text


async def test_s097_our_own_host_in_capitals_is_ours(site: Site) -> None:
    async with site.http(headers={"host": "ID.LOCALHOST"}) as http:
        response = await http.get("/.well-known/openid-configuration")
    assert response.json()["issuer"] == site.settings.issuer


async def test_s097_nothing_in_a_request_moves_issuer_links_or_redirects(site: Site) -> None:
    visitor = site.visitor(headers=POISON)
    async with site.http(headers=POISON) as http:
        discovery = (await http.get("/.well-known/openid-configuration")).text
    assert discovery.count(site.settings.issuer) >= 6
    assert "evil" not in discovery and "http:" not in discovery
    pages = [await visitor.start(site.world.web, scope="phone openid")]
    pages.append(await visitor.type_number(ANNA))
    pin = await site.pin(ANNA)
    pages.append(await visitor.type_pin(pin))
    back = await visitor.add_product()
    assert all("evil" not in page.text for page in pages)
    assert visitor.visited
    assert all(location.startswith("/") and not location.startswith("//") for location in visitor.visited)
    assert back.headers["location"].startswith("https://app.example/cb?")
    assert "iss=https%3A%2F%2Fid.localhost" in back.headers["location"]
    assert "evil" not in (await site.messages(ANNA))[0]
    assert (await site.messages(ANNA))[0].endswith(f"@id.localhost #{pin}")


@pytest.mark.parametrize("path", ["/oauth2/token/", "/signin/", "/oauth2/auth/", "//evil.example/", "/oauth2//auth"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_s097_no_address_is_corrected_by_a_redirect(site: Site, method: str, path: str) -> None:
    async with site.http() as http:
        response = await http.request(method, f"{site.settings.base_url}{path}")
    assert response.status_code == 404
    assert "location" not in response.headers


async def test_s098_headers_that_name_a_user_or_certificate_mean_nothing(site: Site) -> None:
    tokens = await signed_in_tokens(site, site.world.web, ANNA)
    names = {
        "x-user": ANNA, "x-remote-user": ANNA, "remote-user": ANNA, "oidc_claim_sub": ANNA, "oidc-claim-sub": ANNA,
        "x-ssl-cert": "MIIB", "x-ssl-client-verify": "SUCCESS", "x-client-cert": "MIIB", "ssl-client-verify": "SUCCESS",
        "x-msisdn": ANNA, "x-up-calling-line-id": ANNA, "x-authenticated": "true", "x-forwarded-user": ANNA,
    }  # fmt: skip
    async with site.http(headers=names) as http:
        assert (await http.get("/userinfo")).status_code == 401
        form = {"grant_type": "client_credentials", "client_id": site.world.web.client_id}
        assert (await http.post("/oauth2/token", data=form)).status_code == 401
    page = await site.visitor(headers=names).start(site.world.web)
    assert "/signin" in page.text and "70 174 06 05" not in page.text
    assert tokens["access_token"]


@asynccontextmanager
async def limited(site: Site, **server: tuple[str, ...]) -> AsyncIterator[Site]:
    """The same site with an address limit of two, behind trusted proxies or none."""
    settings = msgspec.structs.replace(
        site.settings, server=Server(**server), limits=Limits(sends_per_address_10_minutes=2)
    )
    yield make_site(settings, site.storage, site.keyring, site.clock, site.entropy, site.world)


async def sends(site: Site, headers: Callable[[int], dict[str, str]], peer: str) -> list[int]:
    statuses = []
    for n in range(4):
        visitor = site.visitor(peer=(peer, 1000 + n), headers=headers(n))
        await visitor.start(site.world.web)
        statuses.append((await visitor.type_number(NUMBERS[n])).status_code)
    return statuses


async def test_s075_a_forged_x_forwarded_for_does_not_reset_a_limit(site: Site) -> None:
    def forged(n: int) -> dict[str, str]:
        return {"x-forwarded-for": f"203.0.113.{n}", "x-real-ip": f"203.0.113.{n}", "forwarded": f"for=203.0.113.{n}",
                "true-client-ip": f"203.0.113.{n}", "cf-connecting-ip": f"203.0.113.{n}"}  # fmt: skip

    async with limited(site) as narrow:
        assert await sends(narrow, forged, "198.51.100.7") == [200, 200, 429, 429]
    async with limited(site, trusted_proxies=("10.0.0.0/8",)) as narrow:
        assert await sends(narrow, forged, "198.51.100.8") == [200, 200, 429, 429]


async def test_s098_behind_a_trusted_proxy_each_caller_has_its_own_limit(site: Site) -> None:
    async with limited(site, trusted_proxies=("10.0.0.0/8",)) as narrow:
        apart = await sends(narrow, lambda n: {"x-forwarded-for": f"203.0.113.{n}"}, "10.0.0.1")
        assert apart == [200, 200, 200, 200]
        spoofed = await sends(narrow, lambda n: {"x-forwarded-for": f"9.9.9.{n}, 203.0.114.1"}, "10.0.0.1")
        assert spoofed[2:] == [429, 429]


async def test_s075_addresses_of_one_ipv6_network_share_a_limit(site: Site) -> None:
    async with limited(site) as narrow:
        statuses = []
        for n in range(4):
            visitor = narrow.visitor(peer=(f"2001:db8:7:7:{n}::{n}", 1000))
            await visitor.start(narrow.world.web)
            statuses.append((await visitor.type_number(NUMBERS[n])).status_code)
        assert statuses == [200, 200, 429, 429]


async def test_s097_pages_link_only_to_themselves(site: Site) -> None:
    page = await site.visitor(headers=POISON).start(site.world.web)
    for address in re.findall(r'(?:href|src|action)="([^"]*)"', page.text):
        assert address.startswith(("/", "?", "#", "https://voicebox.example/", "mailto:")), address
