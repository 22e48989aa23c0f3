"""Identifiers. All are random: nothing in them tells an order, a count or a person."""

from __future__ import annotations

import re
from uuid import UUID

from dialkey.base.entropy import Entropy, random_text

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ID = re.compile(r"[A-Za-z0-9_-]{22}")


def new_id(entropy: Entropy) -> str:
    """128 random bits as 22 base64url characters: the key of a row."""
    return random_text(entropy, 16)


def new_uuid(entropy: Entropy) -> str:
    """A version 4 UUID (RFC 9562), for identifiers that clients see: `client_id`, `jti`."""
    return str(UUID(bytes=entropy.take(16), version=4))


def looks_like_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def looks_like_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None
