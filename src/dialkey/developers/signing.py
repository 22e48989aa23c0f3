"""Signatures of the Standard Webhooks specification (symmetric, `v1`)."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable

from dialkey.base.clock import Instant, seconds


def signed_headers(message_id: str, at: Instant, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """One signature per key, the newest first: a receiver that knows either of two secrets finds its own."""
    moment = str(seconds(at))
    content = f"{message_id}.{moment}.".encode() + body
    signatures = (b64encode(hmac.digest(key, content, "sha256")).decode() for key in keys)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
