"""The public keys of a client, told in a few words."""

from __future__ import annotations

import json
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry

from dialkey.developers.jwks import FAULTS, key_bits, may_be_private, read_keys
from dialkey.portal.client_views import KeyRow

__all__ = ["FAULTS", "key_rows", "may_be_private", "read_keys"]


def key_rows(jwks: str | None) -> tuple[KeyRow, ...]:
    """What can be told of stored keys."""
    if jwks is None:
        return ()
    try:
        keys = json.loads(jwks)["keys"]
        return tuple(_row(key) for key in keys)
    except (ValueError, KeyError, TypeError, JoseError):
        return ()


def _row(key: dict[str, Any]) -> KeyRow:
    kind = f"RSA, {key_bits(key)} bits" if key.get("kty") == "RSA" else f"{key.get('kty')}, {key.get('crv', '')}"
    made = JWKRegistry.import_key(key)
    return KeyRow(
        kid=str(key.get("kid", "none")), kind=kind, use=str(key.get("use", "sig")), thumbprint=made.thumbprint()
    )
