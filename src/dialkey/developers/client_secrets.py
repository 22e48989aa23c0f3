"""Secrets of clients, in a developer's name: two may live at once, each is shown once and kept as a digest."""

from __future__ import annotations

from dialkey.audit import Tag
from dialkey.base.clock import DAY, SECOND, Instant, after
from dialkey.developers import products_store as store
from dialkey.developers.access import Actor, ClientMembership, Role
from dialkey.developers.office import Office
from dialkey.directory import store as directory_store
from dialkey.directory.clients import MAX_SECRETS, SECRET_METHODS
from dialkey.directory.model import NewClient
from dialkey.directory.rules import Directory, SecretInfo
from dialkey.storage import Reader, Row, Writer
from dialkey.web.errors import Refusal

MAX_GRACE = 30 * DAY // SECOND
MAX_SECRET_LIFETIME = 10 * 366 * DAY
SECRETS_GRANT = "secrets:write"


class ClientSecrets:
    """The part of `Clients` that has to do with secrets."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._directory = Directory(office.storage, office.clock, office.entropy, office.keyring)

    async def list_secrets(self, actor: Actor, client_id: str) -> list[SecretInfo]:
        """The live ones, the oldest first."""
        await self._access(actor, client_id, Role.VIEWER)
        return await self._live_secrets(self._office.storage.read, client_id)

    async def add_secret(self, actor: Actor, client_id: str, *, expires_at: Instant | None = None) -> NewClient:
        """A second one, shown once. 409 `two_secrets`, `no_secrets`; 422 `expiry` for a moment that is past."""
        until = self._future(expires_at)

        async def unit(writer: Writer) -> NewClient:
            member = await self._secrets_of(writer, actor, client_id)
            if len(await self._live_secrets(writer, client_id)) >= MAX_SECRETS:
                raise Refusal(409, "two_secrets")
            return await self._add(writer, actor, member, until)

        return await self._office.storage.write(unit)

    async def rotate_secret(
        self, actor: Actor, client_id: str, *, grace: int, expires_at: Instant | None = None
    ) -> NewClient:
        """A new secret, shown once; those it replaces end `grace` seconds from now (0 to 30 days; 0: at once), in the
        same transaction. 409 `two_secrets` where two are live and the grace is not 0; 422 `grace`."""
        if not 0 <= grace <= MAX_GRACE:
            raise Refusal(422, "grace", field="grace", most=MAX_GRACE)
        until = self._future(expires_at)

        async def unit(writer: Writer) -> NewClient:
            member = await self._secrets_of(writer, actor, client_id)
            now = self._office.clock.now()
            if grace == 0:
                await writer.run(store.REVOKE_SECRETS, client_id=client_id, now=now)
            elif len(await self._live_secrets(writer, client_id)) >= MAX_SECRETS:
                raise Refusal(409, "two_secrets")
            else:
                ends_at = after(now, grace * SECOND)
                await writer.run(store.SHORTEN_SECRETS, client_id=client_id, expires_at=ends_at)
            return await self._add(writer, actor, member, until, grace=grace)

        return await self._office.storage.write(unit)

    async def set_secret_expiry(
        self, actor: Actor, client_id: str, secret_id: str, expires_at: Instant | None
    ) -> None:
        """404 `no_such_secret`; 422 `expiry` for a moment that is past."""
        until = self._future(expires_at)

        async def unit(writer: Writer) -> None:
            member = await self._secrets_of(writer, actor, client_id)
            key = {"id": secret_id, "client_id": client_id, "now": self._office.clock.now()}
            if not await writer.run(store.SET_SECRET_EXPIRY, **key, expires_at=until):
                raise Refusal(404, "no_such_secret")
            data = {"secret": secret_id, "expires_at": until}
            await self._note(writer, Tag.CLIENT_SECRET_CHANGED, actor, member, data)

        await self._office.storage.write(unit)

    async def revoke_secret(
        self, actor: Actor, client_id: str, secret_id: str, *, confirmed: bool = False
    ) -> None:
        """It opens nothing from now on (within a second everywhere). 409 `last_secret` for the last live one unless
        confirmed; 404 `no_such_secret`."""

        async def unit(writer: Writer) -> None:
            member = await self._secrets_of(writer, actor, client_id)
            live = [secret.id for secret in await self._live_secrets(writer, client_id)]
            if live == [secret_id] and not confirmed:
                raise Refusal(409, "last_secret")
            now = self._office.clock.now()
            if not await writer.run(directory_store.REVOKE_SECRET, id=secret_id, client_id=client_id, now=now):
                raise Refusal(404, "no_such_secret")
            await self._note(writer, Tag.CLIENT_SECRET_REVOKED, actor, member, {"secret": secret_id})

        await self._office.storage.write(unit)

    async def _secrets_of(self, writer: Writer, actor: Actor, client_id: str) -> ClientMembership:
        """Holds the client until the transaction ends: two callers cannot both be second. 409 `no_secrets` where it
        authenticates in another way."""
        member = await self._access(actor, client_id, Role.DEVELOPER, writer, grant=SECRETS_GRANT)
        client = await self._hold_client(writer, client_id)
        if client.auth_method not in SECRET_METHODS:
            raise Refusal(409, "no_secrets")
        return member

    async def _add(
        self,
        writer: Writer,
        actor: Actor,
        member: ClientMembership,
        expires_at: Instant | None,
        *,
        grace: int | None = None,
    ) -> NewClient:
        secret, secret_id = await self._directory.insert_secret(writer, member.client_id, expires_at)
        await self._note(writer, Tag.CLIENT_SECRET_ADDED, actor, member, {"secret": secret_id, "grace": grace})
        return NewClient(client_id=member.client_id, client_secret=secret, secret_id=secret_id)

    async def _note(
        self, writer: Writer, tag: Tag, actor: Actor, member: ClientMembership, data: dict[str, str | int | None]
    ) -> None:
        await self._office.record(writer, tag, actor, f"client:{member.client_id}", member.organization_id, data)

    async def _live_secrets(self, reader: Reader, client_id: str) -> list[SecretInfo]:
        rows = await reader.all(directory_store.LIVE_SECRETS, client_id=client_id, now=self._office.clock.now())
        return [SecretInfo(row.id, row.hint, row.created_at, row.expires_at, row.last_used_at) for row in rows]

    async def _access(
        self,
        actor: Actor,
        client_id: str,
        role: Role,
        within: Reader | None = None,
        *,
        grant: str | None = None,
    ) -> ClientMembership:
        member = await self._office.access.client(actor, client_id, role, grant=grant, within=within)
        if "deleted" in (member.client_status, member.product_status):
            raise Refusal(404, "no_such_client")
        return member

    async def _hold_client(self, writer: Writer, client_id: str) -> Row:
        row = await writer.one(directory_store.TOUCH_CLIENT, id=client_id, now=self._office.clock.now())
        if row is None:
            raise Refusal(404, "no_such_client")
        return row

    def _future(self, moment: int | None) -> Instant | None:
        """422 `expiry` unless it lies ahead, within ten years."""
        if moment is None:
            return None
        now = self._office.clock.now()
        if not now < moment <= now + MAX_SECRET_LIFETIME:
            raise Refusal(422, "expiry", field="expires_at")
        return Instant(moment)
