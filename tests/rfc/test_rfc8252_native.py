"""RFC 8252: redirect URIs of native apps."""

from __future__ import annotations

import pytest

from dialkey.web.errors import Refusal
from support.relying_party import CALLBACK, NATIVE, ask, refused, register, returned, stays
from support.site import Site, challenge_of, exchange
from support.world import ANNA

VERIFIER = "v" * 43
PKCE = {"code_challenge": challenge_of(VERIFIER), "code_challenge_method": "S256"}


@pytest.mark.parametrize("registered", ["http://127.0.0.1/cb", "http://[::1]/cb", "http://127.0.0.1:8080/cb", "http://[::1]:1/cb"])
@pytest.mark.parametrize("port", ["", ":1", ":80", ":8080", ":51004", ":65535"])
async def test_s006_a_native_client_may_listen_on_any_loopback_port(site: Site, registered: str, port: str) -> None:
    client = await register(site, registered, **NATIVE)
    host = "[::1]" if "[" in registered else "127.0.0.1"
    response = await ask(site, client, redirect_uri=f"http://{host}{port}/cb", prompt="none", **PKCE)
    refused(response, "login_required", f"http://{host}{port}/cb")


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:51004/",
        "http://127.0.0.1:51004",
        "http://127.0.0.1:51004/cb/",
        "http://127.0.0.1:51004/CB",
        "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.1:51004/cb#f",
        "http://127.0.0.1:51004/cb/../evil",
        "http://127.0.0.1:51004/cb\n",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:80x/cb",
        "http://127.0.0.1:80@evil.tld/cb",
        "http://127.0.0.1@evil.tld/cb",
        "http://127.0.0.1.evil.tld:51004/cb",
        "http://127.0.0.2:51004/cb",
        "http://127.1:51004/cb",
        "http://2130706433:51004/cb",
        "http://0x7f000001:51004/cb",
        "http://0.0.0.0:51004/cb",
        "http://localhost:51004/cb",
        "http://[::1]:51004/cb",
        "http://[::ffff:127.0.0.1]:51004/cb",
        "http://[0:0:0:0:0:0:0:1]:51004/cb",
        "https://127.0.0.1:51004/cb",
        "HTTP://127.0.0.1:51004/cb",
        "http://evil.tld:51004/cb",
    ],
)
async def test_s006_host_path_and_query_stay_as_registered(site: Site, uri: str) -> None:
    stays(await ask(site, site.world.native, redirect_uri=uri, **PKCE), "evil")


async def test_s006_a_query_that_was_registered_must_be_there(site: Site) -> None:
    client = await register(site, "http://127.0.0.1/cb?app=1", **NATIVE)
    to = "http://127.0.0.1:5000/cb?app=1"
    refused(await ask(site, client, redirect_uri=to, prompt="none", **PKCE), "login_required", to)
    for uri in ("http://127.0.0.1:5000/cb", "http://127.0.0.1:5000/cb?app=2", "http://127.0.0.1:5000/cb?app=1&x=1"):
        stays(await ask(site, client, redirect_uri=uri, **PKCE))


@pytest.mark.parametrize("registered", ["http://127.0.0.1/cb", "http://[::1]/cb"])
async def test_s006_other_kinds_of_clients_get_the_port_they_registered(site: Site, registered: str) -> None:
    client = await register(site, registered)
    assert (await ask(site, client)).status_code == 200
    stays(await ask(site, client, redirect_uri=registered.replace("/cb", ":51004/cb")))


async def test_s006_localhost_is_a_name_and_keeps_its_port(site: Site) -> None:
    """`localhost` may be registered for development; its port is part of it (RFC 8252 section 8.3 advises against it)."""
    client = await register(site, "http://localhost:8080/cb", **NATIVE)
    refused(await ask(site, client, prompt="none", **PKCE), "login_required", "http://localhost:8080/cb")
    for uri in ("http://localhost:8081/cb", "http://localhost/cb", "http://127.0.0.1:8080/cb", "http://localhost.evil.tld:8080/cb"):
        stays(await ask(site, client, redirect_uri=uri, **PKCE))


