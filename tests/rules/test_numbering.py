"""Typed numbers: forgiving in, one canonical number out."""

from __future__ import annotations

import string
import subprocess
import sys

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialkey.base.phone import phone_number
from dialkey.subscribers.numbering import (
    country_of,
    grouped,
    is_test_number,
    national_example,
    nth_test_number,
    read_number,
)

ANNA = "+46701740605"


@pytest.mark.parametrize(
    "typed",
    [
        "+46701740605",
        "0046701740605",
        "00 46 70 174 06 05",
        "+46 (0)70-174 06 05",
        "0046(0)701740605",
        "0701740605",
        "070-174 06 05",
        "070/174.06.05",
        "(070) 174 06 05",
        "\u00a0070\u2011174\u00a006\u202f05 ",
        "+46\u200e70\u200b1740605",
        "\u202a+46701740605\u202c",
        "＋４６７０１７４０６０５",
        "٠٧٠١٧٤٠٦٠٥",
        "०७०१७४०६०५",
        "tel:+46-70-174-06-05",
        "TEL: 070-174 06 05",
        "MSISDN:46701740605",
        "msisdn: +46701740605",
        "+46 0701740605",
    ],
)
def test_every_way_of_writing_one_number_is_the_same_number(typed: str) -> None:
    assert read_number(typed, country="SE") == ANNA


@pytest.mark.parametrize("country", ["NO", "US", "GB", "XX", ""])
def test_an_international_number_needs_no_country(country: str) -> None:
    assert read_number("+46 70 174 06 05", country=country) == ANNA


@pytest.mark.parametrize(
    ("typed", "country", "expected"),
    [
        ("07700 900123", "GB", "+447700900123"),
        ("+44 7700 900999", "SE", "+447700900999"),
        ("070-174 06 99", "SE", "+46701740699"),
        ("(202) 555-0123", "US", "+12025550123"),
        ("99 99 99 99", "NO", "+4799999999"),
    ],
)
def test_numbers_reserved_for_fiction_are_numbers(typed: str, country: str, expected: str) -> None:
    assert read_number(typed, country=country) == expected


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "+",
        "+46",
        "112",
        "070",
        "hello",
        "O701740605",
        "070-174 06 05 ext 3",
        "070-174 06 05; drop table",
        "+46+701740605",
        "++46701740605",
        "0701740605\x00",
        "+467017406050000000",
        "<script>0701740605</script>",
        "anna@nordcell.example",
        "555-0123\ud800",
        "0" * 64,
        "0" * 65,
        " " * 60 + "0701740605",
    ],
)
def test_what_cannot_be_a_number_is_none(typed: str) -> None:
    assert read_number(typed, country="SE") is None


def test_a_number_without_its_area_code_is_none() -> None:
    assert read_number("555-0123", country="US") is None


def test_a_very_long_text_is_refused_before_it_is_looked_at() -> None:
    assert read_number("7" * 10_000_000, country="SE") is None


REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
FORMATS = [
    phonenumbers.PhoneNumberFormat.E164,
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.NATIONAL,
    phonenumbers.PhoneNumberFormat.RFC3966,
]


def test_all_countries_read_their_own_numbers_as_they_write_them() -> None:
    for region in REGIONS:
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if example is None:
            continue
        expected = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        for form in FORMATS:
            written = phonenumbers.format_number(example, form)
            assert read_number(written, country=region) == expected, written


@given(st.lists(st.sampled_from(["", " ", "-", ".", "\u00a0", "\u2011", " - ", "\u200b"]), min_size=10, max_size=10))
def test_separators_do_not_matter(between: list[str]) -> None:
    digits = "0701740605"
    written = "".join(digit + gap for digit, gap in zip(digits, between, strict=True))
    assert read_number(written, country="SE") == ANNA


@given(st.text(max_size=80), st.sampled_from(["SE", "US", "NO", "BR", "IT", "XX"]))
def test_any_text_is_a_number_or_none(text: str, country: str) -> None:
    number = read_number(text, country=country)
    if number is not None:
        assert phone_number(number) == number


@given(st.text(alphabet=string.digits + "+ ()-", max_size=24), st.sampled_from(["SE", "US", "IT", "AR", "MX"]))
def test_what_was_read_reads_as_itself(text: str, country: str) -> None:
    number = read_number(text, country=country)
    if number is not None:
        assert read_number(number, country="SE") == number
        assert read_number(grouped(number), country="NO") == number


def test_grouped_as_in_its_country() -> None:
    assert grouped(ANNA) == "+46 70 174 06 05"
    assert grouped("+447700900123") == "+44 7700 900123"
    assert grouped("nonsense") == "nonsense"


def test_the_example_is_national_and_can_be_read() -> None:
    for country in ("SE", "NO", "GB", "US", "DE"):
        assert not national_example(country).startswith("+")
        assert read_number(national_example(country), country=country)
    assert national_example("XX") == ""


def test_the_country_of_a_number() -> None:
    assert country_of(phone_number(ANNA)) == "SE"
    assert country_of(phone_number("+447700900123")) == "GB"
    assert country_of(phone_number("+12025550123")) == "US"
    assert country_of(phone_number("+80012345678")) is None


def test_importing_it_does_not_import_the_number_plans() -> None:
    code = "import sys, dialkey.subscribers.numbering; print('phonenumbers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "typed",
    [
        "+999204118600",
        "+999 204 118 600",
        "00999204118600",
        "00 999 204-118-600",
        "tel:+999-204-118-600",
        "msisdn:999204118600",
        "(+999) 204 118 600",
        "＋９９９２０４１１８６００",
        "+999\u00a0204\u202f118\u200b600",
    ],
)
@pytest.mark.parametrize("country", ["SE", "US", "GB", "ZZ", ""])
def test_every_way_of_writing_a_test_number_is_the_same_number(typed: str, country: str) -> None:
    assert read_number(typed, country=country) == "+999204118600"


@pytest.mark.parametrize("typed", ["+999", "+99920411860", "+9992041186000", "+999 0204118600", "+999 204 118 60x"])
def test_what_only_begins_as_a_test_number_is_none(typed: str) -> None:
    assert read_number(typed, country="SE") is None


@given(st.integers(0, 10**12))
def test_test_numbers_read_as_themselves_and_belong_to_no_country(serial: int) -> None:
    number = nth_test_number(serial)
    assert is_test_number(number)
    assert read_number(number, country="SE") == read_number(grouped(number), country="US") == number
    assert country_of(number) is None


def test_no_country_has_the_code_of_test_numbers() -> None:
    assert 999 not in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    for region in REGIONS:
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if example is not None:
            assert not is_test_number(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
