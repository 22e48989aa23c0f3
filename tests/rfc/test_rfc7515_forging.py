"""RFC 7515, RFC 8725: forged JWTs against everything here that reads one."""

from __future__ import annotations

import base64
import gc
import json
import re
import time
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from dialkey.directory.model import AuthMethod
from dialkey.directory.registration import ClientRegistration
from dialkey.oauth.keys import revoke_key, rotate_key
from support import forge
from support.forge import b64, segment
from support.site import Registered, Site, Visitor, exchange, introspect, signed_in_tokens, userinfo
from support.world import ANNA

STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGE_EC = ec.generate_private_key(ec.SECP256R1())
CLIENT_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OPENID = "openid phone offline_access"


def rsa_public(jwk: dict[str, Any]) -> rsa.RSAPublicKey:
    e, n = (int.from_bytes(forge.unb64(jwk[name])) for name in ("e", "n"))
    return rsa.RSAPublicNumbers(e, n).public_key()


def hmac_keys(jwk: dict[str, Any]) -> dict[str, bytes]:
    """What a careless verifier may take for an HMAC key: the public key in all its spellings, and nothing."""
    public = rsa_public(jwk)
    spki, pkcs1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1
    pem = public.public_bytes(serialization.Encoding.PEM, spki)
    return {
        "PEM": pem,
        "PEM without its last line end": pem.rstrip(),
        "PEM after white space": b" \n\t" + pem,
        "PEM with CRLF": pem.replace(b"\n", b"\r\n"),
        "PEM PKCS1": public.public_bytes(serialization.Encoding.PEM, pkcs1),
        "DER": public.public_bytes(serialization.Encoding.DER, spki),
        "DER PKCS1": public.public_bytes(serialization.Encoding.DER, pkcs1),
        "modulus": forge.unb64(jwk["n"]),
        "modulus as text": jwk["n"].encode(),
        "JWK": json.dumps(jwk).encode(),
        "JWK without spaces": json.dumps(jwk, separators=(",", ":")).encode(),
        "kid": jwk["kid"].encode(),
        "nothing": b"",
        "NUL": b"\x00",
        "the word null": b"null",
    }


def zip_bomb(header: dict[str, Any]) -> str:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflate.compress(b" " * 20_000_000) + deflate.flush()
    outer = {**header, "alg": "dir", "enc": "A256GCM", "zip": "DEF"}
    return ".".join((segment(outer), "", b64(b"\x00" * 12), b64(body), b64(b"\x00" * 16)))


