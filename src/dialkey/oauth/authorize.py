"""GET and POST /oauth2/auth and what follows in the browser, up to the redirect with a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote, urlencode

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.base.ids import new_id
from dialkey.consent.model import Asking
from dialkey.directory.model import Client
from dialkey.insights import Kind
from dialkey.oauth.callback import CallbackDestination
from dialkey.oauth.consenting import PENDING, ConsentPages
from dialkey.oauth.errors import (
    AccessDenied,
    ConsentRequired,
    InvalidRequest,
    LoginRequired,
    OAuthError,
)
from dialkey.oauth.fulfilment import Fulfilment
from dialkey.oauth.house import House
from dialkey.oauth.model import Pending
from dialkey.oauth.prompts import AskConsent, NotAvailable, Prompt, Ready, SignIn, WrongSubscriber, next_prompt
from dialkey.oauth.requests import RequestReader, Unanswerable
from dialkey.oauth.views import FormPostPage, RequestErrorPage
from dialkey.signin.model import Session
from dialkey.signin.routes import SignInPages
from dialkey.storage import Writer
from dialkey.subscribers.model import ForcedOutcome
from dialkey.web.browser import Browser
from dialkey.web.errors import Refusal
from dialkey.web.forms import FORM, FormError, RepeatedField, parse_form
from dialkey.web.http import json_response, page_response, read_body, read_page_form, see_other, wants_html
from dialkey.web.pages import Hidden

log = structlog.get_logger("dialkey.oauth")


class AuthorizeRoutes:
    """The browser's path. State between requests travels in the pages (see `web.browser`) until somebody acts."""

    def __init__(self, house: House, pages: SignInPages) -> None:
        self._house = house
        self._settings = house.settings
        self._pages = pages
        self._reader = RequestReader(house)
        self._fulfilment = Fulfilment(house)
        self._consent = ConsentPages(house, self._fulfilment, self._go, self._stay)
        self.routes = [
            Route("/oauth2/auth", self.begin, methods=["GET", "POST"]),
            Route("/oauth2/auth/continue/{id}", self.resume, methods=["GET"]),
            Route("/oauth2/auth/consent", self._consent.decide, methods=["POST"]),
            Route("/oauth2/auth/consent", self._consent.lost, methods=["GET"]),
            Route("/oauth2/auth/cancel", self.cancel, methods=["POST"]),
            Route("/oauth2/auth/cancel", self._consent.lost, methods=["GET"]),
            Route("/error", self.error, methods=["GET"]),
        ]

    async def begin(self, request: Request) -> Response:
        """A client sends a browser here."""
        try:
            parameters = parse_form(await self._raw(request))
        except FormError as error:
            reason = "repeated" if isinstance(error, RepeatedField) else "malformed"
            return self._stay(request, InvalidRequest(str(error)), reason)
        try:
            client, destination = await self._reader.destination(parameters)
        except Unanswerable as stop:
            return self._unanswerable(request, stop)
        query = urlencode(parameters, quote_via=quote)  # as it came it may hold what a header must not
        if request.method == "POST" and self._house.sessions.digest(request) is None and len(query) <= 1800:
            return see_other(f"/oauth2/auth?{query}")  # a cross-site POST carries no Lax cookies; a GET does
        try:
            checked = await self._reader.check(parameters, client, destination, query)
        except OAuthError as error:
            return await self._refuse(request, client, destination, error, prompt=parameters.get("prompt", ""))
        pending = Pending(new_id(self._house.entropy), checked, self._house.clock.now())
        return await self._proceed(request, pending, client, destination, first=True)

    async def resume(self, request: Request) -> Response:
        """The PIN was right: on with the authorization that the sign-in carried."""
        sign_in = await self._house.sign_ins.find(request.path_params["id"])
        browser = self._house.browsers.find(request)
        if sign_in is None or browser is None or browser.digest != sign_in.browser_digest:
            return self._consent.stopped(request, "gone" if sign_in is None else "elsewhere", None)
        opened = self._house.browsers.read_ticket(PENDING, Pending, sign_in.start.carried)
        if opened is None:
            return self._consent.stopped(request, "gone", None)
        pending = opened[2]
        if sign_in.passed_at is None:
            return see_other(f"/signin/{sign_in.id}")
        if sign_in.forced in (ForcedOutcome.DECLINED, ForcedOutcome.SIM_SWAPPED):
            return await self._turn_down(request, pending, sign_in.forced)
        return await self._resume(request, pending)

    async def cancel(self, request: Request) -> Response:
        """POST: Cancel on a page before consent."""
        form = await read_page_form(request)
        opened = self._house.browsers.read_ticket(PENDING, Pending, form.get("ticket", ""))
        if opened is None:
            return self._consent.stopped(request, "gone", None)
        digest, _, pending = opened
        browser = self._house.browsers.find(request)
        if browser is None or browser.digest != digest:
            return self._consent.stopped(request, "elsewhere", pending)
        try:
            client, destination = await self._reader.again(pending.request)
        except Unanswerable as stop:
            return self._unanswerable(request, stop)
        error = AccessDenied("cancelled before consent")
        self._house.note(request, client, Kind.AUTHORIZE, detail=error.detail)
        return self._go(request, destination, destination.failure(error))

    async def error(self, request: Request) -> Response:
        """A stable page for links: shows nothing that was sent to it."""
        return self._stay(request, InvalidRequest("error page"), "generic")

    async def _raw(self, request: Request) -> bytes:
        if request.method != "POST":
            return request.scope["query_string"]
        if request.scope["query_string"]:
            raise RepeatedField("query and body")
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != FORM:
            raise Refusal(415, "media_type")
        return await read_body(request)

    async def _resume(self, request: Request, pending: Pending) -> Response:
        try:
            client, destination = await self._reader.again(pending.request)
        except Unanswerable as stop:
            return self._unanswerable(request, stop)
        return await self._proceed(request, pending, client, destination)

    async def _turn_down(self, request: Request, pending: Pending, forced: ForcedOutcome) -> Response:
        """What a developer chose for its test number. A SIM card that was changed leaves no session either."""
        try:
            client, destination = await self._reader.again(pending.request)
        except Unanswerable as stop:
            return self._unanswerable(request, stop)
        session = await self._house.sessions.find(request)
        if session is not None and session.organization_id is not None and forced is ForcedOutcome.SIM_SWAPPED:

            async def unit(writer: Writer) -> None:
                await self._house.sessions.end(writer, session, reason=forced.value)

            await self._house.storage.write(unit)
        error = AccessDenied(f"sandbox: {forced.value}")
        log.info("authorization_refused", code=error.code, detail=error.detail, client=client.id)
        self._house.note(request, client, Kind.CONSENT_CANCELLED, detail=error.detail, sandbox=True)
        return self._go(request, destination, destination.failure(error), client)

    async def _proceed(
        self,
        request: Request,
        pending: Pending,
        client: Client,
        destination: CallbackDestination,
        *,
        first: bool = False,
    ) -> Response:
        """`first`: the browser comes from the client, not from a page of ours."""
        session = await self._house.find_session(request, client, destination)
        prompt = await self._next(pending, client, session)
        if "none" in pending.request.prompts and not isinstance(prompt, Ready):
            error = _silent_error(prompt)
            return await self._refuse(request, client, destination, error, prompt="none")
        if first and session is not None and not isinstance(prompt, SignIn):
            self._house.note(request, client, Kind.RETURNING, session=session)
        match prompt:
            case SignIn():
                return await self._sign_in(request, pending, client, destination, first=first)
            case WrongSubscriber():
                error = LoginRequired("signed in as another subscriber than the client insists on")
                self._house.note(request, client, Kind.AUTHORIZE, detail=error.detail, session=session)
                return self._go(request, destination, destination.failure(error))
            case NotAvailable():
                assert session is not None
                detail = "the subscriber's operator does not offer the product"
                self._house.note(request, client, Kind.AUTHORIZE, detail=detail, session=session)
                return await self._consent.not_available(request, pending, client, session, self._browser(request))
            case AskConsent(question):
                assert session is not None
                return await self._ask(request, pending, client, session, question)
            case Ready(scope):
                assert session is not None
                code = await self._fulfilment.alone(pending, client, session, scope)
                if code is None:
                    return self._consent.stopped(request, "finished", pending)
                self._house.note(request, client, Kind.CONSENT_STANDING, session=session)
                return self._go(request, destination, destination.success(code, str(scope)), client)

    async def _next(self, pending: Pending, client: Client, session: Session | None) -> Prompt:
        house = self._house
        if session is None:
            return SignIn()
        return next_prompt(
            pending,
            client.product,
            session,
            house.subject_of(client, session),
            await house.consents.find(session.subscription_id, client.product.id),
            house.clock.now(),
            available=await house.available(client, session),
        )

    def _browser(self, request: Request) -> Browser:
        return self._house.browsers.meet(request)

    async def _sign_in(
        self, request: Request, pending: Pending, client: Client, destination: CallbackDestination, *, first: bool
    ) -> Response:
        browser = self._browser(request)
        asked = pending.request
        locale = self._house.frames.locale(request, asked.ui_locales)
        start = self._house.sign_in_start(
            client,
            pending,
            carried=self._house.browsers.ticket(PENDING, browser, self._house.clock.now(), pending),
            form_target=destination.policy_source,
            country=await self._house.country(client.product, locale),
            test_only=await self._house.test_only(client, destination),
        )
        if first:
            self._house.note(request, client, Kind.AUTHORIZE, sandbox=start.test_only)
        number = self._house.hinted_number(asked.login_hint, start.country)
        return self._pages.ask(request, browser, start, number=number, here=asked.again_url, locale=locale)

    async def _ask(
        self, request: Request, pending: Pending, client: Client, session: Session, question: Asking
    ) -> Response:
        return await self._consent.ask(request, pending, client, session, question, self._browser(request))

    def _go(
        self,
        request: Request,
        destination: CallbackDestination,
        parameters: Mapping[str, str],
        client: Client | None = None,
    ) -> Response:
        """Back to the client: 303, or a page that posts."""
        if destination.response_mode != "form_post":
            return see_other(destination.url(parameters))
        page = FormPostPage(
            action=destination.redirect_uri,
            hidden=tuple(Hidden(name=name, value=value) for name, value in parameters.items()),
            product=self._house.brand_of(client.product) if client else None,
        )
        frame = self._house.frames(request, page.product, here=None)
        return page_response(page, replace(frame, languages=()), form_targets=(destination.policy_source,))

    async def _refuse(
        self,
        request: Request,
        client: Client,
        destination: CallbackDestination,
        error: OAuthError,
        *,
        prompt: str,
    ) -> Response:
        """An error of a request whose redirect URI was proven. A product that nobody verified gets no automatic
        redirect of a stranger's browser (RFC 9700 section 4.11.2): a page with a link instead. Nor does a redirect URI
        that nobody approved."""
        log.info("authorization_refused", code=error.code, detail=error.detail, client=client.id)
        self._house.note(request, client, Kind.AUTHORIZE, detail=error.detail or error.code)
        parameters = destination.failure(error)
        approved = client.product.verified and not destination.pending
        silent = prompt.split() == ["none"]
        if approved or silent or await self._house.find_session(request, client, destination):
            return self._go(request, destination, parameters, client)
        return self._stay(
            request,
            error,
            "returnable",
            return_url=destination.url(parameters),
            return_host=destination.host,
            client=client,
        )

    def _unanswerable(self, request: Request, stop: Unanswerable) -> Response:
        """Nothing is sent anywhere; the client's log has what was wrong."""
        if stop.client is not None:
            detail = stop.error.detail + (f": {stop.sent}" if stop.sent else "")
            self._house.note(request, stop.client, Kind.AUTHORIZE, detail=detail)
        return self._stay(request, stop.error, stop.reason)

    def _stay(
        self,
        request: Request,
        error: OAuthError,
        reason: str,
        *,
        return_url: str | None = None,
        return_host: str = "",
        client: Client | None = None,
    ) -> Response:
        """The request is answered here. Nothing of it is shown."""
        request_id = request.scope.get("dialkey.request_id", "")
        log.info("authorization_stopped", code=error.code, reason=reason, detail=error.detail, request_id=request_id)
        if not wants_html(request) and "application/json" in request.headers.get("accept", ""):
            return json_response(error.body(), status=400)
        page = RequestErrorPage(
            error=error.code,
            reason=reason,
            request_id=request_id,
            product=self._house.brand_of(client.product) if client else None,
            return_url=return_url,
            return_host=return_host,
        )
        frame = self._house.frames(request, page.product, here="/error")
        return page_response(page, replace(frame, languages=()))


def _silent_error(prompt: Prompt) -> OAuthError:
    """What `prompt=none` is told (OpenID Connect Core 1.0 section 3.1.2.6)."""
    match prompt:
        case AskConsent():
            return ConsentRequired("prompt=none")
        case NotAvailable():
            return AccessDenied("the subscriber's operator does not offer the product")
        case _:
            return LoginRequired("prompt=none")
