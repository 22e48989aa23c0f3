"""Pages of the ways to sign in: password, passkeys, the authenticator app and its recovery codes."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.accounts.model import PasskeyInfo, RecoveryCodes, TooMany, Unfit
from dialkey.accounts.passwords import MIN_PASSWORD
from dialkey.portal.account import ACCOUNT, FORM, strong_session
from dialkey.portal.account_views import (
    AccountConfirmPage,
    PasskeyAddPage,
    PasskeyPage,
    PasskeyRow,
    PasswordPage,
    RecoveryCodesPage,
    SecurityPage,
    TotpPage,
    qr_path,
)
from dialkey.portal.entry_parts import ask, later, unfit
from dialkey.portal.entry_views import RIGHT, said
from dialkey.portal.house import PortalHouse
from dialkey.portal.once import new_ticket, spend_ticket
from dialkey.portal.shell_views import Problems
from dialkey.web.errors import Refusal

SECURITY = f"{ACCOUNT}/security"
PASSKEYS = f"{ACCOUNT}/passkeys"
_LABEL = {"name": "label"}
"""What the rules call a passkey's name, and the form."""


class SecurityPages:
    """Whatever changes how one signs in asks for a fresh proof first, and is told to the owner by mail."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self._accounts = house.accounts
        self.routes = [
            Route(SECURITY, self.show, methods=["GET"]),
            Route(f"{ACCOUNT}/password", self.password, methods=["GET"]),
            Route(f"{ACCOUNT}/password", self.do_password, methods=["POST"]),
            Route(f"{PASSKEYS}/add", self.add, methods=["GET"]),
            Route(f"{PASSKEYS}/add", self.do_add, methods=["POST"]),
            Route(f"{PASSKEYS}/{{id}}", self.passkey, methods=["GET"]),
            Route(f"{PASSKEYS}/{{id}}", self.rename, methods=["POST"]),
            Route(f"{PASSKEYS}/{{id}}/remove", self.remove, methods=["GET"]),
            Route(f"{PASSKEYS}/{{id}}/remove", self.do_remove, methods=["POST"]),
            Route(f"{ACCOUNT}/totp", self.totp, methods=["GET"]),
            Route(f"{ACCOUNT}/totp", self.do_totp, methods=["POST"]),
            Route(f"{ACCOUNT}/totp/remove", self.totp_off, methods=["GET"]),
            Route(f"{ACCOUNT}/totp/remove", self.do_totp_off, methods=["POST"]),
            Route(f"{ACCOUNT}/codes", self.codes, methods=["GET"]),
            Route(f"{ACCOUNT}/codes", self.do_codes, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        session = await self._house.session(request)
        security = await self._accounts.security(session)
        page = SecurityPage(
            csrf=await self._house.token(request, FORM),
            has_password=security.has_password,
            password_changed_at=security.password_changed_at,
            passkeys=tuple(_row(passkey) for passkey in security.passkeys),
            passkeys_possible=security.passkeys_possible,
            totp_since=security.totp_since,
            codes_left=security.recovery_codes_left,
            note=request.query_params.get("done", ""),
        )
        return await self._house.page(request, page)

    # the password

    async def password(self, request: Request) -> Response:
        await strong_session(self._house, request)
        return await self._show_password(request)

    async def do_password(self, request: Request) -> Response:
        form = await self._house.form(request, FORM)
        session, password = await strong_session(self._house, request), form.get("password", "")
        if not password:
            return await self._show_password(request, said("password", "choose"), 422)
        outcome = await self._accounts.change_password(session, password)
        if isinstance(outcome, Unfit):
            return await self._show_password(request, unfit(outcome.problems), 422)
        return self._done("password-saved")

    async def _show_password(self, request: Request, problems: Problems = RIGHT, status: int | None = None) -> Response:
        session = await self._house.session(request)
        security = await self._accounts.security(session)
        page = PasswordPage(
            csrf=await self._house.token(request, FORM),
            email=session.email,
            has_password=security.has_password,
            least=MIN_PASSWORD,
            problems=problems,
        )
        return await self._house.page(request, page, status=status)

    # passkeys

    async def add(self, request: Request) -> Response:
        await strong_session(self._house, request)
        return await self._show_add(request)

    async def do_add(self, request: Request) -> Response:
        form = await self._house.form(request, FORM)
        session, label = await strong_session(self._house, request), form.get("label", "")
        if not label.strip():
            return await self._show_add(request, label, said("label", "missing"), 422)
        outcome = await self._accounts.add_passkey(
            session, form.get("ticket", ""), form.get("credential", ""), name=label
        )
        match outcome:
            case PasskeyInfo():
                return self._done("passkey-added")
            case Unfit(problems):
                return await self._show_add(request, label, _renamed(problems), 422)
            case _:
                return await self._show_add(request, label, said("credential", "failed"), 422)

    async def _show_add(
        self, request: Request, label: str = "", problems: Problems = RIGHT, status: int | None = None
    ) -> Response:
        session = await self._house.session(request)
        offer = await self._accounts.offer_passkey(session)
        page = PasskeyAddPage(
            csrf=await self._house.token(request, FORM),
            passkey=ask(offer, f"{PASSKEYS}/add"),
            label=label[:200],
            problems=problems,
        )
        return await self._house.page(request, page, status=status)

    async def passkey(self, request: Request) -> Response:
        row = await self._get_passkey(request)
        return await self._show_passkey(request, row, row.label)

    async def rename(self, request: Request) -> Response:
        form = await self._house.form(request, FORM)
        session, row, label = (
            await self._house.session(request),
            await self._get_passkey(request),
            form.get("label", ""),
        )
        outcome = await self._accounts.rename_passkey(session, row.id, label)
        if isinstance(outcome, Unfit):
            return await self._show_passkey(request, row, label[:200], _renamed(outcome.problems), 422)
        return self._done("passkey-renamed")

    async def _show_passkey(
        self, request: Request, row: PasskeyRow, label: str, problems: Problems = RIGHT, status: int | None = None
    ) -> Response:
        csrf = await self._house.token(request, FORM)
        page = PasskeyPage(csrf=csrf, passkey=row, label=label, problems=problems)
        return await self._house.page(request, page, status=status)

    async def remove(self, request: Request) -> Response:
        await strong_session(self._house, request)
        row = await self._get_passkey(request)
        return await self._confirm(request, "passkey", label=row.label)

    async def do_remove(self, request: Request) -> Response:
        await self._house.form(request, FORM)
        session = await strong_session(self._house, request)
        await self._accounts.remove_passkey(session, request.path_params["id"])
        return self._done("passkey-removed")

    async def _get_passkey(self, request: Request) -> PasskeyRow:
        session = await self._house.session(request)
        for passkey in (await self._accounts.security(session)).passkeys:
            if passkey.id == request.path_params["id"]:
                return _row(passkey)
        raise Refusal(404, "no_such_passkey")

    # the authenticator app

    async def totp(self, request: Request) -> Response:
        session = await strong_session(self._house, request)
        if (await self._accounts.security(session)).totp_since is not None:
            return self._done()
        return await self._show_totp(request)

    async def do_totp(self, request: Request) -> Response:
        """Turns it on, and shows the recovery codes this once: a repeated POST has nothing to turn on any more."""
        form = await self._house.form(request, FORM)
        session, code = await strong_session(self._house, request), form.get("code", "")
        if (await self._accounts.security(session)).totp_since is not None:
            return self._done("totp-on")
        if not code.strip():
            return await self._show_totp(request, said("code", "missing"), 422)
        outcome = await self._accounts.confirm_totp(session, code)
        match outcome:
            case RecoveryCodes(codes):
                return await self._show_codes(request, codes, first=True) if codes else self._done("totp-on")
            case TooMany(retry_at):
                return await self._show_totp(request, later(self._house, retry_at), 429)
            case _:
                return await self._show_totp(request, said("code", "wrong"), 422)

    async def _show_totp(self, request: Request, problems: Problems = RIGHT, status: int | None = None) -> Response:
        session = await self._house.session(request)
        offer = await self._accounts.begin_totp(session)
        path, size = qr_path(offer.uri)
        page = TotpPage(
            csrf=await self._house.token(request, FORM),
            secret=offer.secret,
            setup_url=offer.uri,
            qr_path=path,
            qr_size=size,
            problems=problems,
        )
        return await self._house.page(request, page, status=status)

    async def totp_off(self, request: Request) -> Response:
        session = await strong_session(self._house, request)
        if (await self._accounts.security(session)).totp_since is None:
            return self._done()
        return await self._confirm(request, "totp")

    async def do_totp_off(self, request: Request) -> Response:
        await self._house.form(request, FORM)
        await self._accounts.remove_totp(await strong_session(self._house, request))
        return self._done("totp-off")

    async def codes(self, request: Request) -> Response:
        session = await strong_session(self._house, request)
        if (await self._accounts.security(session)).totp_since is None:
            return self._done()
        return await self._confirm(request, "codes", ticket=new_ticket(self._house, "codes"))

    async def do_codes(self, request: Request) -> Response:
        """Shown this once: the same form sent again makes no others."""
        form = await self._house.form(request, FORM)
        session = await strong_session(self._house, request)
        if not await spend_ticket(self._house, "codes", form.get("ticket", "")):
            return self._done("codes-made")
        renewed = await self._accounts.renew_recovery_codes(session)
        return await self._show_codes(request, renewed.codes, first=False)

    async def _show_codes(self, request: Request, codes: tuple[str, ...], *, first: bool) -> Response:
        session = await self._house.session(request)
        page = RecoveryCodesPage(codes=tuple(codes), email=session.email, first=first)
        return await self._house.page(request, page)

    # what they share

    async def _confirm(self, request: Request, kind: str, label: str = "", ticket: str = "") -> Response:
        csrf = await self._house.token(request, FORM)
        page = AccountConfirmPage(csrf=csrf, kind=kind, action=request.url.path, label=label, ticket=ticket)
        return await self._house.page(request, page)

    def _done(self, what: str | None = None) -> Response:
        return self._house.go(SECURITY, done=what)


def _row(passkey: PasskeyInfo) -> PasskeyRow:
    return PasskeyRow(
        id=passkey.id,
        label=passkey.name,
        created_at=passkey.created_at,
        last_used_at=passkey.last_used_at,
        synced=passkey.synced,
    )


def _renamed(problems: Mapping[str, str]) -> Problems:
    return unfit({_LABEL.get(field, field): code for field, code in problems.items()})
