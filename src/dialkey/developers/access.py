"""Who may do what: nobody obtains an organization, a product or a client without naming who asks.

Authorising *is* fetching: each method is one statement that finds the object together with the asker's role in its
organization. What belongs to somebody else does not exist (404); what exists and needs more is refused (403).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from dialkey.base.clock import Instant
from dialkey.base.ids import looks_like_id, looks_like_uuid
from dialkey.developers import store
from dialkey.storage import Reader, Row, Statement, Storage
from dialkey.web.errors import Refusal


class Role(StrEnum):
    """What a member may do. Ranked: each may do what the ones before it may."""

    VIEWER = "viewer"
    """Reads everything but secrets."""
    DEVELOPER = "developer"
    """Changes products, clients and webhooks."""
    OWNER = "owner"
    """Changes people, keys and the organization itself."""

    @property
    def rank(self) -> int:
        return _RANKS[self]

    def reaches(self, needed: Role) -> bool:
        """Whether this role is enough where `needed` is asked for."""
        return _RANKS[self] >= _RANKS[needed]


_RANKS = {Role.VIEWER: 0, Role.DEVELOPER: 1, Role.OWNER: 2}

GRANTS = (
    "organization:read",
    "organization:write",
    "products:read",
    "products:write",
    "clients:read",
    "clients:write",
    "secrets:write",
    "analytics:read",
    "events:read",
    "sandbox:read",
    "sandbox:write",
    "audit:read",
)
"""Every scope that an API key can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks: a person who signed in, or an API key."""

    kind: Literal["account", "key"]
    id: str
    """The account's or the API key's."""
    account_id: str | None = None
    """Whose roles count. None for an organization's key."""
    organization_id: str | None = None
    """The one organization that an organization's key reaches. It acts there as an owner, within its grants."""
    grants: frozenset[str] | None = None
    """An API key's scopes; None: all that the role allows."""

    @classmethod
    def account(cls, account_id: str) -> Actor:
        """A person who signed in."""
        return cls(kind="account", id=account_id, account_id=account_id)

    @property
    def name(self) -> str:
        """`account:<id>` or `key:<id>`, for the audit trail."""
        return f"{self.kind}:{self.id}"

    def has(self, grant: str) -> bool:
        """Whether the scopes of an API key allow this; a person's always do. Writing includes reading."""
        if self.grants is None or grant in self.grants:
            return True
        room, _, verb = grant.partition(":")
        return verb == "read" and f"{room}:write" in self.grants

    def need(self, grant: str) -> None:
        """Refusal 403 `grant` where the API key lacks this scope."""
        if not self.has(grant):
            raise Refusal(403, "grant", grant=grant)

    def person(self) -> str:
        """The account's id; Refusal 403 `account_only` for an API key. People, keys and the end of an organization are
        never in a key's hands, so that a stolen one cannot make itself at home."""
        if self.kind != "account" or self.account_id is None:
            raise Refusal(403, "account_only")
        return self.account_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """An organization, as somebody who belongs to it sees it."""

    organization_id: str
    organization_name: str
    verified: bool
    role: Role
    closes_at: Instant | None = None
    """The organization was deleted and disappears then, unless an owner undoes it. Until then it can only be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductMembership(Membership):
    """A product, as somebody of its organization sees it."""

    product_id: str
    product_name: str
    product_status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMembership(ProductMembership):
    """A client, as somebody of its organization sees it."""

    client_id: str
    client_description: str
    client_status: str


class Access:
    """Authorises by fetching, one statement each.

    `role` is the least that is asked for. `grant` is the scope that an API key needs; left out, it is `…:read` where
    `role` is VIEWER and `…:write` where it is more (`organization`, `products`, `clients`). `within` is the unit of work
    to look in, so that what was allowed cannot change before what is done with it is committed.

    Refusals: 404 `no_such_organization`, `no_such_product`, `no_such_client`; 403 `role` (with `role`), 403 `grant`
    (with `grant`); 409 `organization_closing` where more than reading is asked of a deleted organization, unless
    `closing`.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def organization(
        self,
        actor: Actor,
        organization_id: str,
        role: Role,
        *,
        grant: str | None = None,
        within: Reader | None = None,
        closing: bool = False,
    ) -> Membership:
        row = None
        if looks_like_id(organization_id):
            row = await self._find(store.FIND_ORGANIZATION, actor, within, id=organization_id)
        if row is None:
            raise Refusal(404, "no_such_organization")
        _check(actor, row, role, grant or _grant("organization", role), closing=closing)
        return Membership(**membership_of(row))

    async def product(
        self, actor: Actor, product_id: str, role: Role, *, grant: str | None = None, within: Reader | None = None
    ) -> ProductMembership:
        row = None
        if looks_like_id(product_id):
            row = await self._find(store.FIND_PRODUCT, actor, within, id=product_id)
        if row is None:
            raise Refusal(404, "no_such_product")
        _check(actor, row, role, grant or _grant("products", role))
        return ProductMembership(**membership_of(row), **_product(row))

    async def client(
        self, actor: Actor, client_id: str, role: Role, *, grant: str | None = None, within: Reader | None = None
    ) -> ClientMembership:
        row = None
        if looks_like_uuid(client_id):
            row = await self._find(store.FIND_CLIENT, actor, within, id=client_id)
        if row is None:
            raise Refusal(404, "no_such_client")
        _check(actor, row, role, grant or _grant("clients", role))
        return ClientMembership(
            **membership_of(row),
            **_product(row),
            client_id=row.client_id,
            client_description=row.client_description,
            client_status=row.client_status,
        )

    async def read(self, actor: Actor, statement: Statement, id: str, *, grant: str, missing: str) -> Row:
        """For a viewer who is shown more than a membership: the row of a wider `statement` (see `store.SEEN_BY`), in the
        one statement that authorises. Refusal 404 `missing`."""
        row = await self._find(statement, actor, None, id=id)
        if row is None:
            raise Refusal(404, missing)
        _check(actor, row, Role.VIEWER, grant)
        return row

    async def _find(self, statement: Statement, actor: Actor, within: Reader | None, *, id: str) -> Row | None:
        reader = self._storage.read if within is None else within
        return await reader.one(
            statement, id=id, account_id=actor.account_id or "", own_organization_id=actor.organization_id or ""
        )


def _grant(room: str, role: Role) -> str:
    return f"{room}:read" if role is Role.VIEWER else f"{room}:write"


def role_of(row: Row) -> Role:
    """An organization's own key has no row among its members; it acts as an owner, within its grants."""
    return Role.OWNER if row.role is None else Role(row.role)


def _check(actor: Actor, row: Row, role: Role, grant: str, *, closing: bool = False) -> None:
    if not role_of(row).reaches(role):
        raise Refusal(403, "role", role=role.value)
    actor.need(grant)
    if row.deleted_at is not None and role is not Role.VIEWER and not closing:
        raise Refusal(409, "organization_closing")


def membership_of(row: Row) -> dict[str, Any]:
    """The fields of a Membership."""
    return {
        "organization_id": row.organization_id,
        "organization_name": row.organization_name,
        "verified": row.verified_at is not None,
        "role": role_of(row),
        "closes_at": None if row.closes_at is None else Instant(row.closes_at),
    }


def _product(row: Row) -> dict[str, str]:
    return {"product_id": row.product_id, "product_name": row.product_name, "product_status": row.product_status}
