"""PINs: derived, never stored.

A challenge keeps a random seed; the PIN is a keyed digest of the seed under the installation's PIN key, reduced to
digits. A message can therefore be sent again with the same PIN, and a copy of the database without the keys tells no
PIN. Decimal reduction of 128 bits leaves a bias below 2^-100.
"""

from __future__ import annotations

import hmac

from dialkey.base.entropy import Entropy, random_text
from dialkey.base.signed import mac
from dialkey.storage.keyring import Keyring


def new_seed(keyring: Keyring, entropy: Entropy) -> str:
    """The key's version and 128 random bits."""
    return f"{keyring['pin'].current}.{random_text(entropy, 16)}"


def pin_of(keyring: Keyring, sign_in_id: str, number: str, seed: str, digits: int) -> str:
    """The PIN of one challenge, leading zeros kept. Bound to the sign-in and its number."""
    version, _, _ = seed.partition(".")
    key = keyring["pin"].versions[int(version)]
    value = int.from_bytes(mac(key, b"pin", f"{sign_in_id}\x00{number}\x00{seed}".encode(), 16))
    return str(value % 10**digits).zfill(digits)


def same_pin(expected: str, presented: str) -> bool:
    return hmac.compare_digest(expected.encode(), presented.encode("utf-8", "replace"))
