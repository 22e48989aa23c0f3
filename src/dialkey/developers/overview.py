"""What the portal's start page and a product's Submit tab show at a glance, in as few statements as that takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialkey.developers import drafts, overview_store
from dialkey.developers import products_store as store
from dialkey.developers.access import Actor
from dialkey.developers.checklist import checklist
from dialkey.developers.content import (
    CheckItem,
    FieldChange,
    ProductKind,
    ProductView,
    Standing,
    VersionInfo,
    VersionState,
)
from dialkey.developers.office import Office
from dialkey.developers.products import Products

MOST_VERSIONS = 20
MOST_PRODUCTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnProduct:
    """A product of one of somebody's organizations."""

    id: str
    organization_id: str
    name: str
    subtitle: str
    icon_id: str | None
    accent: str
    kind: ProductKind
    standing: Standing
    scopes: int
    clients: int
    first_client_id: str | None
    enabled: int
    """Operators whose subscribers can have it."""
    tried: bool
    """Somebody has gone through it: there is a consent, or a grant."""
    submitted: bool
    """It was handed in at least once, or is live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """All that the Submit tab shows."""

    product: ProductView
    items: tuple[CheckItem, ...]
    changes: tuple[FieldChange, ...]
    versions: Sequence[VersionInfo]
    """The newest first, at most `MOST_VERSIONS`."""


class Overview:
    """In a developer's name; only reads."""

    def __init__(self, office: Office, products: Products) -> None:
        self._read = office.storage.read
        self._products = products

    async def list_products(self, actor: Actor) -> list[OwnProduct]:
        """Of all of a person's organizations, those changed last first, at most `MOST_PRODUCTS`. One statement."""
        actor.need("products:read")
        rows = await self._read.all(overview_store.OWN_PRODUCTS, account_id=actor.person(), limit=MOST_PRODUCTS)
        return [
            OwnProduct(
                id=row.id,
                organization_id=row.organization_id,
                name=row.name,
                subtitle=row.subtitle,
                icon_id=row.icon_id,
                accent=row.accent,
                kind=ProductKind(row.kind),
                standing=drafts.standing(
                    status=row.status,
                    approved=row.verified_at is not None,
                    last=None if row.state is None else VersionState(row.state),
                ),
                scopes=row.scopes,
                clients=row.clients,
                first_client_id=row.first_client_id,
                enabled=row.enabled,
                tried=bool(row.tried),
                submitted=row.verified_at is not None or row.submitted is not None,
            )
            for row in rows
        ]

    async def submission(self, actor: Actor, product_id: str) -> Submission:
        """Six statements (viewer). 404 `no_such_product`."""
        product = await self._products.get(actor, product_id)
        clients = drafts.client_contents(await self._read.all(store.CLIENTS_AND_URIS, id=product.id))
        items = checklist(
            product.draft,
            kind=product.kind,
            availability=product.availability,
            listed=product.counts.listed,
            clients=clients,
        )
        changes: tuple[FieldChange, ...] = ()
        if product.approved:
            seen = product.draft.clients if product.locked else clients
            changes = tuple(drafts.differences(product.live, product.draft, seen))
        rows = await self._read.all(store.VERSIONS, id=product.id, after=0, limit=MOST_VERSIONS)
        return Submission(
            product=product,
            items=items,
            changes=changes,
            versions=[drafts.version_info(row) for row in rows],
        )
