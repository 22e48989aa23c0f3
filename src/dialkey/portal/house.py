"""The portal's house: what its pages share. Who asks, the page around a page, and forms that only our pages can send.

A page module is `class XPages: def __init__(self, house: PortalHouse)` with `routes: list[Route]`. In a handler:

    actor = await house.actor(request)                 # or 303 to the sign-in page
    product = await house.products.get(actor, id)      # Refusal: 404 no_such_product, 403 role
    return await house.page(request, GeneralPage(place=…, csrf=await house.token(request, "product.general"), …))

    form = await house.form(request, "product.general")    # same origin, this session's own token; `csrf` is taken out
    try: await house.products.change(actor, …)
    except Refusal as refusal:                          # 422: show the form again, with what was typed
        if refusal.status != 422: raise
        return await house.page(request, replace(page, problems=Problems.of(refusal)), status=422)
    return house.go("/portal/p/…/general", done="saved")    # 303; the layout says the note

At most two statements are spent on who asks and on the navigation, whatever the page does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dialkey.base.clock import HOUR, Clock
from dialkey.base.entropy import Entropy
from dialkey.base.signed import seal, unseal
from dialkey.developers.access import Actor
from dialkey.jobs import Worker
from dialkey.portal import words
from dialkey.portal.shell_views import Navigation, NavOrganization, PortalFrame
from dialkey.settings import Settings
from dialkey.storage import Storage
from dialkey.storage.keyring import Keyring
from dialkey.web.browser import Browser, Browsers
from dialkey.web.calling import Answer, Call
from dialkey.web.errors import Refusal
from dialkey.web.framing import Frames
from dialkey.web.http import Addresses, page_response, read_page_form, see_other
from dialkey.web.pages import Page
from dialkey.web.uploads import MultipartForm, read_upload_form

if TYPE_CHECKING:
    from dialkey.accounts.model import AccountSession
    from dialkey.accounts.rules import Accounts
    from dialkey.developers.access import Access
    from dialkey.developers.clients import Clients
    from dialkey.developers.deliveries import Deliveries
    from dialkey.developers.keys import ApiKeys
    from dialkey.developers.members import Members
    from dialkey.developers.notices import Notices
    from dialkey.developers.organizations import Organizations, OwnMembership
    from dialkey.developers.overview import Overview
    from dialkey.developers.products import Products
    from dialkey.developers.sandbox import Sandbox
    from dialkey.developers.trail import Trail
    from dialkey.developers.versions import Versions
    from dialkey.developers.webhooks import Webhooks
    from dialkey.directory.rules import Directory
    from dialkey.directory.store import ClientDirectory
    from dialkey.insights.reading import Analytics, EventLog
    from dialkey.sms.routes import HandsetRoutes

SIGN_IN = "/portal/sign-in"
HOME = "/portal"
FORM_LIFETIME = 12 * HOUR
"""A form left open longer is shown again."""
_encode = msgspec.msgpack.Encoder().encode
_token = msgspec.msgpack.Decoder(tuple[str, str, int])
_MEMO = "dialkey.portal.visit"


class Elsewhere(Exception):
    """The answer is a redirect; `PortalRoutes` makes it."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


@dataclass(slots=True)
class Visit:
    """Who is signed in on this request; looked up once."""

    session: AccountSession
    actor: Actor
    memberships: list[OwnMembership] | None = None


