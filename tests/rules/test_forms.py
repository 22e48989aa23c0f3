"""Forms are read in one way only."""

from __future__ import annotations

import time
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialkey.web.forms import MAX_FIELDS, FormError, RepeatedField, parse_form

TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x00"), min_size=1, max_size=30)


@given(st.dictionaries(TEXT, TEXT, max_size=20))
def test_what_a_browser_encodes_comes_back(fields: dict[str, str]) -> None:
    assert parse_form(urlencode(fields).encode()) == fields


@pytest.mark.parametrize(
    "body, fields",
    [
        (b"", {}),
        (b"&&", {}),
        (b"a", {}),
        (b"a=", {}),
        (b"a=&b=1", {"b": "1"}),
        (b"a=1=2", {"a": "1=2"}),
        (b"a=+%20+", {"a": "   "}),
        (b"a=%2B", {"a": "+"}),
        (b"a=%c3%A5", {"a": "å"}),
        (b"a=\xc3\xa5", {"a": "å"}),
        (b"a;b=1", {"a;b": "1"}),
        (b"a[]=1", {"a[]": "1"}),
        (b"A=1&a=2", {"A": "1", "a": "2"}),
    ],
)
def test_readings(body: bytes, fields: dict[str, str]) -> None:
    assert parse_form(body) == fields


@pytest.mark.parametrize(
    "body", [b"a=1&a=1", b"a=1&a=2", b"a=&a=1", b"a=1&a=", b"a&a", b"a=1&%61=2", b"a+b=1&a%20b=2", b"x=1&a=1&y=2&a=3"]
)
def test_a_repeat_is_refused(body: bytes) -> None:
    with pytest.raises(RepeatedField):
        parse_form(body)


@pytest.mark.parametrize(
    "body",
    [b"a=%", b"a=%2", b"a=%zz", b"%g1=1", b"a=1%", b"a=%%41", b"a=%+1", b"a=\xff", b"a=%ff", b"%c3=1", b"a=%c3%28",
     b"a=%00", b"a\x00=1", b"%00=1", b"a=%ed%a0%80", b"a=%c0%af"],
)  # fmt: skip
def test_what_two_readers_could_read_in_two_ways_is_refused(body: bytes) -> None:
    with pytest.raises(FormError):
        parse_form(body)


def test_as_many_fields_as_allowed_and_one_more() -> None:
    pieces = [b"f%d=1" % n for n in range(MAX_FIELDS)]
    assert len(parse_form(b"&".join(pieces))) == MAX_FIELDS
    with pytest.raises(FormError):
        parse_form(b"&".join([*pieces, b"one=more"]))
    with pytest.raises(FormError):
        parse_form(b"&" * 60_000)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        fields = parse_form(body)
    except FormError:
        return
    assert all(value and "\x00" not in name + value for name, value in fields.items())


@pytest.mark.parametrize("unit", [b"%41", b"%4", b"%", b"+", b"=", b"a=%c3%a5"])
def test_s123_long_forms_are_read_in_linear_time(unit: bytes) -> None:
    body = (unit * 65_536)[:65_536]
    started = time.perf_counter()
    with suppress(FormError):
        parse_form(body)
    assert time.perf_counter() - started < 0.05
