"""Clients of a product: the list, a new one with its secret shown once, settings, turning off and deleting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.access import Role
from dialkey.developers.clients import ClientView, check_uri
from dialkey.developers.content import ProductKind
from dialkey.directory.model import AuthMethod, ClientKind
from dialkey.portal.client_forms import (
    draft_of,
    kind_of,
    marks_of,
    patch_of,
    problems_of,
    stored_fields,
    typed_fields,
)
from dialkey.portal.client_views import (
    KIND_CHOICES,
    METHOD_CHOICES,
    ClientEndPage,
    ClientFields,
    ClientMadePage,
    ClientPage,
    ClientRow,
    ClientsPage,
    NewClientPage,
)
from dialkey.portal.client_words import KINDS, METHODS, METHODS_OF, uri_words
from dialkey.portal.house import PortalHouse
from dialkey.portal.kept_secret import lock
from dialkey.portal.once import new_ticket, spend_ticket
from dialkey.portal.products import product_place
from dialkey.portal.shell_views import FieldProblem, Named, Place, Problems
from dialkey.web.errors import Refusal
from dialkey.web.http import json_response, read_page_form

NEW, CHANGE, END = "client.new", "client.change", "client.end"
"""Purposes of the forms' tokens."""
TRY = "client.try"
_LIST_KINDS = {"redirect": "redirect", "post_logout": "post_logout", "post_revoke": "post_revoke"}
PAGE = 50


def client_name(description: str, client_id: str) -> str:
    """What a client is called: its description, or the beginning of its id."""
    return description or f"Client {client_id[:8]}"


async def client_place(house: PortalHouse, request: Request, client: ClientView, section: str) -> Place:
    """Where a client's page stands; costs no statement beyond the navigation's."""
    organization = await own_organization(house, request, client.organization_id)
    status = "disabled" if client.status != "active" else "pending" if client.pending else "active"
    return Place(
        section=section,
        organization=organization,
        product=Named(id=client.product_id, name=client.product_name),
        client=Named(id=client.id, name=client_name(client.description, client.id), status=status),
        role=await house.role(request, client.organization_id),
    )


async def own_organization(house: PortalHouse, request: Request, organization_id: str) -> Named:
    """An organization of the reader's, from the navigation's memberships."""
    for membership in await house.memberships(request):
        if membership.organization_id == organization_id:
            return Named(id=organization_id, name=membership.organization_name)
    return Named(id=organization_id, name="Organization")


def env_values(house: PortalHouse, client: ClientView, secret: str | None) -> tuple[tuple[str, str, str, bool], ...]:
    """The lines of the `.env` file."""
    values = [("DIALKEY_CLIENT_ID", "Client ID", client.id, False)]
    if secret is not None:
        values.append(("DIALKEY_CLIENT_SECRET", "Client secret", secret, True))
    values.append(("DIALKEY_ISSUER", "Issuer", house.settings.issuer, False))
    if client.redirect_uris:
        values.append(("DIALKEY_REDIRECT_URI", "Redirect URI", client.redirect_uris[0].uri, False))
    return tuple(values)


async def made_page(
    house: PortalHouse,
    request: Request,
    client: ClientView,
    secret: str | None,
    *,
    ends: str = "",
    rotated: bool = False,
) -> Response:
    """The only answer that ever shows the secret."""
    session = await house.session(request)
    page = ClientMadePage(
        place=await client_place(house, request, client, "client-secrets" if rotated else "client-settings"),
        client_id=client.id,
        client_secret=secret,
        values=env_values(house, client, secret),
        csrf=await house.token(request, TRY),
        kept="" if secret is None else lock(house, session.id, client.id, secret),
        rotated=rotated,
        ends=ends,
        machine=client.kind is ClientKind.MACHINE,
    )
    return await house.page(request, page)


class ClientPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        clients, client = "/portal/p/{product}/clients", "/portal/c/{client}"
        self.routes = [
            Route(clients, self.show_all, methods=["GET"]),
            Route(f"{clients}/new", self.new, methods=["GET"]),
            Route(f"{clients}/new", self.create, methods=["POST"]),
            Route(f"{clients}/check-uri", self.check, methods=["GET", "POST"]),
            Route(client, self.show, methods=["GET"]),
            Route(client, self.change, methods=["POST"]),
            Route(f"{client}/off", self.ask_off, methods=["GET"]),
            Route(f"{client}/off", self.turn_off, methods=["POST"]),
            Route(f"{client}/on", self.to_client, methods=["GET"]),
            Route(f"{client}/on", self.turn_on, methods=["POST"]),
            Route(f"{client}/delete", self.ask_delete, methods=["GET"]),
            Route(f"{client}/delete", self.delete, methods=["POST"]),
        ]

    # the list

    async def show_all(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        product = await house.products.get(actor, request.path_params["product"])
        after = request.query_params.get("after", "")[:40]
        listed = await house.clients.list(actor, product.id, after=after, limit=PAGE)
        rows = tuple(
            ClientRow(
                id=line.id,
                name=client_name(line.description, line.id),
                kind=KINDS[line.kind][0],
                method=METHODS[line.auth_method][0],
                status="disabled" if line.status != "active" else "pending" if line.pending else "active",
                last_used_at=line.last_used_at,
                uses_secret=line.auth_method in (AuthMethod.BASIC, AuthMethod.POST),
                secret_expires_at=line.secret_expires_at,
            )
            for line in listed.items
        )
        page = ClientsPage(
            place=await product_place(house, request, product, "product-clients"),
            rows=rows,
            first_url=f"/portal/p/{product.id}/clients" if after else None,
            next_url=None if listed.next is None else f"/portal/p/{product.id}/clients?after={quote(listed.next)}",
        )
        return await house.page(request, page)

    # a new one

    async def new(self, request: Request) -> Response:
        return await self._house.page(request, await self._new_page(request))

    async def create(self, request: Request) -> Response:
        house, product_id = self._house, request.path_params["product"]
        actor = await house.actor(request)
        form = await house.form(request, NEW)
        fields = typed_fields(form)
        try:
            draft = draft_of(fields)
            if not await spend_ticket(house, f"{NEW} {product_id}", form.get("ticket", "")):
                return house.go(f"/portal/p/{quote(product_id, safe='')}/clients", done="already-done")
            made = await house.clients.create(actor, product_id, draft)
        except Refusal as refusal:
            if refusal.status not in (409, 422):
                raise
            page = await self._new_page(request)
            return await house.page(request, replace(page, fields=fields, problems=problems_of(refusal)), status=422)
        client = await house.clients.get(actor, made.client_id)
        return await made_page(house, request, client, made.client_secret)

    async def _new_page(self, request: Request) -> NewClientPage:
        house = self._house
        actor = await house.actor(request)
        product = await house.products.get(actor, request.path_params["product"])
        place = await product_place(house, request, product, "product-clients")
        if not place.may_edit:
            raise Refusal(403, "role", role=Role.DEVELOPER.value)
        operators = product.kind is ProductKind.OPERATOR
        return NewClientPage(
            place=place,
            csrf=await house.token(request, NEW),
            ticket=new_ticket(house, f"{NEW} {product.id}"),
            fields=ClientFields(kind="machine" if operators else "web"),
            kinds=KIND_CHOICES,
            check_url=_check_url(product.id, "web"),
            waits=product.approved,
        )

    async def check(self, request: Request) -> Response:
        """What would be said of an address: `{"problem": "words, or empty"}`. Of the client's kind, and of nobody's data."""
        house = self._house
        given: Mapping[str, str] = request.query_params
        if request.method == "POST":
            given = await read_page_form(request)
        actor = await house.actor(request)
        await house.access.product(actor, request.path_params["product"], Role.VIEWER)
        kind = kind_of(given.get("kind", "")) or ClientKind.WEB
        uri_kind: Any = _LIST_KINDS.get(given.get("list", ""), "redirect")
        fault = check_uri(uri_kind, given.get("value", "").strip(), client_kind=kind)
        return json_response({"problem": "" if fault is None else uri_words(fault)})

    # one client

    async def show(self, request: Request) -> Response:
        client = await self._client(request)
        return await self._house.page(request, await self._page(request, client, stored_fields(client)))

    async def change(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        form = await house.form(request, CHANGE)
        fields = typed_fields(form)
        client_id = request.path_params["client"]
        try:
            patch = patch_of(form, fields)
            after = await house.clients.update(actor, client_id, patch)
        except Refusal as refusal:
            if refusal.status not in (409, 422):
                raise
            client = await self._client(request)
            problems = problems_of(refusal)
            if refusal.code in ("jwks_missing", "jwks"):
                text = "Put the public key on the Keys tab; saving it there makes the client sign."
                problems = Problems((FieldProblem(field="auth_method", text=text),))
            page = await self._page(request, client, fields)
            page = replace(page, seen=form.get("seen", "")[:400], problems=problems)
            return await house.page(request, page, status=422)
        if patch.auth_method is not UNSET and after.uses_secrets and not after.secrets:
            return house.go(f"/portal/c/{after.id}/secrets", done="saved")
        return house.go(f"/portal/c/{after.id}", done="saved")

    async def _client(self, request: Request) -> ClientView:
        actor = await self._house.actor(request)
        return await self._house.clients.get(actor, request.path_params["client"])

    async def _page(self, request: Request, client: ClientView, fields: ClientFields) -> ClientPage:
        house = self._house
        title, text = KINDS[client.kind]
        uris = (*client.redirect_uris, *client.post_logout_redirect_uris, *client.post_revoke_redirect_uris)
        offered = [
            method
            for method in METHODS_OF[client.kind]
            if method is not AuthMethod.PRIVATE_KEY_JWT or client.auth_method is method
        ]
        return ClientPage(
            place=await client_place(house, request, client, "client-settings"),
            csrf=await house.token(request, CHANGE),
            seen=marks_of(stored_fields(client)),
            client_id=client.id,
            kind=client.kind.value,
            kind_title=title,
            kind_text=text,
            method_title=METHODS[client.auth_method][0],
            fields=fields,
            pending=tuple(dict.fromkeys(uri.uri for uri in uris if uri.pending)),
            waits=client.pending,
            disabled=client.status != "active",
            methods=tuple(choice for choice in METHOD_CHOICES if choice[0] in offered),
            must_use_pkce=client.auth_method is AuthMethod.NONE or client.kind is ClientKind.NATIVE,
            check_url=_check_url(client.product_id, client.kind.value),
            created_at=client.created_at,
            updated_at=client.updated_at,
            issuer=house.settings.issuer,
        )

    # the end

    async def ask_off(self, request: Request) -> Response:
        return await self._house.page(request, await self._end_page(request, deletes=False))

    async def turn_off(self, request: Request) -> Response:
        return await self._switch(request, END, enabled=False)

    async def turn_on(self, request: Request) -> Response:
        return await self._switch(request, CHANGE, enabled=True)

    async def to_client(self, request: Request) -> Response:
        client = await self._client(request)
        return self._house.go(f"/portal/c/{client.id}")

    async def _switch(self, request: Request, purpose: str, *, enabled: bool) -> Response:
        house, client_id = self._house, request.path_params["client"]
        actor = await house.actor(request)
        await house.form(request, purpose)
        await house.clients.set_enabled(actor, client_id, enabled=enabled)
        return house.go(f"/portal/c/{client_id}", done="saved")

    async def ask_delete(self, request: Request) -> Response:
        return await self._house.page(request, await self._end_page(request, deletes=True))

    async def delete(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        form = await house.form(request, END)
        client = await self._client(request)
        if form.get("name", "").strip() != client_name(client.description, client.id):
            page = await self._end_page(request, deletes=True)
            return await house.page(request, replace(page, problems=Problems.at("name", "confirm_name")), status=422)
        await house.clients.delete(actor, client.id)
        return house.go(f"/portal/p/{client.product_id}/clients", done="deleted")

    async def _end_page(self, request: Request, *, deletes: bool) -> ClientEndPage:
        house = self._house
        client = await self._client(request)
        role = await house.role(request, client.organization_id)
        place = Place(organization=await own_organization(house, request, client.organization_id), role=role)
        if not place.may_edit:
            raise Refusal(403, "role", role=Role.DEVELOPER.value)
        return ClientEndPage(
            place=place,
            client_id=client.id,
            client_name=client_name(client.description, client.id),
            product_name=client.product_name,
            csrf=await house.token(request, END),
            deletes=deletes,
        )


def _check_url(product_id: str, kind: str) -> str:
    return f"/portal/p/{product_id}/clients/check-uri?{urlencode({'kind': kind})}"
