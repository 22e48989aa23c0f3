"""Clients and their secrets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dialkey.audit import Tag
from dialkey.base.clock import HOUR, Instant
from dialkey.base.entropy import random_text
from dialkey.base.ids import new_id, new_uuid
from dialkey.directory import store
from dialkey.directory.model import AuthMethod, ClientKind, GrantType, NewClient
from dialkey.directory.office import Rules
from dialkey.directory.registration import ClientRegistration, public_keys
from dialkey.storage import Writer
from dialkey.web.errors import Refusal

SECRET_PREFIX = "dk_cs_"
MAX_SECRETS = 2
"""Live at once: the old one and its successor (rotation with overlap)."""
SECRET_METHODS = (AuthMethod.BASIC, AuthMethod.POST)


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """What can be told of a live secret."""

    id: str
    hint: str
    """Its last four characters."""
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None


class ClientRules(Rules):
    """OAuth clients of products."""

    async def create_client(
        self, *, actor: str, product_id: str, registration: ClientRegistration, secret_expires_at: Instant | None = None
    ) -> NewClient:
        """Gives the id and, once only, the secret. Refusal 422 with the code of the first fault."""
        registration.check()
        client_id = new_uuid(self._entropy)

        async def unit(writer: Writer) -> NewClient:
            organization_id = await self._touch_product(writer, product_id)
            await self.insert_client(writer, client_id, product_id, registration)
            secret = None
            if registration.auth_method in SECRET_METHODS:
                secret, _ = await self.insert_secret(writer, client_id, secret_expires_at)
            data = {"product": product_id, "kind": registration.kind.value}
            await self._record(
                writer, Tag.CLIENT_CREATED, actor, f"client:{client_id}", organization_id=organization_id, data=data
            )
            return NewClient(client_id=client_id, client_secret=secret)

        return await self._storage.write(unit)

    async def list_clients(self, product_id: str) -> list[str]:
        """The ids of a product's clients, the oldest first."""
        return [row.id for row in await self._storage.read.all(store.CLIENTS_OF_PRODUCT, product_id=product_id)]

    async def set_client_uris(
        self,
        *,
        actor: str,
        client_id: str,
        redirect_uris: tuple[str, ...],
        post_logout_redirect_uris: tuple[str, ...] = (),
        post_revoke_redirect_uris: tuple[str, ...] = (),
    ) -> None:
        """All of the client's addresses, instead of those it had. Refusal 422 with the code of the first fault."""

        async def unit(writer: Writer) -> None:
            await self._touch_client(writer, client_id)
            row = await writer.one(store.REGISTRATION, id=client_id)
            assert row is not None  # it is held
            auth_method = AuthMethod(row.auth_method)
            wanted = ClientRegistration(
                kind=ClientKind(row.kind),
                auth_method=AuthMethod.BASIC if auth_method is AuthMethod.PRIVATE_KEY_JWT else auth_method,
                grant_types=frozenset(map(GrantType, row.grant_types.split())),
                redirect_uris=redirect_uris,
                post_logout_redirect_uris=post_logout_redirect_uris,
                post_revoke_redirect_uris=post_revoke_redirect_uris,
            )
            wanted.check()
            await self.replace_uris(writer, client_id, wanted)
            data = {"changed": "uris"}
            await self._record(writer, Tag.CLIENT_CHANGED, actor, f"client:{client_id}", data=data)

        await self._storage.write(unit)

    async def set_client_keys(self, *, actor: str, client_id: str, jwks: str) -> None:
        """The public keys of a client that signs (`private_key_jwt`), instead of those it had: what is left out opens
        nothing from now on (within a second everywhere). Refusal 422 `jwks`, 409 `no_keys` for any other client."""
        if not public_keys(jwks):
            raise Refusal(422, "jwks")

        async def unit(writer: Writer) -> None:
            client = await self._touch_client(writer, client_id)
            if client.auth_method != AuthMethod.PRIVATE_KEY_JWT:
                raise Refusal(409, "no_keys")
            await writer.run(store.SET_CLIENT_KEYS, id=client_id, jwks=jwks, now=self._clock.now())
            data = {"changed": "keys"}
            await self._record(writer, Tag.CLIENT_CHANGED, actor, f"client:{client_id}", data=data)

        await self._storage.write(unit)

    async def add_secret(self, *, actor: str, client_id: str, expires_at: Instant | None = None) -> NewClient:
        """A further secret, shown once. Refusal 409 `two_secrets` where two are live, `no_secrets` where the client
        authenticates in another way."""

        async def unit(writer: Writer) -> NewClient:
            client = await self._touch_client(writer, client_id)  # holds the row: two callers cannot both be second
            if client.auth_method not in SECRET_METHODS:
                raise Refusal(409, "no_secrets")
            live = await writer.all(store.LIVE_SECRETS, client_id=client_id, now=self._clock.now())
            if len(live) >= MAX_SECRETS:
                raise Refusal(409, "two_secrets")
            secret, secret_id = await self.insert_secret(writer, client_id, expires_at)
            data = {"secret": secret_id}
            await self._record(writer, Tag.CLIENT_SECRET_ADDED, actor, f"client:{client_id}", data=data)
            return NewClient(client_id=client_id, client_secret=secret)

        return await self._storage.write(unit)

    async def list_secrets(self, client_id: str) -> list[SecretInfo]:
        """The live ones, the oldest first."""
        rows = await self._storage.read.all(store.LIVE_SECRETS, client_id=client_id, now=self._clock.now())
        return [SecretInfo(row.id, row.hint, row.created_at, row.expires_at, row.last_used_at) for row in rows]

    async def revoke_secret(self, *, actor: str, client_id: str, secret_id: str) -> None:
        """It opens nothing from now on (within a second everywhere)."""

        async def unit(writer: Writer) -> None:
            await self._touch_client(writer, client_id)
            values = {"id": secret_id, "client_id": client_id, "now": self._clock.now()}
            if not await writer.run(store.REVOKE_SECRET, **values):
                raise Refusal(404, "no_such_secret")
            data = {"secret": secret_id}
            await self._record(writer, Tag.CLIENT_SECRET_REVOKED, actor, f"client:{client_id}", data=data)

        await self._storage.write(unit)

    async def touch_secret(self, client_id: str, digest: str) -> None:
        """Remembers that a secret was used, at most once an hour."""
        now = self._clock.now()

        async def unit(writer: Writer) -> None:
            before = now - HOUR
            await writer.run(store.TOUCH_SECRET, client_id=client_id, digest=digest, now=now, before=before)

        await self._storage.write(unit)

    async def disable_client(self, *, actor: str, client_id: str) -> None:
        """It can do nothing from now on (within a second everywhere); its grants are refused at use."""
        await self._set_client_status(actor, client_id, "disabled", Tag.CLIENT_DISABLED)

    async def enable_client(self, *, actor: str, client_id: str) -> None:
        await self._set_client_status(actor, client_id, "active", Tag.CLIENT_CHANGED)

    # parts of a use case: inside the caller's transaction, which holds the client, and leaves its line in the trail

    async def insert_client(
        self,
        writer: Writer,
        client_id: str,
        product_id: str,
        registration: ClientRegistration,
        *,
        pending: bool = False,
    ) -> None:
        """A client that was checked. A pending one, and its addresses, wait for the product's next approval."""
        await writer.run(
            store.ADD_CLIENT,
            id=client_id,
            product_id=product_id,
            description=registration.description,
            kind=registration.kind.value,
            auth_method=registration.auth_method.value,
            grant_types=" ".join(sorted(grant.value for grant in registration.grant_types)),
            require_pkce=int(registration.needs_pkce),
            id_token_alg=registration.id_token_alg,
            access_token_format=registration.access_token_format,
            profile=registration.profile,
            retry_window=registration.retry_window,
            jwks=registration.jwks,
            may_introspect_all=int(registration.may_introspect_all),
            backchannel_logout_uri=registration.backchannel_logout_uri,
            backchannel_logout_session_required=int(registration.backchannel_logout_session_required),
            pending=int(pending),
            now=self._clock.now(),
        )
        await self._add_uris(writer, client_id, registration, lambda kind, uri: pending)

    async def replace_uris(
        self,
        writer: Writer,
        client_id: str,
        registration: ClientRegistration,
        waits: Callable[[str, str], bool] = lambda kind, uri: False,
    ) -> None:
        """The addresses of a registration that was checked, instead of all the client had; `waits(kind, uri)` says
        which of them are pending."""
        await writer.run(store.DROP_CLIENT_URIS, client_id=client_id)
        await writer.run(store.DROP_CLIENT_ORIGINS, client_id=client_id)
        await self._add_uris(writer, client_id, registration, waits)

    async def _add_uris(
        self,
        writer: Writer,
        client_id: str,
        registration: ClientRegistration,
        waits: Callable[[str, str], bool],
    ) -> None:
        for kind, uris in registration.uris().items():
            for position, uri in enumerate(dict.fromkeys(uris)):
                pending = int(waits(kind, uri))
                values = {"client_id": client_id, "kind": kind, "uri": uri, "position": position, "pending": pending}
                await writer.run(store.ADD_CLIENT_URI, **values)
        for origin in registration.origins():
            await writer.run(store.ADD_CLIENT_ORIGIN, origin=origin, client_id=client_id)

    async def insert_secret(self, writer: Writer, client_id: str, expires_at: Instant | None) -> tuple[str, str]:
        """(the secret, its row's id)."""
        secret, secret_id = SECRET_PREFIX + random_text(self._entropy, 32), new_id(self._entropy)
        await writer.run(
            store.ADD_SECRET,
            id=secret_id,
            client_id=client_id,
            digest=self._keyring.digest("client-secret", secret),
            hint=secret[-4:],
            now=self._clock.now(),
            expires_at=expires_at,
        )
        return secret, secret_id

    async def _set_client_status(self, actor: str, client_id: str, status: str, tag: Tag) -> None:
        async def unit(writer: Writer) -> None:
            await self._touch_client(writer, client_id)
            if await writer.run(store.SET_CLIENT_STATUS, id=client_id, status=status, now=self._clock.now()):
                await self._record(writer, tag, actor, f"client:{client_id}", data={"status": status})

        await self._storage.write(unit)
