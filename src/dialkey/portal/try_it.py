"""Try it: the walkthrough with one's own client, step by step, against the sandbox.

A run travels through the page, encrypted for the session; the server keeps nothing. Requests are made within this
process, to this service and nowhere else. The secret is lent by the developer (`kept_secret`) or given with a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.base.clock import HOUR
from dialkey.base.ids import new_id
from dialkey.base.signed import b64, mac, unb64
from dialkey.base.url import same_redirect
from dialkey.developers.access import Role
from dialkey.directory.model import AuthMethod, Client, ClientKind
from dialkey.oauth.trial import CALLBACK, TrialTicket, open_trial, seal_trial
from dialkey.portal.clients import TRY
from dialkey.portal.house import SIGN_IN, Elsewhere, PortalHouse
from dialkey.portal.kept_secret import SECRET, KeptSecret, lock, unlock
from dialkey.portal.shell_views import FieldProblem, Place, Problems
from dialkey.portal.try_it_calls import Proof, Run, after, call_for, shown
from dialkey.portal.try_it_pages import (
    NONE,
    Choices,
    authorization,
    choices_of,
    code_view,
    place_of,
    run_page,
    scope_choices,
    start_page,
)
from dialkey.portal.try_it_views import TryStrayPage
from dialkey.web.calling import Answer
from dialkey.web.errors import Refusal
from dialkey.web.forms import FormError, parse_form

RUN_LIFETIME = HOUR
MAX_RUN = 60_000
MAX_EXCHANGES = 20_000
MAX_VALUE = 1000
MAX_PARAMETERS = 12
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Run).decode


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page of a client's Try it stands on."""

    client: Client
    place: Place
    session_id: str


