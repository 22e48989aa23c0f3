"""RFC 9207: who answered. And the issuer, which is one string everywhere, with its slash or without."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from dialkey.settings import SettingsError, load
from dialkey.storage import open_storage
from dialkey.storage.keyring import open_keyring
from support.relying_party import ask, claims_of, refused, returned
from support.site import Site, exchange, introspect, make_site, userinfo
from support.world import ANNA


@pytest.fixture(params=["https://id.localhost", "https://id.localhost/", "https://id.localhost:8443/", "http://localhost:8080/"])
async def issued(request, sqlite_databases, clock, entropy) -> AsyncIterator[Site]:  # type: ignore[no-untyped-def]
    """A site by each way of writing an issuer."""
    url, world = sqlite_databases.fresh("world")
    settings = load(None, {"DIALKEY_ISSUER": request.param, "DIALKEY_DATABASE__URL": url})
    assert settings.issuer == request.param
    storage = await open_storage(settings.database)
    from conftest import MASTER

    settings = msgspec.structs.replace(settings, keys=msgspec.structs.replace(settings.keys, master_key=MASTER))
    site = make_site(settings, storage, await open_keyring(storage, settings.keys), clock, entropy, world)
    await site.built.house.signing.load()
    yield site
    await storage.close()
    sqlite_databases.drop(url)


async def _metadata(site: Site, path: str = "openid-configuration") -> dict[str, object]:
    async with site.http() as http:
        return (await http.get(f"/.well-known/{path}")).json()


async def test_s016_success_carries_the_issuer(issued: Site) -> None:
    issuer = (await _metadata(issued))["issuer"]
    back = await issued.visitor().complete(issued.world.web, ANNA)
    assert back["iss"] == issuer == issued.settings.issuer
    issued.clock.advance(minutes=11)
    visitor = issued.visitor()
    response = await visitor.sign_in(issued.world.web, ANNA)
    assert returned(response)["iss"] == issuer


@pytest.mark.parametrize(
    ("parameters", "error"),
    [({"prompt": "none"}, "login_required"), ({"scope": "nothing"}, "invalid_scope"), ({"response_type": "token"}, "unsupported_response_type"),
     ({"request": "x"}, "request_not_supported"), ({"max_age": "-1"}, "invalid_request")],
)  # fmt: skip
async def test_s016_errors_carry_the_issuer(issued: Site, parameters: dict[str, str], error: str) -> None:
    back = refused(await ask(issued, issued.world.web, **parameters), error)
    assert back["iss"] == (await _metadata(issued))["issuer"] == issued.settings.issuer


async def test_s016_so_do_cancelled_requests(issued: Site) -> None:
    visitor = issued.visitor()
    await visitor.start(issued.world.web)
    assert refused(await visitor.submit("/oauth2/auth/cancel"), "access_denied")["iss"] == issued.settings.issuer
    await visitor.sign_in(issued.world.web, ANNA)
    back = refused(await visitor.submit("/oauth2/auth/consent", decision="cancel"), "access_denied")
    assert back["iss"] == issued.settings.issuer


async def test_s016_form_post_carries_it_too(issued: Site) -> None:
    visitor = issued.visitor()
    await visitor.sign_in(issued.world.web, ANNA, response_mode="form_post")
    await visitor.add_product()
    assert visitor.read.form("/cb").fields["iss"] == issued.settings.issuer


async def test_s016_the_metadata_says_so(issued: Site) -> None:
    for path in ("openid-configuration", "oauth-authorization-server"):
        metadata = await _metadata(issued, path)
        assert metadata["authorization_response_iss_parameter_supported"] is True
        assert metadata["issuer"] == issued.settings.issuer


async def test_the_issuer_is_exact_in_everything_that_is_issued(issued: Site) -> None:
    issuer = issued.settings.issuer
    for client in (issued.world.web, issued.world.es256):
        back = await issued.visitor().complete(client, ANNA, scope="openid phone", nonce="n")
        tokens = (await exchange(issued, client, back["code"])).json()
        assert claims_of(tokens["id_token"])["iss"] == issuer
        assert (await introspect(issued, client, tokens["access_token"]))["iss"] == issuer
        assert (await userinfo(issued, tokens["access_token"])).status_code == 200
        issued.clock.advance(minutes=11)
    back = await issued.visitor().complete(issued.world.jwt, ANNA, scope="openid phone")
    tokens = (await exchange(issued, issued.world.jwt, back["code"])).json()
    assert claims_of(tokens["access_token"])["iss"] == issuer


async def test_endpoints_have_one_slash_after_the_host(issued: Site) -> None:
    metadata = await _metadata(issued)
    base = issued.settings.issuer.rstrip("/")
    endpoints = [value for name, value in metadata.items() if name.endswith(("_endpoint", "jwks_uri"))]
    assert len(endpoints) >= 7
    for endpoint in endpoints:
        assert endpoint.startswith(f"{base}/")
        assert "//" not in endpoint.removeprefix(base)
        async with issued.http() as http:
            assert (await http.get(endpoint)).status_code != 404


async def test_a_hint_is_known_again_under_its_issuer(issued: Site) -> None:
    client = issued.world.web
    visitor = issued.visitor()
    back = await visitor.complete(client, ANNA, scope="openid phone")
    hint = (await exchange(issued, client, back["code"])).json()["id_token"]
    assert "code" in returned(await visitor.start(client, scope="openid phone", id_token_hint=hint, prompt="none"))


@pytest.mark.parametrize("issuer", ["https://id.example/tenant", "https://id.example?x", "http://id.example", "id.example",
                                    "https://u@id.example", "https://id.example/#x"])  # fmt: skip
def test_other_issuers_refuse_to_start(issuer: str) -> None:
    with pytest.raises(SettingsError, match="issuer"):
        load(None, {"DIALKEY_ISSUER": issuer, "DIALKEY_SMS__ROUTE": "log"})
