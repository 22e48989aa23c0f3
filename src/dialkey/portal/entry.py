"""Pages of people who are not signed in: signing up and in, links from messages, the way back to a lost password.

What a page says never depends on whether an address has an account.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.accounts.model import (
    LinkOver,
    MailSent,
    NeedsPassword,
    NeedsSecondFactor,
    SignedIn,
    TooMany,
    Unfit,
)
from dialkey.accounts.passwords import MIN_PASSWORD
from dialkey.base.clock import MINUTE, SECOND, Instant
from dialkey.portal.entry_parts import SentNote, ask, later, passkeys_possible, unfit
from dialkey.portal.entry_views import (
    ForgotPage,
    LinkGonePage,
    MailboxHintPage,
    PasskeyAsk,
    ResetPage,
    SecondPage,
    SignInPage,
    SignUpPage,
    VerifyPage,
    all_said,
    said,
)
from dialkey.portal.house import HOME, SIGN_IN, PortalHouse
from dialkey.portal.shell_views import Problems
from dialkey.web.cookies import Cookie

SECOND_STEP = f"{SIGN_IN}/second"
LINK_PAGES = {"/portal/verify": "sign_up", "/portal/verify-email": "email", "/portal/undo-email": "undo_email"}
"""What the links of messages lead to."""
_DONE = {
    "password-changed": "password_changed",
    "email-changed": "email_changed",
    "email-restored": "email_restored",
    "closed": "closed",
}


class EntryPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self._accounts = house.accounts
        self._sent = SentNote(house.settings, house.keyring)
        self._second = Cookie("dialkey_portal_second", secure=house.settings.secure, max_age=10 * MINUTE // SECOND)
        self._passkeys = passkeys_possible(house.settings)
        self.routes = [
            Route("/portal/sign-up", self.sign_up, methods=["GET"]),
            Route("/portal/sign-up", self.do_sign_up, methods=["POST"]),
            Route("/portal/sign-up/sent", self.sign_up_sent, methods=["GET"]),
            *(Route(path, self.link, methods=["GET"]) for path in LINK_PAGES),
            *(Route(path, self.do_link, methods=["POST"]) for path in LINK_PAGES),
            Route(SIGN_IN, self.sign_in, methods=["GET"]),
            Route(SIGN_IN, self.do_sign_in, methods=["POST"]),
            Route(f"{SIGN_IN}/passkey", self.to_sign_in, methods=["GET"]),
            Route(f"{SIGN_IN}/passkey", self.do_passkey, methods=["POST"]),
            Route(SECOND_STEP, self.second, methods=["GET"]),
            Route(SECOND_STEP, self.do_second, methods=["POST"]),
            Route("/portal/sign-out", self.to_sign_in, methods=["GET"]),
            Route("/portal/sign-out", self.do_sign_out, methods=["POST"]),
            Route("/portal/forgot", self.forgot, methods=["GET"]),
            Route("/portal/forgot", self.do_forgot, methods=["POST"]),
            Route("/portal/forgot/sent", self.forgot_sent, methods=["GET"]),
            Route("/portal/reset", self.reset, methods=["GET"]),
            Route("/portal/reset", self.do_reset, methods=["POST"]),
        ]

    # signing up

    async def sign_up(self, request: Request) -> Response:
        target = self._next(request.query_params.get("next"))
        if await self._house.find_visit(request) is not None:
            return self._house.go(target or HOME)
        return self._show(request, SignUpPage(csrf="", next_url=target, least=MIN_PASSWORD))

    async def do_sign_up(self, request: Request) -> Response:
        form = await self._house.browser_form(request, "entry")
        name, email, password = form.get("name", ""), form.get("email", ""), form.get("password", "")
        target = self._next(form.get("next"))
        page = SignUpPage(csrf="", name=name[:200], email=email[:300], next_url=target, least=MIN_PASSWORD)
        empty = _missing(name=name, email=email, password=password)
        if "password" in empty:
            empty["password"] = "choose"
        if empty:
            return self._wrong(request, page, all_said(empty))
        browser = self._house.browsers.meet(request)
        outcome = await self._accounts.sign_up(
            email, name, password, address=self._house.addresses.of(request), browser=browser.digest
        )
        match outcome:
            case MailSent():
                note = self._sent.put("sign_up", email.strip(), target)
                return self._house.go("/portal/sign-up/sent", headers={"Set-Cookie": note})
            case Unfit(problems):
                return self._wrong(request, page, unfit(problems))
            case TooMany(retry_at):
                return self._wrong(request, page, self._later(retry_at), 429)

    async def sign_up_sent(self, request: Request) -> Response:
        email, target = self._sent.read(request, "sign_up")
        again = "/portal/sign-up" + (f"?{urlencode({'next': target})}" if target else "")
        page = MailboxHintPage(kind="sign_up", email=email, mailbox_url=self._mailbox_url, again_url=again)
        return self._house.entry(request, page)

    # links of messages

    async def link(self, request: Request) -> Response:
        """Looking at a link spends nothing."""
        purpose = LINK_PAGES[request.url.path]
        token = request.query_params.get("token", "")
        browser = self._house.browsers.meet(request)
        info = await self._accounts.find_link(purpose, token, browser=browser.digest)
        if info is None:
            return self._house.entry(request, LinkGonePage(kind=purpose))
        page = VerifyPage(
            csrf="",
            token=token,
            kind=purpose,
            action=request.url.path,
            email=info.email,
            ask_password=info.needs_password,
        )
        return self._show(request, page)

    async def do_link(self, request: Request) -> Response:
        form = await self._house.browser_form(request, "entry")
        purpose, token = LINK_PAGES[request.url.path], form.get("token", "")
        if purpose == "sign_up":
            return await self._confirm_sign_up(request, token, form)
        change = self._accounts.confirm_email if purpose == "email" else self._accounts.undo_email
        outcome = await change(token)
        if isinstance(outcome, LinkOver):
            return self._house.entry(request, LinkGonePage(kind=purpose))
        if purpose == "email" and await self._house.find_visit(request) is not None:
            return self._house.go("/portal/account", done="saved")
        return self._house.go(SIGN_IN, done="email-changed" if purpose == "email" else "email-restored")

    async def _confirm_sign_up(self, request: Request, token: str, form: dict[str, str]) -> Response:
        browser = self._house.browsers.meet(request)
        outcome = await self._accounts.confirm_sign_up(
            token,
            browser=browser.digest,
            password=form.get("password"),
            address=self._house.addresses.of(request),
            agent=request.headers.get("user-agent", ""),
        )
        match outcome:
            case SignedIn():
                _, target = self._sent.read(request, "sign_up")
                return self._in(outcome, self._next(target), drop=self._sent.drop())
            case LinkOver():
                return self._house.entry(request, LinkGonePage(kind="sign_up"))
            case NeedsPassword(wrong):
                info = await self._accounts.find_link("sign_up", token, browser=browser.digest)
                problems = said("password", "chosen" if wrong else "missing")
            case TooMany(retry_at):
                info = await self._accounts.find_link("sign_up", token, browser=browser.digest)
                problems = self._later(retry_at)
        email = "" if info is None else info.email
        page = VerifyPage(csrf="", token=token, action=request.url.path, email=email, ask_password=True)
        return self._wrong(request, page, problems, 429 if isinstance(outcome, TooMany) else 422)

    # signing in and out

    async def sign_in(self, request: Request) -> Response:
        target = self._next(request.query_params.get("next"))
        note = _DONE.get(request.query_params.get("done", ""), "")
        if not note and await self._house.find_visit(request) is not None:
            return self._house.go(target or HOME)
        return self._show(request, SignInPage(csrf="", next_url=target, note=note, passkey=self._passkey()))

    async def to_sign_in(self, request: Request) -> Response:
        """The address of a form, typed or reloaded."""
        return self._house.go(SIGN_IN)

    async def do_sign_in(self, request: Request) -> Response:
        form = await self._house.browser_form(request, "entry")
        email, password, target = form.get("email", ""), form.get("password", ""), self._next(form.get("next"))
        page = SignInPage(csrf="", email=email[:300], next_url=target, passkey=self._passkey())
        if empty := _missing(email=email, password=password):
            return self._wrong(request, page, all_said(empty))
        outcome = await self._accounts.sign_in(email, password, **self._caller(request))
        match outcome:
            case SignedIn():
                return self._in(outcome, target)
            case NeedsSecondFactor(ticket):
                location = SECOND_STEP + (f"?{urlencode({'next': target})}" if target else "")
                return self._house.go(location, headers={"Set-Cookie": self._second.put(ticket)})
            case TooMany(retry_at):
                return self._wrong(request, page, self._later(retry_at), 429)
            case _:
                return self._wrong(request, page, said("password", "mismatch"))

    async def do_passkey(self, request: Request) -> Response:
        form = await self._house.browser_form(request, "entry")
        target = self._next(form.get("next"))
        outcome = await self._accounts.sign_in_by_passkey(
            form.get("ticket", ""), form.get("credential", ""), **self._caller(request)
        )
        if isinstance(outcome, SignedIn):
            return self._in(outcome, target, drop=self._second.drop())
        page = SignInPage(csrf="", next_url=target, passkey=self._passkey())
        if isinstance(outcome, TooMany):
            return self._wrong(request, page, self._later(outcome.retry_at), 429)
        return self._wrong(request, page, said("form", "passkey"))

    async def second(self, request: Request) -> Response:
        target = self._next(request.query_params.get("next"))
        if self._second.read(request) is None:
            return self._house.go(SIGN_IN + (f"?{urlencode({'next': target})}" if target else ""))
        way = "recovery" if request.query_params.get("way") == "recovery" else "totp"
        return self._show(request, SecondPage(csrf="", way=way, next_url=target, passkey=self._passkey()))

    async def do_second(self, request: Request) -> Response:
        form = await self._house.browser_form(request, "entry")
        way = "recovery" if form.get("way") == "recovery" else "totp"
        target, code = self._next(form.get("next")), form.get("code", "")
        ticket = self._second.read(request)
        if ticket is None:
            return self._again(request, target)
        page = SecondPage(csrf="", way=way, next_url=target, passkey=self._passkey())
        if not code.strip():
            return self._wrong(request, page, said("code", "missing"))
        outcome = await self._accounts.second_factor(ticket, code, **self._caller(request))
        match outcome:
            case SignedIn():
                return self._in(outcome, target, drop=self._second.drop())
            case TooMany(retry_at):
                return self._wrong(request, page, self._later(retry_at), 429)
            case _ if outcome.left == 0:
                return self._again(request, target)
            case _:
                return self._wrong(request, page, said("code", "recovery" if way == "recovery" else "wrong"))

    async def do_sign_out(self, request: Request) -> Response:
        visit = await self._house.find_visit(request)
        if visit is not None:
            await self._house.form(request, "sign-out")
            await self._accounts.sign_out(visit.session)
        return self._house.go(SIGN_IN, done="signed-out", headers={"Set-Cookie": self._accounts.cookie.drop()})

    # a forgotten password

    async def forgot(self, request: Request) -> Response:
        return self._show(request, ForgotPage(csrf=""))

    async def do_forgot(self, request: Request) -> Response:
        form = await self._house.browser_form(request, "entry")
        email = form.get("email", "")
        page = ForgotPage(csrf="", email=email[:300])
        if not email.strip():
            return self._wrong(request, page, said("email", "missing"))
        outcome = await self._accounts.forgot(email, address=self._house.addresses.of(request))
        match outcome:
            case MailSent():
                note = self._sent.put("reset", email.strip())
                return self._house.go("/portal/forgot/sent", headers={"Set-Cookie": note})
            case Unfit(problems):
                return self._wrong(request, page, unfit(problems))
            case TooMany(retry_at):
                return self._wrong(request, page, self._later(retry_at), 429)

    async def forgot_sent(self, request: Request) -> Response:
        email, _ = self._sent.read(request, "reset")
        page = MailboxHintPage(kind="reset", email=email, mailbox_url=self._mailbox_url, again_url="/portal/forgot")
        return self._house.entry(request, page)

    async def reset(self, request: Request) -> Response:
        token = request.query_params.get("token", "")
        info = await self._accounts.find_link("reset", token)
        if info is None:
            return self._house.entry(request, LinkGonePage(kind="reset"))
        return self._show(request, ResetPage(csrf="", token=token, email=info.email, least=MIN_PASSWORD))

    async def do_reset(self, request: Request) -> Response:
        form = await self._house.browser_form(request, "entry")
        token, password = form.get("token", ""), form.get("password", "")
        page = ResetPage(csrf="", token=token, email=form.get("email", "")[:300], least=MIN_PASSWORD)
        if not password:
            return self._wrong(request, page, said("password", "choose"))
        outcome = await self._accounts.reset_password(token, password, address=self._house.addresses.of(request))
        match outcome:
            case Unfit(problems):
                return self._wrong(request, page, unfit(problems))
            case LinkOver():
                return self._house.entry(request, LinkGonePage(kind="reset"))
            case TooMany(retry_at):
                return self._wrong(request, page, self._later(retry_at), 429)
            case _:
                drop = {"Set-Cookie": self._accounts.cookie.drop()}
                return self._house.go(SIGN_IN, done="password-changed", headers=drop)

    # what they share

    def _show(self, request: Request, page: Form, status: int = 200) -> Response:
        browser = self._house.browsers.meet(request)
        shown = replace(page, csrf=self._house.browser_token(browser, "entry"))
        return self._house.entry(request, shown, status=status, headers=browser.headers)

    def _wrong(self, request: Request, page: Form, problems: Problems, status: int = 422) -> Response:
        """The form again, with what was typed."""
        return self._show(request, replace(page, problems=problems), status)

    def _again(self, request: Request, target: str) -> Response:
        """The first step once more."""
        page = SignInPage(csrf="", next_url=target, passkey=self._passkey())
        response = self._wrong(request, page, said("form", "again"))
        response.headers.append("Set-Cookie", self._second.drop())
        return response

    def _in(self, signed_in: SignedIn, target: str, drop: str | None = None) -> Response:
        """On to where one was headed, with a session that nobody can have known before."""
        response = self._house.go(target or HOME, headers={"Set-Cookie": self._accounts.cookie.put(signed_in.token)})
        if drop is not None:
            response.headers.append("Set-Cookie", drop)
        return response

    def _caller(self, request: Request) -> dict[str, object]:
        return {
            "address": self._house.addresses.of(request),
            "agent": request.headers.get("user-agent", ""),
            "replaces": self._accounts.cookie.read(request),
        }

    def _next(self, target: str | None) -> str:
        """Empty for home."""
        safe = self._house.safe_next(target)
        return "" if safe == HOME else safe

    def _passkey(self) -> PasskeyAsk | None:
        return ask(self._accounts.offer_passkey_sign_in(), f"{SIGN_IN}/passkey") if self._passkeys else None

    def _later(self, retry_at: Instant) -> Problems:
        return later(self._house, retry_at)

    @property
    def _mailbox_url(self) -> str | None:
        return "/mailbox" if self._house.has_mailbox else None


Form = SignUpPage | SignInPage | SecondPage | ForgotPage | ResetPage | VerifyPage


def _missing(**fields: str) -> dict[str, str]:
    return {name: "missing" for name, value in fields.items() if not value.strip()}