@dataclass(kw_only=True)
class PortalHouse:
    """Services by name. Those whose room is not part of this installation are None."""

    settings: Settings
    storage: Storage
    keyring: Keyring
    clock: Clock
    entropy: Entropy
    frames: Frames
    browsers: Browsers
    addresses: Addresses
    client_directory: ClientDirectory
    """What the protocol reads (with its cache)."""
    directory: Directory
    """The trusted rules, with `actor: str`."""
    worker: Worker
    accounts: Accounts
    mail: Any
    access: Access
    organizations: Organizations
    members: Members
    notices: Notices
    keys: ApiKeys
    trail: Trail
    webhooks: Webhooks
    deliveries: Deliveries
    products: Products
    versions: Versions
    overview: Overview
    clients: Clients
    sandbox: Sandbox
    handsets: HandsetRoutes
    """Streams what arrives at a test number."""
    call: Callable[[Call, str], Awaitable[Answer]]
    """Makes a request of Try it to the protocol's endpoints, within this process, for a caller's address."""
    event_log: EventLog
    analytics: Analytics

    # who asks

    async def find_visit(self, request: Request) -> Visit | None:
        """Who is signed in, or None; one statement per request."""
        if _MEMO in request.scope:
            return request.scope[_MEMO]
        session = await self.accounts.session_of(request)
        visit = None
        if session is not None:
            visit = Visit(session, Actor.account(session.account_id))
        request.scope[_MEMO] = visit
        return visit

    async def visit(self, request: Request) -> Visit:
        """The same; who is not signed in goes to the sign-in page and comes back."""
        visit = await self.find_visit(request)
        if visit is None:
            raise Elsewhere(self.sign_in_url(request))
        return visit

    async def session(self, request: Request) -> AccountSession:
        """The account's session."""
        return (await self.visit(request)).session

    async def actor(self, request: Request) -> Actor:
        """In whose name the request asks."""
        return (await self.visit(request)).actor

    async def memberships(self, request: Request) -> list[OwnMembership]:
        """The organizations of who asks; one statement per request."""
        visit = await self.visit(request)
        if visit.memberships is None:
            visit.memberships = list(await self.organizations.list_memberships(visit.actor))
        return visit.memberships

    async def role(self, request: Request, organization_id: str) -> str:
        """The reader's role there, from the memberships that the navigation needs anyway; `viewer` where unknown. For what
        a page offers; what is allowed is for the rules to say."""
        for membership in await self.memberships(request):
            if membership.organization_id == organization_id:
                return membership.role.value
        return "viewer"

    @staticmethod
    def sign_in_url(request: Request) -> str:
        """A GET is come back to; a POST is not."""
        if request.method not in ("GET", "HEAD"):
            return SIGN_IN
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return SIGN_IN if here == HOME or len(here) > 1000 else f"{SIGN_IN}?next={quote(here, safe='/')}"

    @staticmethod
    def safe_next(target: str | None) -> str:
        """Where to go after signing in: one of our own pages, whatever the query says."""
        if target and target.isascii() and target.isprintable() and "\\" not in target and len(target) <= 1000:
            path = target.partition("?")[0]
            if path == HOME or (path.startswith(f"{HOME}/") and "//" not in path and "/." not in path):
                return target
        return HOME

    # answers

    async def page(
        self, request: Request, page: Page, *, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """A page within the portal's navigation. Template: extends `portal/layout.html`."""
        visit = await self.find_visit(request)
        nav = None
        if visit is not None:
            nav = Navigation(
                account_name=visit.session.name,
                account_email=visit.session.email,
                organizations=tuple(
                    NavOrganization(id=m.organization_id, name=m.organization_name, role=m.role.value, unread=m.unread)
                    for m in await self.memberships(request)
                ),
                mailbox=self.has_mailbox,
                token=self.session_token(visit.session.id, "sign-out"),
            )
        note = words.note(request.query_params.get("done")) if status in (None, 200) else ""
        frame = PortalFrame(locale="en", request_id=_request_id(request), nav=nav, note=note)
        return page_response(page, frame, status=status, headers=headers)

    def entry(
        self, request: Request, page: Page, *, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """A page for who is not signed in (yet). Template: extends `portal/entry.html`. No statement."""
        note = words.note(request.query_params.get("done")) if status in (None, 200) else ""
        frame = PortalFrame(locale="en", request_id=_request_id(request), note=note)
        return page_response(page, frame, status=status, headers=headers)

    @staticmethod
    def go(location: str, *, done: str | None = None, headers: Mapping[str, str] | None = None) -> Response:
        """303; `done` is a code of `words.NOTES` that the next page says."""
        if done is not None:
            location += ("&" if "?" in location else "?") + urlencode({"done": done})
        return see_other(location, headers)

    @property
    def has_mailbox(self) -> bool:
        return self.settings.mail_route == "mailbox"

    # forms

    async def token(self, request: Request, purpose: str) -> str:
        """The value of a form's `csrf` field: of this session, for one purpose (`product.general`)."""
        return self.session_token((await self.session(request)).id, purpose)

    def session_token(self, session_id: str, purpose: str) -> str:
        return seal(self.keyring["page"], b"portal-form", _encode((session_id, purpose, self.clock.now())))

    async def form(self, request: Request, purpose: str) -> dict[str, str]:
        """The fields of a POST of our own page in this session, without `csrf`. A field without a value is absent. Refusal
        403 `cross_site` or `form_expired`."""
        session = await self.session(request)
        form = await read_page_form(request)
        self.check_token(session.id, purpose, form.pop("csrf", ""))
        return form

    async def upload_form(self, request: Request, purpose: str) -> MultipartForm:
        """The same for a form with files (`enctype="multipart/form-data"`)."""
        session = await self.session(request)
        form = await read_upload_form(request)
        self.check_token(session.id, purpose, form.fields.pop("csrf", ""))
        return form

    def check_token(self, session_id: str, purpose: str, text: str) -> None:
        """Refusal 403 `form_expired` unless `text` is this holder's own token for this purpose, and young enough."""
        payload = unseal(self.keyring["page"], b"portal-form", text) if len(text) < 1000 else None
        if payload is not None:
            holder, meant, made_at = _token.decode(payload)
            if (holder, meant) == (session_id, purpose) and self.clock.now() - made_at <= FORM_LIFETIME:
                return
        raise Refusal(403, "form_expired")

    # the same for who is not signed in: bound to the browser

    def browser_token(self, browser: Browser, purpose: str) -> str:
        """For `portal/entry.html` forms: `browser = house.browsers.meet(request)`, and answer with `browser.headers`."""
        return self.session_token(f"browser:{browser.digest}", purpose)

    async def browser_form(self, request: Request, purpose: str) -> dict[str, str]:
        """The fields of a signed-out page's POST, from the browser that the page was made for."""
        form = await read_page_form(request)
        browser = self.browsers.find(request)
        if browser is None:
            raise Refusal(403, "form_expired")
        self.check_token(f"browser:{browser.digest}", purpose, form.pop("csrf", ""))
        return form


def _request_id(request: Request) -> str:
    return request.scope.get("dialkey.request_id", "")