class TryItPages:
    """See the module."""

    def __init__(self, house: PortalHouse) -> None:
        self._house = house
        self._kept = KeptSecret(house)
        base = "/portal/c/{client}/try"
        self.routes = [
            Route(base, self.start, methods=["GET"]),
            *(
                Route(f"{base}/{step}", self.to_start, methods=["GET"])
                for step in ("saved", "forget", "returned", "step")
            ),
            Route(f"{base}/saved", self.saved, methods=["POST"]),
            Route(f"{base}/forget", self.forget, methods=["POST"]),
            Route(f"{base}/returned", self.returned, methods=["POST"]),
            Route(f"{base}/step", self.step, methods=["POST"]),
            Route(CALLBACK, self.callback, methods=["GET"]),
        ]

    async def start(self, request: Request) -> Response:
        """The choices, the address that follows from them, and ready code."""
        desk = await self._desk(request, request.path_params["client"])
        chosen = choices_of(desk.client, request.query_params)
        return await self._start(request, desk, chosen)

    async def _start(
        self,
        request: Request,
        desk: Desk,
        chosen: Choices,
        problems: Problems = NONE,
        returned: str = "",
        run: Run | None = None,
    ) -> Response:
        house = self._house
        if not desk.client.active:
            return await house.page(request, start_page(desk.client, desk.place, csrf="", chosen=chosen, active=False))
        run = run or self._new_run(desk, chosen)
        query = "" if chosen.machine else urlencode(self._authorization(desk, run, chosen), quote_via=quote)
        numbers = await self._numbers(request, desk)
        page = start_page(
            desk.client,
            desk.place,
            csrf=await house.token(request, TRY),
            chosen=chosen,
            active=True,
            base_url=house.settings.base_url,
            parameters=self._authorization(desk, run, chosen),
            start_url=f"/oauth2/auth?{query}",
            numbers=numbers,
            run=self._close(desk, run) if chosen.machine or chosen.redirect else "",
            keeps_secret=await self._kept.find(request, desk.client.id) is not None,
        )
        code = code_view(desk.client, chosen, house.settings, request.query_params)
        page = replace(page, code=code, problems=problems, returned=returned, scopes=scope_choices(desk.client, chosen))
        return await house.page(request, page, status=422 if problems else None)

    async def to_start(self, request: Request) -> Response:
        """The address of a step, typed or reloaded."""
        desk = await self._desk(request, request.path_params["client"])
        return self._house.go(f"/portal/c/{desk.client.id}/try")

    # the lent secret

    async def saved(self, request: Request) -> Response:
        """Straight from the page that showed the secret: it is lent, and the first step waits."""
        desk, form = await self._form(request)
        target, kept = f"/portal/c/{desk.client.id}/try", form.get("kept", "")
        known = unlock(self._house, desk.session_id, desk.client.id, kept)
        return self._house.go(target, headers=None if known is None else self._kept.keep(kept))

    async def forget(self, request: Request) -> Response:
        desk, _ = await self._form(request)
        return self._house.go(f"/portal/c/{desk.client.id}/try", headers=self._kept.drop())

    # the way back

    async def callback(self, request: Request) -> Response:
        """The browser comes back to us. Only the session that began the run reads what it brought."""
        house = self._house
        visit = await house.find_visit(request)
        if visit is None:
            raise Elsewhere(SIGN_IN)
        parameters = _parameters(request.scope["query_string"])
        ticket = open_trial(house.keyring, dict(parameters).get("state"), house.clock.now())
        if ticket is None or ticket.holder != self._holder(visit.session.id):
            return await house.page(request, TryStrayPage(), status=400)
        desk = await self._desk(request, ticket.client_id)
        run = Run(
            id=ticket.run,
            client_id=ticket.client_id,
            made_at=ticket.made_at,
            redirect_uri=house.settings.base_url + CALLBACK,
            scope=ticket.scope,
            pkce=ticket.pkce,
            nonce=ticket.nonce,
            prompt=ticket.prompt,
        )
        return await self._came_back(request, desk, run, parameters)

    async def returned(self, request: Request) -> Response:
        """The address that a developer pasted, of a run with the client's own redirect URI."""
        desk, form = await self._form(request)
        run = self._open(desk, form.get("run", ""))
        if run is None:
            return self._house.go(f"/portal/c/{desk.client.id}/try", done="already-done")
        typed = form.get("returned", "").strip()[:4000]
        address, _, query = typed.partition("?")
        try:
            parameters = _parameters(query.partition("#")[0].encode("ascii", "replace"))
        except Refusal:
            parameters = ()
        text = ""
        if not same_redirect(run.redirect_uri.partition("?")[0], address, native=desk.client.native):
            text = f"That is another address. It begins with {run.redirect_uri}"
        elif dict(parameters).get("state") != self._secret_of(run, b"try-state", 16):
            text = "This address is from another run: its state differs. An app must refuse it too."
        if text:
            problems = Problems((FieldProblem(field="returned", text=text),))
            chosen = Choices.of(run)
            return await self._start(request, desk, chosen, problems, typed, run)
        return await self._came_back(request, desk, run, parameters)

    async def _came_back(
        self, request: Request, desk: Desk, run: Run, parameters: tuple[tuple[str, str], ...]
    ) -> Response:
        values = dict(parameters)
        steps = ("exchange",) if values.get("code") and "error" not in values else ()
        return await self._show(request, desk, msgspec.structs.replace(run, parameters=parameters, next_steps=steps))

    # the requests of the developer's server

    async def step(self, request: Request) -> Response:
        """Makes one request, and shows it."""
        house = self._house
        desk, form = await self._form(request)
        run, step = self._open(desk, form.get("run", "")), form.get("step", "")
        if run is None or not desk.client.active:
            return house.go(f"/portal/c/{desk.client.id}/try", done="already-done")
        if step not in run.next_steps:
            raise Refusal(400, "malformed", detail="no such step now")
        typed = form.get("client_secret", "").strip()
        proof = Proof(
            secret=typed or await self._kept.find(request, desk.client.id),
            assertion=form.get("client_assertion", "").strip() or None,
        )
        if problem := _missing(step, desk.client, proof):
            if step == "credentials" and not run.done:
                return await self._start(request, desk, Choices.of(run), problem)
            return await self._show(request, desk, run, problem)
        call = call_for(step, run, desk.client, proof, self._secret_of(run, b"try-verifier", 32))
        answer = await self._ask(request, call)
        done = shown(step, call, answer, house.settings.base_url)
        headers: dict[str, str] = {}
        if done.error == "invalid_client":
            headers = self._kept.drop()
        elif typed and step != "userinfo":
            headers = self._kept.keep(lock(house, desk.session_id, desk.client.id, typed))
        run = after(step, run, answer, done, most=MAX_EXCHANGES)
        return await self._show(request, desk, run, headers=headers)

    async def _ask(self, request: Request, call: Any) -> Answer:
        house = self._house
        try:
            return await house.call(call, str(house.addresses.of(request)))
        except Refusal as refusal:
            return Answer(refusal.status, msgspec.json.encode({"error": refusal.code}).decode())

    async def _show(
        self,
        request: Request,
        desk: Desk,
        run: Run,
        problems: Problems = NONE,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        house = self._house
        keeps = await self._kept.find(request, desk.client.id) is not None
        if headers:
            keeps = "Max-Age=0" not in headers["Set-Cookie"]
        page = run_page(
            desk.client,
            desk.place,
            run,
            csrf=await house.token(request, TRY),
            sealed=self._close(desk, run),
            parameters=self._authorization(desk, run, Choices.of(run)),
            base_url=house.settings.base_url,
            keeps_secret=keeps,
        )
        page = replace(page, problems=problems)
        return await house.page(request, page, status=422 if problems else None, headers=headers)

    # parts

    async def _desk(self, request: Request, client_id: str) -> Desk:
        """The client in the developer's name; 404 for another organization's."""
        house = self._house
        session = await house.session(request)
        member = await house.access.client(await house.actor(request), client_id, Role.VIEWER)
        client = await house.client_directory.find_client(client_id)
        if client is None or "deleted" in (member.client_status, member.product_status):
            raise Refusal(404, "no_such_client")
        return Desk(client, place_of(member, client), session.id)

    async def _form(self, request: Request) -> tuple[Desk, dict[str, str]]:
        form = await self._house.form(request, TRY)
        return await self._desk(request, request.path_params["client"]), form

    async def _numbers(self, request: Request, desk: Desk) -> tuple[tuple[str, str], ...]:
        house, organization = self._house, desk.place.organization
        if desk.client.kind is ClientKind.MACHINE or organization is None:
            return ()
        listed = await house.sandbox.list(await house.actor(request), organization.id)
        return tuple((str(one.number), f"{one.number} {one.label}".strip()) for one in listed[:20])

    def _new_run(self, desk: Desk, chosen: Choices) -> Run:
        house = self._house
        return Run(
            id=new_id(house.entropy),
            client_id=desk.client.id,
            made_at=house.clock.now(),
            redirect_uri=chosen.redirect or house.settings.base_url + CALLBACK,
            scope=chosen.scope,
            pkce=chosen.pkce,
            nonce=chosen.nonce,
            prompt=chosen.prompt,
            next_steps=("credentials",) if chosen.machine else (),
        )

    def _authorization(self, desk: Desk, run: Run, chosen: Choices) -> dict[str, str]:
        """The parameters of the authorization request."""
        house = self._house
        if run.redirect_uri == house.settings.base_url + CALLBACK:
            ticket = TrialTicket(
                run=run.id,
                client_id=run.client_id,
                holder=self._holder(desk.session_id),
                made_at=run.made_at,
                scope=run.scope,
                pkce=run.pkce,
                nonce=run.nonce,
                prompt=run.prompt,
            )
            state = seal_trial(house.keyring, ticket)
        else:
            state = self._secret_of(run, b"try-state", 16)
        nonce = self._secret_of(run, b"try-nonce", 16) if run.nonce else ""
        verifier = self._secret_of(run, b"try-verifier", 32) if run.pkce else ""
        return authorization(run, state=state, nonce=nonce, verifier=verifier, hint=chosen.hint)

    def _holder(self, session_id: str) -> str:
        return self._house.keyring.digest("portal-try", session_id)

    def _secret_of(self, run: Run, purpose: bytes, length: int) -> str:
        """A value of this run alone: derived, so that nothing of it has to travel."""
        return b64(mac(self._house.keyring["page"].key(), purpose, run.id.encode(), length))

    def _close(self, desk: Desk, run: Run) -> str:
        house = self._house
        return b64(house.keyring.box().close(house.entropy, _label(desk), _encode(run)))

    def _open(self, desk: Desk, text: str) -> Run | None:
        """The run of this session and client; None for any other, or one that is over."""
        sealed = unb64(text) if 0 < len(text) <= MAX_RUN else None
        content = None if sealed is None else self._house.keyring.open_box(_label(desk), sealed)
        if content is None:
            return None
        run = _decode(content)
        return run if self._house.clock.now() - run.made_at <= RUN_LIFETIME else None


def _label(desk: Desk) -> str:
    return f"portal-try-run/{desk.session_id}/{desk.client.id}"


def _parameters(query: bytes) -> tuple[tuple[str, str], ...]:
    """What came back, in bounds; Refusal 400 where it cannot be read in one way."""
    try:
        fields = parse_form(query)
    except FormError:
        raise Refusal(400, "malformed") from None
    if len(fields) > MAX_PARAMETERS:
        raise Refusal(400, "malformed")
    return tuple((name[:80], value[:MAX_VALUE]) for name, value in fields.items())


def _missing(step: str, client: Client, proof: Proof) -> Problems:
    """What the developer still has to give for this request."""
    if step == "userinfo" or client.auth_method is AuthMethod.NONE:
        return NONE
    if client.auth_method is AuthMethod.PRIVATE_KEY_JWT:
        if proof.assertion is None:
            return Problems((FieldProblem(field="client_assertion", text="Paste a JWT that your key signed."),))
        return NONE
    if proof.secret is None or not SECRET.fullmatch(proof.secret):
        text = "Paste the whole secret: it begins with dk_cs_ and has 49 characters."
        return Problems((FieldProblem(field="client_secret", text=text),))
    return NONE
