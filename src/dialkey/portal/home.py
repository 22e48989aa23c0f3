"""The start page: a checklist that fills itself, then the organizations with their products."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.developers.content import ProductKind, Standing
from dialkey.developers.organizations import OwnMembership
from dialkey.developers.overview import OwnProduct
from dialkey.portal.home_views import HomeOrganization, HomePage, HomeProduct, HomeStep
from dialkey.portal.house import PortalHouse
from dialkey.portal.product_words import CHIPS
from dialkey.portal.products import media_url

_LIVE = (Standing.LIVE, Standing.LIVE_DRAFT, Standing.LIVE_IN_REVIEW)


class HomePages:
    """`/portal`; who is not signed in goes to the sign-in page."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self.routes = [Route("/portal", self.show, methods=["GET"])]

    async def show(self, request: Request) -> Response:
        house = self._house
        visit = await house.visit(request)
        memberships = await house.memberships(request)
        products = await house.overview.list_products(visit.actor) if memberships else []
        steps, about = _steps(memberships, products)
        page = HomePage(
            name=visit.session.name.partition(" ")[0],
            steps=steps,
            done=sum(step.state == "done" for step in steps),
            about=about,
            organizations=tuple(_organization(one, products) for one in memberships),
        )
        return await house.page(request, page)


def _steps(memberships: Sequence[OwnMembership], products: Sequence[OwnProduct]) -> tuple[tuple[HomeStep, ...], str]:
    """The steps of the product that is furthest from done among those that were touched last, and its name; nothing where
    a product is live, or where the person only looks on."""
    writable = {m.organization_id for m in memberships if m.role.value != "viewer" and m.closes_at is None}
    if memberships and not writable:
        return (), ""
    own = [product for product in products if product.organization_id in writable]
    if any(product.standing in _LIVE for product in own):
        return (), ""
    product = own[0] if own else None
    organization = next((m.organization_id for m in memberships if m.organization_id in writable), None)
    base = f"/portal/p/{product.id}" if product else ""
    client = f"/portal/c/{product.first_client_id}/try" if product and product.first_client_id else ""
    facts = (
        ("Create your organization", "The company that offers products. It takes a name.", organization is not None,
         "/portal/organizations/new", "Create"),
        ("Create a product", "What subscribers add to their number. It takes a name.", product is not None,
         f"/portal/o/{organization}/products/new", "Create"),
        ("Choose its scopes", "What the product may ask for, such as the phone number.",
         bool(product and product.scopes), f"{base}/scopes", "Choose"),
        ("Create a client", "An id and a secret for your server or app.", bool(product and product.clients),
         f"{base}/clients", "Create"),
        ("Try it", "Log in with a test number, and see every request and answer.", bool(product and product.tried),
         client or f"{base}/clients", "Try it"),
        ("Submit it for review", "Operators see it, and their subscribers can add it, once it is approved.",
         bool(product and product.submitted), f"{base}/submit", "Submit"),
    )  # fmt: skip
    steps: list[HomeStep] = []
    waiting = True
    for title, text, done, href, action in facts:
        state = "done" if done else "now" if waiting else "later"
        waiting = waiting and done
        shown = state == "now" or (state == "later" and product is not None)
        steps.append(
            HomeStep(title=title, text=text, state=state, href=href if shown else "", action=action if shown else "")
        )
    return tuple(steps), product.name if product else ""


def _organization(membership: OwnMembership, products: Sequence[OwnProduct]) -> HomeOrganization:
    return HomeOrganization(
        id=membership.organization_id,
        name=membership.organization_name,
        role=membership.role.value,
        closing=membership.closes_at is not None,
        products=tuple(_product(p) for p in products if p.organization_id == membership.organization_id),
    )


def _product(product: OwnProduct) -> HomeProduct:
    return HomeProduct(
        id=product.id,
        name=product.name,
        subtitle=product.subtitle,
        accent=product.accent,
        icon_url=media_url(product.icon_id),
        status=CHIPS[product.standing],
        clients=product.clients,
        enabled=product.enabled,
        operator_product=product.kind is ProductKind.OPERATOR,
    )
