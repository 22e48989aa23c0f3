"""A consent, and the question that leads to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialkey.base.clock import Instant
from dialkey.base.scopes import ScopeSet
from dialkey.directory.model import Product

UNSEEN = frozenset({"openid", "offline_access"})
"""Scopes without a line of their own: they say how the product is told, not what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One subscription and one product."""

    subscription_id: str
    product_id: str
    scopes: ScopeSet
    declined: ScopeSet
    """Optional scopes that were shown and left unticked: not asked for again by themselves."""
    terms_version: int
    owner: str
    """`subscription`, or `operator` where the operator added the product."""
    given_at: Instant
    updated_at: Instant
    created_by: str | None = None
    """The product that made it on the subscriber's behalf; it may revoke it."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What that product noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """What the page asks for."""

    required: ScopeSet
    optional: ScopeSet
    kept: ScopeSet
    """Allowed before, asked for again by the client, and not in question."""
    unseen: ScopeSet
    already_added: bool
    terms_changed: bool


def granted(product: Product, consent: Consent, requested: ScopeSet) -> ScopeSet:
    """What a request gets under a consent: nothing that the product no longer has."""
    return (requested & product.scopes) & consent.scopes


def asking(
    product: Product, consent: Consent | None, requested: ScopeSet, *, anew: bool = False
) -> Asking | None:
    """The question for this request; None where it was answered before. `anew`: the client wants it asked again."""
    wanted = requested & product.scopes
    allowed = consent.scopes if consent else ScopeSet()
    answered = allowed | (consent.declined if consent else ())
    terms_changed = consent is not None and consent.terms_version < product.terms_version
    new_required = (wanted & product.required_scopes) - allowed
    new_optional = (wanted & product.optional_scopes) - answered
    if consent is not None and not anew and not terms_changed and not new_required and not new_optional:
        return None
    if anew or consent is None:
        new_required, new_optional = wanted & product.required_scopes, wanted & product.optional_scopes
    return Asking(
        required=new_required - UNSEEN,
        optional=new_optional - UNSEEN,
        kept=((wanted & allowed) - new_required - new_optional) - UNSEEN,
        unseen=wanted & UNSEEN,
        already_added=consent is not None,
        terms_changed=terms_changed,
    )