def forgeries(good: str, jwk: dict[str, Any], other_kid: str) -> dict[str, str]:
    """Everything made of one good token that must not count."""
    header, claims = forge.parts(good)
    head, body, mark = good.split(".")
    alg_twice = '{"alg":"none",' + json.dumps(header)[1:]
    kid_twice = json.dumps(header)[:-1] + ',"kid":"x"}'
    made = {f"alg {alg!r}": f"{segment({**header, 'alg': alg})}.{body}." for alg in ("none", "None", "nOnE", "NONE", "", None)}
    made |= {f"alg {alg!r} with signature": f"{segment({**header, 'alg': alg})}.{body}.{mark}" for alg in ("none", "nOnE")}
    made |= {
        f"HS256 with {name}": forge.hs256({**header, "alg": "HS256"}, claims, key)
        for name, key in hmac_keys(jwk).items()
    }
    made |= {f"{alg} by name only": f"{segment({**header, 'alg': alg})}.{body}.{mark}" for alg in ("HS256", "HS512", "PS256", "ES256", "RS512", "EdDSA", "ES256K")}
    made |= {
        "no signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.{mark}",
        "changed claims": f"{head}.{segment({**claims, 'sub': 'somebody else'})}.{mark}",
        "signature of another": f"{head}.{body}.{b64(b'A' * 256)}",
        "short signature": f"{head}.{body}.{mark[:-4]}",
        "changed signature": f"{head}.{body}.{'A' if mark[0] != 'A' else 'B'}{mark[1:]}",
        "zero signature": f"{head}.{body}.{b64(bytes(256))}",
        "a stranger's key": forge.jws(header, claims, STRANGER, "RS256"),
        "a stranger's EC key": forge.jws({**header, "alg": "ES256"}, claims, STRANGE_EC),
        "no kid, a stranger's key": forge.jws({k: v for k, v in header.items() if k != "kid"}, claims, STRANGER, "RS256"),
        "the key in the header": forge.jws({**header, "jwk": forge.public_jwk(STRANGER)}, claims, STRANGER, "RS256"),
        "jku": forge.jws({**header, "jku": "https://evil.example/jwks"}, claims, STRANGER, "RS256"),
        "x5u": forge.jws({**header, "x5u": "https://evil.example/x5"}, claims, STRANGER, "RS256"),
        "x5c": forge.jws({**header, "x5c": [base64.b64encode(b"x").decode()]}, claims, STRANGER, "RS256"),
        "kid ../../dev/null": forge.hs256({**header, "alg": "HS256", "kid": "../../../dev/null"}, claims, b""),
        "kid as SQL": forge.hs256({**header, "alg": "HS256", "kid": "x' UNION SELECT 'AA';--"}, claims, b"AA"),
        "kid of another key": f"{segment({**header, 'kid': other_kid})}.{body}.{mark}",
        "kid of another key, its alg": f"{segment({**header, 'kid': other_kid, 'alg': 'ES256'})}.{body}.{mark}",
        "kid null": f"{segment({**header, 'kid': None})}.{body}.{mark}",
        "kid list": f"{segment({**header, 'kid': [header.get('kid')]})}.{body}.{mark}",
        "kid object": f"{segment({**header, 'kid': {}})}.{body}.{mark}",
        "kid huge": f"{segment({**header, 'kid': 'k' * 5000})}.{body}.{mark}",
        "alg list": f"{segment({**header, 'alg': ['RS256']})}.{body}.{mark}",
        "alg object": f"{segment({**header, 'alg': {'a': 1}})}.{body}.{mark}",
        "unknown crit": f"{segment({**header, 'crit': ['exp'], 'exp': 1})}.{body}.{mark}",
        "empty crit": f"{segment({**header, 'crit': []})}.{body}.{mark}",
        "b64 false": f"{segment({**header, 'b64': False, 'crit': ['b64']})}.{body}.{mark}",
        "b64 false, bare": f"{segment({**header, 'b64': False})}.{json.dumps(claims)}.{mark}",
        "alg twice": f"{segment(alg_twice)}.{body}.{mark}",
        "kid twice": f"{segment(kid_twice)}.{body}.{mark}",
        "header no object": f"{segment('[]')}.{body}.{mark}",
        "header a number": f"{b64(b'5')}.{body}.{mark}",
        "header deep": f"{segment('[' * 3000 + ']' * 3000)}.{body}.{mark}",
        "header not JSON": f"{b64(b'{')}.{body}.{mark}",
        "header not UTF-8": f"{b64(bytes([0xFF, 0xFE]))}.{body}.{mark}",
        "header not base64": f"{head}=.{body}.{mark}",
        "header with white space": f"{head[:5]} {head[5:]}.{body}.{mark}",
        "claims not base64": f"{head}.{body}=.{mark}",
        "UTF-16 header": f"{b64(json.dumps(header).encode('utf-16'))}.{body}.{mark}",
        "a megabyte of header": f"{segment({**header, 'x': 'x' * 1_000_000})}.{body}.{mark}",
        "many dots": "." * 100_000,
        "JSON flattened": json.dumps({"protected": head, "payload": body, "signature": mark}),
        "JSON general": json.dumps({"payload": body, "signatures": [{"protected": head, "signature": mark}]}),
        "JSON without signatures": json.dumps({"payload": body, "signatures": []}),
        "JSON in base64url": segment({"payload": body, "signatures": []}),
        "JWE": ".".join((segment({**header, "alg": "dir", "enc": "A256GCM"}), "", b64(b"\x00" * 12), body, mark[:22])),
        "JWE zip bomb": zip_bomb(header),
        "p2c without end": ".".join((segment({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31 - 1, "p2s": "AAAA"}), "AAAA", "AAAA", "AAAA", "AAAA")),
    }  # fmt: skip
    return made


Verifier = Callable[[Site, str, dict[str, Any]], Awaitable[None]]


async def at_userinfo(site: Site, token: str, _: dict[str, Any]) -> None:
    try:
        answer = await userinfo(site, token)
    except UnicodeEncodeError:
        return
    assert answer.status_code in (401, 431), answer.text
    assert "sub" not in answer.json()


