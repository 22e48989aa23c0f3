"""The keys that sign: what is published of them, how they follow one another, how one is taken away at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from joserfc import jwt
from joserfc.jwk import KeySet

from dialkey.base.clock import SECOND
from dialkey.base.signed import unb64
from dialkey.oauth.keys import ALGORITHMS, ensure_keys, list_keys, revoke_key, rotate_key
from dialkey.storage import Statement
from dialkey.storage.keyring import Keyring
from support.site import Site, make_site, signed_in_tokens, userinfo
from support.world import ANNA, BO, NUMBERS

SEALED = Statement("tests.sealed", "SELECT kid, alg, sealed_private FROM signing_keys")
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


async def published(site: Site) -> dict[str, dict[str, Any]]:
    async with site.http() as http:
        response = await http.get("/.well-known/jwks.json")
    assert response.status_code == 200
    return {key["kid"]: key for key in response.json()["keys"]}


def kid_of(token: str) -> str:
    return json.loads(unb64(token.partition(".")[0]))["kid"]


async def id_token(site: Site, number: str = ANNA, client: str = "web") -> str:
    tokens = await signed_in_tokens(site, getattr(site.world, client), number, scope="openid phone offline_access")
    return tokens["id_token"]


def opens(keys: dict[str, dict[str, Any]], token: str) -> bool:
    try:
        jwt.decode(token, KeySet.import_key_set({"keys": list(keys.values())}), algorithms=list(ALGORITHMS))
    except Exception:
        return False
    return True


async def rotate(site: Site, alg: str = "RS256") -> str:
    return await rotate_key(site.storage, site.settings, site.keyring, site.clock, site.entropy, alg)


async def test_s132_published_keys_have_no_private_part_and_say_what_they_are_for(site: Site) -> None:
    keys = await published(site)
    assert {key["alg"] for key in keys.values()} == {"RS256", "ES256"}
    for key in keys.values():
        assert not PRIVATE & key.keys()
        assert key["use"] == "sig" and key["kid"]
        if key["kty"] == "RSA":
            assert len(unb64(key["n"]) or b"") * 8 >= 2048
            assert unb64(key["n"])[0] & 0x80  # type: ignore[index]
            assert unb64(key["e"]) == b"\x01\x00\x01"
        else:
            assert (key["kty"], key["crv"]) == ("EC", "P-256")
            assert len(unb64(key["x"]) or b"") == len(unb64(key["y"]) or b"") == 32


async def test_s132_private_keys_are_encrypted_at_rest(any_site: Site) -> None:
    rows = await any_site.storage.read.all(SEALED)
    assert len(rows) == 2
    wrong = Keyring({**any_site.keyring.keys, "box": any_site.keyring["page"]}, any_site.keyring.master)
    for row in rows:
        sealed = bytes(row.sealed_private)
        assert b"PRIVATE KEY" not in sealed
        with pytest.raises(ValueError):
            serialization.load_der_private_key(sealed, None)
        assert wrong.open_box(f"signing-key/{row.kid}", sealed) is None
        assert any_site.keyring.open_box("signing-key/another", sealed) is None
        der = any_site.keyring.open_box(f"signing-key/{row.kid}", sealed)
        assert der is not None
        assert serialization.load_der_private_key(der, None)


@pytest.mark.parametrize("alg, client", [("RS256", "web"), ("ES256", "es256")])
async def test_s132_a_new_key_is_published_before_it_signs_and_the_old_one_outlives_its_tokens(
    any_site: Site, alg: str, client: str
) -> None:
    site = any_site
    cached = await published(site)
    old_token = await id_token(site, ANNA, client)
    old = kid_of(old_token)
    new = await rotate(site, alg)
    site.clock.advance(seconds=3)
    assert {old, new} <= (await published(site)).keys(), "published at once"
    still = await id_token(site, BO, client)
    assert kid_of(still) == old and opens(cached, still), "clients that cached the keys can read what is signed now"

    site.clock.advance(seconds=site.settings.keys.jwks_max_age - 10)
    last = await id_token(site, NUMBERS[2], client)
    assert kid_of(last) == old
    cached = await published(site)
    site.clock.advance(seconds=10)
    first = await id_token(site, NUMBERS[3], client)
    assert kid_of(first) == new and opens(cached, first)

    longest = max(site.settings.tokens.id_token_lifetime, site.settings.tokens.access_token_lifetime)
    site.clock.advance(seconds=longest - 20)
    assert opens(await published(site), last)
    site.clock.advance(seconds=30)
    after = await published(site)
    assert old not in after and new in after
    assert len(after) == 2


async def test_s132_ten_rotations_under_traffic_break_nothing(site: Site) -> None:
    cached, cached_at = await published(site), site.clock.now()
    for turn in range(10):
        await rotate(site, ALGORITHMS[turn % 2])
        for _ in range(2):
            site.clock.advance(seconds=1205)
            if site.clock.now() - cached_at >= site.settings.keys.jwks_max_age * SECOND:
                cached, cached_at = await published(site), site.clock.now()
            number = NUMBERS[turn % 40]
            for client in ("web", "es256"):
                site.clock.advance(seconds=1)
                assert opens(cached, await id_token(site, number, client))


async def test_s132_access_tokens_and_hints_live_through_a_rotation(site: Site) -> None:
    tokens = await signed_in_tokens(site, site.world.jwt, ANNA, scope="openid phone offline_access")
    await rotate(site)
    site.clock.advance(seconds=tokens["expires_in"] - 10)
    assert (await userinfo(site, tokens["access_token"])).status_code == 200


async def test_s132_a_revoked_key_is_dead_within_five_seconds_on_every_node(any_site: Site) -> None:
    site = any_site
    other_node = make_site(site.settings, site.storage, site.keyring, site.clock, site.entropy, site.world)
    await other_node.built.house.signing.load()
    tokens = await signed_in_tokens(site, site.world.jwt, ANNA, scope="openid phone offline_access")
    stolen = kid_of(tokens["access_token"])
    assert (await userinfo(other_node, tokens["access_token"])).status_code == 200
    assert await revoke_key(site.storage, site.clock, site.entropy, stolen)
    made = await ensure_keys(site.storage, site.settings, site.keyring, site.clock, site.entropy)
    assert len(made) == 1
    site.clock.advance(seconds=3)
    for node in (site, other_node):
        assert stolen not in await published(node)
        assert (await userinfo(node, tokens["access_token"])).status_code == 401
    fresh = await id_token(other_node, BO)
    assert kid_of(fresh) == made[0], "the key in its place signs at once"
    assert opens(await published(site), fresh)
    assert not await revoke_key(site.storage, site.clock, site.entropy, "no-such-key")


@pytest.mark.parametrize("revoked", ["old", "new"])
async def test_s132_a_key_revoked_between_rotation_and_change_leaves_one_that_signs(site: Site, revoked: str) -> None:
    old = kid_of(await id_token(site))
    new = await rotate(site)
    site.clock.advance(seconds=60)
    await revoke_key(site.storage, site.clock, site.entropy, old if revoked == "old" else new)
    await ensure_keys(site.storage, site.settings, site.keyring, site.clock, site.entropy)
    for number in NUMBERS[1:5]:
        site.clock.advance(seconds=1200)
        token = await id_token(site, number)
        assert opens(await published(site), token)
        assert kid_of(token) != (old if revoked == "old" else new)


async def test_s132_making_keys_again_makes_none(site: Site) -> None:
    before = [row.kid for row in await list_keys(site.storage, site.clock)]
    for _ in range(3):
        assert await ensure_keys(site.storage, site.settings, site.keyring, site.clock, site.entropy) == []
        await rotate(site)
        assert await ensure_keys(site.storage, site.settings, site.keyring, site.clock, site.entropy) == []
        site.clock.advance(seconds=7201)
    assert before[0]
