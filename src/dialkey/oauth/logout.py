"""GET and POST /oauth2/sessions/logout (OpenID Connect RP-Initiated Logout 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.base.clock import SECOND
from dialkey.base.ids import looks_like_uuid
from dialkey.base.url import policy_source
from dialkey.directory.model import Client
from dialkey.oauth.house import House
from dialkey.oauth.views import SignedOutPage, SignOutPage
from dialkey.signin.model import Session
from dialkey.storage import Writer
from dialkey.subscribers.subjects import session_reference
from dialkey.web.errors import Refusal
from dialkey.web.forms import FormError, parse_form
from dialkey.web.http import page_response, read_form, require_same_origin, see_other
from dialkey.web.pages import Hidden

_TICKET = "sign_out"


class SignOutTicket(msgspec.Struct, frozen=True, array_like=True):
    """What a confirmation page was made for."""

    session_id: str
    client_id: str
    back_url: str


@dataclass(frozen=True, slots=True)
class _Ask:
    """A request to sign out, as far as it could be proven."""

    client: Client | None
    back_url: str | None
    """A registered post_logout_redirect_uri with the state."""
    sid: str | None
    sub: str | None
    locales: str | None = None
    """`ui_locales`."""


class LogoutRoutes:
    """Signs out at once where an ID token of this very session asks for it; asks first otherwise. Never a dead end."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.routes = [
            Route("/oauth2/sessions/logout", self.sign_out, methods=["GET", "POST"]),
            Route("/oauth2/sessions/logout/confirm", self.confirm, methods=["POST"]),
            Route("/oauth2/sessions/logout/confirm", self.sign_out, methods=["GET"]),
        ]

    async def sign_out(self, request: Request) -> Response:
        try:
            parameters = (
                parse_form(request.scope["query_string"]) if request.method == "GET" else await read_form(request)
            )
        except FormError as error:
            raise Refusal(400, "malformed", detail=str(error)) from None
        if request.method == "POST" and self._house.sessions.digest(request) is None:
            return see_other(f"/oauth2/sessions/logout?{urlencode(parameters)}")  # Lax cookies come with a GET only
        await self._house.signing.refresh()
        asked = await self._ask(parameters)
        session = await self._house.sessions.find(request)
        if session is None:
            return self._done(request, asked, "not_signed_in" if asked.back_url is None else "signed_out")
        if asked.client is not None and asked.sid is not None and self._same(asked, session):
            await self._end(request, session)
            return self._done(request, asked, "signed_out")
        return self._confirmation(request, asked, session)

    async def confirm(self, request: Request) -> Response:
        """POST: the answer of the confirmation page."""
        require_same_origin(request)
        try:
            form = await read_form(request)
        except FormError as error:
            raise Refusal(400, "malformed", detail=str(error)) from None
        house = self._house
        opened = house.browsers.read_ticket(_TICKET, SignOutTicket, form.get("ticket", ""))
        browser = house.browsers.find(request)
        session = await house.sessions.find(request)
        if opened is None or browser is None or opened[0] != browser.digest:
            return see_other("/oauth2/sessions/logout")
        _, made_at, ticket = opened
        if house.clock.now() - made_at > house.settings.signin.ticket_lifetime * SECOND:
            return see_other("/oauth2/sessions/logout")
        client = await house.directory.find_client(ticket.client_id) if ticket.client_id else None
        asked = _Ask(client, ticket.back_url or None, None, None)
        if form.get("decision") != "sign_out":
            return self._done(request, asked, "stayed")
        if session is not None and session.id != ticket.session_id:
            return see_other("/oauth2/sessions/logout")
        if session is not None:
            await self._end(request, session)
        return self._done(request, asked, "signed_out")

    async def _ask(self, parameters: Mapping[str, str]) -> _Ask:
        """Hint, client and address, each only as far as it is proven. A hint may have expired, not be forged."""
        hint = self._house.signing.verify(parameters.get("id_token_hint", ""), typ="JWT", past=True)
        if hint is not None and hint.get("iss") != self._house.settings.issuer:
            hint = None
        named = parameters.get("client_id")
        if hint is not None and named is not None and named not in hint["aud"]:
            hint = None
        client_id = hint["aud"][0] if hint is not None else named or ""
        client = await self._house.directory.find_client(client_id) if looks_like_uuid(client_id) else None
        forged = "id_token_hint" in parameters and hint is None
        back = parameters.get("post_logout_redirect_uri")
        known = client is not None and client.active and not forged and back in client.post_logout_redirect_uris
        return _Ask(
            client,
            _with_state(back, parameters.get("state")) if known and back else None,
            hint.get("sid") if hint else None,
            hint.get("sub") if hint else None,
            parameters.get("ui_locales"),
        )

    def _same(self, asked: _Ask, session: Session) -> bool:
        """Whether the hint was issued in this session, or for this subscriber."""
        assert asked.client is not None
        sid = session_reference(self._house.keyring, asked.client.id, session.id)
        return asked.sid == sid or asked.sub == self._house.subject_of(asked.client, session)

    async def _end(self, request: Request, session: Session) -> None:
        """Ends the session and the grants that were to live as long as it."""
        house = self._house
        now = house.clock.now()

        async def unit(writer: Writer) -> None:
            request_id = request.scope.get("dialkey.request_id", "")
            if await house.sessions.end(writer, session, reason="signed_out", request_id=request_id):
                await house.authorizations.end_of_session(writer, session.id, now, "signed_out")

        await house.storage.write(unit)

    def _confirmation(self, request: Request, asked: _Ask, session: Session) -> Response:
        browser = self._house.browsers.meet(request)
        ticket = SignOutTicket(session.id, asked.client.id if asked.client else "", asked.back_url or "")
        sealed = self._house.browsers.ticket(_TICKET, browser, self._house.clock.now(), ticket)
        page = SignOutPage(
            action="/oauth2/sessions/logout/confirm",
            hidden=(Hidden(name="ticket", value=sealed),),
            product=self._house.brand_of(asked.client.product) if asked.client else None,
        )
        locale = self._house.frames.locale(request, asked.locales)
        frame = self._house.frames(request, page.product, locale=locale)
        targets = () if asked.back_url is None else (policy_source(asked.back_url),)
        return page_response(page, frame, headers=browser.headers, form_targets=targets)

    def _done(self, request: Request, asked: _Ask, outcome: str) -> Response:
        dropped = {"Set-Cookie": self._house.sessions.cookie.drop()} if outcome == "signed_out" else {}
        if asked.back_url is not None and outcome != "stayed":
            return see_other(asked.back_url, dropped)
        page = SignedOutPage(
            outcome=outcome,
            back_url=asked.back_url,
            back_name=asked.client.product.name if asked.client and asked.back_url else "",
        )
        brand = self._house.brand_of(asked.client.product) if asked.client else None
        frame = self._house.frames(request, brand, locale=self._house.frames.locale(request, asked.locales))
        return page_response(page, frame, headers=dropped)


def _with_state(uri: str, state: str | None) -> str:
    if not state:
        return uri
    return f"{uri}{'&' if '?' in uri else '?'}state={quote(state, safe='')}"