async def at_introspection(site: Site, token: str, _: dict[str, Any]) -> None:
    async with site.http() as http:
        answer = await http.post("/oauth2/introspect", data={"token": token}, auth=site.world.resource.basic)
    assert answer.json() == {"active": False} if answer.status_code == 200 else answer.status_code == 413


async def at_revocation(site: Site, token: str, told: dict[str, Any]) -> None:
    async with site.http() as http:
        answer = await http.post("/oauth2/revoke", data={"token": token}, auth=site.world.jwt.basic)
    assert answer.status_code in (200, 413)
    assert (await userinfo(site, told["access_token"])).status_code == 200, "the real one lives on"


async def at_authorize(site: Site, token: str, told: dict[str, Any]) -> None:
    visitor: Visitor = told["visitor"]
    client: Registered = told["client"]
    answer = await visitor.start(client, scope=OPENID, id_token_hint=token, prompt="none")
    assert answer.status_code in (303, 400, 414, 431), answer.status_code
    assert "code=" not in answer.headers.get("location", "")
    if answer.status_code == 303:
        assert "error=invalid_request" in answer.headers["location"]


async def at_logout(site: Site, token: str, told: dict[str, Any]) -> None:
    visitor: Visitor = told["visitor"]
    answer = await visitor.http.post(
        "/oauth2/sessions/logout",
        data={"id_token_hint": token, "post_logout_redirect_uri": "https://app.example/signed-out"},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert answer.status_code in (200, 303, 400, 413), answer.status_code
    assert not answer.headers.get("location", "").startswith("https://app.example")
    assert (await visitor.start(told["client"], scope=OPENID)).status_code == 303, "still signed in"


OPAQUE_OF = {at_userinfo: "access_token", at_introspection: "access_token", at_revocation: "access_token",
             at_authorize: "id_token", at_logout: "id_token"}  # fmt: skip


async def prepared(site: Site, verifier: Verifier) -> tuple[str, dict[str, Any], dict[str, Any], str]:
    """(a good token, its key, what the verifier wants to know, another key's kid)."""
    client, visitor = site.world.jwt, site.visitor()
    code = (await visitor.complete(client, ANNA, scope=OPENID))["code"]
    tokens = (await exchange(site, client, code)).json()
    async with site.http() as http:
        keys = (await http.get("/.well-known/jwks.json")).json()["keys"]
    good = tokens[OPAQUE_OF[verifier]]
    kid = forge.parts(good)[0]["kid"]
    [key] = [key for key in keys if key["kid"] == kid]
    [other] = [key for key in keys if key["kid"] != kid]
    return good, key, {**tokens, "visitor": visitor, "client": client}, other["kid"]


@pytest.mark.parametrize("verifier", OPAQUE_OF, ids=lambda verifier: verifier.__name__)
async def test_s066_forged_tokens_are_worth_nothing(site: Site, verifier: Verifier) -> None:
    good, key, told, other_kid = await prepared(site, verifier)
    slow = {}
    for name, token in forgeries(good, key, other_kid).items():
        if verifier is at_authorize and len(token) > 60_000:
            continue
        began = time.perf_counter()
        try:
            await verifier(site, token, told)
        except AssertionError as fault:
            raise AssertionError(name) from fault
        took = time.perf_counter() - began
        if took > 0.05 and verifier in (at_userinfo, at_introspection):
            again = time.perf_counter()
            await verifier(site, token, told)
            took = min(took, time.perf_counter() - again)
        if took > 0.05 and verifier in (at_userinfo, at_introspection):
            slow[name] = took
    assert not slow


async def test_s066_good_tokens_are_worth_something(site: Site) -> None:
    """So that the sweep does not pass because everything is refused."""
    good, _, told, _ = await prepared(site, at_authorize)
    assert (await userinfo(site, told["access_token"])).status_code == 200
    assert (await introspect(site, told["client"], told["access_token"]))["active"] is True
    visitor = told["visitor"]
    back = await visitor.start(told["client"], scope=OPENID, id_token_hint=good, prompt="none")
    assert "code=" in back.headers["location"]
    uri = "https://app.example/signed-out"
    back = await visitor.get(f"/oauth2/sessions/logout?id_token_hint={good}&post_logout_redirect_uri={uri}")
    assert back.headers["location"] == uri


async def test_s066_forged_assertions_open_nothing(site: Site) -> None:
    jwk = forge.public_jwk(CLIENT_KEY, kid="mine")
    other = forge.public_jwk(STRANGE_EC, kid="also mine")
    registration = ClientRegistration(
        auth_method=AuthMethod.PRIVATE_KEY_JWT, redirect_uris=("https://app.example/cb",), jwks=forge.jwks(jwk, other)
    )
    made = await site.directory.create_client(
        actor="cli:tests", product_id=site.world.product, registration=registration
    )
    now = site.clock.now() // 1000

    def assertion(jti: str) -> str:
        claims = {"iss": made.client_id, "sub": made.client_id, "aud": site.settings.issuer, "jti": jti, "iat": now,
                  "exp": now + 250}  # fmt: skip
        return forge.jws({"alg": "RS256", "kid": "mine", "typ": "JWT"}, claims, CLIENT_KEY)

    good = assertion("good")
    header, claims = forge.parts(good)
    bad = {name: token for name, token in forgeries(good, jwk, "also mine").items() if "EC key" not in name}
    bad |= {
        "claims twice": forge.jws(header, '{"sub":"x",' + json.dumps({**claims, "jti": "t"})[1:], CLIENT_KEY),
        "jwk of our own kid": forge.jws({**header, "kid": "mine", "jwk": forge.public_jwk(STRANGER)}, claims, STRANGER, "RS256"),
        "ES256 by an RSA key's kid": forge.jws({"alg": "ES256", "kid": "mine"}, claims, STRANGE_EC),
    }
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": "x",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    async with site.http() as http:
        for name, token in bad.items():
            began = time.perf_counter()
            answer = await http.post("/oauth2/token", data={**fields, "client_assertion": token})
            took = time.perf_counter() - began
            assert answer.status_code in (401, 413), (name, answer.text)
            assert took <= 0.2 or answer.status_code == 413, (name, took)
        answer = await http.post("/oauth2/token", data={**fields, "client_assertion": good})
    assert answer.json()["error"] == "invalid_grant", "the good one opens"


async def test_s066_memory_stays_flat(site: Site) -> None:
    good, key, told, other_kid = await prepared(site, at_userinfo)
    bad = forgeries(good, key, other_kid)
    heavy = [bad[name] for name in ("a megabyte of header", "JWE zip bomb", "header deep", "many dots", "kid huge")]

    async def storm() -> None:
        for token in heavy:
            for _ in range(10):
                await at_userinfo(site, token, told)
                await at_introspection(site, token[:60_000], told)

    await storm()
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await storm()
        gc.collect()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2_000_000
    assert peak - before < 20_000_000


async def _rotate(site: Site) -> str:
    house = site.built.house
    return await rotate_key(site.storage, site.settings, site.keyring, site.clock, house.entropy, "RS256")


async def test_s066_a_key_that_is_no_longer_served_proves_nothing(site: Site) -> None:
    tokens = await signed_in_tokens(site, site.world.jwt, ANNA, scope=OPENID)
    _, claims = forge.parts(tokens["access_token"])
    await _rotate(site)
    site.clock.advance(seconds=2)
    longest = site.settings.keys.jwks_max_age + max(
        site.settings.tokens.access_token_lifetime, site.settings.tokens.id_token_lifetime
    )
    old = site.built.house.signing.sign("RS256", {**claims, "exp": claims["exp"] + longest + 100}, typ="at+jwt")
    assert (await userinfo(site, old)).status_code == 200
    site.clock.advance(seconds=longest)
    assert (await userinfo(site, old)).status_code == 401


@pytest.mark.parametrize("path", ["userinfo", "introspection"])
async def test_s066_a_revoked_key_is_dead_within_two_seconds_wherever_it_is_read(site: Site, path: str) -> None:
    """Asked of one endpoint only, whose process reads no keys for any other reason."""
    client = site.world.jwt
    tokens = await signed_in_tokens(site, client, ANNA, scope=OPENID)

    async def alive() -> bool:
        if path == "userinfo":
            return (await userinfo(site, tokens["access_token"])).status_code == 200
        return (await introspect(site, client, tokens["access_token"]))["active"]

    assert await alive()
    kid = forge.parts(tokens["access_token"])[0]["kid"]
    assert re.fullmatch(r"[0-9a-f-]{36}", kid)
    assert await revoke_key(site.storage, site.clock, site.built.house.entropy, kid)
    site.clock.advance(seconds=2)
    assert not await alive()
