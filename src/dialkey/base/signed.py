"""Authenticated text: a value that only we can have made, for one purpose.

`seal` puts a message authentication code before a payload; `unseal` gives the payload back only where purpose and key
agree. The code is keyed BLAKE2b (RFC 7693), less than half the price of HMAC-SHA-256 here. The payload can be read by
whoever holds the text; it cannot be changed.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

MAC_LENGTH = 24
"""Bytes of the code that are kept: 192 bits."""


def b64(data: bytes) -> str:
    """Unpadded base64url (RFC 7515 section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes | None:
    """The bytes of canonical unpadded base64url; None for anything else."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return None
    return data if urlsafe_b64encode(data).rstrip(b"=") == text.encode("ascii", "replace") else None


def mac(key: bytes, purpose: bytes, message: bytes, length: int = 32) -> bytes:
    """Keyed BLAKE2b; `purpose` (at most 16 bytes) is its personalization, so that no purpose's code serves another."""
    return blake2b(message, key=key, person=purpose, digest_size=length).digest()


@dataclass(frozen=True, slots=True)
class MacKeys:
    """Versions of one secret: `current` makes, all of `versions` are accepted."""

    versions: Mapping[int, bytes]
    current: int

    def key(self) -> bytes:
        return self.versions[self.current]


def seal(keys: MacKeys, purpose: bytes, payload: bytes) -> str:
    """base64url(version ‖ code ‖ payload)."""
    version = keys.current
    return b64(bytes((version,)) + mac(keys.versions[version], purpose, payload, MAC_LENGTH) + payload)


def unseal(keys: MacKeys, purpose: bytes, text: str) -> bytes | None:
    """The payload, or None where the text was not made by `seal` with this purpose and one of these keys."""
    data = unb64(text)
    if data is None or len(data) <= MAC_LENGTH:
        return None
    key = keys.versions.get(data[0])
    if key is None:
        return None
    payload = data[1 + MAC_LENGTH :]
    if not hmac.compare_digest(mac(key, purpose, payload, MAC_LENGTH), data[1 : 1 + MAC_LENGTH]):
        return None
    return payload
