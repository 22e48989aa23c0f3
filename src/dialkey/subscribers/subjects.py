"""Pairwise subject identifiers (OpenID Connect Core 1.0 section 8.1)."""

from __future__ import annotations

from dialkey.base.signed import mac
from dialkey.storage.keyring import Keyring


def subject(keyring: Keyring, sector: str, subscription_id: str) -> str:
    """128 hexadecimal digits: a keyed digest of sector and subscription. Never derived from the phone number."""
    return mac(keyring["subject"].key(), b"sub", f"{sector}\x00{subscription_id}".encode(), 64).hex()


def session_reference(keyring: Keyring, client_id: str, session_id: str) -> str:
    """The `sid` that one client sees: as unlinkable between clients as the subject. 32 hexadecimal digits."""
    return mac(keyring["subject"].key(), b"sid", f"{client_id}\x00{session_id}".encode(), 16).hex()
