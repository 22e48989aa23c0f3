"""The words of a PIN message, and the product's name made harmless in them.

The last line binds the code to our host, so that browsers offer it there and nowhere else ("origin-bound one-time codes
delivered via SMS", WICG). What a developer chose as a name must not become a line, a link, an address or a number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from urllib.parse import urlsplit

from dialkey.sms.segments import SEPTETS, shape
from dialkey.web.i18n import translate

LONGEST_NAME = 60
SHORTEST_CUT = 12
"""A name is cut to save a segment, but never below so many characters."""

_LETTERS = {"Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ð": "D", "ð": "d", "Þ": "Th", "þ": "th", "Œ": "OE", "œ": "oe",
            "ı": "i", "‘": "'", "’": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "−": "-",
            "·": "-", "•": "-", "×": "x"}  # fmt: skip
_SCHEME = re.compile(r"\b(?:https?|www)\b", re.I)
_NUMBER = re.compile(r"\+?\d(?:[\s().-]?\d){4,}")
_BREAKS = re.compile(r"[@#<>{}\\]|//+|[.:](?=\S)")
_ENDS = " .,:;-/|~^_*+=\"'!?"
_BOUND_CODE = re.compile(r"@\S+ #(\S+)")


def pin_text(*, locale: str, product: str, pin: str, host: str, minutes: int) -> str:
    """The message that brings a PIN: one GSM 7-bit segment wherever the product's name can be written in that alphabet.

    `host` is the issuer's; a port is left out, as the binding knows none.
    """
    if not (pin.isascii() and pin.isdigit()):
        raise ValueError("a PIN is digits")
    hostname = urlsplit(f"//{host}").hostname
    if not hostname:
        raise ValueError("a PIN is bound to a host")

    def message(name: str) -> str:
        sentence = translate(locale, "sms.pin", pin=pin, product=name, minutes=minutes)
        return f"{sentence}\n\n@{hostname} #{pin}"

    name = harmless(product) or harmless(hostname.partition(".")[0]) or "-"
    return message(_cut(name, message))


def code_in(text: str) -> str | None:
    """The code that the last line binds to a host."""
    match = _BOUND_CODE.fullmatch(text.rsplit("\n", 1)[-1])
    return match[1] if match else None


def harmless(name: str) -> str:
    """A name as a few words on one line, in which no phone finds anything to touch.

    What looks like an address or a domain falls apart into words (`shop.example` becomes `shop example`), and five or
    more digits in a row go: they could pass for a phone number, or for the code. Letters become those of the GSM
    alphabet where they have a counterpart in it.
    """
    text = unicodedata.normalize("NFKC", name[: 4 * LONGEST_NAME])
    text = "".join(_plain(character) for character in text)
    text = _spell(unicodedata.normalize("NFC", text))
    before = ""
    while before != text:  # taking one thing away may put two others together
        before = text
        for pattern in (_BREAKS, _NUMBER, _SCHEME):
            text = pattern.sub(" ", text)
        text = " ".join(text.split())
    return text[:LONGEST_NAME].strip(_ENDS)


def _plain(character: str) -> str:
    """Nothing for what cannot be seen, a space for what parts words or lines, a full stop for what browsers take for one
    in a domain (UTS #46)."""
    if character in "。｡":
        return "."
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    return "" if category[0] == "C" else character


def _spell(text: str) -> str:
    """The text in the GSM alphabet; as it is, but for pictures, where its letters are not of that alphabet."""
    spelt = "".join(_letter(character) for character in text)
    foreign = any(character not in SEPTETS and character.isalnum() for character in spelt)
    return spelt if foreign else "".join(character for character in spelt if character in SEPTETS)


def _letter(character: str) -> str:
    if character in SEPTETS:
        return character
    base = "".join(part for part in unicodedata.normalize("NFKD", character) if not unicodedata.combining(part))
    for candidate in (_LETTERS.get(character, ""), base):
        if candidate and all(part in SEPTETS for part in candidate):
            return candidate
    return "" if unicodedata.category(character) in ("So", "Sk", "Me") else character


def _cut(name: str, message: Callable[[str], str]) -> str:
    """The longest beginning of the name with which the message takes no more segments than with a short one."""
    _, fewest = shape(message(name[:SHORTEST_CUT]))
    for length in range(len(name), SHORTEST_CUT, -1):
        candidate = name[:length].rstrip(_ENDS)
        if shape(message(candidate))[1] <= fewest:
            return candidate
    return name[:SHORTEST_CUT].rstrip(_ENDS)
