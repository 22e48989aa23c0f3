"""Scopes: those that nobody knows are left out (OpenID Connect Core 1.0 section 3.1.2.1), those that the product does
not have enabled are refused."""

from __future__ import annotations

from dialkey.base.scopes import ScopeSet
from dialkey.directory.model import GrantType
from dialkey.oauth.checks.context import Draft
from dialkey.oauth.errors import InvalidScope

_ALIASES = {"offline": "offline_access"}


def read_scope(text: str, *, enabled: ScopeSet, catalogue: frozenset[str]) -> ScopeSet:
    """The scopes of a request that may be asked for; raises InvalidScope."""
    asked = ScopeSet.parse(text)
    if asked is None:
        raise InvalidScope("the scope is malformed")
    asked = ScopeSet(_ALIASES.get(scope, scope) for scope in asked)
    known = ScopeSet(scope for scope in asked if scope in catalogue)
    closed = known - enabled
    if closed:
        raise InvalidScope(
            f"not enabled for the product: {closed}",
            description="The product does not have one of the requested scopes enabled.",
        )
    if len(asked) and not len(known):
        raise InvalidScope("no known scope", description="None of the requested scopes is known.")
    return known


def check_scope(draft: Draft) -> None:
    client = draft.client
    scopes = read_scope(
        draft.parameters.get("scope", ""), enabled=client.product.scopes, catalogue=draft.catalogue
    )
    if GrantType.REFRESH_TOKEN not in client.grant_types:
        scopes = scopes - ("offline_access",)
    draft.scopes = scopes
