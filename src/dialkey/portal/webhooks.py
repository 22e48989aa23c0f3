"""Webhook endpoints of an organization. Their secrets are shown once, in the answer to the form that made them."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.access import Role
from dialkey.developers.deliveries import Delivery
from dialkey.developers.webhooks import Webhook
from dialkey.portal.house import PortalHouse
from dialkey.portal.once import new_ticket, spend_ticket
from dialkey.portal.organizations import own_membership, place_of, problems_of
from dialkey.portal.shell_views import Place
from dialkey.portal.webhook_views import (
    DeliveryRow,
    NewWebhookPage,
    SecretRow,
    WebhookDeletePage,
    WebhookPage,
    WebhookRotatePage,
    WebhookRow,
    WebhookSecretPage,
    WebhooksPage,
)
from dialkey.web.errors import Refusal

NEW, CHANGE, ROTATE, DELETE = "webhook.new", "webhook.change", "webhook.rotate", "webhook.delete"


class WebhookPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        base = "/portal/o/{organization}/webhooks"
        one = f"{base}/{{webhook}}"
        self.routes = [
            Route(base, self.show, methods=["GET"]),
            Route(f"{base}/new", self.new, methods=["GET"]),
            Route(f"{base}/new", self.create, methods=["POST"]),
            Route(one, self.show_one, methods=["GET"]),
            Route(one, self.change, methods=["POST"]),
            Route(f"{one}/enable", self.enable, methods=["POST"]),
            Route(f"{one}/disable", self.disable, methods=["POST"]),
            Route(f"{one}/test", self.send_test, methods=["POST"]),
            Route(f"{one}/replay", self.replay, methods=["POST"]),
            Route(f"{one}/rotate", self.ask_rotate, methods=["GET"]),
            Route(f"{one}/rotate", self.rotate, methods=["POST"]),
            Route(f"{one}/delete", self.ask_delete, methods=["GET"]),
            Route(f"{one}/delete", self.delete, methods=["POST"]),
        ]

    # all of them

    async def show(self, request: Request) -> Response:
        actor = await self._house.actor(request)
        membership = await own_membership(self._house, request)
        found = await self._house.webhooks.list_webhooks(actor, membership.organization_id)
        page = WebhooksPage(
            place=place_of(membership, "org-webhooks"),
            rows=tuple(map(_row, found)),
            closing=membership.closes_at is not None,
        )
        return await self._house.page(request, page)

    async def new(self, request: Request) -> Response:
        return await self._house.page(request, await self._new_page(request))

    async def create(self, request: Request) -> Response:
        house, organization_id = self._house, request.path_params["organization"]
        actor, form = await house.actor(request), await house.form(request, NEW)
        page = await self._new_page(request)
        url, description = form.get("url", ""), form.get("description", "")
        try:
            if not await spend_ticket(house, f"{NEW} {organization_id}", form.get("ticket", "")):
                return house.go(f"/portal/o/{organization_id}/webhooks", done="already-done")
            made = await house.webhooks.create(actor, organization_id, url=url, description=description)
        except Refusal as refusal:
            typed = replace(page, url=url[:2100], description=description[:300], problems=problems_of(refusal, "url"))
            return await house.page(request, typed, status=422)
        row = WebhookRow(
            id=made.webhook_id, url=url.strip(), description=description.strip(), enabled=True, created_at=0
        )
        return await house.page(request, WebhookSecretPage(place=page.place, row=row, secret=made.secret))

    # one of them

    async def show_one(self, request: Request) -> Response:
        return await self._house.page(request, await self._one(request))

    async def change(self, request: Request) -> Response:
        actor, form = await self._house.actor(request), await self._house.form(request, CHANGE)
        url, description = form.get("url", ""), form.get("description", "")
        try:
            await self._house.webhooks.change(actor, *self._ids(request), url=url, description=description)
        except Refusal as refusal:
            problems = problems_of(refusal, "url")
            page = replace(await self._one(request), url=url[:2100], description=description[:300], problems=problems)
            return await self._house.page(request, page, status=422)
        return self._house.go(self._address(request), done="saved")

    async def enable(self, request: Request) -> Response:
        actor = await self._house.actor(request)
        await self._house.form(request, CHANGE)
        await self._house.webhooks.enable(actor, *self._ids(request))
        return self._house.go(self._address(request), done="saved")

    async def disable(self, request: Request) -> Response:
        actor = await self._house.actor(request)
        await self._house.form(request, CHANGE)
        await self._house.webhooks.disable(actor, *self._ids(request))
        return self._house.go(self._address(request), done="saved")

    async def send_test(self, request: Request) -> Response:
        actor = await self._house.actor(request)
        await self._house.form(request, CHANGE)
        await self._house.deliveries.send_test(actor, *self._ids(request))
        return self._house.go(self._address(request), done="queued")

    async def replay(self, request: Request) -> Response:
        actor, form = await self._house.actor(request), await self._house.form(request, CHANGE)
        await self._house.deliveries.replay(actor, *self._ids(request), form.get("message", ""))
        return self._house.go(self._address(request), done="queued")

    async def ask_rotate(self, request: Request) -> Response:
        return await self._house.page(request, await self._rotate_page(request))

    async def rotate(self, request: Request) -> Response:
        house = self._house
        actor, form = await house.actor(request), await house.form(request, ROTATE)
        page, overlap = await self._rotate_page(request), form.get("overlap", "")
        try:
            if overlap not in {value for value, _, _ in page.overlaps}:
                raise Refusal(422, "overlap", field="overlap")
            if not await spend_ticket(house, f"{ROTATE} {page.row.id}", form.get("ticket", "")):
                return house.go(self._address(request), done="already-done")
            made = await house.webhooks.rotate(actor, *self._ids(request), overlap=int(overlap))
        except Refusal as refusal:
            return await house.page(request, replace(page, problems=problems_of(refusal, "overlap")), status=422)
        shown = WebhookSecretPage(place=page.place, row=page.row, secret=made.secret, rotated=True)
        return await house.page(request, shown)

    async def ask_delete(self, request: Request) -> Response:
        place, row = await self._editable(request)
        csrf = await self._house.token(request, DELETE)
        return await self._house.page(request, WebhookDeletePage(place=replace(place, section=""), csrf=csrf, row=row))

    async def delete(self, request: Request) -> Response:
        actor = await self._house.actor(request)
        await self._house.form(request, DELETE)
        await self._house.webhooks.delete(actor, *self._ids(request))
        return self._house.go(f"/portal/o/{request.path_params['organization']}/webhooks", done="deleted")

    # steps

    async def _new_page(self, request: Request) -> NewWebhookPage:
        await self._house.actor(request)
        membership = await own_membership(self._house, request, Role.DEVELOPER)
        return NewWebhookPage(
            place=place_of(membership, "org-webhooks"),
            csrf=await self._house.token(request, NEW),
            ticket=new_ticket(self._house, f"{NEW} {membership.organization_id}"),
        )

    async def _one(self, request: Request) -> WebhookPage:
        actor = await self._house.actor(request)
        membership = await own_membership(self._house, request)
        found = await self._house.webhooks.get(actor, *self._ids(request))
        log = await self._house.deliveries.log(actor, *self._ids(request))
        return WebhookPage(
            deliveries=tuple(map(_delivery, log.recent)),
            waiting=log.waiting,
            place=place_of(membership, "org-webhooks"),
            csrf=await self._house.token(request, CHANGE),
            row=_row(found),
            url=found.url,
            description=found.description,
        )

    async def _editable(self, request: Request) -> tuple[Place, WebhookRow]:
        actor = await self._house.actor(request)
        membership = await own_membership(self._house, request, Role.DEVELOPER)
        found = await self._house.webhooks.get(actor, *self._ids(request))
        return place_of(membership, "org-webhooks"), _row(found)

    async def _rotate_page(self, request: Request) -> WebhookRotatePage:
        place, row = await self._editable(request)
        return WebhookRotatePage(
            place=place,
            csrf=await self._house.token(request, ROTATE),
            ticket=new_ticket(self._house, f"{ROTATE} {row.id}"),
            row=row,
        )

    @staticmethod
    def _ids(request: Request) -> tuple[str, str]:
        return request.path_params["organization"], request.path_params["webhook"]

    @staticmethod
    def _address(request: Request) -> str:
        return f"/portal/o/{request.path_params['organization']}/webhooks/{request.path_params['webhook']}"


FAULTS = {
    "timeout": "No answer in time",
    "connect": "Nobody answers at this address",
    "tls": "The certificate is not good",
    "dns": "The name leads nowhere",
    "address": "The name leads into a private network",
    "url": "The address cannot be called",
    "protocol": "The answer is not HTTP",
    "lost": "The event is no longer kept",
}
"""Why there was no answer."""


def _delivery(delivery: Delivery) -> DeliveryRow:
    answer = ""
    if delivery.outcome is not None:
        said = str(delivery.status) if delivery.status is not None else FAULTS.get(delivery.outcome, delivery.outcome)
        answer = f"{said} after {delivery.milliseconds} ms" if delivery.status is not None else said
    return DeliveryRow(
        message_id=delivery.message_id,
        type=delivery.type,
        state=delivery.state,
        attempts=delivery.attempts,
        next_at=delivery.next_at,
        tried_at=delivery.tried_at,
        answer=answer,
        created_at=delivery.created_at,
    )


def _row(webhook: Webhook) -> WebhookRow:
    return WebhookRow(
        id=webhook.id,
        url=webhook.url,
        description=webhook.description,
        enabled=webhook.enabled,
        created_at=webhook.created_at,
        failing_since=webhook.failing_since,
        disabled_why=webhook.disabled_why,
        secrets=tuple(SecretRow(hint=s.hint, created_at=s.created_at, expires_at=s.expires_at) for s in webhook.secrets),
    )
