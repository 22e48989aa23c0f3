"""Typed phone numbers: forgiving in, canonical out. `phonenumbers` parses; it does not decide whose a number is."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from dialkey.base.phone import PhoneNumber, phone_number

MAX_TYPED = 64
TEST_CODE = "+999"
"""The country code of test numbers: of the spare ones, which the ITU has given to nobody (Recommendation E.164, list of
assigned country codes), so that no number under it can ever be somebody's."""
TEST_DIGITS = 9
"""Digits of a test number after its country code."""
_HINT_PREFIX = re.compile(r"(tel|msisdn)\s*:", re.I)


def read_number(text: str, *, country: str) -> PhoneNumber | None:
    """The E.164 number that was meant: international (`+46…`, `0046…`), or national of `country` (ISO 3166-1 alpha-2);
    with spaces, dots, dashes and parentheses, in any script's digits. None for what cannot be a number.

    Every way of writing one number gives the same number, so that limits count it once.
    """
    if len(text) > MAX_TYPED:
        return None
    plain = _plain(text)
    if plain is None:
        return None
    if plain.startswith(TEST_CODE):
        return PhoneNumber(plain) if is_test_number(plain) else None
    return _parse(plain, country)


def nth_test_number(serial: int) -> PhoneNumber:
    """The test number with this serial, of as many as `TEST_DIGITS` digits count."""
    return phone_number(f"{TEST_CODE}{serial % 10**TEST_DIGITS:0{TEST_DIGITS}d}")


def is_test_number(number: PhoneNumber | str) -> bool:
    """Whether it is of the range that no operator has."""
    return number.startswith(TEST_CODE) and len(number) == len(TEST_CODE) + TEST_DIGITS


def _plain(text: str) -> str | None:
    """ASCII digits with at most a leading plus; None where something else stands in it."""
    text = unicodedata.normalize("NFKC", text).strip()
    prefix = _HINT_PREFIX.match(text)
    international = prefix is not None and prefix[1].lower() == "msisdn"
    if prefix:
        text = text[prefix.end() :].strip()
    text = text.replace("(0)", "") if text.startswith(("+", "00", "(+")) else text
    made: list[str] = []
    for character in text:
        digit = unicodedata.decimal(character, None)
        if digit is not None:
            made.append(str(digit))
        elif character == "+" and not made:
            made.append("+")
        elif not (character.isspace() or character in "()-./\u00ad" or unicodedata.category(character) in ("Pd", "Cf")):
            return None
    plain = "".join(made)
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    if international and not plain.startswith("+"):
        plain = "+" + plain
    return plain if 4 <= len(plain) <= 20 else None


@lru_cache(maxsize=4096)
def _parse(plain: str, country: str) -> PhoneNumber | None:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(plain, country)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(parsed) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None  # also where only neighbours could dial it, without the area code
    try:
        return phone_number(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def grouped(number: PhoneNumber | str) -> str:
    """As its country groups it, with the country code: `+46 70 174 06 05`; test numbers by threes."""
    if is_test_number(number):
        return f"{TEST_CODE} {number[4:7]} {number[7:10]} {number[10:]}"
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


@lru_cache(maxsize=64)
def national_example(country: str) -> str:
    """A mobile number as people of `country` write theirs; empty where nothing is known."""
    import phonenumbers

    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return ""
    return phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)


def country_of(number: PhoneNumber) -> str | None:
    """ISO 3166-1 alpha-2, by the number plan; the main country where several share a code and the plan does not tell
    which (numbers reserved for fiction); None for what belongs to no country."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    region = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(
        parsed.country_code
    )
    return region if region.isalpha() and region != "ZZ" else None
