"""OAuth clients and their secrets, in a developer's name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from dialkey.audit import Tag
from dialkey.base.clock import Instant
from dialkey.base.ids import looks_like_uuid, new_uuid
from dialkey.base.url import redirect_uri_fault
from dialkey.developers import products_store as store
from dialkey.developers.access import Actor, Role
from dialkey.developers.client_secrets import ClientSecrets
from dialkey.developers.content import Page
from dialkey.directory import store as directory_store
from dialkey.directory.clients import SECRET_METHODS
from dialkey.directory.model import AuthMethod, ClientKind, GrantType, NewClient
from dialkey.directory.rules import ClientRegistration, SecretInfo
from dialkey.storage import Reader, Row, Writer
from dialkey.web.errors import Refusal

MAX_CLIENTS = 100
"""Of a product."""
MAX_PAGE = 200
UriKind = Literal["redirect", "post_logout", "post_revoke"]


class ClientDraft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client as its developer wants it; what is left out follows from the kind (`defaults`)."""

    kind: ClientKind
    description: str = ""
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    post_revoke_redirect_uris: tuple[str, ...] = ()
    auth_method: AuthMethod | None = None
    grant_types: tuple[GrantType, ...] | None = None
    require_pkce: bool | None = None
    id_token_alg: str = "RS256"
    access_token_format: str = "opaque"
    jwks: str | None = None
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False
    secret_expires_at: int | None = None
    """Milliseconds since the epoch."""


class ClientPatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a developer changes: what is left out stays as it is. Nothing else of a client can be named."""

    kind: ClientKind | UnsetType = UNSET
    description: str | UnsetType = UNSET
    redirect_uris: tuple[str, ...] | UnsetType = UNSET
    post_logout_redirect_uris: tuple[str, ...] | UnsetType = UNSET
    post_revoke_redirect_uris: tuple[str, ...] | UnsetType = UNSET
    auth_method: AuthMethod | UnsetType = UNSET
    grant_types: tuple[GrantType, ...] | UnsetType = UNSET
    require_pkce: bool | UnsetType = UNSET
    id_token_alg: str | UnsetType = UNSET
    access_token_format: str | UnsetType = UNSET
    jwks: str | UnsetType | None = UNSET
    backchannel_logout_uri: str | UnsetType | None = UNSET
    backchannel_logout_session_required: bool | UnsetType = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientUri:
    """One of a client's addresses."""

    uri: str
    pending: bool
    """Waits for the product's next approval; until then for the organization's sandbox numbers only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientView:
    """A client as its developers see it."""

    id: str
    product_id: str
    product_name: str
    organization_id: str
    kind: ClientKind
    description: str
    redirect_uris: tuple[ClientUri, ...]
    post_logout_redirect_uris: tuple[ClientUri, ...]
    post_revoke_redirect_uris: tuple[ClientUri, ...]
    auth_method: AuthMethod
    grant_types: frozenset[GrantType]
    require_pkce: bool
    id_token_alg: str
    access_token_format: str
    jwks: str | None
    status: str
    """`active` or `disabled`."""
    pending: bool
    """A new client of an approved product that waits for the next approval."""
    secrets: tuple[SecretInfo, ...]
    """The live ones, the oldest first."""
    created_at: Instant
    updated_at: Instant
    backchannel_logout_uri: str | None = None
    backchannel_logout_session_required: bool = False

    @property
    def uses_secrets(self) -> bool:
        return self.auth_method in (AuthMethod.BASIC, AuthMethod.POST)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLine:
    """A client in a list."""

    id: str
    description: str
    kind: ClientKind
    auth_method: AuthMethod
    status: str
    pending: bool
    last_used_at: Instant | None
    """When one of its live secrets was used last, to the hour."""
    secret_expires_at: Instant | None
    """When the last of its live secrets expires; None: never, or it has none."""
    created_at: Instant


def defaults(kind: ClientKind) -> ClientRegistration:
    """What a client of this kind is unless its developer says otherwise."""
    if kind is ClientKind.MACHINE:
        return ClientRegistration(kind=kind, grant_types=frozenset({GrantType.CLIENT_CREDENTIALS}))
    if kind is ClientKind.WEB:
        return ClientRegistration(kind=kind)
    return ClientRegistration(kind=kind, auth_method=AuthMethod.NONE, require_pkce=True)


def check_uri(kind: UriKind, uri: str, *, client_kind: ClientKind = ClientKind.WEB) -> str | None:
    """Why this address cannot be registered, as a stable code (`fragment`, `http`, `scheme`, `host`, …, see
    base/url.py; `machine` for a machine client); None where it can. Pure: for the check as typed. The rules are the
    same for all three kinds."""
    if client_kind is ClientKind.MACHINE:
        return "machine"
    return redirect_uri_fault(uri, native=client_kind is ClientKind.NATIVE)


class Clients(ClientSecrets):
    """Every method fetches in the actor's name first: 404 `no_such_product` or `no_such_client`, 403 `role`. Reading
    takes a viewer, changing a developer."""

    async def create(self, actor: Actor, product_id: str, draft: ClientDraft) -> NewClient:
        """The client's id and, once only, its secret. 422 with the code of the first fault: `redirect_uri` (data:
        `field`, `uri`, `fault`), `redirect_uri_missing`, `jwks`, `jwks_missing`, `browser_secret`, `expiry`, …; 409
        `too_many_clients`."""
        office, registration = self._office, _registration(draft)
        registration.check()
        expires_at = self._future(draft.secret_expires_at)
        client_id = new_uuid(office.entropy)
        secret_wanted = registration.auth_method in SECRET_METHODS

        async def unit(writer: Writer) -> NewClient:
            member = await office.access.product(
                actor, product_id, Role.DEVELOPER, grant="clients:write", within=writer
            )
            await self._hold_product(writer, product_id)
            count = await writer.one(store.COUNT_CLIENTS, product_id=product_id)
            if count is not None and count.clients >= MAX_CLIENTS:
                raise Refusal(409, "too_many_clients", most=MAX_CLIENTS)
            pending = await writer.one(store.REVIEW_NEEDED, id=product_id) is not None
            await self._directory.insert_client(writer, client_id, product_id, registration, pending=pending)
            secret = None
            if secret_wanted:
                secret, _ = await self._directory.insert_secret(writer, client_id, expires_at)
            data = {"product": product_id, "kind": registration.kind.value, "pending": int(pending)}
            await office.record(
                writer, Tag.CLIENT_CREATED, actor, f"client:{client_id}", member.organization_id, data
            )
            return NewClient(client_id=client_id, client_secret=secret)

        return await office.storage.write(unit)

    async def get(self, actor: Actor, client_id: str) -> ClientView:
        """Three statements."""
        if not looks_like_uuid(client_id):
            raise Refusal(404, "no_such_client")
        row = await self._office.access.read(
            actor, store.CLIENT_SEEN, client_id, grant="clients:read", missing="no_such_client"
        )
        return await self._shown(self._office.storage.read, row)

    async def list(self, actor: Actor, product_id: str, *, after: str = "", limit: int = 50) -> Page[ClientLine]:
        """The oldest first; `after` is the last id of the page before."""
        member = await self._office.access.product(actor, product_id, Role.VIEWER, grant="clients:read")
        if member.product_status == "deleted":
            raise Refusal(404, "no_such_product")
        limit = max(1, min(limit, MAX_PAGE))
        now = self._office.clock.now()
        rows = await self._office.storage.read.all(
            store.CLIENTS, product_id=product_id, after=after, limit=limit + 1, now=now
        )
        items = [_line(row) for row in rows[:limit]]
        return Page(items=items, next=items[-1].id if len(rows) > limit else None)

    async def update(self, actor: Actor, client_id: str, patch: ClientPatch) -> ClientView:
        """Changes the fields that the patch has and checks the whole anew; codes as for `create`. A client that ceases
        to authenticate with secrets loses those it has."""

        async def unit(writer: Writer) -> ClientView:
            member = await self._access(actor, client_id, Role.DEVELOPER, writer)
            await self._hold_product(writer, member.product_id)
            await self._hold_client(writer, client_id)
            row = await writer.one(store.CLIENT, id=client_id)
            if row is None:
                raise Refusal(404, "no_such_client")
            had = {(uri.kind, uri.uri): bool(uri.pending) for uri in await writer.all(store.CLIENT_URIS, id=client_id)}
            before = _registered(row, had)
            after = _patched(before, patch)
            if after == before:
                return await self._view(writer, client_id)
            after.check()
            await self._write(writer, row, before, after, had)
            data = {"fields": _changed(before, after)}
            await self._office.record(
                writer, Tag.CLIENT_CHANGED, actor, f"client:{client_id}", member.organization_id, data
            )
            return await self._view(writer, client_id)

        return await self._office.storage.write(unit)

    async def set_enabled(self, actor: Actor, client_id: str, *, enabled: bool) -> None:
        """A disabled client can do nothing until it is enabled again."""
        status = "active" if enabled else "disabled"

        async def unit(writer: Writer) -> None:
            member = await self._access(actor, client_id, Role.DEVELOPER, writer)
            await self._hold_client(writer, client_id)
            now = self._office.clock.now()
            if await writer.run(directory_store.SET_CLIENT_STATUS, id=client_id, status=status, now=now):
                tag = Tag.CLIENT_CHANGED if enabled else Tag.CLIENT_DISABLED
                data = {"status": status}
                await self._office.record(writer, tag, actor, f"client:{client_id}", member.organization_id, data)

        await self._office.storage.write(unit)

    async def delete(self, actor: Actor, client_id: str) -> None:
        """Its grants are refused at once, and it is in no list any more."""

        async def unit(writer: Writer) -> None:
            member = await self._access(actor, client_id, Role.DEVELOPER, writer)
            await self._hold_client(writer, client_id)
            now = self._office.clock.now()
            await writer.run(store.DELETE_CLIENT, id=client_id, now=now)
            await writer.run(store.REVOKE_SECRETS, client_id=client_id, now=now)
            await writer.run(directory_store.DROP_CLIENT_ORIGINS, client_id=client_id)
            await self._office.record(
                writer, Tag.CLIENT_DELETED, actor, f"client:{client_id}", member.organization_id
            )

        await self._office.storage.write(unit)

    async def _write(
        self,
        writer: Writer,
        row: Row,
        before: ClientRegistration,
        after: ClientRegistration,
        had: dict[tuple[str, str], bool],
    ) -> None:
        now = self._office.clock.now()
        await writer.run(
            store.SET_CLIENT,
            id=row.id,
            description=after.description,
            kind=after.kind.value,
            auth_method=after.auth_method.value,
            grant_types=" ".join(sorted(grant.value for grant in after.grant_types)),
            require_pkce=int(after.needs_pkce),
            id_token_alg=after.id_token_alg,
            access_token_format=after.access_token_format,
            jwks=after.jwks,
            backchannel_logout_uri=after.backchannel_logout_uri,
            backchannel_logout_session_required=int(after.backchannel_logout_session_required),
            now=now,
        )
        if before.auth_method in SECRET_METHODS and after.auth_method not in SECRET_METHODS:
            await writer.run(store.REVOKE_SECRETS, client_id=row.id, now=now)
        if before.uris() != after.uris() or before.origins() != after.origins():
            reviewed = await writer.one(store.REVIEW_NEEDED, id=row.product_id) is not None
            await self._directory.replace_uris(
                writer, row.id, after, lambda kind, uri: had.get((kind, uri), reviewed)
            )

    async def _view(self, reader: Reader, client_id: str) -> ClientView:
        row = await reader.one(store.CLIENT, id=client_id)
        if row is None:
            raise Refusal(404, "no_such_client")
        return await self._shown(reader, row)

    async def _shown(self, reader: Reader, row: Row) -> ClientView:
        uris = await reader.all(store.CLIENT_URIS, id=row.id)
        return _client_view(row, uris, await self._live_secrets(reader, row.id))

    async def _hold_product(self, writer: Writer, product_id: str) -> None:
        """Before the client: a decision about the product's version holds them in this order too."""
        if await writer.one(directory_store.TOUCH_PRODUCT, id=product_id, now=self._office.clock.now()) is None:
            raise Refusal(404, "no_such_product")


