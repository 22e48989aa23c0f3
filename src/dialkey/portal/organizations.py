"""Organizations: making one, its front page, settings, its end, and joining one by invitation."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.access import Role
from dialkey.developers.content import ProductKind, ProductLine
from dialkey.developers.invitations import TOKEN_LENGTH
from dialkey.developers.organizations import OwnMembership
from dialkey.portal.account import strong_session
from dialkey.portal.house import HOME, PortalHouse
from dialkey.portal.organization_views import (
    InvitationHelloPage,
    InvitationOverPage,
    InvitationPage,
    NewOrganizationPage,
    OrganizationDeletePage,
    OrganizationPage,
    OrganizationSettingsPage,
    ProductTile,
)
from dialkey.portal.product_words import CHIPS
from dialkey.portal.products import media_url
from dialkey.portal.shell_views import Named, Place, Problems
from dialkey.web.errors import Refusal

NEW, SETTINGS, DELETE, UNDELETE, JOIN = (
    "organization.new",
    "organization.settings",
    "organization.delete",
    "organization.undelete",
    "invitation.accept",
)
INVITATIONS = "/portal/invitations"


async def own_membership(house: PortalHouse, request: Request, role: Role = Role.VIEWER) -> OwnMembership:
    """The organization that the address names, from the memberships that the navigation needs anyway. 404
    `no_such_organization`; 403 `role`."""
    organization_id = request.path_params["organization"]
    for membership in await house.memberships(request):
        if membership.organization_id == organization_id:
            if not membership.role.reaches(role):
                raise Refusal(403, "role", role=role.value)
            return membership
    raise Refusal(404, "no_such_organization")


def place_of(membership: OwnMembership, section: str) -> Place:
    """Where a page of an organization stands."""
    return Place(
        section=section,
        organization=Named(id=membership.organization_id, name=membership.organization_name),
        role=membership.role.value,
    )


def problems_of(refusal: Refusal, field: str = "") -> Problems:
    """What a form is shown again with; every other refusal is a page."""
    if refusal.status not in (409, 422, 429):
        raise refusal
    return Problems.of(refusal, field)


class OrganizationPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        new, base = "/portal/organizations/new", "/portal/o/{organization}"
        self.routes = [
            Route(new, self.new, methods=["GET"]),
            Route(new, self.create, methods=["POST"]),
            Route(INVITATIONS, self.invitation, methods=["GET"]),
            Route(INVITATIONS, self.accept, methods=["POST"]),
            Route(base, self.show, methods=["GET"]),
            Route(f"{base}/settings", self.settings, methods=["GET"]),
            Route(f"{base}/settings", self.rename, methods=["POST"]),
            Route(f"{base}/delete", self.ask_delete, methods=["GET"]),
            Route(f"{base}/delete", self.delete, methods=["POST"]),
            Route(f"{base}/undelete", self.undelete, methods=["POST"]),
        ]

    # making

    async def new(self, request: Request) -> Response:
        return await self._house.page(request, await self._new_page(request))

    async def create(self, request: Request) -> Response:
        actor = await self._house.actor(request)
        name = (await self._house.form(request, NEW)).get("name", "")
        try:
            organization_id = await self._house.organizations.create(actor, name=name)
        except Refusal as refusal:
            page = replace(await self._new_page(request), name=name[:200], problems=problems_of(refusal, "name"))
            return await self._house.page(request, page, status=422)
        return self._house.go(f"/portal/o/{organization_id}", done="organization-created")

    async def _new_page(self, request: Request) -> NewOrganizationPage:
        first = not await self._house.memberships(request)
        return NewOrganizationPage(csrf=await self._house.token(request, NEW), first=first)

    # its front

    async def show(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        membership = await own_membership(house, request)
        after = request.query_params.get("after", "")
        found = await house.products.list(actor, membership.organization_id, after=after[:64])
        base = f"/portal/o/{membership.organization_id}"
        page = OrganizationPage(
            place=place_of(membership, "org"),
            products=tuple(_tile(line) for line in found.items),
            closes_at=membership.closes_at,
            csrf=await house.token(request, UNDELETE) if membership.closes_at else "",
            first_url=base if after else None,
            next_url=f"{base}?after={found.next}" if found.next else None,
        )
        return await house.page(request, page)

    # settings

    async def settings(self, request: Request) -> Response:
        return await self._house.page(request, await self._settings_page(request))

    async def rename(self, request: Request) -> Response:
        house = self._house
        actor, name = await house.actor(request), (await house.form(request, SETTINGS)).get("name", "")
        organization_id = request.path_params["organization"]
        try:
            await house.organizations.rename(actor, organization_id, name=name)
        except Refusal as refusal:
            problems = problems_of(refusal, "name")
            page = replace(await self._settings_page(request), name=name[:200], problems=problems)
            return await house.page(request, page, status=422)
        return house.go(f"/portal/o/{organization_id}/settings", done="saved")

    async def _settings_page(self, request: Request) -> OrganizationSettingsPage:
        await self._house.actor(request)
        membership = await own_membership(self._house, request)
        purpose = UNDELETE if membership.closes_at else SETTINGS
        return OrganizationSettingsPage(
            place=place_of(membership, "org-settings"),
            csrf=await self._house.token(request, purpose),
            name=membership.organization_name,
            verified=membership.verified,
            closes_at=membership.closes_at,
        )

    # its end

    async def ask_delete(self, request: Request) -> Response:
        await own_membership(self._house, request, Role.OWNER)
        await strong_session(self._house, request)
        return await self._house.page(request, await self._delete_page(request))

    async def delete(self, request: Request) -> Response:
        house, organization_id = self._house, request.path_params["organization"]
        actor = await house.actor(request)
        await strong_session(house, request)
        form = await house.form(request, DELETE)
        try:
            await house.organizations.delete(actor, organization_id, name=form.get("name", ""))
        except Refusal as refusal:
            if refusal.code != "name_differs":
                raise
            page = replace(await self._delete_page(request), problems=Problems.at("name", "confirm_name"))
            return await house.page(request, page, status=422)
        return house.go(f"/portal/o/{organization_id}")

    async def undelete(self, request: Request) -> Response:
        house, organization_id = self._house, request.path_params["organization"]
        actor = await house.actor(request)
        await house.form(request, UNDELETE)
        await house.organizations.undelete(actor, organization_id)
        return house.go(f"/portal/o/{organization_id}", done="organization-kept")

    async def _delete_page(self, request: Request) -> OrganizationDeletePage:
        house = self._house
        membership = await own_membership(house, request, Role.OWNER)
        if membership.closes_at is not None:
            raise Refusal(409, "organization_closing")
        counts = await house.organizations.count(await house.actor(request), membership.organization_id)
        return OrganizationDeletePage(
            place=place_of(membership, ""),
            csrf=await house.token(request, DELETE),
            members=counts.members,
            products=counts.products,
            clients=counts.clients,
            keys=counts.keys,
        )

    # joining

    async def invitation(self, request: Request) -> Response:
        house, token = self._house, request.query_params.get("token", "")
        visit = await house.find_visit(request)
        found = await house.members.find_invited(None if visit is None else visit.actor, token)
        if found is None:
            return house.entry(request, InvitationOverPage(signed_in=visit is not None))
        if visit is None:
            hello = InvitationHelloPage(
                organization=found.organization_name,
                role=found.role.value,
                invited_by=found.invited_by,
                next_url=f"{INVITATIONS}?token={token}",
            )
            return house.entry(request, hello)
        page = InvitationPage(
            csrf=await house.token(request, JOIN),
            token=token,
            organization=found.organization_name,
            role=found.role.value,
            invited_by=found.invited_by,
            expires_at=found.expires_at,
            mine=found.mine,
            email=visit.session.email,
            sign_out_csrf=await house.token(request, "sign-out"),
        )
        return await house.page(request, page)

    async def accept(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        token = (await house.form(request, JOIN)).get("token", "")
        try:
            organization_id = await house.members.accept(actor, token)
        except Refusal as refusal:
            if refusal.status == 404 or len(token) != TOKEN_LENGTH:
                return house.entry(request, InvitationOverPage(signed_in=True))
            return house.go(f"{INVITATIONS}?token={token}" if token.isascii() else HOME)
        return house.go(f"/portal/o/{organization_id}", done="joined")


def _tile(line: ProductLine) -> ProductTile:
    return ProductTile(
        id=line.id,
        name=line.name,
        subtitle=line.subtitle,
        accent=line.accent,
        icon_url=media_url(line.icon_id),
        status=CHIPS[line.standing],
        clients=line.clients,
        enabled=line.enabled,
        operator_product=line.kind is ProductKind.OPERATOR,
    )
