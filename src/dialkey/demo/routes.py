"""The demo's relying party under /demo: the link, the callback, and each further request at the press of a button.

It keeps no state: what is known of a visit travels through the page as a signed value.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.base.signed import seal, unseal
from dialkey.demo.calling import Answer, Call, Caller, caller, exchange_of
from dialkey.demo.seed import CALLBACK, REMOVED, DemoClient, DemoWorld
from dialkey.demo.views import DemoCallbackPage, DemoHomePage, Exchange
from dialkey.settings import Settings
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.numbering import grouped
from dialkey.web.errors import Refusal
from dialkey.web.framing import Frames
from dialkey.web.http import page_response, read_page_form, see_other
from dialkey.web.pages import Hidden

_PURPOSE = b"demo"
MAX_PARAMETERS = 12
MAX_VALUE = 1000
MAX_EXCHANGES = 24_000
"""Bytes of the latest exchanges that are kept; the signed value must fit into a form."""


class Visit(msgspec.Struct, frozen=True, array_like=True):
    """How far a visitor came."""

    parameters: tuple[tuple[str, str], ...]
    next_steps: tuple[str, ...]
    access_token: str = ""
    refresh_token: str = ""
    id_token: str = ""
    exchanges: tuple[tuple[str, str, str, int, str], ...] = ()
    """(title, curl, request, status, response)."""
    removal_url: str = ""
    """Where the subscriber can remove the product, once that was asked for."""
    machine_token: str = ""
    """The token of the product itself, for the request that follows."""


class DemoRoutes:
    """Pages of a small app that lets its users log in with their phone number. `call` makes its server's requests."""

    def __init__(
        self, settings: Settings, keyring: Keyring, world: DemoWorld, frames: Frames, call: Caller | None = None
    ) -> None:
        self._base_url = settings.base_url
        self._keys = keyring["page"]
        self._world = world
        self._frames = frames
        self._call = call or caller(settings.base_url)
        self.routes = [
            Route("/demo", self.home),
            Route(CALLBACK, self.callback),
            Route(REMOVED, self.removed),
            Route("/demo/step", self.step, methods=["POST"]),
            Route("/demo/step", self.again, methods=["GET"]),
        ]

    async def home(self, request: Request) -> Response:
        client = self._world.main
        numbers = tuple(
            (grouped(number), operator, f"/handset/{number.removeprefix('+')}")
            for number, operator in self._world.numbers
        )
        by_hand = (
            self._exchange_call(client, "{CODE FROM THE CALLBACK URI}"),
            Call(title="userinfo", method="GET", path="/userinfo", bearer="{ACCESS TOKEN}"),
        )
        page = DemoHomePage(
            product=client.product,
            authorization_url=client.authorization_url(self._base_url),
            handset_url="/handset",
            numbers=numbers,
            curl=tuple((call.title, call.curl(self._base_url)) for call in by_hand),
            email=self._world.developer_email,
            password=self._world.developer_password,
        )
        return page_response(page, self._frames(request))

    async def callback(self, request: Request) -> Response:
        """What the browser brought back. Nothing is spent until a button is pressed."""
        parameters = _parameters(request)
        has_code = bool(dict(parameters).get("code")) and "error" not in dict(parameters)
        return self._shown(request, Visit(parameters, ("exchange",) if has_code else ()))

    async def removed(self, request: Request) -> Response:
        """Where the browser comes back to from the page that removes the product."""
        parameters = _parameters(request)
        outcome = "kept" if "error" in dict(parameters) else "removed"
        page = DemoCallbackPage(parameters=parameters, action="/demo/step", removal=outcome)
        return page_response(page, self._frames(request))

    async def again(self, request: Request) -> Response:
        """The address of a step, typed or reloaded: back to the start."""
        return see_other("/demo")

    async def step(self, request: Request) -> Response:
        """Makes one request and shows it."""
        form = await read_page_form(request)
        payload = unseal(self._keys, _PURPOSE, form.get("visit", ""))
        if payload is None:
            return see_other("/demo")
        visit = msgspec.msgpack.decode(payload, type=Visit)
        step = form.get("step", "")
        if step not in visit.next_steps:
            raise Refusal(400, "malformed", detail="no such step now")
        client = self._world.client_of(dict(visit.parameters).get("state", ""))
        if step == "sign_out":
            return see_other(self._sign_out_url(client, visit))
        if step == "open_removal":
            return see_other(visit.removal_url)
        if step == "remove":
            visit = await self._make(visit, self._call_for("machine", client, visit))
            token = visit.machine_token
            return self._shown(request, await self._make(visit, self._removal_call(token, visit)) if token else visit)
        return self._shown(request, await self._make(visit, self._call_for(step, client, visit)))

    async def _make(self, visit: Visit, call: Call) -> Visit:
        answer = await self._call(call)
        return _after(call.title, visit, answer, exchange_of(call, answer, self._base_url))

    def _removal_call(self, token: str, visit: Visit) -> Call:
        return Call(
            title="remove",
            method="POST",
            path="/ext-api/v0/auth/create-revoke-consent-magic-link",
            bearer=token,
            form=(
                ("token", visit.access_token),
                ("redirectTo", self._base_url + REMOVED),
                ("state", dict(visit.parameters).get("state", "")),
            ),
        )

    def _call_for(self, step: str, client: DemoClient, visit: Visit) -> Call:
        basic = (client.client_id, client.client_secret)
        match step:
            case "exchange":
                return self._exchange_call(client, dict(visit.parameters)["code"])
            case "refresh":
                form = (("grant_type", "refresh_token"), ("refresh_token", visit.refresh_token))
                return Call(title=step, method="POST", path="/oauth2/token", basic=basic, form=form)
            case "machine":
                form = (("grant_type", "client_credentials"),)
                return Call(title=step, method="POST", path="/oauth2/token", basic=basic, form=form)
            case "introspect" | "revoke":
                token = visit.refresh_token if step == "revoke" and visit.refresh_token else visit.access_token
                form = (("token", token),)
                return Call(title=step, method="POST", path=f"/oauth2/{step}", basic=basic, form=form)
            case _:
                return Call(title="userinfo", method="GET", path="/userinfo", bearer=visit.access_token)

    def _exchange_call(self, client: DemoClient, code: str) -> Call:
        return Call(
            title="exchange",
            method="POST",
            path="/oauth2/token",
            basic=(client.client_id, client.client_secret),
            form=(
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", self._base_url + CALLBACK),
            ),
        )

    def _sign_out_url(self, client: DemoClient, visit: Visit) -> str:
        """Logging out is the browser's own journey (OpenID Connect RP-Initiated Logout 1.0)."""
        parameters = {"client_id": client.client_id, "post_logout_redirect_uri": f"{self._base_url}/demo"}
        if visit.id_token:
            parameters["id_token_hint"] = visit.id_token
        return f"{self._base_url}/oauth2/sessions/logout?{urlencode(parameters)}"

    def _shown(self, request: Request, visit: Visit) -> Response:
        parameters = dict(visit.parameters)
        page = DemoCallbackPage(
            parameters=visit.parameters,
            action="/demo/step",
            hidden=(Hidden(name="visit", value=seal(self._keys, _PURPOSE, msgspec.msgpack.encode(visit))),),
            next_steps=visit.next_steps,
            exchanges=tuple(
                Exchange(title=title, curl=curl, request=sent, status=status, response=response)
                for title, curl, sent, status, response in visit.exchanges
            ),
            failed="code" not in parameters or "error" in parameters,
        )
        return page_response(page, self._frames(request))


