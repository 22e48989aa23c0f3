"""What became of webhook messages, for the people of the organization; never what was in them or answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dialkey.base.clock import DAY, Instant, after
from dialkey.base.ids import looks_like_id, new_id
from dialkey.developers import deliveries_store as store
from dialkey.developers import webhooks_store
from dialkey.developers.access import Actor, Role
from dialkey.developers.delivering import TEST
from dialkey.developers.office import Office
from dialkey.storage import Row, Writer
from dialkey.storage.limits import Limit, OverLimit, hit
from dialkey.web.errors import Refusal

SHOWN = 50
MOST_BY_HAND = 60
"""Replays and tests of one endpoint, in ten minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message to one endpoint."""

    message_id: str
    type: str
    product_id: str | None
    state: str
    """`waiting`, `delivered` or `failed`."""
    attempts: int
    next_at: Instant | None
    """Of one that waits."""
    tried_at: Instant | None
    status: int | None
    """What the receiver answered."""
    outcome: str | None
    milliseconds: int | None
    created_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLog:
    recent: tuple[Delivery, ...]
    """The newest first."""
    waiting: int
    """Counted up to 1,000."""


class Deliveries:
    """Use cases: viewers look, developers send. 404 `no_such_webhook`, `no_such_delivery`; 409 `webhook_off`; 429
    `too_many_requests`."""

    def __init__(self, office: Office, wake: Callable[[], None]) -> None:
        self._office = office
        self._wake = wake

    async def log(self, actor: Actor, organization_id: str, webhook_id: str) -> DeliveryLog:
        reader = self._office.storage.read
        await self._office.access.organization(actor, organization_id, Role.VIEWER)
        key = {"id": webhook_id, "organization_id": organization_id}
        if not looks_like_id(webhook_id) or await reader.one(webhooks_store.OWNED, **key) is None:
            raise Refusal(404, "no_such_webhook")
        rows = await reader.all(store.LOG, webhook_id=webhook_id, most=SHOWN)
        counted = await reader.one(store.WAITING, webhook_id=webhook_id)
        return DeliveryLog(recent=tuple(map(_delivery, rows)), waiting=counted.waiting if counted else 0)

    async def replay(self, actor: Actor, organization_id: str, webhook_id: str, message_id: str) -> None:
        """Sends it again, with the id it had, delivered or not; with retries as at first."""
        policy, now = self._office.settings.webhooks, self._office.clock.now()

        async def unit(writer: Writer) -> None:
            await self._hold(writer, actor, organization_id, webhook_id, now)
            again = {
                "now": now,
                "give_up_at": after(now, policy.retry_days * DAY),
                "expires_at": after(now, policy.log_days * DAY),
            }
            if not await writer.run(store.REPLAY, webhook_id=webhook_id, message_id=message_id, **again):
                raise Refusal(404, "no_such_delivery")
            await writer.run(store.RING, id=webhook_id, now=now)

        await self._office.storage.write(unit)
        self._wake()

    async def send_test(self, actor: Actor, organization_id: str, webhook_id: str) -> str:
        """Sends a message of type `webhook.test`, once; gives its id."""
        now, message_id = self._office.clock.now(), new_id(self._office.entropy)

        async def unit(writer: Writer) -> None:
            await self._hold(writer, actor, organization_id, webhook_id, now)
            expires_at = after(now, self._office.settings.webhooks.log_days * DAY)
            values = {"webhook_id": webhook_id, "message_id": message_id, "type": TEST}
            await writer.run(store.ADD_TEST, **values, now=now, expires_at=expires_at)
            await writer.run(store.RING, id=webhook_id, now=now)

        await self._office.storage.write(unit)
        self._wake()
        return message_id

    async def _hold(
        self, writer: Writer, actor: Actor, organization_id: str, webhook_id: str, now: Instant
    ) -> None:
        await self._office.access.organization(actor, organization_id, Role.DEVELOPER, within=writer)
        key = {"id": webhook_id, "organization_id": organization_id}
        row = await writer.one(webhooks_store.TOUCH, **key, now=now) if looks_like_id(webhook_id) else None
        if row is None:
            raise Refusal(404, "no_such_webhook")
        if row.status != "enabled":
            raise Refusal(409, "webhook_off")
        try:
            await hit(writer, self._office.keyring, now, [Limit("webhooks_by_hand", webhook_id, MOST_BY_HAND)])
        except OverLimit:
            raise Refusal(429, "too_many_requests") from None


def _delivery(row: Row) -> Delivery:
    return Delivery(
        message_id=row.message_id,
        type=row.type,
        product_id=row.product_id,
        state=row.state,
        attempts=row.attempts,
        next_at=row.next_at if row.state == "waiting" else None,
        tried_at=row.tried_at,
        status=row.status,
        outcome=row.outcome,
        milliseconds=row.milliseconds,
        created_at=row.created_at,
    )