async def test_s006_the_token_endpoint_wants_the_port_that_was_used(any_site: Site) -> None:
    client = any_site.world.native
    used = "http://127.0.0.1:51004/cb"
    back = await any_site.visitor().complete(client, ANNA, redirect_uri=used, **PKCE)
    for other in ("http://127.0.0.1:51005/cb", "http://127.0.0.1/cb"):
        wrong = await exchange(any_site, client, back["code"], redirect_uri=other, code_verifier=VERIFIER)
        assert wrong.json()["error"] == "invalid_grant"
    right = await exchange(any_site, client, back["code"], redirect_uri=used, code_verifier=VERIFIER)
    assert right.status_code == 200


async def test_s006_the_page_lets_its_form_lead_to_the_port(site: Site) -> None:
    for registered, asked, source in (
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", "http://127.0.0.1:51004"),
        ("http://[::1]/cb", "http://[::1]:51004/cb", "http:"),
    ):
        client = await register(site, registered, **NATIVE)
        page = await ask(site, client, redirect_uri=asked, **PKCE)
        assert _form_action(page.headers["content-security-policy"])[-1] == source


def _form_action(policy: str) -> list[str]:
    return next(part.split()[1:] for part in policy.split("; ") if part.startswith("form-action "))


PRIVATE = ["com.example.app:/cb", "com.example.app:/", "com.example.app-2:/oauth2/cb", "se.voicebox.x1+y:/cb"]


@pytest.mark.parametrize("uri", PRIVATE)
async def test_s007_a_reversed_domain_is_a_scheme_for_native_clients(site: Site, uri: str) -> None:
    client = await register(site, uri, **NATIVE)
    back = returned(await ask(site, client, prompt="none", **PKCE), uri)
    assert back["error"] == "login_required"
    page = await ask(site, client, **PKCE)
    assert page.status_code == 200
    assert _form_action(page.headers["content-security-policy"])[-1] == uri.partition(":")[0] + ":"


@pytest.mark.parametrize(
    "uri",
    ["myapp:/cb", "myapp://cb", "app:/cb", "fb123:/cb", "x-app:/cb", "com.example.app://cb", "com.example.app:cb",
     "com.example.app:", "COM.example.app:/cb", "com.Example.app:/cb", ".example:/cb", "com.:/cb", "com..app:/cb",
     "1com.example:/cb", "com.example.app:/cb#", "com.example.app:/../cb", "com.example.app:/cb cd"],
)  # fmt: skip
async def test_s007_other_private_schemes_are_refused(site: Site, uri: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await register(site, uri, **NATIVE)
    assert (refusal.value.status, refusal.value.code) == (422, "redirect_uri")


@pytest.mark.parametrize("uri", PRIVATE)
async def test_s007_private_schemes_are_for_native_clients_only(site: Site, uri: str) -> None:
    with pytest.raises(Refusal):
        await register(site, uri)


@pytest.mark.parametrize("confidential", [False, True])
async def test_s007_pkce_is_mandatory_for_them(site: Site, confidential: bool) -> None:
    options = {"kind": NATIVE["kind"]} if confidential else NATIVE
    client = await register(site, "com.example.app:/cb", **options)
    refused(await ask(site, client), "invalid_request", "com.example.app:/cb")
    refused(await ask(site, client, code_challenge=VERIFIER, code_challenge_method="plain"), "invalid_request", client.redirect_uri)
    assert (await ask(site, client, **PKCE)).status_code == 200


async def test_s007_variants_of_a_private_scheme_are_not_it(site: Site) -> None:
    client = await register(site, "com.example.app:/cb", **NATIVE)
    for uri in ("com.example.app:/cb2", "com.example.app://cb", "COM.example.app:/cb", "com.example.app2:/cb", "com.example.app:/cb?x"):
        stays(await ask(site, client, redirect_uri=uri, **PKCE))
    stays(await ask(site, client, redirect_uri=CALLBACK, **PKCE))
