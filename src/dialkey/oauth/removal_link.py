"""POST /ext-api/v0/auth/create-revoke-consent-magic-link: a product asks for a link with which its subscriber removes it.

The caller is a client with a token of its own (client credentials); `token` is an access token that the subscriber gave
the same product. The answer's members are in camel case, whatever the outcome.
"""

from __future__ import annotations

import structlog
from starlette.requests import Request
from starlette.responses import Response

from dialkey.consent.links import RemovalLinks
from dialkey.directory.model import Client
from dialkey.insights import Kind
from dialkey.oauth.callers import Callers
from dialkey.oauth.endpoint import bearer_challenge, note
from dialkey.oauth.errors import AccessDenied, InvalidRequest, OAuthError, SlowDown
from dialkey.oauth.grants import Parts
from dialkey.oauth.model import Grant
from dialkey.signin.limits import Limit, OverLimit, hit
from dialkey.storage import Writer
from dialkey.storage.keyring import Keyring
from dialkey.web.errors import Refusal
from dialkey.web.forms import FormError
from dialkey.web.http import json_response, read_form

PATH = "/ext-api/v0/auth/create-revoke-consent-magic-link"
MAX_STATE = 1024
MOST_LINKS = 20
"""Per subscriber and product, in ten minutes."""
log = structlog.get_logger("dialkey.oauth")


class RemovalLinkEndpoint:
    """200 with the link; 400 with `error`, `errorDescription` and `errorHint`; 401 where the caller is not known."""

    def __init__(self, parts: Parts, keyring: Keyring, links: RemovalLinks) -> None:
        self._parts = parts
        self._callers = Callers(parts)
        self._keyring = keyring
        self._links = links

    async def handle(self, request: Request) -> Response:
        try:
            url = await self._make(request)
        except OAuthError as error:
            log.info("oauth_error", code=error.code, detail=error.detail, endpoint="RemovalLinkEndpoint")
            if error.about is not None:
                note(self._parts.insights, request, error.about, Kind.REMOVAL_LINK, detail=error.detail)
            headers = bearer_challenge(error) if error.status == 401 else {}
            body = _body(None, error.code, error.description, error.detail or None)
            return json_response(body, status=error.status, headers=headers)
        return json_response(_body(url, None, None, None))

    async def _make(self, request: Request) -> str:
        caller = (await self._callers.of(request)).client
        try:
            grant, url = await self._make_for(caller, request)
        except OAuthError as error:
            error.about = caller
            raise
        note(self._parts.insights, request, caller, Kind.REMOVAL_LINK, operator_id=grant.operator_id)
        return url

    async def _make_for(self, caller: Client, request: Request) -> tuple[Grant, str]:
        form = await _form(request)
        redirect_uri, state = form.get("redirectTo"), form.get("state", "")
        if redirect_uri is None:
            raise InvalidRequest("redirectTo is missing", description="redirectTo is missing.")
        if redirect_uri not in caller.post_revoke_redirect_uris:
            raise InvalidRequest(
                "redirectTo must be one of the client's post revoke consent redirect URIs, character by character",
                description="redirectTo is not registered for this client.",
            )
        if len(state) > MAX_STATE:
            raise InvalidRequest("state is too long", description="The state is too long.")
        grant = await self._grant(caller, form.get("token"))

        async def unit(writer: Writer) -> str:
            value = f"{grant.subscription_id}/{grant.product_id}"
            await hit(writer, self._keyring, self._parts.clock.now(), [Limit("removal_links", value, MOST_LINKS)])
            return await self._links.make(
                writer,
                subscription_id=grant.subscription_id,
                product_id=grant.product_id,
                operator_id=grant.operator_id,
                client_id=caller.id,
                grant_id=grant.id,
                redirect_uri=redirect_uri,
                state=state,
            )

        try:
            token = await self._parts.storage.write(unit)
        except OverLimit:
            raise SlowDown("too many links for this subscriber") from None
        return grant, f"{self._parts.settings.base_url}/revoke-consent?revoke_token={token}"

    async def _grant(self, caller: Client, text: str | None) -> Grant:
        """The living grant behind the subscriber's token, given to the caller's product."""
        if not text:
            raise InvalidRequest("token is missing", description="The token is missing.")
        refused = AccessDenied(
            "token must be a living access token that a subscriber gave this product",
            description="The token is not valid for this product.",
        )
        token = await self._parts.tokens.read_access_token(text)
        if token is None or token.grant_id is None:
            raise refused
        found = await self._parts.authorizations.find_live(token.grant_id, self._parts.clock.now())
        if found is None or found[0].product_id != caller.product.id:
            raise refused
        return found[0]


async def _form(request: Request) -> dict[str, str]:
    try:
        return await read_form(request)
    except FormError as error:
        raise InvalidRequest(str(error), description="A parameter is repeated or malformed.") from None
    except Refusal as refusal:
        if refusal.status != 415:
            raise
        raise InvalidRequest(
            "content type", description="The content type must be application/x-www-form-urlencoded."
        ) from None


def _body(url: str | None, error: str | None, description: str | None, hint: str | None) -> dict[str, str | None]:
    return {"redirectTo": url, "error": error, "errorDescription": description, "errorHint": hint}
