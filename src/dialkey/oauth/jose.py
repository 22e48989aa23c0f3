"""Reading JOSE objects strictly: one JSON object, its names unique (RFC 7515 section 4, RFC 7519 section 4)."""

from __future__ import annotations

import json
from typing import Any

from dialkey.base.signed import unb64

MAX_SEGMENT = 8192


def read_object(segment: str) -> dict[str, Any] | None:
    """The object of a base64url segment; None for anything else."""
    data = unb64(segment) if len(segment) <= MAX_SEGMENT else None
    return None if data is None else parse_object(data)


def parse_object(data: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(data, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("repeated member")
    return made
