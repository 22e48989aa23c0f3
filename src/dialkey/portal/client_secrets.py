"""A client's secrets: the live ones, a new one with a grace for the old, and revoking."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.access import Role
from dialkey.developers.clients import ClientView
from dialkey.directory.rules import SecretInfo
from dialkey.portal.client_forms import problems_of
from dialkey.portal.client_views import GRACES, SecretRevokePage, SecretRow, SecretsPage
from dialkey.portal.client_words import METHODS
from dialkey.portal.clients import client_name, client_place, made_page, own_organization
from dialkey.portal.house import PortalHouse
from dialkey.portal.once import new_ticket, spend_ticket
from dialkey.portal.shell_views import Place
from dialkey.web.errors import Refusal

ROTATE, REVOKE = "client.rotate", "client.revoke"


class ClientSecretPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        secrets = "/portal/c/{client}/secrets"
        self.routes = [
            Route(secrets, self.show, methods=["GET"]),
            Route(f"{secrets}/rotate", self.to_secrets, methods=["GET"]),
            Route(f"{secrets}/rotate", self.rotate, methods=["POST"]),
            Route(f"{secrets}/{{secret}}/revoke", self.ask, methods=["GET"]),
            Route(f"{secrets}/{{secret}}/revoke", self.revoke, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        return await self._house.page(request, await self._page(request, await self._client(request)))

    async def to_secrets(self, request: Request) -> Response:
        client = await self._client(request)
        return self._house.go(f"/portal/c/{client.id}/secrets")

    async def rotate(self, request: Request) -> Response:
        house, client_id = self._house, request.path_params["client"]
        actor = await house.actor(request)
        form = await house.form(request, ROTATE)
        before = await self._client(request)
        grace = form.get("grace", "")
        try:
            if grace not in {seconds for seconds, _, _ in GRACES}:
                raise Refusal(422, "grace", field="grace")
            if not await spend_ticket(house, f"{ROTATE} {before.id}", form.get("ticket", "")):
                return house.go(f"/portal/c/{before.id}/secrets", done="already-done")
            made = await house.clients.rotate_secret(actor, client_id, grace=int(grace))
        except Refusal as refusal:
            if refusal.status not in (409, 422):
                raise
            page = replace(await self._page(request, before), problems=problems_of(refusal, "grace"))
            return await house.page(request, replace(page, grace=grace[:10]), status=422)
        ends = ""
        if before.secrets:
            ends = _ending(grace)
        return await made_page(house, request, before, made.client_secret, ends=ends, rotated=True)

    async def ask(self, request: Request) -> Response:
        house = self._house
        client = await self._client(request)
        row = next((row for row in _rows(client) if row.id == request.path_params["secret"]), None)
        if row is None:
            raise Refusal(404, "no_such_secret")
        role = await house.role(request, client.organization_id)
        place = Place(organization=await own_organization(house, request, client.organization_id), role=role)
        if not place.may_edit:
            raise Refusal(403, "role", role=Role.DEVELOPER.value)
        page = SecretRevokePage(
            place=place,
            client_id=client.id,
            client_name=client_name(client.description, client.id),
            csrf=await house.token(request, REVOKE),
            row=row,
            last=len(client.secrets) == 1,
        )
        return await house.page(request, page)

    async def revoke(self, request: Request) -> Response:
        house, client_id = self._house, request.path_params["client"]
        actor = await house.actor(request)
        await house.form(request, REVOKE)
        await house.clients.revoke_secret(actor, client_id, request.path_params["secret"], confirmed=True)
        return house.go(f"/portal/c/{client_id}/secrets", done="removed")

    async def _client(self, request: Request) -> ClientView:
        actor = await self._house.actor(request)
        return await self._house.clients.get(actor, request.path_params["client"])

    async def _page(self, request: Request, client: ClientView) -> SecretsPage:
        house = self._house
        return SecretsPage(
            place=await client_place(house, request, client, "client-secrets"),
            client_id=client.id,
            csrf=await house.token(request, ROTATE),
            ticket=new_ticket(house, f"{ROTATE} {client.id}"),
            rows=_rows(client),
            uses_secrets=client.uses_secrets,
            method_title=METHODS[client.auth_method][0],
        )


def _rows(client: ClientView) -> tuple[SecretRow, ...]:
    newest = client.secrets[-1].id if len(client.secrets) > 1 else None

    def row(secret: SecretInfo) -> SecretRow:
        return SecretRow(
            id=secret.id,
            hint=secret.hint,
            created_at=secret.created_at,
            last_used_at=secret.last_used_at,
            expires_at=secret.expires_at,
            newest=secret.id == newest,
        )

    return tuple(row(secret) for secret in client.secrets)


def _ending(grace: str) -> str:
    """What becomes of the secret before."""
    title = next(title for seconds, title, _ in GRACES if seconds == grace)
    if grace == "0":
        return "Every earlier secret stopped working."
    return f"The old secret goes on working for {title}; then it ends by itself."
