"""The Listing tab: which operators may enable the product, and which have."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.content import Availability, OperatorOffer
from dialkey.portal.house import PortalHouse
from dialkey.portal.product_views import ListingPage, OfferRow, WithdrawOfferPage
from dialkey.portal.product_words import country_name
from dialkey.portal.products import media_url, product_place, standing
from dialkey.portal.shell_views import Problems
from dialkey.web.errors import Refusal

PAGE = 50
_PURPOSE = "product.listing"


class ListingPages:
    """Offers take effect at once: an operator decides for itself."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        base = "/portal/p/{product}/listing"
        self.routes = [
            Route(base, self.show, methods=["GET"]),
            Route(f"{base}/availability", self.set_availability, methods=["POST"]),
            Route(f"{base}/{{operator}}/offer", self.offer, methods=["POST"]),
            Route(f"{base}/{{operator}}/withdraw", self.ask_withdraw, methods=["GET"]),
            Route(f"{base}/{{operator}}/withdraw", self.withdraw, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        return await self._house.page(request, await self._page(request))

    async def set_availability(self, request: Request) -> Response:
        house, product_id = self._house, request.path_params["product"]
        actor = await house.actor(request)
        form = await house.form(request, _PURPOSE)
        try:
            wanted = Availability(form.get("availability", ""))
        except ValueError:
            page = replace(await self._page(request), problems=Problems.at("availability", "required"))
            return await house.page(request, page, status=422)
        await house.products.set_availability(actor, product_id, wanted)
        return self._back(request, done="saved")

    async def offer(self, request: Request) -> Response:
        house = self._house
        actor = await house.actor(request)
        await house.form(request, _PURPOSE)
        await house.products.offer(actor, request.path_params["product"], [request.path_params["operator"]])
        return self._back(request, done="offered")

    async def withdraw(self, request: Request) -> Response:
        """At once, unless the operator has enabled it: then a page asks first."""
        house, product_id = self._house, request.path_params["product"]
        operator_id = request.path_params["operator"]
        actor = await house.actor(request)
        form = await house.form(request, _PURPOSE)
        confirmed = form.get("confirmed") == "yes"
        try:
            await house.products.withdraw_offer(actor, product_id, operator_id, confirmed=confirmed)
        except Refusal as refusal:
            if refusal.code == "enabled_there":
                return house.go(f"/portal/p/{product_id}/listing/{operator_id}/withdraw")
            if refusal.code in ("not_listed", "full_availability"):
                return self._back(request, done="already-done")
            raise
        return self._back(request, done="taken-back")

    async def ask_withdraw(self, request: Request) -> Response:
        house, operator_id = self._house, request.path_params["operator"]
        actor = await house.actor(request)
        product = await house.products.get(actor, request.path_params["product"])
        operator = await house.client_directory.find_operator(operator_id)
        if operator is None:
            raise Refusal(404, "no_such_operator")
        page = WithdrawOfferPage(
            place=await product_place(house, request, product, "product-listing"),
            csrf=await house.token(request, _PURPOSE),
            operator_id=operator.id,
            operator=operator.name,
        )
        return await house.page(request, page)

    def _back(self, request: Request, done: str) -> Response:
        return self._house.go(f"/portal/p/{request.path_params['product']}/listing", done=done)

    async def _page(self, request: Request) -> ListingPage:
        house, query = self._house, request.query_params
        actor = await house.actor(request)
        product = await house.products.get(actor, request.path_params["product"])
        q, offered_only = query.get("q", "").strip()[:80], query.get("show") == "offered"
        found = await house.products.operators(
            actor, product.id, search=q, offered_only=offered_only, after=query.get("after", "")[:80], limit=PAGE
        )
        base = f"/portal/p/{product.id}/listing"
        kept = {"q": q} if q else {}
        if offered_only:
            kept["show"] = "offered"
        return ListingPage(
            place=await product_place(house, request, product, "product-listing"),
            csrf=await house.token(request, _PURPOSE),
            availability=product.availability.value,
            rows=tuple(_row(offer) for offer in found.items),
            listed=product.counts.listed,
            enabled=product.counts.enabled,
            q=q,
            offered_only=offered_only,
            next=f"{base}?{urlencode({**kept, 'after': found.next})}" if found.next else None,
            first=f"{base}?{urlencode(kept)}" if query.get("after") else None,
            approved=product.approved,
            standing=standing(product),
        )


def _row(offer: OperatorOffer) -> OfferRow:
    return OfferRow(
        operator_id=offer.operator_id,
        name=offer.name,
        country=country_name(offer.country),
        accent=offer.accent,
        icon_url=media_url(offer.icon_id),
        offered_at=offer.listed_at,
        enabled_at=offer.enabled_at,
    )
