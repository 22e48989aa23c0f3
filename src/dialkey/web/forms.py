"""Strict `application/x-www-form-urlencoded` reading: a parameter stands once, or the request is refused.

RFC 6749 sections 3.1 and 3.2: parameters MUST NOT be included more than once; one without a value counts as absent.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

MAX_BODY = 64 * 1024
MAX_FIELDS = 100
FORM = "application/x-www-form-urlencoded"


class FormError(Exception):
    """The form cannot be read in one way only."""


class RepeatedField(FormError):
    def __init__(self, name: str) -> None:
        super().__init__(f"repeated: {name[:40]!r}")
        self.name = name


def parse_form(body: bytes) -> dict[str, str]:
    """Fields by name, without those that have no value. Raises FormError on a repeat, more than `MAX_FIELDS` fields,
    broken percent-encoding, bytes that are not UTF-8, or NUL."""
    if not body:
        return {}
    fields: dict[str, str] = {}
    seen: set[str] = set()
    pieces = body.split(b"&")
    if len(pieces) > MAX_FIELDS:
        raise FormError("too many fields")
    for piece in pieces:
        if not piece:
            continue
        raw_name, _, raw_value = piece.partition(b"=")
        name, value = _decode(raw_name), _decode(raw_value)
        if name in seen:
            raise RepeatedField(name)
        seen.add(name)
        if value:
            fields[name] = value
    return fields


def _decode(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        _check_escapes(raw)
        raw = unquote_to_bytes(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise FormError("not UTF-8") from None
    if "\x00" in text:
        raise FormError("NUL")
    return text


_HEX = frozenset(b"0123456789abcdefABCDEF")


def _check_escapes(raw: bytes) -> None:
    position = raw.find(b"%")
    while position != -1:
        digits = raw[position + 1 : position + 3]
        if len(digits) != 2 or digits[0] not in _HEX or digits[1] not in _HEX:
            raise FormError("broken percent-encoding")
        position = raw.find(b"%", position + 3)
