"""Pages of one's own account: name, address, sessions, closing it; and the page that asks once more who one is."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.accounts.model import AccountSession, Done, MailSent, SessionInfo, TooMany, Unfit
from dialkey.portal.account_views import AccountPage, CloseAccountPage, EmailPage, SessionRow, SessionsPage
from dialkey.portal.entry_parts import SentNote, ask, later, unfit
from dialkey.portal.entry_views import RIGHT, ConfirmItIsYouPage, MailboxHintPage, said
from dialkey.portal.house import HOME, SIGN_IN, Elsewhere, PortalHouse
from dialkey.portal.shell_views import Problems

ACCOUNT = "/portal/account"
CONFIRM = f"{ACCOUNT}/confirm"
FORM = "account"
"""The purpose of the account's form tokens."""


def confirm_url(request: Request) -> str:
    """Where one proves who one is, and comes back to this address from."""
    return f"{CONFIRM}?{urlencode({'next': request.url.path})}"


async def strong_session(house: PortalHouse, request: Request) -> AccountSession:
    """The session, where it proved lately who it is; else the way to do so."""
    session: AccountSession = await house.session(request)
    if not session.is_strong(house.clock.now()):
        raise Elsewhere(confirm_url(request))
    return session


class AccountPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self._accounts = house.accounts
        self._sent = SentNote(house.settings, house.keyring)
        self.routes = [
            Route(ACCOUNT, self.show, methods=["GET"]),
            Route(ACCOUNT, self.rename, methods=["POST"]),
            Route(f"{ACCOUNT}/email", self.email, methods=["GET"]),
            Route(f"{ACCOUNT}/email", self.do_email, methods=["POST"]),
            Route(f"{ACCOUNT}/email/sent", self.email_sent, methods=["GET"]),
            Route(f"{ACCOUNT}/sessions", self.sessions, methods=["GET"]),
            Route(f"{ACCOUNT}/sessions/end", self.to_sessions, methods=["GET"]),
            Route(f"{ACCOUNT}/sessions/end", self.end_session, methods=["POST"]),
            Route(f"{ACCOUNT}/sessions/others", self.to_sessions, methods=["GET"]),
            Route(f"{ACCOUNT}/sessions/others", self.end_others, methods=["POST"]),
            Route(f"{ACCOUNT}/close", self.close, methods=["GET"]),
            Route(f"{ACCOUNT}/close", self.do_close, methods=["POST"]),
            Route(CONFIRM, self.confirm, methods=["GET"]),
            Route(CONFIRM, self.do_confirm, methods=["POST"]),
            Route(f"{CONFIRM}/passkey", self.to_confirm, methods=["GET"]),
            Route(f"{CONFIRM}/passkey", self.do_confirm_passkey, methods=["POST"]),
        ]

    # name and address

    async def show(self, request: Request) -> Response:
        session = await self._house.session(request)
        return await self._show(request, session.name)

    async def rename(self, request: Request) -> Response:
        form = await self._house.form(request, FORM)
        session, name = await self._house.session(request), form.get("name", "")
        outcome = await self._accounts.change_name(session, name)
        if isinstance(outcome, Unfit):
            return await self._show(request, name[:200], unfit(outcome.problems), 422)
        return self._house.go(ACCOUNT, done="saved")

    async def _show(
        self, request: Request, name: str, problems: Problems = RIGHT, status: int | None = None
    ) -> Response:
        session = await self._house.session(request)
        csrf = await self._house.token(request, FORM)
        page = AccountPage(csrf=csrf, name=name, email=session.email, problems=problems)
        return await self._house.page(request, page, status=status)

    async def email(self, request: Request) -> Response:
        await strong_session(self._house, request)
        return await self._show_email(request)

    async def do_email(self, request: Request) -> Response:
        form = await self._house.form(request, FORM)
        session, email = await strong_session(self._house, request), form.get("email", "")
        if not email.strip():
            return await self._show_email(request, problems=said("email", "missing"), status=422)
        outcome = await self._accounts.change_email(session, email)
        match outcome:
            case MailSent():
                note = self._sent.put("email", email.strip())
                return self._house.go(f"{ACCOUNT}/email/sent", headers={"Set-Cookie": note})
            case Unfit(problems):
                return await self._show_email(request, email, unfit(problems), 422)
            case TooMany(retry_at):
                return await self._show_email(request, email, later(self._house, retry_at), 429)

    async def _show_email(
        self, request: Request, typed: str = "", problems: Problems = RIGHT, status: int | None = None
    ) -> Response:
        session = await self._house.session(request)
        csrf = await self._house.token(request, FORM)
        page = EmailPage(csrf=csrf, email=session.email, new_email=typed[:300], problems=problems)
        return await self._house.page(request, page, status=status)

    async def email_sent(self, request: Request) -> Response:
        await self._house.session(request)
        email, _ = self._sent.read(request, "email")
        mailbox = "/mailbox" if self._house.has_mailbox else None
        page = MailboxHintPage(kind="email", email=email, mailbox_url=mailbox, again_url=ACCOUNT)
        return self._house.entry(request, page)

    # sessions

    async def sessions(self, request: Request) -> Response:
        session = await self._house.session(request)
        rows = tuple(_row(info) for info in await self._accounts.list_sessions(session))
        page = SessionsPage(
            csrf=await self._house.token(request, FORM),
            sign_out_csrf=await self._house.token(request, "sign-out"),
            sessions=rows,
            ended=request.query_params.get("done") == "ended",
        )
        return await self._house.page(request, page)

    async def to_sessions(self, request: Request) -> Response:
        """The address of a form, typed or reloaded."""
        return self._house.go(f"{ACCOUNT}/sessions")

    async def end_session(self, request: Request) -> Response:
        form = await self._house.form(request, FORM)
        await self._accounts.end_session(await self._house.session(request), form.get("session", ""))
        return self._house.go(f"{ACCOUNT}/sessions", done="ended")

    async def end_others(self, request: Request) -> Response:
        await self._house.form(request, FORM)
        await self._accounts.end_other_sessions(await self._house.session(request))
        return self._house.go(f"{ACCOUNT}/sessions", done="ended")

    # the end

    async def close(self, request: Request) -> Response:
        await strong_session(self._house, request)
        owned = await self._owned_alone(request)
        page = CloseAccountPage(csrf=await self._house.token(request, FORM), owned=owned)
        return await self._house.page(request, page)

    async def do_close(self, request: Request) -> Response:
        await self._house.form(request, FORM)
        session = await strong_session(self._house, request)
        owned = await self._owned_alone(request)
        if owned:
            page = CloseAccountPage(csrf=await self._house.token(request, FORM), owned=owned)
            return await self._house.page(request, page, status=409)
        actor = await self._house.actor(request)
        await self._house.members.leave_all(actor)
        await self._accounts.close_account(session.account_id, actor=actor.name)
        return self._house.go(SIGN_IN, done="closed", headers={"Set-Cookie": self._accounts.cookie.drop()})

    async def _owned_alone(self, request: Request) -> tuple[tuple[str, str], ...]:
        actor = await self._house.actor(request)
        owned = await self._house.organizations.list_owned_alone(actor)
        return tuple((name, f"/portal/o/{organization_id}/members") for organization_id, name in owned)

    # is it you?

    async def confirm(self, request: Request) -> Response:
        session = await self._house.session(request)
        target = self._target(request.query_params.get("next"))
        if session.is_strong(self._house.clock.now()):
            return self._house.go(target)
        return await self._ask(request, target)

    async def to_confirm(self, request: Request) -> Response:
        """The address of a form, typed or reloaded."""
        return self._house.go(CONFIRM)

    async def do_confirm(self, request: Request) -> Response:
        form = await self._house.form(request, FORM)
        session, target = await self._house.session(request), self._target(form.get("next"))
        password = form.get("password", "")
        if not password:
            return await self._ask(request, target, said("password", "missing"), 422)
        outcome = await self._accounts.prove(
            session, password=password, code=form.get("code", ""), address=self._house.addresses.of(request)
        )
        return await self._after_proof(request, target, outcome, by_passkey=False)

    async def do_confirm_passkey(self, request: Request) -> Response:
        form = await self._house.form(request, FORM)
        session, target = await self._house.session(request), self._target(form.get("next"))
        outcome = await self._accounts.prove_by_passkey(session, form.get("ticket", ""), form.get("credential", ""))
        return await self._after_proof(request, target, outcome, by_passkey=True)

    async def _after_proof(self, request: Request, target: str, outcome: object, *, by_passkey: bool) -> Response:
        match outcome:
            case Done():
                return self._house.go(target)
            case TooMany(retry_at):
                return await self._ask(request, target, later(self._house, retry_at), 429)
            case _:
                return await self._ask(request, target, said("form", "passkey") if by_passkey else None, 422)

    async def _ask(
        self, request: Request, target: str, problems: Problems | None = RIGHT, status: int = 200
    ) -> Response:
        session = await self._house.session(request)
        security = await self._accounts.security(session)
        asks_code = security.totp_since is not None
        if problems is None:
            problems = said("form", "proof") if asks_code else said("password", "wrong")
        offers = security.passkeys and security.passkeys_possible
        page = ConfirmItIsYouPage(
            csrf=await self._house.token(request, FORM),
            email=session.email,
            passkey=ask(self._accounts.offer_passkey_proof(session), f"{CONFIRM}/passkey") if offers else None,
            ask_code=asks_code,
            has_password=security.has_password,
            next_url=target,
            problems=problems,
        )
        return self._house.entry(request, page, status=status)

    def _target(self, text: str | None) -> str:
        safe = self._house.safe_next(text)
        return ACCOUNT if safe == HOME else safe


def _row(info: SessionInfo) -> SessionRow:
    ways = "passkey" if "pwd" not in info.amr else "password and code" if "otp" in info.amr else "password"
    return SessionRow(
        id=info.id,
        browser=info.agent[:1].upper() + info.agent[1:],
        network=info.network,
        ways=ways,
        started_at=info.created_at,
        last_seen_at=info.last_seen_at,
        current=info.current,
    )
