"""Pairwise subject identifiers (OpenID Connect Core 1.0 section 8.1)."""

from __future__ import annotations

import hmac

from dialkey.storage.keyring import Keyring


def subject(keyring: Keyring, sector: str, subscription_id: str) -> str:
    """128 hexadecimal digits: HMAC-SHA-512 over sector and subscription. Never derived from the phone number."""
    message = f"{sector}\x00{subscription_id}".encode()
    return hmac.new(keyring["subject"].key(), message, "sha512").hexdigest()


def session_reference(keyring: Keyring, client_id: str, session_id: str) -> str:
    """The `sid` that one client sees: as unlinkable between clients as the subject. 32 hexadecimal digits."""
    message = f"sid\x00{client_id}\x00{session_id}".encode()
    return hmac.new(keyring["subject"].key(), message, "sha256").hexdigest()[:32]
