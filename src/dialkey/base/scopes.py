"""Scope values (RFC 6749 section 3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")
MAX_SCOPES = 64


class ScopeSet:
    """An ordered set of scope tokens; equal when it holds the same tokens, whatever their order."""

    __slots__ = ("_tokens",)

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        self._tokens: dict[str, None] = dict.fromkeys(tokens)

    @classmethod
    def parse(cls, text: str) -> ScopeSet | None:
        """Space-delimited tokens, or None where the text breaks the grammar or names more than `MAX_SCOPES`."""
        if len(text) > 4096:
            return None
        tokens = [token for token in text.split(" ") if token]
        if len(tokens) > MAX_SCOPES or not all(_TOKEN.fullmatch(token) for token in tokens):
            return None
        return cls(tokens)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._tokens

    def __len__(self) -> int:
        return len(self._tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ScopeSet) and self._tokens.keys() == other._tokens.keys()

    def __hash__(self) -> int:
        return hash(frozenset(self._tokens))

    def __and__(self, other: Iterable[str]) -> ScopeSet:
        wanted = set(other)
        return ScopeSet(token for token in self._tokens if token in wanted)

    def __or__(self, other: Iterable[str]) -> ScopeSet:
        return ScopeSet([*self._tokens, *other])

    def __sub__(self, other: Iterable[str]) -> ScopeSet:
        unwanted = set(other)
        return ScopeSet(token for token in self._tokens if token not in unwanted)

    def __le__(self, other: ScopeSet) -> bool:
        return self._tokens.keys() <= other._tokens.keys()

    def __str__(self) -> str:
        return " ".join(self._tokens)

    def __repr__(self) -> str:
        return f"ScopeSet({str(self)!r})"
