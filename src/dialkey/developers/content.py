"""What a product says of itself: the values that are edited, handed in, compared and approved.

`ProductContent` is one complete text of a product. Of an approved product there may be two: the live one, which
subscribers meet, and the one being edited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from dialkey.base.clock import Instant

T = TypeVar("T")


class ProductKind(StrEnum):
    SUBSCRIBER = "subscriber"
    """Each subscriber adds it, with a consent of their own."""
    OPERATOR = "operator"
    """An operator enables it for all its subscribers; its clients authenticate as themselves."""


class Availability(StrEnum):
    FULL = "full"
    """Every operator, now and in future, may enable it."""
    LIMITED = "limited"
    """The chosen operators only."""


class VersionState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    """The live one."""
    RETURNED = "returned"
    """Sent back with a comment; a new draft goes on from it."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    """Taken back by its developers; a new draft goes on from it."""
    SUPERSEDED = "superseded"
    """Was live until a newer one was approved."""


class Standing(StrEnum):
    """Where a product stands, for a badge."""

    DRAFT = "draft"
    """Never approved, and not handed in."""
    IN_REVIEW = "in_review"
    """Never approved; handed in."""
    RETURNED = "returned"
    """Never approved; its developers have a comment to answer."""
    REFUSED = "refused"
    LIVE = "live"
    LIVE_DRAFT = "live_draft"
    """Live, and a draft waits to be handed in."""
    LIVE_IN_REVIEW = "live_in_review"
    SUSPENDED = "suspended"
    """None of its clients can do anything."""


class Picture(StrEnum):
    """What a picture is for."""

    ICON = "icon"
    BANNER = "banner"
    SCREENSHOT = "screenshot"


class ClientContent(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer sees of a client: approving makes exactly these addresses live."""

    client_id: str
    description: str
    kind: str
    pending: bool
    grant_types: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    post_revoke_redirect_uris: tuple[str, ...] = ()
    pending_uris: tuple[str, ...] = ()
    """Those of all three that wait for approval, each behind its kind: `redirect https://…`."""


class ProductContent(msgspec.Struct, frozen=True, kw_only=True):
    """One complete text of a product."""

    name: str
    subtitle: str = ""
    description: str = ""
    """Markdown; `markdown.render` makes safe HTML of it."""
    price: str = ""
    accent: str = "#1f5eff"
    icon_id: str | None = None
    """Pictures are served at `/media/{id}`."""
    banner_id: str | None = None
    screenshots: tuple[str, ...] = ()
    support: str | None = None
    product_url: str | None = None
    terms_url: str | None = None
    privacy_url: str | None = None
    required_scopes: tuple[str, ...] = ()
    optional_scopes: tuple[str, ...] = ()
    """A subscriber may decline these."""
    new_terms: bool = False
    """On approval subscribers are asked to agree again, though the terms' address stays the same."""
    clients: tuple[ClientContent, ...] = ()
    """Filled when the version is handed in."""


class ProductPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a developer changes: what is left out stays as it is. Nothing else of a product can be named.

    For `support` and the URLs an empty string or None takes the value away.
    """

    name: str | UnsetType = UNSET
    subtitle: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    price: str | UnsetType = UNSET
    accent: str | UnsetType = UNSET
    support: str | UnsetType | None = UNSET
    product_url: str | UnsetType | None = UNSET
    terms_url: str | UnsetType | None = UNSET
    privacy_url: str | UnsetType | None = UNSET
    new_terms: bool | UnsetType = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A page of a list. `next` is the `after` of the page behind it, or None."""

    items: Sequence[T]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionInfo:
    """A version without its content."""

    number: int
    state: VersionState
    note: str
    """What the developers told the reviewer."""
    comment: str
    """What the reviewer answered."""
    submitted_by: str | None
    submitted_at: Instant | None
    decided_by: str | None
    decided_at: Instant | None
    created_at: Instant
    updated_at: Instant

    @property
    def open(self) -> bool:
        return self.state in (VersionState.DRAFT, VersionState.SUBMITTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version with its content."""

    info: VersionInfo
    content: ProductContent


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductCounts:
    clients: int
    listed: int
    """Operators it is offered to by name."""
    enabled: int
    """Operators whose subscribers can have it."""
    has_subscribers: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductView:
    """A product as its developers see it."""

    id: str
    organization_id: str
    organization_name: str
    organization_verified: bool
    kind: ProductKind
    availability: Availability
    standing: Standing
    approved: bool
    """It was approved once: changes now wait for review."""
    draft: ProductContent
    """What is being edited (or reviewed); the same object as `live` where nothing waits."""
    live: ProductContent
    open: VersionInfo | None
    """The draft or submitted version, where there is one."""
    last: VersionInfo | None
    """The version decided (or withdrawn) last."""
    terms_version: int
    counts: ProductCounts
    created_at: Instant
    updated_at: Instant

    @property
    def locked(self) -> bool:
        """In review: edits are refused (409 `in_review`) until it is decided or withdrawn."""
        return self.open is not None and self.open.state is VersionState.SUBMITTED


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductLine:
    """A product in a list."""

    id: str
    name: str
    """The live one."""
    subtitle: str
    icon_id: str | None
    accent: str
    kind: ProductKind
    standing: Standing
    clients: int
    enabled: int
    updated_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOffer:
    """An operator on the listing page."""

    operator_id: str
    slug: str
    name: str
    country: str
    icon_id: str | None
    accent: str
    listed_at: Instant | None
    """Offered to it by name since; under full availability it needs no line of its own."""
    enabled_at: Instant | None
    """Its subscribers can have the product since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One line of a diff."""

    field: str
    """A field of ProductContent, or `clients.<client id>` for addresses and new clients."""
    before: str | tuple[str, ...] | None
    after: str | tuple[str, ...] | None
    needs_review: bool
    """False where it only takes something away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckItem:
    """One line of the checklist on the Submit tab."""

    field: str
    tab: str
    """`general`, `listing`, `scopes` or `clients`."""
    required: bool
    done: bool
    code: str
    """Says what is missing, for the page's words: `missing_<field>`."""
