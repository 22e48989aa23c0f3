"""From parameters to a checked request: first who is asking and where it may be answered, then everything else."""

from __future__ import annotations

from collections.abc import Mapping

from dialkey.base.ids import looks_like_uuid
from dialkey.directory.model import Client
from dialkey.oauth.callback import CallbackDestination
from dialkey.oauth.checks import CHECKS, Draft
from dialkey.oauth.checks.response_type import RESPONSE_MODES
from dialkey.oauth.errors import InvalidRequest, OAuthError
from dialkey.oauth.house import House
from dialkey.oauth.model import AuthorizationRequest
from dialkey.oauth.trial import CALLBACK, open_trial

MAX_STATE = 8192
MAX_QUERY = 32 * 1024


class Unanswerable(Exception):
    """Client or redirect URI are not proven: a page says so, and nothing is sent anywhere."""

    def __init__(self, error: OAuthError, reason: str, client: Client | None = None, sent: str = "") -> None:
        super().__init__(reason)
        self.error = error
        self.reason = reason
        self.client = client
        self.sent = sent
        """The redirect URI of the request, as far as the client's own log may have it."""


class RequestReader:
    """Proves and checks authorization requests."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def destination(self, parameters: Mapping[str, str]) -> tuple[Client, CallbackDestination]:
        """The client and where it may be answered; raises Unanswerable."""
        client = await self._client(parameters.get("client_id", ""))
        redirect_uri = parameters.get("redirect_uri") or _only(client)
        mode = parameters.get("response_mode", "query")
        return client, self._prove(
            client, redirect_uri, mode if mode in RESPONSE_MODES else "query", parameters.get("state")
        )

    async def again(self, request: AuthorizationRequest) -> tuple[Client, CallbackDestination]:
        """The same for a request that was checked before: both may have changed meanwhile."""
        client = await self._client(request.client_id)
        return client, self._prove(client, request.redirect_uri, request.response_mode, request.state)

    async def check(
        self, parameters: Mapping[str, str], client: Client, destination: CallbackDestination, query: str
    ) -> AuthorizationRequest:
        """Runs the checks in their order; raises OAuthError, which may travel to the client."""
        draft = Draft(parameters, client, await self._house.directory.scope_names())
        for check in CHECKS:
            check(draft)
        if len(parameters.get("state", "")) > MAX_STATE or len(parameters.get("nonce", "")) > MAX_STATE:
            raise InvalidRequest("state or nonce too long", description="The state or nonce is too long.")
        if len(query) > MAX_QUERY:
            raise InvalidRequest("request too long", description="The request is too long.")
        hinted = await self._hinted_subject(parameters.get("id_token_hint"), client)
        if hinted is not None and draft.required_sub not in (None, hinted):
            raise InvalidRequest("id_token_hint and claims differ", description="Two different subjects are required.")
        return AuthorizationRequest(
            client_id=client.id,
            redirect_uri=destination.redirect_uri,
            redirect_uri_sent="redirect_uri" in parameters,
            response_mode=destination.response_mode,
            scope=str(draft.scopes),
            state=parameters.get("state"),
            nonce=parameters.get("nonce"),
            code_challenge=draft.code_challenge,
            prompts=draft.prompts,
            max_age=draft.max_age,
            login_hint=parameters.get("login_hint", "")[:64] or None,
            ui_locales=parameters.get("ui_locales", "")[:64] or None,
            required_sub=hinted or draft.required_sub,
            query=query,
        )

    async def _client(self, client_id: str) -> Client:
        if not client_id:
            raise Unanswerable(InvalidRequest("client_id is missing"), "client_unknown")
        client = await self._house.directory.find_client(client_id) if looks_like_uuid(client_id) else None
        if client is None or not client.active:
            raise Unanswerable(InvalidRequest("client or product is disabled or unknown"), "client_unknown", client)
        return client

    def _prove(self, client: Client, redirect_uri: str | None, mode: str, state: str | None) -> CallbackDestination:
        if redirect_uri is None:
            raise Unanswerable(InvalidRequest("redirect_uri is missing"), "redirect_uri_missing", client)
        destination = CallbackDestination.of(
            client, redirect_uri, response_mode=mode, state=state, issuer=self._house.settings.issuer
        )
        if destination is None and self._is_trial(client, redirect_uri, state):
            issuer = self._house.settings.issuer
            destination = CallbackDestination(redirect_uri, mode, state, issuer, pending=True)
        if destination is None:
            sent = redirect_uri.partition("?")[0].partition("#")[0]
            raise Unanswerable(InvalidRequest("redirect_uri is not registered"), "redirect_uri_wrong", client, sent)
        return destination

    def _is_trial(self, client: Client, redirect_uri: str, state: str | None) -> bool:
        """The portal's own address, in a run that the portal sealed for this client: for test numbers only."""
        if redirect_uri != self._house.settings.base_url + CALLBACK:
            return False
        ticket = open_trial(self._house.keyring, state, self._house.clock.now())
        return ticket is not None and ticket.client_id == client.id

    async def _hinted_subject(self, hint: str | None, client: Client) -> str | None:
        """The subject of an `id_token_hint` that we issued to this client; expired ones count. Refuses any other."""
        if hint is None:
            return None
        await self._house.signing.refresh()
        claims = self._house.signing.verify(hint, typ="JWT")
        if claims is None or claims.get("iss") != self._house.settings.issuer or client.id not in claims.get("aud", ()):
            raise InvalidRequest("id_token_hint", description="The id_token_hint is not an ID token of this client.")
        return claims["sub"]


def _only(client: Client) -> str | None:
    """The redirect URI of a client that registered exactly one (RFC 6749 section 3.1.2.3); of a client that has none yet,
    the one that waits for approval."""
    uris = client.redirect_uris or client.pending_redirect_uris
    return uris[0] if len(uris) == 1 else None



