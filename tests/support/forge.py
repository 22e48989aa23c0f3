"""JOSE by hand: what honest clients sign, and what forgers send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def segment(value: Any) -> str:
    """JSON text as it is, anything else encoded."""
    return b64((value if isinstance(value, str) else json.dumps(value)).encode())


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, unproven."""
    header, claims, _ = token.split(".")
    return json.loads(unb64(header)), json.loads(unb64(claims))


def signature(alg: str, key: Private, data: bytes) -> bytes:
    match alg, key:
        case "RS256", rsa.RSAPrivateKey():
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        case "PS256", rsa.RSAPrivateKey():
            return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        case "ES256", ec.EllipticCurvePrivateKey():
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)
        case "EdDSA", ed25519.Ed25519PrivateKey():
            return key.sign(data)
    raise AssertionError(alg)


def jws(header: Any, claims: Any, key: Private, alg: str | None = None) -> str:
    """A compact JWS. `header` and `claims` may be JSON text, to say what a dict cannot."""
    signed = f"{segment(header)}.{segment(claims)}"
    return f"{signed}.{b64(signature(alg or header['alg'], key, signed.encode()))}"


def hs256(header: Any, claims: Any, secret: bytes) -> str:
    signed = f"{segment(header)}.{segment(claims)}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def public_jwk(key: Private, **members: Any) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        made = {"kty": "RSA", "n": b64(numbers.n.to_bytes((key.key_size + 7) // 8)), "e": b64(numbers.e.to_bytes(3))}
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        made = {"kty": "EC", "crv": "P-256", "x": b64(point.x.to_bytes(32)), "y": b64(point.y.to_bytes(32))}
    else:
        made = {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}
    return {**made, **members}


def jwks(*keys: dict[str, Any]) -> str:
    return json.dumps({"keys": keys})
