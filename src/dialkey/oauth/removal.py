"""The pages behind a removal link: shown by GET, answered by POST, and the way back to the product.

The link's token leaves the address at once: what follows is a ticket that only this browser can use. Looking changes
nothing, so whatever opens links ahead of a person removes nothing.
"""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.base.clock import SECOND
from dialkey.base.url import policy_source
from dialkey.consent.links import Ending, RemovalLink, RemovalLinks
from dialkey.consent.rules import Withdrawal
from dialkey.consent.views import NoRemovalPage, ProductCard, RemoveProductPage
from dialkey.directory.model import Client, Operator
from dialkey.insights import Kind
from dialkey.oauth.house import House, image_url
from dialkey.signin.model import Session
from dialkey.storage import Writer
from dialkey.subscribers.numbering import grouped
from dialkey.subscribers.store import SubscriberStore
from dialkey.web.browser import Browser
from dialkey.web.http import page_response, read_page_form, see_other
from dialkey.web.pages import Hidden

_TICKET = "removal"


class RemovalTicket(msgspec.Struct, frozen=True, array_like=True):
    """Which link a page was made for."""

    digest: str


class RemovalPages:
    """Remove product, or Cancel. A link that is unknown, used or over is answered in one way."""

    def __init__(self, house: House, links: RemovalLinks, subscribers: SubscriberStore) -> None:
        self._house = house
        self._subscribers = subscribers
        self._links = links
        self.routes = [
            Route("/revoke-consent", self.open),
            Route("/revoke-consent/decision", self.decide, methods=["POST"]),
            Route("/revoke-consent/decision", self.lost, methods=["GET"]),
            Route("/revoke-consent/{ticket}", self.show),
        ]

    async def open(self, request: Request) -> Response:
        """GET with the token: 303 to an address without it."""
        link = await self._links.find(request.query_params.get("revoke_token", ""))
        if link is None:
            return self._no_link(request)
        browser = self._house.browsers.meet(request)
        ticket = self._house.browsers.ticket(_TICKET, browser, self._house.clock.now(), RemovalTicket(link.digest))
        return see_other(f"/revoke-consent/{ticket}", browser.headers)

    async def show(self, request: Request) -> Response:
        """The page, for the browser that opened the link."""
        text = request.path_params["ticket"]
        browser, link = await self._read(request, text)
        if browser is None or link is None or link.ending is not None or link.expires_at <= self._house.clock.now():
            return self._no_link(request)
        house = self._house
        client, operator = await self._owners(link)
        if client is None or operator is None:
            return self._no_link(request)
        consent = await house.consents.find(link.subscription_id, link.product_id)
        if consent is None or consent.owner != "subscription":
            return self._cannot(request, link, client, operator, "already" if consent is None else "operator")
        session = await self._own_session(request, link)
        page = RemoveProductPage(
            operator=house.brand_of(operator),
            product=_card(client),
            number=grouped(session.phone_number) if session else "",
            action="/revoke-consent/decision",
            hidden=(Hidden(name="ticket", value=text),),
        )
        frame = house.frames(request, page.operator)
        return page_response(page, frame, form_targets=(policy_source(link.redirect_uri),))

    async def decide(self, request: Request) -> Response:
        """POST. The first answer counts; the same answer again leads to the same place."""
        form = await read_page_form(request)
        browser, link = await self._read(request, form.get("ticket", ""))
        if browser is None or link is None:
            return self._no_link(request)
        if form.get("decision") != "remove":
            return await self._cancel(request, link)
        house = self._house
        client, operator = await self._owners(link)
        if client is None or operator is None:
            return self._no_link(request)
        consent = await house.consents.find(link.subscription_id, link.product_id)
        if consent is not None and consent.owner != "subscription":
            return self._cannot(request, link, client, operator, "operator")
        session = await self._own_session(request, link)
        how = Withdrawal(
            actor=f"subscription:{link.subscription_id}",
            page="removal_link",
            locale=self._house.frames.locale(request),
            client_id=link.client_id,
            session_id=session.id if session else None,
            request_id=request.scope.get("dialkey.request_id", ""),
        )
        if await self._remove(link, client, how):
            house.note(request, client, Kind.CONSENT_REMOVED, operator_id=link.operator_id)
            return see_other(_back(link))
        if await self._ended_as(link, Ending.REMOVED):
            return see_other(_back(link))
        return self._no_link(request)

    async def lost(self, request: Request) -> Response:
        """GET of an address that is only posted to."""
        return self._no_link(request)

    async def _remove(self, link: RemovalLink, client: Client, how: Withdrawal) -> bool:
        """Spends the link, ends the consent and every grant under it, in one transaction."""
        house = self._house

        async def unit(writer: Writer) -> bool:
            if not await self._links.spend(writer, link.digest, Ending.REMOVED):
                return False
            await house.withdrawals.inside(
                writer,
                subscription_id=link.subscription_id,
                product=client.product,
                operator_id=link.operator_id,
                how=how,
            )
            return True

        removed = await house.storage.write(unit)
        house.publisher.wake()
        return removed

    async def _cancel(self, request: Request, link: RemovalLink) -> Response:
        async def unit(writer: Writer) -> bool:
            return await self._links.spend(writer, link.digest, Ending.CANCELLED)

        if await self._house.storage.write(unit) or await self._ended_as(link, Ending.CANCELLED):
            return see_other(_back(link, error="access_denied"))
        return self._no_link(request)

    async def _ended_as(self, link: RemovalLink, ending: Ending) -> bool:
        """A second click on the same button."""
        found = await self._links.find_by_digest(link.digest)
        return found is not None and found.ending is ending

    async def _read(self, request: Request, text: str) -> tuple[Browser | None, RemovalLink | None]:
        """The browser and its link; None where the page was another browser's, or is too old."""
        house = self._house
        opened = house.browsers.read_ticket(_TICKET, RemovalTicket, text)
        browser = house.browsers.find(request)
        if opened is None or browser is None or opened[0] != browser.digest:
            return None, None
        if house.clock.now() - opened[1] > house.settings.signin.ticket_lifetime * SECOND:
            return None, None
        return browser, await self._links.find_by_digest(opened[2].digest)

    async def _owners(self, link: RemovalLink) -> tuple[Client | None, Operator | None]:
        """None for both where the subscription is over: its number may be somebody else's by now."""
        subscription = await self._subscribers.find_hot(link.subscription_id)
        if subscription is None or not subscription.active:
            return None, None
        client = await self._house.directory.find_client(link.client_id)
        return client, await self._house.directory.find_operator(link.operator_id)

    async def _own_session(self, request: Request, link: RemovalLink) -> Session | None:
        """The session of this very subscriber: only then does the page name the number."""
        session = await self._house.sessions.find(request)
        return session if session is not None and session.subscription_id == link.subscription_id else None

    def _cannot(
        self, request: Request, link: RemovalLink, client: Client, operator: Operator, reason: str
    ) -> Response:
        back = _back(link) if reason == "already" else _back(link, error="access_denied")
        brand = self._house.brand_of(operator)
        page = NoRemovalPage(reason=reason, product=_card(client), operator=brand, back_url=back)
        return page_response(page, self._house.frames(request, brand), status=403 if reason == "operator" else 200)

    def _no_link(self, request: Request) -> Response:
        return page_response(NoRemovalPage(reason="link"), self._house.frames(request, here=""), status=410)


def _card(client: Client) -> ProductCard:
    product = client.product
    return ProductCard(
        name=product.name,
        subtitle=product.subtitle,
        icon_url=image_url(product.icon_id),
        accent=product.accent,
        price=product.price,
    )


def _back(link: RemovalLink, **parameters: str) -> str:
    """The product's own address with what happened and its `state`."""
    if link.state:
        parameters["state"] = link.state
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return f"{link.redirect_uri}{'&' if '?' in link.redirect_uri else '?'}{query}" if query else link.redirect_uri
