"""Authenticated text: only what was sealed for this purpose, with one of these keys, opens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialkey.base.signed import MAC_LENGTH, MacKeys, b64, mac, seal, unb64, unseal

OLD = MacKeys({1: b"1" * 32}, 1)
KEYS = MacKeys({1: b"1" * 32, 2: b"2" * 32}, 2)
OTHER = MacKeys({2: b"x" * 32}, 2)


@given(st.binary(max_size=200), st.binary(max_size=16))
def test_what_was_sealed_opens(payload: bytes, purpose: bytes) -> None:
    text = seal(KEYS, purpose, payload)
    assert unseal(KEYS, purpose, text) == payload
    assert text.isascii() and not set(text) & set("+/= ")


def test_another_purpose_or_key_does_not_open_it() -> None:
    text = seal(KEYS, b"page", b"payload")
    assert unseal(KEYS, b"pag", text) is None
    assert unseal(KEYS, b"", text) is None
    assert unseal(OTHER, b"page", text) is None
    assert unseal(OLD, b"page", text) is None


def test_older_versions_still_open_and_new_ones_are_made() -> None:
    assert unseal(KEYS, b"page", seal(OLD, b"page", b"payload")) == b"payload"
    assert (unb64(seal(KEYS, b"page", b"payload")) or b"")[0] == 2


def test_a_version_cannot_be_swapped() -> None:
    data = unb64(seal(KEYS, b"page", b"payload")) or b""
    assert unseal(KEYS, b"page", b64(b"\x01" + data[1:])) is None


def test_purpose_and_payload_do_not_run_into_each_other() -> None:
    assert mac(b"k", b"ab", b"c") != mac(b"k", b"a", b"bc")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_changed_bit_is_noticed(position: int, change: int) -> None:
    data = bytearray(unb64(seal(KEYS, b"page", b"payload")) or b"")
    data[position % len(data)] ^= change
    assert unseal(KEYS, b"page", b64(bytes(data))) is None


@pytest.mark.parametrize("text", ["", "A", "AAAA", "====", "é" * 60, "\x00" * 60, "A" * 10_000, b64(bytes(MAC_LENGTH))])
def test_nonsense_is_none(text: str) -> None:
    assert unseal(KEYS, b"page", text) is None


@given(st.text(max_size=120))
def test_any_text_is_none(text: str) -> None:
    assert unseal(KEYS, b"page", text) is None


@given(st.binary(max_size=60))
def test_one_value_has_one_writing(data: bytes) -> None:
    text = b64(data)
    assert unb64(text) == data
    for other in (text + "=", text + "A=", " " + text, text + "\n", text.replace("A", "A ", 1)):
        assert other == text or unb64(other) != data


def test_trailing_bits_must_be_zero() -> None:
    assert unb64("AA") == b"\x00"
    assert unb64("AB") is None
    assert unb64("A+") is None and unb64("A/") is None