def _after(step: str, visit: Visit, answer: Answer, done: Exchange) -> Visit:
    """The visit with one more exchange, and what can be done next."""
    values = answer.values() if answer.status == 200 else {}
    exchanges = (*visit.exchanges, (done.title, done.curl, done.request, done.status, done.response))
    while len(exchanges) > 1 and len(msgspec.msgpack.encode(exchanges)) > MAX_EXCHANGES:
        exchanges = exchanges[1:]
    machine_token = values.get("access_token", "") if step == "machine" else ""
    access_token = visit.access_token if step == "machine" else values.get("access_token", visit.access_token)
    refresh_token = values.get("refresh_token", visit.refresh_token)
    if not access_token:
        next_steps: tuple[str, ...] = ()
    elif step == "remove" and values.get("redirectTo"):
        next_steps = ("open_removal", "userinfo", "sign_out")
    elif step == "revoke":
        next_steps = ("userinfo", "sign_out")
    elif "refresh" not in visit.next_steps and step != "exchange":
        next_steps = visit.next_steps
    else:
        renewal = ("refresh",) if refresh_token else ()
        next_steps = ("userinfo", *renewal, "introspect", "remove", "revoke", "sign_out")
    return Visit(
        parameters=visit.parameters,
        next_steps=next_steps,
        access_token=access_token,
        refresh_token=refresh_token,
        id_token=values.get("id_token", visit.id_token),
        exchanges=exchanges,
        removal_url=values.get("redirectTo", visit.removal_url),
        machine_token=machine_token,
    )


def _parameters(request: Request) -> tuple[tuple[str, str], ...]:
    """What the browser brought in the query."""
    query = request.scope["query_string"].decode("ascii", "replace")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise Refusal(400, "malformed") from None
    return tuple((name[:MAX_VALUE], value[:MAX_VALUE]) for name, value in pairs if name != "ui_locales")
