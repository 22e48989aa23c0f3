"""Public keys as a developer gives them: a JWK Set, one JWK, or PEM; checked before they are kept."""

from __future__ import annotations

import json
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, RSAKey

from dialkey.base.signed import unb64
from dialkey.directory.registration import MAX_JWKS
from dialkey.web.errors import Refusal

MAX_KEYS = 20
MIN_BITS = 2048
_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

FAULTS = {
    "keys_empty": "Paste a JWK Set or a public key.",
    "keys_long": "That is too long: at most 20,000 characters.",
    "keys_private": "This is a private key. Treat it as leaked, make a new pair, and paste the public half.",
    "keys_certificate": "This is a certificate. Take the public key out of it: openssl x509 -pubkey -noout",
    "keys_json": "This is neither JSON nor PEM.",
    "keys_many": "A JWK Set here holds between 1 and 20 keys.",
    "keys_kind": "Only RSA and EC P-256 keys can sign for us: RS256, PS256 or ES256.",
    "keys_short": "The RSA key is too short: at least 2048 bits.",
    "keys_broken": "One of the keys cannot be read. Is a member missing, or cut off?",
    "keys_use": "A key is meant for encryption (use is not sig).",
    "keys_twice": "Two keys have the same kid.",
}


def read_keys(text: str) -> str:
    """The JWK Set that a text holds: a JWK Set, one JWK, or public keys as PEM. Refusal 422 with a code of `FAULTS`."""
    text = text.strip()
    if not text:
        raise _fault("keys_empty")
    if len(text) > MAX_JWKS:
        raise _fault("keys_long")
    if may_be_private(text):
        raise _fault("keys_private")
    if "BEGIN CERTIFICATE" in text:
        raise _fault("keys_certificate")
    keys = _from_pem(text) if text.startswith("-----BEGIN") else _from_json(text)
    if not 1 <= len(keys) <= MAX_KEYS:
        raise _fault("keys_many")
    names = [key["kid"] for key in keys if isinstance(key.get("kid"), str)]
    if len(names) != len(set(names)):
        raise _fault("keys_twice")
    return json.dumps({"keys": [_checked(key) for key in keys]}, separators=(",", ":"))


def _fault(code: str) -> Refusal:
    return Refusal(422, code, field="jwks")


def may_be_private(text: str) -> bool:
    """Whether it is better not to be shown again."""
    if "PRIVATE KEY" in text:
        return True
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False
    keys = document.get("keys", [document]) if isinstance(document, dict) else []
    return isinstance(keys, list) and any(isinstance(key, dict) and bool(_PRIVATE & key.keys()) for key in keys)


def _from_json(text: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise _fault("keys_json") from None
    keys = document.get("keys", [document]) if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise _fault("keys_json")
    return keys


def _from_pem(text: str) -> list[dict[str, Any]]:
    found = []
    for part in text.split("-----BEGIN ")[1 : MAX_KEYS + 2]:
        try:
            key = load_pem_public_key(f"-----BEGIN {part}".encode())
        except (ValueError, UnsupportedAlgorithm):
            raise _fault("keys_broken") from None
        if isinstance(key, RSAPublicKey):
            if key.key_size < MIN_BITS:
                raise _fault("keys_short")
            made: Key = RSAKey.import_key(key)
        elif isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
            made = ECKey.import_key(key)
        else:
            raise _fault("keys_kind")
        found.append({**made.as_dict(private=False), "kid": made.thumbprint(), "use": "sig"})
    return found


def _checked(key: dict[str, Any]) -> dict[str, Any]:
    """A key that can verify, as it will be stored: every member has the form that RFC 7517 and 7518 give it."""
    if key.get("kty") not in ("RSA", "EC") or (key["kty"] == "EC" and key.get("crv") != "P-256"):
        raise _fault("keys_kind")
    if key.get("use", "sig") != "sig":
        raise _fault("keys_use")
    if not isinstance(key.get("kid", ""), str) or len(key.get("kid", "")) > 200:
        raise _fault("keys_broken")
    if key["kty"] == "RSA" and 0 < key_bits(key) < MIN_BITS:
        raise _fault("keys_short")
    try:
        made = JWKRegistry.import_key(key)
        made.raw_value  # noqa: B018 - builds the key, so that a point off the curve is noticed here
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise _fault("keys_broken") from None
    return key


def key_bits(key: dict[str, Any]) -> int:
    """The length of an RSA key's modulus; 0 where there is none."""
    modulus = key.get("n")
    return int.from_bytes(unb64(modulus) or b"").bit_length() if isinstance(modulus, str) else 0
