"""Webhooks: addresses of an organization that are told what happens to its products' consents."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from dialkey.audit import Tag
from dialkey.base.clock import HOUR, Instant, after
from dialkey.base.ids import looks_like_id, new_id
from dialkey.developers import deliveries_store
from dialkey.developers import webhooks_store as store
from dialkey.developers.access import Actor, Role
from dialkey.developers.office import Office
from dialkey.directory.names import text_fault
from dialkey.directory.office import refuse
from dialkey.storage import Reader, Row, Writer
from dialkey.web.errors import Refusal
from dialkey.web.outbound import outbound_url_fault

T = TypeVar("T", str, str | None)
PREFIX = "whsec_"
"""As the Standard Webhooks specification writes a symmetric secret; base64 of 32 bytes follows."""
MOST_WEBHOOKS = 10
OVERLAPS = (0, 24 * HOUR, 7 * 24 * HOUR)
"""How long the secret before goes on signing beside a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSecret:
    """A live secret, without the secret."""

    id: str
    hint: str
    created_at: Instant
    expires_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address that is told."""

    id: str
    url: str
    description: str
    enabled: bool
    created_at: Instant
    secrets: tuple[WebhookSecret, ...]
    """The newest first; it alone has no end."""
    failing_since: Instant | None = None
    """Every call since then failed."""
    disabled_why: str = ""
    """`gone` (it answered 410) or `failing` (for days), where nobody disabled it by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """What making a webhook or rotating its secret gives back, once."""

    webhook_id: str
    secret: str


