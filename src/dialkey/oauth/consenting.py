"""The consent page in the path of an authorization: shown, answered, remembered, and the authorization fulfilled, in one
transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from dialkey.base.clock import SECOND
from dialkey.base.scopes import ScopeSet
from dialkey.base.url import host_of, policy_source
from dialkey.consent.model import Asking, granted
from dialkey.consent.rules import Answer, lines
from dialkey.consent.views import AddProductPage, NotAvailablePage, ProductCard
from dialkey.directory.model import Client
from dialkey.insights import Kind
from dialkey.oauth.callback import CallbackDestination
from dialkey.oauth.errors import AccessDenied
from dialkey.oauth.fulfilment import Fulfilment
from dialkey.oauth.house import House, image_url
from dialkey.oauth.model import Pending, ShownConsent
from dialkey.oauth.requests import RequestReader, Unanswerable
from dialkey.signin.model import Session
from dialkey.signin.views import LeaveForm, StoppedPage, in_test_mode
from dialkey.storage import Writer
from dialkey.subscribers.numbering import grouped
from dialkey.web.browser import Browser
from dialkey.web.http import page_response, read_page_form, see_other
from dialkey.web.pages import Hidden, Problem

_SHOWN = "consent"
PENDING = "authorization"


class ConsentPages:
    """Asks, and takes the answer. `go` sends the browser to the client; `stay` answers what cannot be sent there."""

    def __init__(
        self,
        house: House,
        fulfilment: Fulfilment,
        go: Callable[..., Response],
        stay: Callable[..., Response],
    ) -> None:
        self._house = house
        self._fulfilment = fulfilment
        self._go = go
        self._stay = stay
        self._reader = RequestReader(house)

    async def ask(
        self,
        request: Request,
        pending: Pending,
        client: Client,
        session: Session,
        question: Asking,
        browser: Browser,
        *,
        ticked: ScopeSet | None = None,
        problem: Problem | None = None,
    ) -> Response:
        """The page, with a ticket that says what stands on it."""
        house = self._house
        operator = await house.operator_of(session)
        locale = house.frames.locale(request, pending.request.ui_locales)
        shown = ShownConsent(
            pending=pending,
            session_id=session.id,
            required=str(question.required),
            optional=str(question.optional),
            kept=str(question.kept),
            unseen=str(question.unseen),
            already_added=question.already_added,
            terms_changed=question.terms_changed,
            terms_version=client.product.terms_version,
            locale=locale,
        )
        product = client.product
        page = AddProductPage(
            operator=house.brand_of(operator),
            product=self._card(client, pending),
            number=grouped(session.phone_number),
            action="/oauth2/auth/consent",
            hidden=(
                Hidden(name="ticket", value=house.browsers.ticket(_SHOWN, browser, house.clock.now(), shown)),
            ),
            required=lines(locale, question.required),
            optional=lines(locale, question.optional, granted=ticked),
            kept=lines(locale, question.kept),
            terms_url=product.terms_url,
            privacy_url=product.privacy_url,
            terms_changed=question.terms_changed,
            unverified=not product.verified,
            already_added=question.already_added,
            problem=problem,
        )
        frame = house.frames(request, page.operator, locale=locale, here=pending.request.again_url)
        return page_response(
            page,
            in_test_mode(frame, product.name, session.organization_id, session.phone_number),
            status=422 if problem else 200,
            headers=browser.headers,
            form_targets=(policy_source(pending.request.redirect_uri),),
        )

    async def decide(self, request: Request) -> Response:
        """POST: Add product, or Cancel."""
        form = await read_page_form(request)
        house = self._house
        opened = house.browsers.read_ticket(_SHOWN, ShownConsent, form.get("ticket", ""))
        if opened is None:
            return self.stopped(request, "gone", None)
        digest, made_at, shown = opened
        pending = shown.pending
        browser = house.browsers.find(request)
        if browser is None or browser.digest != digest:
            return self.stopped(request, "elsewhere", pending)
        try:
            client, destination = await self._reader.again(pending.request)
        except Unanswerable as stop:
            return self._stay(request, stop.error, stop.reason)
        if form.get("decision") == "cancel":
            house.note(request, client, Kind.CONSENT_CANCELLED, detail="cancelled at consent")
            return self._go(request, destination, destination.failure(AccessDenied("cancelled at consent")), client)
        session = await house.find_session(request, client, destination)
        too_old = house.clock.now() - made_at > house.settings.signin.ticket_lifetime * SECOND
        changed = shown.terms_version != client.product.terms_version
        if session is None or session.id != shown.session_id or too_old or changed:
            return see_other(pending.request.again_url)
        question = _asked(shown)
        ticked = ScopeSet(scope for scope in question.optional if f"scope:{scope}" in form)
        problem = _problem(form, client)
        if problem is not None or form.get("decision") != "add":
            return await self.ask(
                request, pending, client, session, question, browser, ticked=ticked, problem=problem
            )
        return await self._add(request, shown, client, destination, session, ticked)

    async def lost(self, request: Request) -> Response:
        """GET of an address that is only posted to."""
        return self.stopped(request, "gone", None)

    async def not_available(
        self, request: Request, pending: Pending, client: Client, session: Session, browser: Browser
    ) -> Response:
        """The operator does not offer the product: says so, with the way back and another number as ways on."""
        house = self._house
        operator = await house.operator_of(session)
        ticket = house.browsers.ticket(PENDING, browser, house.clock.now(), pending)
        page = NotAvailablePage(
            operator=house.brand_of(operator),
            product=self._card(client, pending),
            leave=LeaveForm(action="/oauth2/auth/cancel", hidden=(Hidden(name="ticket", value=ticket),)),
            other_number_url=f"{pending.request.again_url}&prompt=select_account"
            if "prompt=" not in pending.request.query
            else pending.request.again_url,
        )
        frame = house.frames(request, page.operator, here=pending.request.again_url)
        return page_response(
            page, frame, headers=browser.headers, form_targets=(policy_source(pending.request.redirect_uri),)
        )

    def stopped(self, request: Request, reason: str, pending: Pending | None) -> Response:
        """The page of a run that cannot go on, with the way to start it again."""
        page = StoppedPage(product=None, reason=reason, again_url=pending.request.again_url if pending else None)
        status = {"gone": 404, "finished": 200}.get(reason, 400)
        return page_response(page, self._house.frames(request), status=status)

    async def _add(
        self,
        request: Request,
        shown: ShownConsent,
        client: Client,
        destination: CallbackDestination,
        session: Session,
        ticked: ScopeSet,
    ) -> Response:
        house, pending = self._house, shown.pending
        if not await house.available(client, session):
            return see_other(pending.request.again_url)
        answer = Answer(
            subscription_id=session.subscription_id,
            operator=await house.operator_of(session),
            product=client.product,
            asking=_asked(shown),
            ticked=ticked,
            locale=shown.locale,
            client_id=client.id,
            session_id=session.id,
            request_id=request.scope.get("dialkey.request_id", ""),
        )

        async def unit(writer: Writer) -> ScopeSet | None:
            consent = await house.consents.remember(writer, answer)
            scope = granted(client.product, consent, pending.request.scopes)
            return scope if await self._fulfilment.inside(writer, pending, client, session, scope) else None

        scope = await house.storage.write(unit)
        house.publisher.wake()
        if scope is None:
            return self.stopped(request, "finished", pending)
        house.note(request, client, Kind.CONSENT_ADDED, session=session)
        code = house.tokens.code(pending.id)
        return self._go(request, destination, destination.success(code, str(scope)), client)

    def _card(self, client: Client, pending: Pending) -> ProductCard:
        product = client.product
        return ProductCard(
            name=product.name,
            subtitle=product.subtitle,
            icon_url=image_url(product.icon_id),
            accent=product.accent,
            price=product.price,
            organization=product.organization_name if product.organization_verified else "",
            destination=host_of(pending.request.redirect_uri),
        )


def _asked(shown: ShownConsent) -> Asking:
    return Asking(
        required=ScopeSet(shown.required.split()),
        optional=ScopeSet(shown.optional.split()),
        kept=ScopeSet(shown.kept.split()),
        unseen=ScopeSet(shown.unseen.split()),
        already_added=shown.already_added,
        terms_changed=shown.terms_changed,
    )


def _problem(form: Mapping[str, str], client: Client) -> Problem | None:
    terms = "terms" in form
    responsible = client.product.verified or "responsibility" in form
    if terms and responsible:
        return None
    if not terms and not responsible:
        return Problem(code="both_unticked")
    return Problem(code="responsibility_unticked" if terms else "terms_unticked")
