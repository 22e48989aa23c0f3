"""API keys: for programs that act as a person, or as an organization."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dialkey.audit import Tag
from dialkey.base.clock import DAY, HOUR, Instant
from dialkey.base.entropy import random_text
from dialkey.base.ids import new_id
from dialkey.developers import keys_store as store
from dialkey.developers.access import GRANTS, Actor, Role
from dialkey.developers.office import Office
from dialkey.directory.names import text_fault
from dialkey.directory.office import refuse
from dialkey.storage import Row, Statement, Writer
from dialkey.web.errors import Refusal

PREFIX = "dk_ak_"
"""What secret scanners look for; 43 characters of base64url follow."""
_TOKEN = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}")
LONGEST = 366 * DAY
"""How far off an expiry may be, where there is one."""
MOST_KEYS = 50
"""Live ones of one account, or of one organization."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key, without the key."""

    id: str
    name: str
    hint: str
    """Its last four characters."""
    scopes: tuple[str, ...]
    created_by: str
    """The name of who made it."""
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None
    """To the hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """What making a key gives back, once."""

    id: str
    token: str


class ApiKeys:
    """Use cases. Keys are made and revoked by people, never by keys (403 `account_only`)."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def authenticate(self, token: str) -> Actor | None:
        """Who the key acts as, in one statement; None for one that is malformed, unknown, revoked, expired, of a closed
        account, or of a deleted organization. A personal key has its account's present roles, within its scopes."""
        if _TOKEN.fullmatch(token) is None:
            return None
        office, now = self._office, self._office.clock.now()
        row = await office.storage.read.one(store.AUTHENTICATE, digest=self._digest(token), now=now)
        if row is None:
            return None
        if row.last_used_at is None or row.last_used_at <= now - HOUR:
            self._touch(row.id, now)
        return Actor(
            kind="key",
            id=row.id,
            account_id=row.account_id,
            organization_id=row.organization_id,
            grants=frozenset(row.scopes.split()),
        )

    async def list_of_organization(self, actor: Actor, organization_id: str) -> list[ApiKey]:
        """Owners; newest first. A key that ran out stays for a week."""
        actor.person()
        await self._office.access.organization(actor, organization_id, Role.OWNER, closing=True)
        return await self._list(store.KEYS_OF_ORGANIZATION, organization_id)

    async def list_personal(self, actor: Actor) -> list[ApiKey]:
        """The asker's own; newest first. A key that ran out stays for a week."""
        return await self._list(store.KEYS_OF_ACCOUNT, actor.person())

    async def create_for_organization(
        self, actor: Actor, organization_id: str, *, name: str, scopes: Iterable[str], expires_at: Instant | None = None
    ) -> NewApiKey:
        """Owners. 422 with `field` `name`, `scopes` or `expires_at`; 409 `too_many_keys`."""
        actor.person()
        return await self._create(actor, organization_id, name, scopes, expires_at)

    async def create_personal(
        self, actor: Actor, *, name: str, scopes: Iterable[str], expires_at: Instant | None = None
    ) -> NewApiKey:
        """422 with `field` `name`, `scopes` or `expires_at`; 409 `too_many_keys`."""
        return await self._create(actor, None, name, scopes, expires_at)

    async def revoke_of_organization(self, actor: Actor, organization_id: str, key_id: str) -> None:
        """Owners; at once. 404 `no_such_key`."""
        actor.person()
        await self._revoke(actor, organization_id, key_id)

    async def revoke_personal(self, actor: Actor, key_id: str) -> None:
        """At once. 404 `no_such_key`."""
        await self._revoke(actor, None, key_id)

    # steps

    async def _list(self, statement: Statement, owner: str) -> list[ApiKey]:
        since = self._office.clock.now() - 7 * DAY
        rows = await self._office.storage.read.all(statement, owner=owner, since=since)
        return [_key(row) for row in rows]

    async def _create(
        self, actor: Actor, organization_id: str | None, name: str, scopes: Iterable[str], expires_at: Instant | None
    ) -> NewApiKey:
        account_id, office, now = actor.person(), self._office, self._office.clock.now()
        name, wanted = name.strip(), frozenset(scopes)
        refuse(
            name=text_fault(name) if name else "required",
            scopes=None if wanted and wanted <= set(GRANTS) else "scopes",
            expires_at=None if expires_at is None or now < expires_at <= now + LONGEST else "expires_at",
        )
        key_id, token = new_id(office.entropy), PREFIX + random_text(office.entropy, 32)
        owner = {"account_id": account_id if organization_id is None else None, "organization_id": organization_id}

        async def unit(writer: Writer) -> NewApiKey:
            if organization_id is not None:
                await office.access.organization(actor, organization_id, Role.OWNER, within=writer)
            count = await writer.one(
                store.COUNT_KEYS, account_id=owner["account_id"] or "", organization_id=organization_id or "", now=now
            )
            if count is not None and count.keys >= MOST_KEYS:
                raise Refusal(409, "too_many_keys", most=MOST_KEYS)
            await writer.run(
                store.ADD_KEY,
                id=key_id,
                **owner,
                created_by=account_id,
                name=name,
                scopes=" ".join(grant for grant in GRANTS if grant in wanted),
                digest=self._digest(token),
                hint=token[-4:],
                now=now,
                expires_at=expires_at,
            )
            data = {"name": name, "scopes": " ".join(sorted(wanted))}
            await office.record(writer, Tag.API_KEY_CREATED, actor, f"key:{key_id}", organization_id, data)
            return NewApiKey(id=key_id, token=token)

        return await office.storage.write(unit)

    async def _revoke(self, actor: Actor, organization_id: str | None, key_id: str) -> None:
        account_id, office, now = actor.person(), self._office, self._office.clock.now()

        async def unit(writer: Writer) -> None:
            if organization_id is not None:
                await office.access.organization(actor, organization_id, Role.OWNER, within=writer, closing=True)
            row = await writer.one(
                store.REVOKE_KEY,
                id=key_id,
                account_id=account_id if organization_id is None else "",
                organization_id=organization_id or "",
                now=now,
            )
            if row is None:
                raise Refusal(404, "no_such_key")
            data = {"name": row.name}
            await office.record(writer, Tag.API_KEY_REVOKED, actor, f"key:{key_id}", organization_id, data)

        await office.storage.write(unit)

    def _touch(self, key_id: str, now: Instant) -> None:
        async def unit(writer: Writer) -> None:
            await writer.run(store.TOUCH_KEY, id=key_id, now=now, before=now - HOUR)

        self._office.storage.defer(unit)

    def _digest(self, token: str) -> str:
        return self._office.keyring.digest("api key", token)


def _key(row: Row) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        hint=row.hint,
        scopes=tuple(row.scopes.split()),
        created_by=row.created_by,
        created_at=Instant(row.created_at),
        expires_at=None if row.expires_at is None else Instant(row.expires_at),
        last_used_at=None if row.last_used_at is None else Instant(row.last_used_at),
    )
