"""The number page, the PIN page, and what they post."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.base.clock import SECOND, Clock
from dialkey.base.signed import b64, mac
from dialkey.insights import Insights, Kind
from dialkey.settings import Settings
from dialkey.signin.model import (
    Expired,
    Finished,
    Locked,
    NotYet,
    Passed,
    Sent,
    SignIn,
    SignInStart,
    TooMany,
    Wrong,
)
from dialkey.signin.rules import SignIns, read_pin
from dialkey.signin.sessions import Sessions
from dialkey.signin.views import LeaveForm, NumberPage, PinPage, StoppedPage, in_test_mode
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.numbering import TEST_CODE, grouped, national_example, read_number
from dialkey.web.browser import Browser, Browsers
from dialkey.web.errors import Refusal
from dialkey.web.framing import Frames
from dialkey.web.http import Addresses, page_response, read_page_form, see_other
from dialkey.web.pages import Frame, Hidden, Problem

_TICKET = "signin"


class SignInPages:
    """Serves the pages. Each form is bound to its browser and its own run: tabs never meet."""

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring,
        clock: Clock,
        browsers: Browsers,
        frames: Frames,
        addresses: Addresses,
        sign_ins: SignIns,
        sessions: Sessions,
        insights: Insights,
    ) -> None:
        self._insights = insights
        self._policy = settings.signin
        self._keyring = keyring
        self._clock = clock
        self._browsers = browsers
        self._frames = frames
        self._addresses = addresses
        self._sign_ins = sign_ins
        self._sessions = sessions
        self.routes = [
            Route("/signin", self.send, methods=["POST"]),
            Route("/signin", self.lost, methods=["GET"]),
            Route("/signin/{id}", self.pin, methods=["GET"]),
            Route("/signin/{id}/number", self.number, methods=["GET"]),
            Route("/signin/{id}/pin", self.try_pin, methods=["POST"]),
            Route("/signin/{id}/pin", self.pin, methods=["GET"]),
            Route("/signin/{id}/resend", self.resend, methods=["POST"]),
            Route("/signin/{id}/resend", self.pin, methods=["GET"]),
        ]

    def ask(
        self,
        request: Request,
        browser: Browser,
        start: SignInStart,
        *,
        number: str = "",
        problem: Problem | None = None,
        here: str | None = None,
        status: int = 200,
        locale: str | None = None,
    ) -> Response:
        """The number page."""
        ticket = self._browsers.ticket(_TICKET, browser, self._clock.now(), start)
        page = NumberPage(
            product=start.product.brand(),
            action="/signin",
            hidden=(Hidden(name="ticket", value=ticket),),
            number=number[:64],
            example=national_example(start.country),
            problem=problem,
            leave=_leave(start),
        )
        frame = _testing(self._frames(request, start.product.brand(), here=here, locale=locale), start)
        return page_response(page, frame, status=status, headers=browser.headers, form_targets=(start.form_target,))

    async def send(self, request: Request) -> Response:
        """POST: a number was typed."""
        form = await read_page_form(request)
        opened = self._browsers.read_ticket(_TICKET, SignInStart, form.get("ticket", ""))
        if opened is None:
            return self._stopped(request, None, "gone")
        digest, made_at, start = opened
        browser = self._browsers.find(request)
        if browser is None or browser.digest != digest:
            return self._stopped(request, start, "elsewhere")
        if self._clock.now() - made_at > self._policy.ticket_lifetime * SECOND:
            return see_other(start.again_url)
        locale = self._frames.locale(request)
        typed = form.get("number", "")
        number = read_number(typed, country=start.country)
        if number is None:
            problem = Problem(code="number_invalid" if typed.strip() else "number_empty")
            return self.ask(
                request, browser, start, number=typed, problem=problem, here=start.again_url, status=422
            )
        outcome = await self._sign_ins.begin(
            start, number, browser.digest, self._addresses.of(request), locale
        )
        test = number.startswith(TEST_CODE)
        match outcome:
            case Sent(sign_in_id):
                self._note(request, start, Kind.PIN_SENT, test=test)
                return see_other(f"/signin/{sign_in_id}")
            case TooMany(minutes):
                self._note(request, start, Kind.PIN_SENT, "too many messages", test=test)
                problem = Problem(code="too_many", data=(("minutes", minutes),))
                return self.ask(
                    request, browser, start, number=typed, problem=problem, here=start.again_url, status=429
                )

    async def lost(self, request: Request) -> Response:
        """GET of an address that is only posted to: a reload after a failure."""
        return self._stopped(request, None, "gone")

    async def pin(self, request: Request) -> Response:
        """The PIN page, or where its sign-in went."""
        sign_in = await self._mine(request)
        return sign_in if isinstance(sign_in, Response) else self._show(request, sign_in)

    async def number(self, request: Request) -> Response:
        """Another number for the same purpose."""
        sign_in = await self._mine(request)
        if isinstance(sign_in, Response):
            return sign_in
        number = grouped(sign_in.phone_number)
        return self.ask(request, Browser(sign_in.browser_digest), sign_in.start, number=number)

    async def try_pin(self, request: Request) -> Response:
        """POST: a PIN was typed."""
        sign_in, presented = await self._posted(request)
        if isinstance(sign_in, Response):
            return sign_in
        pin = read_pin(presented.get("pin", ""))
        if len(pin) != sign_in.digits or not pin.isascii() or not pin.isdigit():
            problem = Problem(code="pin_malformed", data=(("digits", sign_in.digits),))
            return self._show(request, sign_in, problem=problem, status=422)
        outcome = await self._sign_ins.try_pin(
            sign_in.id,
            sign_in.browser_digest,
            pin,
            self._addresses.of(request),
            replaces=self._sessions.digest(request),
            request_id=request.scope.get("dialkey.request_id", ""),
        )
        start, test = sign_in.start, sign_in.test
        match outcome:
            case Passed(session, token):
                self._note(request, start, Kind.PIN_RIGHT, test=test, operator_id=session.operator_id)
                return see_other(
                    sign_in.start.return_to + sign_in.id, {"Set-Cookie": self._sessions.cookie.put(token)}
                )
            case Wrong(left):
                self._note(request, start, Kind.PIN_WRONG, "wrong pin", test=test)
                problem = Problem(code="pin_wrong", data=(("left", left),))
                return self._show(request, sign_in, problem=problem, status=422)
            case Locked(minutes):
                self._note(request, start, Kind.PIN_WRONG, "pin locked", test=test)
                return self._stopped(request, sign_in.start, "locked", minutes=minutes)
            case Expired():
                self._note(request, start, Kind.PIN_WRONG, "pin expired", test=test)
                return self._stopped(request, sign_in.start, "expired")
            case Finished():
                return see_other(sign_in.start.return_to + sign_in.id)

    async def resend(self, request: Request) -> Response:
        """POST: the message again."""
        sign_in, _ = await self._posted(request)
        if isinstance(sign_in, Response):
            return sign_in
        outcome = await self._sign_ins.send_again(sign_in, self._addresses.of(request))
        match outcome:
            case Sent():
                self._note(request, sign_in.start, Kind.PIN_RESENT, test=sign_in.test)
                return see_other(f"/signin/{sign_in.id}?resent=1")
            case NotYet():
                return see_other(f"/signin/{sign_in.id}")
            case TooMany(minutes):
                problem = Problem(code="too_many", data=(("minutes", minutes),))
                return self._show(request, sign_in, problem=problem, status=429)

    async def _posted(self, request: Request) -> tuple[SignIn | Response, dict[str, str]]:
        form = await read_page_form(request)
        sign_in = await self._mine(request)
        if isinstance(sign_in, SignIn) and form.get("csrf") != self._csrf(sign_in):
            raise Refusal(403, "cross_site", detail="csrf value")
        return sign_in, form

    async def _mine(self, request: Request) -> SignIn | Response:
        """The sign-in of this address and this browser; or the page that says why it cannot go on."""
        sign_in = await self._sign_ins.find(request.path_params["id"])
        if sign_in is None:
            return self._stopped(request, None, "gone")
        browser = self._browsers.find(request)
        if browser is None or browser.digest != sign_in.browser_digest:
            return self._stopped(request, sign_in.start, "elsewhere")
        return sign_in

    def _show(
        self, request: Request, sign_in: SignIn, *, problem: Problem | None = None, status: int = 200
    ) -> Response:
        now = self._clock.now()
        if sign_in.passed_at is not None:
            return see_other(sign_in.start.return_to + sign_in.id)
        if sign_in.tries >= self._policy.pin_tries:
            return self._stopped(request, sign_in.start, "locked", minutes=1)
        if sign_in.pin_expires_at <= now:
            return self._stopped(request, sign_in.start, "expired")
        wait = sign_in.last_sent_at + self._policy.resend_cooldown * SECOND - now
        base = f"/signin/{sign_in.id}"
        page = PinPage(
            product=sign_in.start.product.brand(),
            action=f"{base}/pin",
            hidden=(Hidden(name="csrf", value=self._csrf(sign_in)),),
            number=grouped(sign_in.phone_number),
            digits=sign_in.digits,
            resend_action=f"{base}/resend",
            resend_in=max(0, -(-wait // SECOND)),
            change_url=f"{base}/number",
            resent=request.query_params.get("resent") == "1",
            problem=problem,
            leave=_leave(sign_in.start),
        )
        frame = _testing(self._frames(request, sign_in.start.product.brand(), here=base), sign_in.start, sign_in)
        return page_response(page, frame, status=status, form_targets=(sign_in.start.form_target,))

    def _stopped(
        self, request: Request, start: SignInStart | None, reason: str, *, minutes: int = 0
    ) -> Response:
        page = StoppedPage(
            product=start.product.brand() if start else None,
            reason=reason,
            minutes=minutes,
            again_url=start.again_url if start else None,
            leave=_leave(start) if start and reason != "elsewhere" else None,
        )
        frame = self._frames(request, start.product.brand() if start else None)
        frame = _testing(frame, start) if start else frame
        status = {"expired": 410, "locked": 429, "gone": 404}.get(reason, 400)
        return page_response(page, frame, status=status, form_targets=(start.form_target,) if start else ())

    def _note(
        self,
        request: Request,
        start: SignInStart,
        kind: Kind,
        detail: str | None = None,
        *,
        test: bool,
        operator_id: str = "",
    ) -> None:
        """A line in the client's log. A number that nobody has is noted like any other."""
        self._insights.note(
            start.client_id,
            start.product.id,
            kind,
            detail=detail,
            request_id=request.scope.get("dialkey.request_id", ""),
            operator_id=operator_id,
            sandbox=test,
        )

    def _csrf(self, sign_in: SignIn) -> str:
        key = self._keyring["page"].key()
        return b64(mac(key, b"signin-csrf", f"{sign_in.id}{sign_in.browser_digest}".encode())[:24])


def _testing(frame: Frame, start: SignInStart, sign_in: SignIn | None = None) -> Frame:
    """Says "test mode" where only test numbers can sign in, and to a test number of the product's own organization."""
    if sign_in is not None and sign_in.test:
        return in_test_mode(frame, start.product.name, start.organization_id, sign_in.phone_number)
    return in_test_mode(frame, start.product.name, start.organization_id if start.test_only else None)


def _leave(start: SignInStart) -> LeaveForm:
    return LeaveForm(action=start.leave_action, hidden=(Hidden(name="ticket", value=start.carried),))
