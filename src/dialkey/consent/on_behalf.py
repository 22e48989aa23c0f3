"""Consents that a product reads, gives or revokes on a subscriber's behalf: bundling, and storefronts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from dialkey.base.clock import Instant
from dialkey.base.scopes import ScopeSet
from dialkey.consent import on_behalf_store as store
from dialkey.directory.model import Product
from dialkey.storage import Row, Storage
from dialkey.subscribers.model import SANDBOX_OPERATOR_ID, Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldConsent:
    """A living consent, as another product may see it."""

    product_id: str
    subscription_id: str | None
    sector: str
    operator: str | None
    """The operator's slug where the consent is the operator's own, for all its subscribers."""
    scopes: ScopeSet
    created_by: str | None
    metadata: Mapping[str, str]
    updated_at: Instant


class OnBehalf:
    """Reads. What may be read and by whom, `may` decides: a product reaches a subscription where that subscriber allowed
    it the scope, or where it is an operator's own product and the subscriber is this operator's; and an organization's
    product reaches the organization's test numbers."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def may(self, product: Product, subscription: Subscription, scope: str) -> bool:
        if scope not in product.scopes or not subscription.active:
            return False
        if subscription.operator_id == SANDBOX_OPERATOR_ID:
            return subscription.organization_id == product.organization_id
        row = await self._storage.read.one(
            store.REACH, product_id=product.id, subscription_id=subscription.id, operator_id=subscription.operator_id
        )
        if row is None or row.enabled_at is None:
            return False
        return row.kind == "operator" or (row.scopes is not None and scope in row.scopes.split())

    async def find_subscription(self, product_id: str, subject: str) -> str | None:
        """By the `sub` that the product knows, where a consent of the product stands behind it."""
        row = await self._storage.read.one(store.BY_SUBJECT, product_id=product_id, subject=subject)
        return None if row is None else row.subscription_id

    async def list_of_subscription(self, subscription: Subscription) -> list[HeldConsent]:
        """The subscription's own, and those of its operator for all subscribers."""
        rows = await self._storage.read.all(store.OF_SUBSCRIPTION, subscription_id=subscription.id)
        return [_held(row) for row in rows] + await self._of_operators(operator_id=subscription.operator_id)

    async def list_of_product(self, product_id: str, *, after: str, most: int) -> list[HeldConsent]:
        """By the subscription's id."""
        rows = await self._storage.read.all(store.OF_PRODUCT, product_id=product_id, after=after, most=most)
        return [_held(row) for row in rows]

    async def list_of_operators(self, product_id: str) -> list[HeldConsent]:
        """An operator product's: one for each operator that has it enabled."""
        return await self._of_operators(product_id=product_id)

    async def _of_operators(self, *, product_id: str = "", operator_id: str = "") -> list[HeldConsent]:
        rows = await self._storage.read.all(store.OF_OPERATORS, product_id=product_id, operator_id=operator_id)
        found: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            found.setdefault((row.operator, row.product_id), []).append(row)
        return [
            HeldConsent(
                product_id=product_id,
                subscription_id=None,
                sector=group[0].sector,
                operator=operator,
                scopes=ScopeSet(row.scope for row in group if row.scope is not None),
                created_by=None,
                metadata={},
                updated_at=Instant(group[0].enabled_at),
            )
            for (operator, product_id), group in found.items()
        ]


def _held(row: Row) -> HeldConsent:
    return HeldConsent(
        product_id=row.product_id,
        subscription_id=row.subscription_id,
        sector=row.sector,
        operator=None,
        scopes=ScopeSet(row.scopes.split()),
        created_by=row.created_by,
        metadata=json.loads(row.metadata),
        updated_at=Instant(row.updated_at),
    )
