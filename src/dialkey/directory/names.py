"""Names, links and colours that developers and operators give, checked before anybody has to read them.

A name stands on the page where a subscriber decides, so it must not be able to look like another one: no invisible or
direction-changing characters, no word that mixes alphabets whose letters look alike, and no name in another alphabet that
reads as a Latin one letter by letter (Unicode UTS 39).
"""

from __future__ import annotations

import re
import unicodedata

from dialkey.base.url import redirect_uri_fault

MAX_NAME = 80
MAX_TEXT = 200
_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")
_LOOK_LATIN = frozenset(
    "аеорсухіјѕһԁԛԝӏѵАВЕЅІЈКМНОРСТХҮѴԌԚԜӀ"  # Cyrillic
    "οναρυικϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ"  # Greek
    "օսհոցզԼՕՏՍ"  # Armenian
    "ᎠᎡᎢᎪᎫᎬᎳᎷᎻᏀᏃᏒᏚᏙᏞᏟᏢᏦᏴ"  # Cherokee
    "ⲟⲣⲥⲭⲕⲞⲢⲤⲬⲔⲎⲚⲘⲒⲂⲈⲦ"  # Coptic
)
"""Letters of the other alphabets that are drawn as a Latin one."""
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_LOOK_ALIKE_FORMS = ("<font>", "<wide>", "<narrow>", "<circle>", "<square>")
_ACCENT = re.compile(r"#[0-9a-f]{6}")
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LOCALE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


def name_fault(name: str) -> str | None:
    """Why `name` is refused, as a stable code; None where it can be shown."""
    if not name or len(name) > MAX_NAME:
        return "name_length"
    return text_fault(name) or _mixture_fault(name) or _disguise_fault(name)


def text_fault(text: str) -> str | None:
    """The same for a sentence of at most `MAX_TEXT` characters, which may mix alphabets; it may be empty."""
    if len(text) > MAX_TEXT:
        return "name_length"
    if text != text.strip() or "  " in text:
        return "name_spaces"
    if unicodedata.normalize("NFC", text) != text:
        return "name_form"
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if category[0] == "C" or category in ("Zl", "Zp") or character in _BLANK_LETTERS:
            return "name_characters"
        if category == "Zs" and character != " ":
            return "name_spaces"
        marks = marks + 1 if category[0] == "M" else 0
        if marks > 2:
            return "name_characters"
    return None


def _mixture_fault(name: str) -> str | None:
    if any(unicodedata.decomposition(character).startswith(_LOOK_ALIKE_FORMS) for character in name):
        return "name_form"
    for word in re.split(r"[\s\W\d_]+", name):
        alphabets = {alphabet for letter in word if (alphabet := _alphabet(letter))}
        if len(alphabets) > 1:
            return "name_mixed_alphabets"
    return None


def _disguise_fault(name: str) -> str | None:
    foreign = [letter for letter in name if _alphabet(letter) not in (None, "LATIN")]
    return "name_looks_latin" if foreign and _LOOK_LATIN.issuperset(foreign) else None


def _alphabet(letter: str) -> str | None:
    first = unicodedata.name(letter, "").partition(" ")[0]
    return first if first in _ALPHABETS else None


def link_fault(url: str | None) -> str | None:
    """Links on our pages lead to https only."""
    if url is None:
        return None
    plain = url.partition("#")[0]
    return None if plain.startswith("https://") and redirect_uri_fault(plain) is None and url.isprintable() else "link"


def support_fault(contact: str | None) -> str | None:
    """An e-mail address, or a link."""
    if contact is None or re.fullmatch(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{3,190}", contact):
        return None
    return "support" if link_fault(contact) else None


def accent_fault(accent: str) -> str | None:
    return None if _ACCENT.fullmatch(accent) else "accent"


def slug_fault(slug: str) -> str | None:
    return None if _SLUG.fullmatch(slug) else "slug"


def country_fault(country: str) -> str | None:
    return None if _COUNTRY.fullmatch(country) else "country"


def locale_fault(locale: str) -> str | None:
    return None if _LOCALE.fullmatch(locale) else "locale"
