"""E-mail addresses and names of people, as they are typed and as they are kept."""

from __future__ import annotations

import re
import unicodedata

MAX_EMAIL = 254
MAX_NAME = 80

_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?=.{1,190}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


def normalized(text: str) -> str | None:
    """The address in lower case, an international domain as IDNA (RFC 5891); None where it is none that every mail server
    takes. Two addresses are the same where this is."""
    text = unicodedata.normalize("NFC", text[: 2 * MAX_EMAIL]).strip().lower()
    local, at, domain = text.rpartition("@")
    if not at or len(local) > 64 or _LOCAL.fullmatch(local) is None:
        return None
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return None
    if _DOMAIN.fullmatch(domain) is None:
        return None
    email = f"{local}@{domain}"
    return email if len(email) <= MAX_EMAIL else None


def email_fault(text: str) -> str | None:
    """`malformed`, `too_long`, or None."""
    if len(text.strip()) > MAX_EMAIL:
        return "too_long"
    return None if normalized(text) is not None else "malformed"


def tidy_name(text: str) -> str:
    """NFC, without spaces around and twice."""
    return " ".join(unicodedata.normalize("NFC", text[: 4 * MAX_NAME]).split())


def name_fault(text: str) -> str | None:
    """`missing`, `too_long`, `malformed` (control or direction characters), or None."""
    name = tidy_name(text)
    if not name:
        return "missing"
    if len(name) > MAX_NAME:
        return "too_long"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn") for c in name):
        return "malformed"
    return None
