"""Making and deleting a product, and what all its pages share."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.access import Role
from dialkey.developers.content import ProductKind, ProductView, VersionState
from dialkey.developers.content import Standing as ProductStanding
from dialkey.portal.house import PortalHouse
from dialkey.portal.product_views import DeleteProductPage, NewProductPage, Standing
from dialkey.portal.product_words import CHIPS
from dialkey.portal.shell_views import Named, Place, Problems
from dialkey.web.errors import Refusal


def media_url(image_id: str | None) -> str | None:
    return None if image_id is None else f"/media/{image_id}"


async def product_place(house: PortalHouse, request: Request, product: ProductView, section: str) -> Place:
    """Where a product's page stands; costs no statement beyond the navigation's."""
    return Place(
        section=section,
        organization=Named(id=product.organization_id, name=product.organization_name),
        product=Named(
            id=product.id,
            name=product.live.name,
            status=CHIPS[product.standing],
            accent=product.live.accent,
            icon_url=media_url(product.live.icon_id),
        ),
        role=await house.role(request, product.organization_id),
    )


def live_number(product: ProductView) -> int:
    """The number of the live version, where it is the one decided last; else 0."""
    if product.approved and product.last is not None and product.last.state is VersionState.APPROVED:
        return product.last.number
    return 0


def next_number(product: ProductView) -> int:
    """The number of the version that is edited, or that an edit would begin."""
    if product.open is not None:
        return product.open.number
    return product.last.number + 1 if product.last is not None else 1


def standing(product: ProductView) -> Standing:
    """Which version is edited, and which is live."""
    editing, live = next_number(product), live_number(product)
    comment = ""
    if product.last is not None and product.last.state in (VersionState.RETURNED, VersionState.REFUSED):
        comment = product.last.comment
    if product.standing is ProductStanding.SUSPENDED:
        return Standing(kind="suspended", locked=product.locked)
    if product.locked:
        return Standing(kind="review", editing=editing, live=live, locked=True)
    if comment:
        state = "refused" if product.last and product.last.state is VersionState.REFUSED else "returned"
        return Standing(kind=state, editing=editing, live=live, comment=comment)
    if not product.approved:
        return Standing()
    return Standing(kind="live" if product.open is None else "draft_of_live", editing=editing, live=live)


class ProductPages:
    """New, delete, and the bare address of a product."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self.routes = [
            Route("/portal/o/{organization}/products/new", self.new, methods=["GET"]),
            Route("/portal/o/{organization}/products/new", self.create, methods=["POST"]),
            Route("/portal/p/{product}", self.bare, methods=["GET"]),
            Route("/portal/p/{product}/delete", self.ask_delete, methods=["GET"]),
            Route("/portal/p/{product}/delete", self.delete, methods=["POST"]),
        ]

    async def bare(self, request: Request) -> Response:
        await self._house.actor(request)
        return self._house.go(f"/portal/p/{request.path_params['product']}/general")

    async def new(self, request: Request) -> Response:
        return await self._house.page(request, await self._new_page(request))

    async def create(self, request: Request) -> Response:
        house, organization_id = self._house, request.path_params["organization"]
        actor = await house.actor(request)
        form = await house.form(request, "product.new")
        name = form.get("name", "").strip()
        kind = ProductKind.OPERATOR if form.get("kind") == "operator" else ProductKind.SUBSCRIBER
        try:
            product_id = await house.products.create(actor, organization_id, name=name, kind=kind)
        except Refusal as refusal:
            if refusal.status not in (409, 422):
                raise
            page = await self._new_page(request)
            page = replace(page, name=name, kind=kind.value, problems=Problems.of(refusal))
            return await house.page(request, page, status=422)
        return house.go(f"/portal/p/{product_id}/general", done="product-created")

    async def _new_page(self, request: Request) -> NewProductPage:
        house = self._house
        membership = await house.access.organization(
            await house.actor(request), request.path_params["organization"], Role.DEVELOPER, grant="products:write"
        )
        place = Place(
            section="org",
            organization=Named(id=membership.organization_id, name=membership.organization_name),
            role=membership.role.value,
        )
        return NewProductPage(place=place, csrf=await house.token(request, "product.new"))

    async def ask_delete(self, request: Request) -> Response:
        return await self._house.page(request, await self._delete_page(request))

    async def delete(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        page = await self._delete_page(request)
        form = await house.form(request, "product.delete")
        assert page.place.product is not None and page.place.organization is not None
        if form.get("name", "").strip() != page.place.product.name:
            page = replace(page, problems=Problems.at("name", "confirm_name"))
            return await house.page(request, page, status=422)
        await house.products.delete(actor, page.place.product.id, confirmed=True)
        return house.go(f"/portal/o/{page.place.organization.id}", done="deleted")

    async def _delete_page(self, request: Request) -> DeleteProductPage:
        house = self._house
        actor = await house.actor(request)
        product = await house.products.get(actor, request.path_params["product"])
        place = await product_place(house, request, product, "product-delete")
        if not place.may_own:
            raise Refusal(403, "role")
        house.accounts.require_strong(await house.session(request))
        return DeleteProductPage(
            place=place,
            csrf=await house.token(request, "product.delete"),
            clients=product.counts.clients,
            enabled=product.counts.enabled,
            has_subscribers=product.counts.has_subscribers,
        )
