"""The public keys of a client that signs (`private_key_jwt`): shown, and replaced by a JWK Set or PEM."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.clients import ClientPatch, ClientView
from dialkey.directory.model import AuthMethod, ClientKind
from dialkey.portal.client_forms import problems_of
from dialkey.portal.client_jwks import key_rows, may_be_private, read_keys
from dialkey.portal.client_views import KeysPage
from dialkey.portal.client_words import METHODS
from dialkey.portal.clients import client_place
from dialkey.portal.house import PortalHouse
from dialkey.web.errors import Refusal

KEYS = "client.keys"
_HIDDEN = "(what you pasted held a private key and is not shown again)"


class ClientKeyPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self.routes = [
            Route("/portal/c/{client}/keys", self.show, methods=["GET"]),
            Route("/portal/c/{client}/keys", self.change, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        return await self._house.page(request, await self._page(request))

    async def change(self, request: Request) -> Response:
        house, client_id = self._house, request.path_params["client"]
        actor = await house.actor(request)
        form = await house.form(request, KEYS)
        typed = form.get("jwks", "")
        try:
            patch = ClientPatch(auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=read_keys(typed))
            await house.clients.update(actor, client_id, patch)
        except Refusal as refusal:
            if refusal.status not in (409, 422):
                raise
            problems = problems_of(refusal, "jwks")
            shown = _HIDDEN if may_be_private(typed) else typed
            page = replace(await self._page(request), typed=shown, problems=problems)
            return await house.page(request, page, status=422)
        return house.go(f"/portal/c/{client_id}/keys", done="saved")

    async def _page(self, request: Request) -> KeysPage:
        house = self._house
        actor = await house.actor(request)
        client: ClientView = await house.clients.get(actor, request.path_params["client"])
        return KeysPage(
            place=await client_place(house, request, client, "client-keys"),
            client_id=client.id,
            csrf=await house.token(request, KEYS),
            signs=client.auth_method is AuthMethod.PRIVATE_KEY_JWT,
            can_sign=client.kind in (ClientKind.WEB, ClientKind.MACHINE),
            method_title=METHODS[client.auth_method][0],
            rows=key_rows(client.jwks),
            audience=house.settings.issuer,
        )
