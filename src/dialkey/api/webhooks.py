"""Webhooks: addresses that are told what happens to consents."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dialkey.api.house import ApiHouse
from dialkey.api.operations import BASE, Answer, Call, Operation
from dialkey.api.shapes import Id, Time, created, listed, time, time_or_none
from dialkey.developers import webhooks as rules
from dialkey.developers.access import Role
from dialkey.developers.webhooks import NewSecret
from dialkey.directory.names import MAX_TEXT

TAG = "Webhooks"
Url = Annotated[str, Meta(max_length=2000, examples=["https://app.example/hooks/dialkey"])]


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that signs, without the secret."""

    id: Id
    hint: str
    created_at: Time
    expires_at: Time | None


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """An address that is told."""

    id: Id
    url: str
    description: str
    enabled: bool
    secrets: Annotated[tuple[WebhookSecret, ...], Meta(description="The newest first; it alone has no end.")]
    created_at: Time


class WebhookMade(Webhook, frozen=True, kw_only=True):
    """A webhook with a new secret. The secret is shown this once."""

    secret: Annotated[str, Meta(description="As the Standard Webhooks specification writes it.", examples=["whsec_…"])]


class WebhookList(msgspec.Struct, frozen=True, kw_only=True):
    """Webhooks, the oldest first."""

    data: tuple[Webhook, ...]
    next: str | None = None


class WebhookNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address to tell."""

    url: Url
    description: Annotated[str, Meta(max_length=MAX_TEXT)] = ""


class WebhookChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of a webhook can be changed. What is left out stays as it is."""

    url: Url | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=MAX_TEXT)] | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET


class WebhookRotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new secret."""

    overlap: Annotated[
        int,
        Meta(
            ge=0,
            le=7 * 86400,
            description="Seconds that the old one goes on signing beside it: 0, 86400 or 604800.",
        ),
    ] = 86400


def _fields(found: rules.Webhook) -> dict[str, object]:
    secrets = tuple(
        WebhookSecret(
            id=one.id, hint=one.hint, created_at=time(one.created_at), expires_at=time_or_none(one.expires_at)
        )
        for one in found.secrets
    )
    return {
        "id": found.id,
        "url": found.url,
        "description": found.description,
        "enabled": found.enabled,
        "secrets": secrets,
        "created_at": time(found.created_at),
    }


async def list_webhooks(house: ApiHouse, call: Call) -> Answer:
    found = await house.webhooks.list_webhooks(call.actor, call.path["organization_id"])
    return listed(WebhookList(data=tuple(Webhook(**_fields(one)) for one in found)))


async def create_webhook(house: ApiHouse, call: Call) -> NewSecret:
    return await house.webhooks.create(
        call.actor, call.path["organization_id"], url=call.body.url, description=call.body.description
    )


async def show_webhook(house: ApiHouse, call: Call, made: NewSecret) -> Answer:
    organization_id = call.path["organization_id"]
    found = await house.webhooks.get(call.actor, organization_id, made.webhook_id)
    body = WebhookMade(**_fields(found), secret=made.secret)
    return created(f"{BASE}/organizations/{organization_id}/webhooks/{made.webhook_id}", body)


async def get_webhook(house: ApiHouse, call: Call) -> Answer:
    found = await house.webhooks.get(call.actor, call.path["organization_id"], call.path["webhook_id"])
    return Answer(body=Webhook(**_fields(found)))


async def change_webhook(house: ApiHouse, call: Call) -> Answer:
    body: WebhookChange = call.body
    key = (call.actor, call.path["organization_id"], call.path["webhook_id"])
    if body.url is not UNSET or body.description is not UNSET or body.enabled is UNSET:
        url = None if body.url is UNSET else body.url
        description = None if body.description is UNSET else body.description or ""
        await house.webhooks.change(*key, url=url, description=description)
    if body.enabled is not UNSET:
        await (house.webhooks.enable if body.enabled else house.webhooks.disable)(*key)
    return await get_webhook(house, call)


async def rotate_webhook(house: ApiHouse, call: Call) -> NewSecret:
    return await house.webhooks.rotate(
        call.actor, call.path["organization_id"], call.path["webhook_id"], overlap=call.body.overlap * 1000
    )


async def delete_webhook(house: ApiHouse, call: Call) -> Answer:
    await house.webhooks.delete(call.actor, call.path["organization_id"], call.path["webhook_id"])
    return Answer()


_WEBHOOK = Webhook(
    id="m0Qx7sYd3Kr5WbVtN8cZhg",
    url="https://app.example/hooks/dialkey",
    description="Consents",
    enabled=True,
    secrets=(
        WebhookSecret(id="h2Lp6vRw9Tq1XnJs4bYzEg", hint="x9Zk", created_at="2026-11-24T09:30:00.000Z", expires_at=None),
    ),
    created_at="2026-11-24T09:30:00.000Z",
)
_MADE = WebhookMade(**{name: getattr(_WEBHOOK, name) for name in _WEBHOOK.__struct_fields__}, secret="whsec_…")
_FAULTS = (
    "required", "webhook_https", "webhook_host", "webhook_port", "webhook_too_long", "webhook_url", "name_length",
    "name_spaces", "name_form", "name_characters",
)  # fmt: skip
_ONE = ("no_such_organization", "no_such_webhook")

OPERATIONS = (
    Operation(
        method="GET",
        path="/organizations/{organization_id}/webhooks",
        name="list_webhooks",
        tag=TAG,
        summary="Webhooks of an organization",
        description="At most ten.",
        scope="organization:read",
        role=Role.VIEWER,
        handler=list_webhooks,
        gives=WebhookList,
        refuses=("no_such_organization",),
        given=WebhookList(data=(_WEBHOOK,)),
    ),
    Operation(
        method="POST",
        path="/organizations/{organization_id}/webhooks",
        name="create_webhook",
        tag=TAG,
        summary="Add a webhook",
        description="The answer has the secret that signs, this once.",
        scope="organization:write",
        role=Role.DEVELOPER,
        handler=create_webhook,
        show=show_webhook,
        takes=WebhookNew,
        gives=WebhookMade,
        status=201,
        refuses=("no_such_organization", "organization_closing", "too_many_webhooks", *_FAULTS),
        sent=WebhookNew(url="https://app.example/hooks/dialkey", description="Consents"),
        given=_MADE,
    ),
    Operation(
        method="GET",
        path="/organizations/{organization_id}/webhooks/{webhook_id}",
        name="get_webhook",
        tag=TAG,
        summary="One webhook",
        scope="organization:read",
        role=Role.VIEWER,
        handler=get_webhook,
        gives=Webhook,
        refuses=_ONE,
        given=_WEBHOOK,
    ),
    Operation(
        method="PATCH",
        path="/organizations/{organization_id}/webhooks/{webhook_id}",
        name="change_webhook",
        tag=TAG,
        summary="Change a webhook",
        description="What is left out stays as it is.",
        scope="organization:write",
        role=Role.DEVELOPER,
        handler=change_webhook,
        takes=WebhookChange,
        gives=Webhook,
        refuses=(*_ONE, "organization_closing", *_FAULTS),
        sent={"enabled": False},
        given=_WEBHOOK,
    ),
    Operation(
        method="POST",
        path="/organizations/{organization_id}/webhooks/{webhook_id}/rotation",
        name="rotate_webhook_secret",
        tag=TAG,
        summary="Rotate the secret of a webhook",
        description="While both are live, every delivery carries both signatures.",
        scope="organization:write",
        role=Role.DEVELOPER,
        handler=rotate_webhook,
        show=show_webhook,
        takes=WebhookRotation,
        optional=True,
        gives=WebhookMade,
        status=201,
        refuses=(*_ONE, "organization_closing", "overlap"),
        sent=WebhookRotation(overlap=86400),
        given=_MADE,
    ),
    Operation(
        method="DELETE",
        path="/organizations/{organization_id}/webhooks/{webhook_id}",
        name="delete_webhook",
        tag=TAG,
        summary="Delete a webhook",
        description="With its secrets, at once.",
        scope="organization:write",
        role=Role.DEVELOPER,
        handler=delete_webhook,
        status=204,
        refuses=(*_ONE, "organization_closing"),
    ),
)
