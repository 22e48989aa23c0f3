"""OpenID Connect Core 1.0: the ID token (section 2), its signature (section 10), pairwise subjects (section 8)."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from dialkey.base.phone import PhoneNumber
from dialkey.directory.registration import ClientRegistration
from dialkey.settings import SettingsError, load
from dialkey.web.errors import Refusal
from support import forge
from support.site import Registered, Site, exchange, introspect, refresh, signed_in_tokens, userinfo
from support.world import ANNA, BO

OPENID = "openid phone offline_access"


async def verified(site: Site, token: str, alg: str) -> dict[str, Any]:
    """The claims, once the published key of the header's `kid` has proven them."""
    header, claims = forge.parts(token)
    assert header == {"alg": alg, "kid": header["kid"], "typ": "JWT"}
    async with site.http() as http:
        keys = (await http.get("/.well-known/jwks.json")).json()["keys"]
    [key] = [key for key in keys if key["kid"] == header["kid"]]
    assert key["alg"] == alg
    signed, _, mark = token.rpartition(".")
    number = {name: int.from_bytes(forge.unb64(key[name])) for name in ("n", "e", "x", "y") if name in key}
    if alg == "RS256":
        public = rsa.RSAPublicNumbers(number["e"], number["n"]).public_key()
        public.verify(forge.unb64(mark), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        raw = forge.unb64(mark)
        der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
        point = ec.EllipticCurvePublicNumbers(number["x"], number["y"], ec.SECP256R1()).public_key()
        point.verify(der, signed.encode(), ec.ECDSA(hashes.SHA256()))
    return claims


@pytest.mark.parametrize(("name", "alg"), [("web", "RS256"), ("es256", "ES256"), ("jwt", "RS256")])
async def test_s067_id_token(site: Site, name: str, alg: str) -> None:
    client, visitor = getattr(site.world, name), site.visitor()
    nonce = 'n-0S6_Wz"A2Mj <é> \U0001f511'
    began = site.clock.now() // 1000
    code = (await visitor.complete(client, ANNA, scope=OPENID, nonce=nonce))["code"]
    site.clock.advance(seconds=7)
    tokens = (await exchange(site, client, code)).json()
    claims = await verified(site, tokens["id_token"], alg)
    now = site.clock.now() // 1000
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()
    assert claims["iss"] == site.settings.issuer
    assert claims["aud"] in (client.client_id, [client.client_id])
    assert claims["azp"] == client.client_id
    assert claims["nonce"] == nonce
    assert claims["at_hash"] == forge.b64(digest[:16])
    assert claims["iat"] == now
    assert now < claims["exp"] <= now + 600
    assert claims["auth_time"] == began
    assert claims["acr"] == "urn:dialkey:acr:sms"
    assert sorted(claims["amr"]) == ["otp", "sms"]
    assert claims["phone_number"] == ANNA
    said = (await userinfo(site, tokens["access_token"])).json()
    told = await introspect(site, client, tokens["access_token"])
    assert claims["sub"] == said["sub"] == told["sub"]
    assert claims["sid"] == said["sid"] == told["sid"]
    assert claims["sub"].isascii()
    assert 0 < len(claims["sub"]) <= 255


async def test_s067_no_openid_no_id_token_and_no_nonce_none_made_up(site: Site) -> None:
    assert "id_token" not in await signed_in_tokens(site, site.world.web, ANNA)
    tokens = await signed_in_tokens(site, site.world.web, BO, scope="openid")
    claims = await verified(site, tokens["id_token"], "RS256")
    assert "nonce" not in claims
    assert "phone_number" not in claims


async def test_s067_refreshed_id_token_tells_of_the_first_sign_in(site: Site) -> None:
    client = site.world.web
    tokens = await signed_in_tokens(site, client, ANNA, scope=OPENID, nonce="once")
    first = await verified(site, tokens["id_token"], "RS256")
    site.clock.advance(days=3)
    newer = (await refresh(site, client, tokens["refresh_token"])).json()
    second = await verified(site, newer["id_token"], "RS256")
    for name in ("iss", "sub", "aud", "azp", "auth_time", "sid", "acr", "amr"):
        assert first[name] == second[name], name
    assert second["iat"] == site.clock.now() // 1000
    assert second["exp"] - second["iat"] <= 600
    assert second.get("nonce", "once") == "once"
    assert second["jti"] != first["jti"]
    assert second["at_hash"] == forge.b64(hashlib.sha256(newer["access_token"].encode()).digest()[:16])


async def test_s067_auth_time_moves_with_a_new_pin_only(site: Site) -> None:
    client, visitor = site.world.web, site.visitor()

    async def auth_time(code: str) -> int:
        tokens = (await exchange(site, client, code)).json()
        return (await verified(site, tokens["id_token"], "RS256"))["auth_time"]

    first = await auth_time((await visitor.complete(client, ANNA, scope=OPENID))["code"])
    site.clock.advance(minutes=5)
    back = await visitor.start(client, scope=OPENID)
    assert await auth_time(back.headers["location"].partition("code=")[2].partition("&")[0]) == first
    again = await visitor.complete(client, ANNA, scope=OPENID, prompt="login")
    assert await auth_time(again["code"]) == first + 300


def test_s067_no_setting_makes_it_live_longer() -> None:
    with pytest.raises(SettingsError, match="id_token_lifetime"):
        load(None, {"DIALKEY_TOKENS__ID_TOKEN_LIFETIME": "601"})


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512", "none", "", "PS256", "RS384", "rs256"])
async def test_s068_only_algorithms_with_our_own_keys_can_be_registered(site: Site, alg: str) -> None:
    registration = ClientRegistration(redirect_uris=("https://app.example/cb",), id_token_alg=alg)
    with pytest.raises(Refusal) as refusal:
        await site.directory.create_client(
            actor="cli:tests", product_id=site.world.product, registration=registration
        )
    assert (refusal.value.status, refusal.value.code) == (422, "id_token_alg")


async def test_s068_discovery_promises_no_symmetric_signatures(site: Site) -> None:
    async with site.http() as http:
        document = (await http.get("/.well-known/openid-configuration")).json()
    assert sorted(document["id_token_signing_alg_values_supported"]) == ["ES256", "RS256"]


async def sub_of(site: Site, client: Registered, number: str = ANNA) -> str:
    site.clock.advance(minutes=5)  # no number gets more than three messages in ten
    tokens = await signed_in_tokens(site, client, number)
    return (await userinfo(site, tokens["access_token"])).json()["sub"]


async def product_of(site: Site, organization: str, **options: Any) -> Registered:
    world, directory = site.world, site.directory
    product = await directory.create_product(
        actor="cli:tests", organization_id=organization, name="Another", terms_url="https://a.example/t",
        privacy_url="https://a.example/p", **options,
    )  # fmt: skip
    await directory.set_product_scopes(
        actor="cli:tests", product_id=product, required=["phone", "openid", "offline_access"]
    )
    await directory.list_product(actor="cli:tests", product_id=product, operator_id=world.nordcell)
    await directory.enable_product(actor="cli:tests", product_id=product, operator_id=world.nordcell)
    await directory.verify_product(actor="cli:tests", product_id=product)
    registration = ClientRegistration(redirect_uris=("https://another.example/cb",))
    made = await directory.create_client(actor="cli:tests", product_id=product, registration=registration)
    return Registered(made.client_id, made.client_secret, "https://another.example/cb", product)


async def test_s069_subjects_are_pairwise(site: Site) -> None:
    world = site.world
    elsewhere = await site.directory.create_organization(actor="cli:tests", name="Elsewhere AS")
    anna = [
        await sub_of(site, world.web),
        await sub_of(site, world.other),
        await sub_of(site, await product_of(site, elsewhere)),
        await sub_of(site, await product_of(site, world.organization)),
    ]
    assert len(set(anna)) == 4, "every product sees a subject of its own"
    shared = await product_of(site, world.organization, shares_subjects_with=world.product)
    assert await sub_of(site, shared) == anna[0]
    assert await sub_of(site, world.es256) == anna[0], "the clients of one product see one"
    assert await sub_of(site, world.web, BO) not in anna
    for one, two in itertools.combinations(anna, 2):
        assert not {one[n : n + 8] for n in range(121)} & {two[n : n + 8] for n in range(121)}


async def test_s069_another_organization_cannot_share_subjects(site: Site) -> None:
    elsewhere = await site.directory.create_organization(actor="cli:tests", name="Elsewhere AS")
    with pytest.raises(Refusal, match="no_such_product"):
        await product_of(site, elsewhere, shares_subjects_with=site.world.product)


async def test_s069_session_references_are_pairwise_too(site: Site) -> None:
    visitor = site.visitor()
    sids = set()
    for client in (site.world.web, site.world.other, site.world.es256):
        back = await visitor.start(client)
        if "/signin" in back.text:
            await visitor.type_number(ANNA)
            back = await visitor.type_pin(await site.pin(ANNA))
        if not back.is_redirect:
            back = await visitor.add_product()
        code = back.headers["location"].partition("code=")[2].partition("&")[0]
        tokens = (await exchange(site, client, code)).json()
        sids.add((await userinfo(site, tokens["access_token"])).json()["sid"])
    assert len(sids) == 3


HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_512", "blake2b", "blake2s")


async def test_s069_a_subject_is_no_hash_over_the_number_plan(site: Site) -> None:
    """What somebody who knows the whole number plan, and all that is public, could compute."""
    world, client = site.world, site.world.web
    sub = await sub_of(site, client)
    spellings = [ANNA, ANNA[1:], "00" + ANNA[1:], "0" + ANNA[3:], f"tel:{ANNA}"]
    public = ["", client.client_id, world.product, world.organization, world.nordcell, client.redirect_uri,
              "app.example", "https://app.example", site.settings.issuer, "VoiceBox", "VoiceBox AB"]  # fmt: skip
    internal = [world.subscriptions[ANNA]]
    for name, (number, salt), glue in itertools.product(
        HASHES, itertools.product(spellings + internal, public), ("", ":", "|", "\x00", "-", " ", "/")
    ):
        for text in (number + glue + salt, salt + glue + number):
            digest = hashlib.new(name, text.encode()).hexdigest()
            assert digest[:16] not in sub, (name, text)
            assert sub[:16] not in digest, (name, text)


async def test_s069_a_subject_stays_with_the_subscription_not_with_the_number(site: Site) -> None:
    client = site.world.web
    before = await sub_of(site, client)
    moved = PhoneNumber("+46701740698")
    await site.subscribers.change_number(actor="cli:tests", subscription_id=site.world.subscriptions[ANNA], new=moved)
    assert await sub_of(site, client, moved) == before
    await site.subscribers.add(actor="cli:tests", operator_id=site.world.nordcell, number=ANNA, sandbox=True)
    assert await sub_of(site, client, ANNA) != before
