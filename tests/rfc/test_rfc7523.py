"""RFC 7523: clients that prove themselves with a signed assertion (`private_key_jwt`)."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from dialkey.directory.model import AuthMethod, GrantType
from dialkey.directory.registration import ClientRegistration
from dialkey.web.errors import Refusal
from support import forge
from support.site import Registered, Site, make_site
from support.world import ANNA

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ES = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED = ed25519.Ed25519PrivateKey.generate()
STRANGER = ec.generate_private_key(ec.SECP256R1())
KEYS = {"ES256": ES, "RS256": RSA, "PS256": RSA, "EdDSA": ED}
COUNTER = itertools.count()


async def signing_client(site: Site, *keys: dict[str, Any], profile: str = "open") -> Registered:
    jwks = forge.jwks(*(keys or (forge.public_jwk(ES, kid="es", alg="ES256"), forge.public_jwk(RSA, kid="rsa"),
                                 forge.public_jwk(ED, kid="ed"))))  # fmt: skip
    registration = ClientRegistration(
        auth_method=AuthMethod.PRIVATE_KEY_JWT,
        grant_types=frozenset(GrantType),
        redirect_uris=("https://app.example/cb",),
        jwks=jwks,
        profile=profile,
    )
    made = await site.directory.create_client(
        actor="cli:tests", product_id=site.world.product, registration=registration
    )
    assert made.client_secret is None
    return Registered(made.client_id, None)


def claims(site: Site, client: Registered, **changes: Any) -> dict[str, Any]:
    """Of an honest assertion; `None` leaves a claim out, and times are relative to now."""
    now = site.clock.now() // 1000
    made = {
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": site.settings.issuer,
        "jti": f"jti-{next(COUNTER)}",
        "iat": now,
        "exp": now + 60,
        **changes,
    }
    for name in ("iat", "exp", "nbf"):
        if name in changes and type(changes[name]) is int:
            made[name] = now + changes[name]
    return {name: value for name, value in made.items() if value is not None}


def assertion(site: Site, client: Registered, alg: str = "ES256", kid: str | None = None, **changes: Any) -> str:
    header = {"alg": alg, "typ": "JWT"} | ({"kid": kid} if kid else {})
    return forge.jws(header, claims(site, client, **changes), KEYS[alg])


async def ask(site: Site, text: str, path: str = "/oauth2/token", **fields: str) -> httpx.Response:
    data = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text, "grant_type": "client_credentials", **fields}
    async with site.http() as http:
        return await http.post(path, data=data)


def refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json().get("error")) == (401, "invalid_client"), answer.text


@pytest.mark.parametrize("alg", KEYS)
async def test_s049_a_signed_assertion_opens(any_site: Site, alg: str) -> None:
    client = await signing_client(any_site)
    assert (await ask(any_site, assertion(any_site, client, alg))).status_code == 200
    assert (await ask(any_site, assertion(any_site, client, alg), client_id=client.client_id)).status_code == 200
    for path in ("/oauth2/introspect", "/oauth2/revoke"):
        assert (await ask(any_site, assertion(any_site, client, alg), path, token="x")).status_code == 200


async def test_s049_the_whole_walk_with_assertions(site: Site) -> None:
    client = await signing_client(site)
    code = (await site.visitor().complete(client, ANNA))["code"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri}
    tokens = (await ask(site, assertion(site, client), **fields)).json()
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert (await ask(site, assertion(site, client), **fields)).status_code == 200


async def test_s049_an_assertion_is_used_once(any_site: Site) -> None:
    client = await signing_client(any_site)
    text = assertion(any_site, client)
    assert (await ask(any_site, text)).status_code == 200
    refused(await ask(any_site, text))
    refused(await ask(any_site, text, "/oauth2/introspect", token="x"))
    any_site.clock.advance(seconds=59)
    refused(await ask(any_site, text))


async def test_s049_a_jti_is_used_once_whatever_else_changes(any_site: Site) -> None:
    client, other = await signing_client(any_site), await signing_client(any_site)
    assert (await ask(any_site, assertion(any_site, client, jti="once"))).status_code == 200
    refused(await ask(any_site, assertion(any_site, client, "RS256", jti="once", exp=200)))
    assert (await ask(any_site, assertion(any_site, other, jti="once"))).status_code == 200, "clients have their own"


async def test_s049_fifty_parallel_uses_of_one_assertion_open_once(any_site: Site) -> None:
    client = await signing_client(any_site)
    text = assertion(any_site, client)
    answers = await asyncio.gather(*(ask(any_site, text) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 49


async def test_s049_a_used_assertion_is_remembered_after_a_restart(any_site: Site) -> None:
    client = await signing_client(any_site)
    text = assertion(any_site, client, exp=290)
    assert (await ask(any_site, text)).status_code == 200
    again = make_site(
        any_site.settings, any_site.storage, any_site.keyring, any_site.clock, any_site.entropy, any_site.world
    )
    await any_site.run_jobs()
    refused(await ask(again, text))


TIMES: dict[str, tuple[dict[str, Any], bool]] = {
    "no iat": ({"iat": None}, True),
    "iat 8 s ahead": ({"iat": 8, "exp": 68}, True),
    "nbf 8 s ahead": ({"nbf": 8}, True),
    "nbf now": ({"nbf": 0}, True),
    "exp in 300 s": ({"exp": 300}, True),
    "iat a minute ago": ({"iat": -60}, True),
    "iat 61 s ahead": ({"iat": 61, "exp": 120}, False),
    "nbf 61 s ahead": ({"nbf": 61, "exp": 120}, False),
    "no exp": ({"exp": None}, False),
    "exp now": ({"exp": 0}, False),
    "exp past": ({"iat": -60, "exp": -1}, False),
    "exp in 301 s": ({"exp": 301}, False),
    "exp in an hour": ({"exp": 3600}, False),
    "lives longer than five minutes": ({"iat": -100, "exp": 201}, False),
    "exp as text": ({"exp": "9999999999"}, False),
    "exp true": ({"exp": True}, False),
    "exp huge": ({"exp": 10**400}, False),
    "exp list": ({"exp": [1]}, False),
}


@pytest.mark.parametrize(("changes", "opens"), TIMES.values(), ids=TIMES.keys())
async def test_s049_times_of_an_assertion(site: Site, changes: dict[str, Any], opens: bool) -> None:
    client = await signing_client(site)
    answer = await ask(site, assertion(site, client, **changes))
    if opens:
        assert answer.status_code == 200, answer.text
    else:
        refused(answer)


AUDIENCES: dict[str, Any] = {
    "token endpoint": "https://id.localhost/oauth2/token",
    "PAR endpoint": "https://id.localhost/oauth2/par",
    "with a slash": "https://id.localhost/",
    "capitals": "https://ID.localhost",
    "list of the issuer": ["https://id.localhost"],
    "list with the issuer": ["https://id.localhost", "https://other.example"],
    "another server": "https://other.example",
    "the client": "the client",
    "none": None,
    "empty": "",
    "number": 1,
    "object": {"https://id.localhost": 1},
}


@pytest.mark.parametrize("audience", AUDIENCES.values(), ids=AUDIENCES.keys())
async def test_s049_audience_is_the_issuer_as_one_string(site: Site, audience: Any) -> None:
    client = await signing_client(site)
    refused(await ask(site, assertion(site, client, aud=audience)))


async def test_s049_issuer_subject_and_client_id_are_one(site: Site) -> None:
    client, other = await signing_client(site), await signing_client(site)
    for changes in ({"iss": other.client_id}, {"iss": None}, {"sub": other.client_id}, {"sub": None}, {"iss": "x", "sub": "x"},
                    {"sub": [client.client_id]}, {"iss": [client.client_id]}):  # fmt: skip
        refused(await ask(site, assertion(site, client, **changes)))
    refused(await ask(site, assertion(site, client), client_id=other.client_id))
    refused(await ask(site, assertion(site, site.world.web)))


@pytest.mark.parametrize("jti", [None, "", 1, "x" * 257, ["a"], True])
async def test_s049_jti_is_required(site: Site, jti: Any) -> None:
    client = await signing_client(site)
    refused(await ask(site, assertion(site, client, jti=jti)))


async def test_s049_type_must_be_named(site: Site) -> None:
    client = await signing_client(site)
    for kind in ("", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "jwt"):
        refused(await ask(site, assertion(site, client), client_assertion_type=kind))
    async with site.http() as http:
        data = {"client_assertion_type": ASSERTION_TYPE, "grant_type": "client_credentials"}
        refused(await http.post("/oauth2/token", data=data))


async def test_s049_a_key_signs_with_its_own_algorithm_only(site: Site) -> None:
    client = await signing_client(site, forge.public_jwk(RSA, kid="k", alg="PS256"))
    refused(await ask(site, assertion(site, client, "RS256")))
    refused(await ask(site, assertion(site, client, "RS256", kid="k")))
    assert (await ask(site, assertion(site, client, "PS256", kid="k"))).status_code == 200


async def test_s049_only_the_clients_own_keys_open(site: Site) -> None:
    client = await signing_client(site)
    other = await signing_client(site, forge.public_jwk(STRANGER, kid="strange"))
    for header in ({"alg": "ES256"}, {"alg": "ES256", "kid": "es"}, {"alg": "ES256", "kid": "strange"}):
        refused(await ask(site, forge.jws(header, claims(site, client), STRANGER)))
    refused(await ask(site, forge.jws({"alg": "ES256", "kid": "es"}, claims(site, other), ES)))
    assert (await ask(site, forge.jws({"alg": "ES256"}, claims(site, other), STRANGER))).status_code == 200


async def test_s049_a_client_with_keys_has_no_secret(site: Site) -> None:
    client = await signing_client(site)
    async with site.http() as http:
        for auth, data in (
            ((client.client_id, ""), {}),
            ((client.client_id, "x"), {}),
            (None, {"client_id": client.client_id}),
            (None, {"client_id": client.client_id, "client_secret": "x"}),
        ):
            refused(await http.post("/oauth2/token", data={"grant_type": "client_credentials", **data}, auth=auth))
    refused(await ask(site, assertion(site, site.world.web)))


async def test_s050_a_removed_key_opens_nothing_within_a_second(any_site: Site) -> None:
    site = any_site
    client = await signing_client(site, forge.public_jwk(ES, kid="old"))
    assert (await ask(site, assertion(site, client))).status_code == 200
    early = assertion(site, client, exp=290)
    await site.directory.set_client_keys(
        actor="cli:tests", client_id=client.client_id, jwks=forge.jwks(forge.public_jwk(STRANGER, kid="new"))
    )
    site.clock.advance(seconds=1)
    refused(await ask(site, early))
    refused(await ask(site, assertion(site, client)))
    refused(await ask(site, assertion(site, client, kid="old")))
    new = forge.jws({"alg": "ES256", "kid": "new"}, claims(site, client), STRANGER)
    assert (await ask(site, new)).status_code == 200


async def test_s050_a_removed_key_is_no_good_for_codes_and_refresh_tokens(site: Site) -> None:
    client = await signing_client(site, forge.public_jwk(ES))
    visitor = site.visitor()
    code = (await visitor.complete(client, ANNA))["code"]
    fields = {"grant_type": "authorization_code", "redirect_uri": client.redirect_uri}
    tokens = (await ask(site, assertion(site, client), code=code, **fields)).json()
    later = (await visitor.start(client)).headers["location"].partition("code=")[2].partition("&")[0]
    await site.directory.set_client_keys(
        actor="cli:tests", client_id=client.client_id, jwks=forge.jwks(forge.public_jwk(STRANGER))
    )
    site.clock.advance(seconds=1)
    refused(await ask(site, assertion(site, client), code=later, **fields))
    refused(
        await ask(site, assertion(site, client), grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    )


async def test_s050_an_expired_key_opens_nothing(site: Site) -> None:
    ends = site.clock.now() // 1000 + 100
    client = await signing_client(site, forge.public_jwk(ES, kid="es", exp=ends), forge.public_jwk(RSA, kid="rsa"))
    assert (await ask(site, assertion(site, client, kid="es"))).status_code == 200
    site.clock.advance(seconds=100)
    refused(await ask(site, assertion(site, client, kid="es")))
    refused(await ask(site, assertion(site, client)))
    assert (await ask(site, assertion(site, client, "RS256", kid="rsa"))).status_code == 200


@pytest.mark.parametrize("expiry", ["2099-01-01", True, None, -5])
async def test_s050_an_expiry_that_cannot_be_read_opens_nothing(site: Site, expiry: Any) -> None:
    client = await signing_client(site, forge.public_jwk(ES, exp=expiry))
    refused(await ask(site, assertion(site, client)))


async def test_s050_keys_can_be_set_where_keys_are_used_and_only_public_ones(site: Site) -> None:
    client = await signing_client(site)
    good = forge.jwks(forge.public_jwk(ES))
    with pytest.raises(Refusal, match="no_keys"):
        await site.directory.set_client_keys(actor="cli:tests", client_id=site.world.web.client_id, jwks=good)
    secret = forge.jwks(forge.public_jwk(ES, d="AAAA"))
    for jwks in ("", "{}", '{"keys":[]}', secret, forge.jwks({"kty": "oct", "k": "AAAA"})):
        with pytest.raises(Refusal, match="jwks"):
            await site.directory.set_client_keys(actor="cli:tests", client_id=client.client_id, jwks=jwks)
    assert (await ask(site, assertion(site, client))).status_code == 200


async def test_s050_a_disabled_client_cannot_sign_in(site: Site) -> None:
    client = await signing_client(site)
    await site.directory.disable_client(actor="cli:tests", client_id=client.client_id)
    refused(await ask(site, assertion(site, client)))
