"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes."""

from __future__ import annotations

import hmac
import re
import unicodedata
from base64 import b32encode
from hashlib import sha1
from urllib.parse import quote, urlencode

from dialkey.base.clock import SECOND, Instant
from dialkey.base.entropy import Entropy

STEP = 30 * SECOND
DIGITS = 6
DRIFT = 1
"""Steps that a phone's clock may be off, either way."""
SECRET_BYTES = 20
RECOVERY_CODES = 10

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_RECOVERY = re.compile(r"[a-z0-9]{10}")


def totp(secret: bytes, step: int) -> str:
    """RFC 4226 section 5.3, with the number of the time step (RFC 6238 section 4) as its counter."""
    code = hmac.digest(secret, step.to_bytes(8), sha1)  # the one algorithm that every app knows
    offset = code[-1] & 15
    number = int.from_bytes(code[offset : offset + 4]) & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def step_of(now: Instant) -> int:
    return now // STEP


def matching_step(secret: bytes, code: str, now: Instant, *, after: int = -1) -> int | None:
    """The step that the code belongs to, where that is later than `after`; all are compared, whatever matches."""
    found = None
    for step in range(step_of(now) - DRIFT, step_of(now) + DRIFT + 1):
        if hmac.compare_digest(totp(secret, step).encode(), code.encode()) and step > after:
            found = step
    return found


def read_code(text: str) -> str:
    """What was typed, without spaces and dashes, in lower case; any script's digits as ASCII."""
    kept = []
    for character in text[:40]:
        if character.isspace() or unicodedata.category(character) == "Pd":
            continue
        digit = unicodedata.digit(character, None)
        kept.append(character.lower() if digit is None else str(digit))
    return "".join(kept)


def is_totp(code: str) -> bool:
    return len(code) == DIGITS and code.isascii() and code.isdigit()


def is_recovery(code: str) -> bool:
    return _RECOVERY.fullmatch(code) is not None


def new_recovery_code(entropy: Entropy) -> str:
    """Ten letters and digits that cannot be mistaken for each other: 49 bits, tried within the limits only."""
    number = int.from_bytes(entropy.take(16))
    letters = []
    for _ in range(10):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters)


def shown(recovery_code: str) -> str:
    """`abcde-fghjk`."""
    return f"{recovery_code[:5]}-{recovery_code[5:]}"


def base32(secret: bytes) -> str:
    return b32encode(secret).decode().rstrip("=")


def in_fours(text: str) -> str:
    return " ".join(text[n : n + 4] for n in range(0, len(text), 4))


def otpauth(secret: bytes, *, issuer: str, email: str) -> str:
    """The key URI that authenticator apps read from a QR code."""
    query = urlencode({"secret": base32(secret), "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS, "period": 30})
    return f"otpauth://totp/{quote(issuer)}:{quote(email)}?{query}"
