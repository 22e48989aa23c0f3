"""Shapes of products and their versions."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dialkey.api.shapes import Id, Paging, Time, time, time_or_none
from dialkey.developers.content import Availability, ProductKind, ProductView, Standing, VersionInfo, VersionState
from dialkey.developers.products import MAX_SCOPES
from dialkey.directory.names import MAX_NAME, MAX_TEXT

Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Link = Annotated[str, Meta(max_length=2000, description="Begins with https://")]
ScopeName = Annotated[str, Meta(max_length=100, examples=["phone"])]


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a product, without its content."""

    number: int
    state: VersionState
    note: Annotated[str, Meta(description="What the developers told the reviewer.")]
    comment: Annotated[str, Meta(description="What the reviewer answered.")]
    submitted_by: Annotated[str, Meta(description="`account:…` or `key:…`.")] | None
    submitted_at: Time | None
    decided_at: Time | None
    created_at: Time
    updated_at: Time


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product, as its developers see it. Texts and scopes are those that are being edited."""

    id: Id
    organization_id: Id
    kind: Annotated[
        ProductKind,
        Meta(description="`subscriber`: each subscriber adds it. `operator`: an operator enables it for all."),
    ]
    standing: Annotated[Standing, Meta(description="Where it is between draft and live.")]
    approved: Annotated[bool, Meta(description="It was approved once: changes wait for review.")]
    availability: Availability
    name: str
    subtitle: str
    description: Annotated[str, Meta(description="Markdown.")]
    price: str
    accent: Annotated[str, Meta(description="`#rrggbb`.")]
    support: Annotated[str, Meta(description="An e-mail address, or a link.")] | None
    product_url: str | None
    terms_url: str | None
    privacy_url: str | None
    new_terms: Annotated[bool, Meta(description="On approval subscribers are asked to agree again.")]
    icon_id: Annotated[str, Meta(description="Served at `/media/{id}`, as all pictures are.")] | None
    banner_id: str | None
    screenshots: tuple[str, ...]
    required_scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...]
    open_version: Annotated[Version | None, Meta(description="The draft, or what is in review.")]
    last_version: Annotated[Version | None, Meta(description="What was decided, or withdrawn, last.")]
    terms_version: int
    clients: int
    operators_offered: int
    operators_enabled: int
    has_subscribers: bool
    created_at: Time
    updated_at: Time


class ProductLine(msgspec.Struct, frozen=True, kw_only=True):
    """A product in a list; its name is the live one."""

    id: Id
    name: str
    subtitle: str
    kind: ProductKind
    standing: Standing
    icon_id: str | None
    clients: int
    operators_enabled: int
    updated_at: Time


class ProductList(msgspec.Struct, frozen=True, kw_only=True):
    """Products, the newest first."""

    data: tuple[ProductLine, ...]
    next: Annotated[str | None, Meta(description="The address of the part behind this one.")]


class ProductNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a product begins with."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    kind: ProductKind = ProductKind.SUBSCRIBER


class ProductChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a product says. What is left out stays as it is; null takes a value away."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)] | UnsetType = UNSET
    subtitle: Text | UnsetType | None = UNSET
    description: Annotated[str, Meta(max_length=4000, description="Markdown.")] | UnsetType | None = UNSET
    price: Text | UnsetType | None = UNSET
    accent: Annotated[str, Meta(pattern="^#[0-9a-f]{6}$")] | UnsetType = UNSET
    support: Annotated[str, Meta(max_length=2000)] | UnsetType | None = UNSET
    product_url: Link | UnsetType | None = UNSET
    terms_url: Link | UnsetType | None = UNSET
    privacy_url: Link | UnsetType | None = UNSET
    new_terms: bool | UnsetType = UNSET


class ScopeChoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The scopes of a product."""

    required: Annotated[tuple[ScopeName, ...], Meta(max_length=MAX_SCOPES)]
    optional: Annotated[
        tuple[ScopeName, ...], Meta(max_length=MAX_SCOPES, description="A subscriber may decline these.")
    ] = ()


class PictureMade(msgspec.Struct, frozen=True, kw_only=True):
    """A picture as it is kept."""

    id: str
    path: Annotated[str, Meta(description="Where it is served.")]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a product can be had."""

    availability: Availability
    operators_offered: Annotated[int, Meta(description="By name.")]
    operators_enabled: Annotated[int, Meta(description="Their subscribers can have it.")]


class ListingChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may enable a product."""

    availability: Availability


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """An operator, and how a product stands there."""

    operator_id: Id
    slug: str
    name: str
    country: Annotated[str, Meta(description="ISO 3166-1 alpha-2.")]
    offered_at: Annotated[Time, Meta(description="By name.")] | None
    enabled_at: Annotated[Time, Meta(description="Its subscribers can have the product since.")] | None


class OfferList(msgspec.Struct, frozen=True, kw_only=True):
    """Operators, in the order of their slugs."""

    data: tuple[Offer, ...]
    next: str | None


class OfferQuery(Paging, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which operators."""

    search: Annotated[str, Meta(max_length=80, description="In their names, slugs and countries.")] = ""
    offered: Annotated[bool, Meta(description="Only those that the product is offered to.")] = False


def product_shape(found: ProductView) -> Product:
    """On the wire."""
    content, counts = found.draft, found.counts
    return Product(
        id=found.id,
        organization_id=found.organization_id,
        kind=found.kind,
        standing=found.standing,
        approved=found.approved,
        availability=found.availability,
        name=content.name,
        subtitle=content.subtitle,
        description=content.description,
        price=content.price,
        accent=content.accent,
        support=content.support,
        product_url=content.product_url,
        terms_url=content.terms_url,
        privacy_url=content.privacy_url,
        new_terms=content.new_terms,
        icon_id=content.icon_id,
        banner_id=content.banner_id,
        screenshots=content.screenshots,
        required_scopes=content.required_scopes,
        optional_scopes=content.optional_scopes,
        open_version=None if found.open is None else version_shape(found.open),
        last_version=None if found.last is None else version_shape(found.last),
        terms_version=found.terms_version,
        clients=counts.clients,
        operators_offered=counts.listed,
        operators_enabled=counts.enabled,
        has_subscribers=counts.has_subscribers,
        created_at=time(found.created_at),
        updated_at=time(found.updated_at),
    )


def version_shape(info: VersionInfo) -> Version:
    """On the wire."""
    return Version(
        number=info.number,
        state=info.state,
        note=info.note,
        comment=info.comment,
        submitted_by=info.submitted_by,
        submitted_at=time_or_none(info.submitted_at),
        decided_at=time_or_none(info.decided_at),
        created_at=time(info.created_at),
        updated_at=time(info.updated_at),
    )
