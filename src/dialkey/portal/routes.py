"""All pages of the portal: one line per page module.

Around every handler stand the answers that are the portal's own: the way to the sign-in page, the way to prove once more
who one is, and a refusal as a page within the navigation. Refusals of programs, and faults, are for the gate.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.portal import words
from dialkey.portal.account import CONFIRM, AccountPages
from dialkey.portal.analytics import AnalyticsPages
from dialkey.portal.client_keys import ClientKeyPages
from dialkey.portal.client_secrets import ClientSecretPages
from dialkey.portal.clients import ClientPages
from dialkey.portal.entry import EntryPages
from dialkey.portal.events import EventPages
from dialkey.portal.home import HomePages
from dialkey.portal.house import Elsewhere, PortalHouse
from dialkey.portal.keys import KeyPages
from dialkey.portal.mailbox import MailboxPages
from dialkey.portal.members import MemberPages
from dialkey.portal.organizations import OrganizationPages
from dialkey.portal.product_general import GeneralPages
from dialkey.portal.product_listing import ListingPages
from dialkey.portal.product_scopes import ScopesPages
from dialkey.portal.product_submit import SubmitPages
from dialkey.portal.products import ProductPages
from dialkey.portal.sandbox import SandboxPages
from dialkey.portal.security import SecurityPages
from dialkey.portal.shell_views import PortalRefusalPage
from dialkey.portal.trail import TrailPages
from dialkey.portal.try_it import TryItPages
from dialkey.portal.webhooks import WebhookPages
from dialkey.web.errors import Refusal
from dialkey.web.http import see_other, wants_html

Handler = Callable[[Request], Awaitable[Response]]


_PAGES = (
    HomePages,
    MailboxPages,
    SecurityPages,
    AccountPages,
    EntryPages,
    OrganizationPages,
    MemberPages,
    KeyPages,
    TrailPages,
    WebhookPages,
    ProductPages,
    GeneralPages,
    ListingPages,
    ScopesPages,
    SubmitPages,
    ClientPages,
    ClientSecretPages,
    ClientKeyPages,
    TryItPages,
    SandboxPages,
    EventPages,
    AnalyticsPages,
)
"""Every page module, a line each."""


class PortalRoutes:
    """The portal's routes, in the order in which they are tried."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self.routes = [
            Route(route.path, self._answering(route.endpoint), methods=list(route.methods or ()))
            for pages in _PAGES
            for route in pages(house).routes
        ]

    def _answering(self, handler: Handler) -> Handler:
        house = self._house

        @wraps(handler)
        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except Elsewhere as elsewhere:
                return see_other(elsewhere.location)
            except Refusal as refusal:
                if refusal.code == "reauthenticate":
                    return see_other(f"{CONFIRM}?next={quote(request.url.path)}")
                said = words.refusal(refusal.status, refusal.code)
                if said is None or not wants_html(request):
                    raise
                headline, text = said
                page = PortalRefusalPage(headline=headline, text=text, request_id=request.scope["dialkey.request_id"])
                return await house.page(request, page, status=refusal.status)

        return answer