def _registration(draft: ClientDraft) -> ClientRegistration:
    given = defaults(draft.kind)
    return replace(
        given,
        description=draft.description.strip(),
        auth_method=given.auth_method if draft.auth_method is None else draft.auth_method,
        grant_types=given.grant_types if draft.grant_types is None else frozenset(draft.grant_types),
        redirect_uris=_once(draft.redirect_uris),
        post_logout_redirect_uris=_once(draft.post_logout_redirect_uris),
        post_revoke_redirect_uris=_once(draft.post_revoke_redirect_uris),
        require_pkce=given.require_pkce if draft.require_pkce is None else draft.require_pkce,
        id_token_alg=draft.id_token_alg,
        access_token_format=draft.access_token_format,
        jwks=draft.jwks,
        backchannel_logout_uri=(draft.backchannel_logout_uri or "").strip() or None,
        backchannel_logout_session_required=draft.backchannel_logout_session_required,
    )


def _once(uris: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(uri.strip() for uri in uris if uri.strip()))


def _registered(row: Row, uris: Iterable[tuple[str, str]]) -> ClientRegistration:
    """As it is in the database, with the pending addresses."""
    by_kind: dict[str, list[str]] = {"redirect": [], "post_logout": [], "post_revoke": []}
    for kind, uri in uris:
        by_kind[kind].append(uri)
    return ClientRegistration(
        kind=ClientKind(row.kind),
        description=row.description,
        auth_method=AuthMethod(row.auth_method),
        grant_types=frozenset(map(GrantType, row.grant_types.split())),
        redirect_uris=tuple(by_kind["redirect"]),
        post_logout_redirect_uris=tuple(by_kind["post_logout"]),
        post_revoke_redirect_uris=tuple(by_kind["post_revoke"]),
        require_pkce=bool(row.require_pkce),
        id_token_alg=row.id_token_alg,
        access_token_format=row.access_token_format,
        profile=row.profile,
        retry_window=row.retry_window,
        jwks=row.jwks,
        may_introspect_all=bool(row.may_introspect_all),
        backchannel_logout_uri=row.backchannel_logout_uri,
        backchannel_logout_session_required=bool(row.backchannel_logout_session_required),
    )


