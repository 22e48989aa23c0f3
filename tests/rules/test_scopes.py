"""Scope values (RFC 6749 section 3.3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialkey.base.scopes import MAX_SCOPES, ScopeSet
from dialkey.directory.catalogue import BY_SCOPE, CATALOGUE

TOKENS = st.text(alphabet=[chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"\\'], min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("phone offline_access", ["phone", "offline_access"]),
        ("", []),
        ("  phone   openid ", ["phone", "openid"]),
        ("phone phone openid phone", ["phone", "openid"]),
        ("sms.text:send_from_subscriber", ["sms.text:send_from_subscriber"]),
        ("!#[]~", ["!#[]~"]),
    ],
)
def test_parsing_keeps_order_and_drops_repeats(text: str, expected: list[str]) -> None:
    assert list(ScopeSet.parse(text) or ()) == expected


@pytest.mark.parametrize(
    "text", ['a"b', "a\\b", "a\tb", "a\nb", "a\x00b", "a\u00a0b", "é", "a" * 129, "x " * 2100, "\x7f"]
)
def test_what_breaks_the_grammar_is_none(text: str) -> None:
    assert ScopeSet.parse(text) is None


def test_no_more_than_the_most() -> None:
    tokens = [f"s{n}" for n in range(MAX_SCOPES)]
    assert len(ScopeSet.parse(" ".join(tokens)) or ()) == MAX_SCOPES
    assert ScopeSet.parse(" ".join([*tokens, "one-more"])) is None


@given(st.lists(TOKENS, max_size=MAX_SCOPES))
def test_text_and_back(tokens: list[str]) -> None:
    scopes = ScopeSet(tokens)
    assert ScopeSet.parse(str(scopes)) == scopes
    assert list(scopes) == list(dict.fromkeys(tokens))


@given(st.lists(TOKENS, max_size=12), st.lists(TOKENS, max_size=12))
def test_it_is_a_set(left: list[str], right: list[str]) -> None:
    a, b = ScopeSet(left), ScopeSet(right)
    assert set(a & b) == set(left) & set(right)
    assert set(a | b) == set(left) | set(right)
    assert set(a - b) == set(left) - set(right)
    assert (a <= b) == (set(left) <= set(right))
    assert (a == b) == (set(left) == set(right))
    assert hash(ScopeSet(reversed(left))) == hash(a)
    assert list(a & b) == [token for token in a if token in set(right)]


def test_it_equals_no_other_kind_of_thing() -> None:
    assert ScopeSet(["phone"]) != "phone" and ScopeSet(["phone"]) != {"phone"}
    assert "phone" in ScopeSet(["phone"]) and "phon" not in ScopeSet(["phone"])


def test_the_catalogue_is_well_formed() -> None:
    assert len(BY_SCOPE) == len(CATALOGUE)
    for entry in CATALOGUE:
        assert list(ScopeSet.parse(entry.scope) or ()) == [entry.scope]
        assert entry.audience.startswith("urn:dialkey:api:") and entry.category and entry.description
    assert {"openid", "offline_access"}.isdisjoint(e.scope for e in CATALOGUE if e.subscriber_facing)
    assert BY_SCOPE["phone"].subscriber_facing