class Webhooks:
    """Use cases: developers change, viewers look. Refusals as in `Access`, besides those named; 404 `no_such_webhook`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def list_webhooks(self, actor: Actor, organization_id: str) -> list[Webhook]:
        """The oldest first."""
        await self._office.access.organization(actor, organization_id, Role.VIEWER)
        rows = await self._office.storage.read.all(
            store.WEBHOOKS, organization_id=organization_id, now=self._office.clock.now()
        )
        groups: dict[str, list[Row]] = {}
        for row in rows:
            groups.setdefault(row.id, []).append(row)
        return [_webhook(group) for group in groups.values()]

    async def get(self, actor: Actor, organization_id: str, webhook_id: str) -> Webhook:
        await self._office.access.organization(actor, organization_id, Role.VIEWER)
        return await self._get(self._office.storage.read, organization_id, webhook_id)

    async def create(self, actor: Actor, organization_id: str, *, url: str, description: str = "") -> NewSecret:
        """422 with `field` `url` or `description`; 409 `too_many_webhooks`."""
        url, description = self._checked(url, description)
        webhook_id, now = new_id(self._office.entropy), self._office.clock.now()

        async def unit(writer: Writer) -> NewSecret:
            await self._office.access.organization(actor, organization_id, Role.DEVELOPER, within=writer)
            values = {"id": webhook_id, "organization_id": organization_id, "url": url, "description": description}
            if not await writer.run(store.ADD, **values, now=now, most=MOST_WEBHOOKS):
                raise Refusal(409, "too_many_webhooks", most=MOST_WEBHOOKS)
            await self._record(writer, Tag.WEBHOOK_CREATED, actor, organization_id, webhook_id)
            return await self._add_secret(writer, webhook_id)

        return await self._office.storage.write(unit)

    async def change(
        self,
        actor: Actor,
        organization_id: str,
        webhook_id: str,
        *,
        url: str | None = None,
        description: str | None = None,
    ) -> None:
        """What is None stays as it is. 422 with `field` `url` or `description`."""
        url, description = self._checked(url, description)
        now = self._office.clock.now()

        async def unit(writer: Writer) -> None:
            await self._hold(writer, actor, organization_id, webhook_id)
            await writer.run(store.CHANGE, id=webhook_id, url=url, description=description, now=now)
            await self._record(writer, Tag.WEBHOOK_CHANGED, actor, organization_id, webhook_id)

        await self._office.storage.write(unit)

    async def enable(self, actor: Actor, organization_id: str, webhook_id: str) -> None:
        """From now on it is told again."""
        await self._set_status(actor, organization_id, webhook_id, "enabled")

    async def disable(self, actor: Actor, organization_id: str, webhook_id: str) -> None:
        """Nothing is sent to it until it is enabled again."""
        await self._set_status(actor, organization_id, webhook_id, "disabled")

    async def rotate(self, actor: Actor, organization_id: str, webhook_id: str, *, overlap: int) -> NewSecret:
        """A new secret. What was there before goes on signing for `overlap`, one of `OVERLAPS` (422 `overlap`)."""
        refuse(overlap=None if overlap in OVERLAPS else "overlap")
        now = self._office.clock.now()

        async def unit(writer: Writer) -> NewSecret:
            await self._hold(writer, actor, organization_id, webhook_id)
            await writer.run(store.END_SECRETS, webhook_id=webhook_id, expires_at=after(now, overlap))
            await self._record(writer, Tag.WEBHOOK_SECRET_ROTATED, actor, organization_id, webhook_id)
            return await self._add_secret(writer, webhook_id)

        return await self._office.storage.write(unit)

    async def delete(self, actor: Actor, organization_id: str, webhook_id: str) -> None:
        """With its secrets, at once."""

        async def unit(writer: Writer) -> None:
            await self._hold(writer, actor, organization_id, webhook_id)
            await writer.run(store.DELETE_SECRETS, id=webhook_id)
            await writer.run(deliveries_store.DROP, id=webhook_id)
            await writer.run(store.DELETE, id=webhook_id)
            await self._record(writer, Tag.WEBHOOK_DELETED, actor, organization_id, webhook_id)

        await self._office.storage.write(unit)

    async def signing_keys(self, webhook_id: str) -> Sequence[bytes]:
        """For delivery, not for people: what signs, the newest first."""
        rows = await self._office.storage.read.all(
            store.LIVE_SECRETS, webhook_id=webhook_id, now=self._office.clock.now()
        )
        opened = (self._office.keyring.open_box(f"webhook/{row.id}", row.sealed) for row in rows)
        return [key for key in opened if key is not None]

    # steps

    def _checked(self, url: T, description: T) -> tuple[T, T]:
        """Without blanks around them; None is not looked at."""
        url = None if url is None else url.strip()
        description = None if description is None else description.strip()
        local = not self._office.settings.public
        fault = None if url is None else _code(outbound_url_fault(url, local=local)) if url else "required"
        refuse(url=fault, description=None if description is None else text_fault(description))
        return url, description

    async def _hold(self, writer: Writer, actor: Actor, organization_id: str, webhook_id: str) -> Row:
        await self._office.access.organization(actor, organization_id, Role.DEVELOPER, within=writer)
        row = await writer.one(
            store.TOUCH, id=webhook_id, organization_id=organization_id, now=self._office.clock.now()
        )
        if row is None:
            raise Refusal(404, "no_such_webhook")
        return row

    async def _get(self, reader: Reader, organization_id: str, webhook_id: str) -> Webhook:
        rows = []
        if looks_like_id(webhook_id):
            rows = await reader.all(
                store.WEBHOOK, organization_id=organization_id, id=webhook_id, now=self._office.clock.now()
            )
        if not rows:
            raise Refusal(404, "no_such_webhook")
        return _webhook(rows)

    async def _set_status(self, actor: Actor, organization_id: str, webhook_id: str, status: str) -> None:
        async def unit(writer: Writer) -> None:
            row = await self._hold(writer, actor, organization_id, webhook_id)
            if row.status != status:
                await writer.run(store.SET_STATUS, id=webhook_id, status=status, now=self._office.clock.now())
                data = {"before": row.status, "after": status}
                await self._record(writer, Tag.WEBHOOK_CHANGED, actor, organization_id, webhook_id, data)

        await self._office.storage.write(unit)

    async def _add_secret(self, writer: Writer, webhook_id: str) -> NewSecret:
        office, secret_id = self._office, new_id(self._office.entropy)
        key = office.entropy.take(32)
        secret = PREFIX + b64encode(key).decode()
        await writer.run(
            store.ADD_SECRET,
            id=secret_id,
            webhook_id=webhook_id,
            sealed=office.keyring.box().close(office.entropy, f"webhook/{secret_id}", key),
            hint=secret[-5:-1],
            now=office.clock.now(),
        )
        return NewSecret(webhook_id=webhook_id, secret=secret)

    async def _record(
        self,
        writer: Writer,
        tag: Tag,
        actor: Actor,
        organization_id: str,
        webhook_id: str,
        data: dict[str, str | int | None] | None = None,
    ) -> None:
        await self._office.record(writer, tag, actor, f"webhook:{webhook_id}", organization_id, data)


def _code(fault: str | None) -> str | None:
    return None if fault is None else f"webhook_{fault}"


def _webhook(rows: Sequence[Row]) -> Webhook:
    first = rows[0]
    return Webhook(
        id=first.id,
        url=first.url,
        description=first.description,
        enabled=first.status == "enabled",
        created_at=Instant(first.created_at),
        failing_since=first.failing_since,
        disabled_why=first.disabled_why,
        secrets=tuple(
            WebhookSecret(
                id=row.secret_id,
                hint=row.hint,
                created_at=Instant(row.secret_at),
                expires_at=None if row.expires_at is None else Instant(row.expires_at),
            )
            for row in rows
            if row.secret_id is not None
        ),
    )