def _patched(registration: ClientRegistration, patch: ClientPatch) -> ClientRegistration:
    changes = {field: value for field in patch.__struct_fields__ if (value := getattr(patch, field)) is not UNSET}
    for field in ("redirect_uris", "post_logout_redirect_uris", "post_revoke_redirect_uris"):
        if field in changes:
            changes[field] = _once(changes[field])
    if "grant_types" in changes:
        changes["grant_types"] = frozenset(changes["grant_types"])
    if "description" in changes:
        changes["description"] = changes["description"].strip()
    if "backchannel_logout_uri" in changes:
        changes["backchannel_logout_uri"] = (changes["backchannel_logout_uri"] or "").strip() or None
    signs = changes.get("auth_method", registration.auth_method) is AuthMethod.PRIVATE_KEY_JWT
    if not signs and "jwks" not in changes:
        changes["jwks"] = None
    return replace(registration, **changes)


def _changed(before: ClientRegistration, after: ClientRegistration) -> str:
    """Names, for the trail."""
    fields = (field for field in ClientPatch.__struct_fields__ if getattr(before, field) != getattr(after, field))
    return " ".join(fields)


def _client_view(row: Row, uris: Iterable[Row], secrets: Iterable[SecretInfo]) -> ClientView:
    listed = [(uri.kind, ClientUri(uri=uri.uri, pending=bool(uri.pending))) for uri in uris]

    def of(wanted: str) -> tuple[ClientUri, ...]:
        return tuple(uri for kind, uri in listed if kind == wanted)

    return ClientView(
        id=row.id,
        product_id=row.product_id,
        product_name=row.product_name,
        organization_id=row.organization_id,
        kind=ClientKind(row.kind),
        description=row.description,
        redirect_uris=of("redirect"),
        post_logout_redirect_uris=of("post_logout"),
        post_revoke_redirect_uris=of("post_revoke"),
        auth_method=AuthMethod(row.auth_method),
        grant_types=frozenset(map(GrantType, row.grant_types.split())),
        require_pkce=bool(row.require_pkce),
        id_token_alg=row.id_token_alg,
        access_token_format=row.access_token_format,
        jwks=row.jwks,
        status=row.status,
        pending=bool(row.pending),
        secrets=tuple(secrets),
        created_at=row.created_at,
        updated_at=row.updated_at,
        backchannel_logout_uri=row.backchannel_logout_uri,
        backchannel_logout_session_required=bool(row.backchannel_logout_session_required),
    )


def _line(row: Row) -> ClientLine:
    return ClientLine(
        id=row.id,
        description=row.description,
        kind=ClientKind(row.kind),
        auth_method=AuthMethod(row.auth_method),
        status=row.status,
        pending=bool(row.pending),
        last_used_at=row.last_used_at,
        secret_expires_at=row.secret_expires_at,
        created_at=row.created_at,
    )
