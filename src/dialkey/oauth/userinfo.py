"""GET and POST /userinfo (OpenID Connect Core 1.0 section 5.3, RFC 6750)."""

from __future__ import annotations

from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response

from dialkey.directory.catalogue import USERINFO
from dialkey.directory.model import Client
from dialkey.insights import Kind
from dialkey.oauth.endpoint import bearer_challenge, note
from dialkey.oauth.errors import InsufficientScope, InvalidRequest, InvalidToken, OAuthError
from dialkey.oauth.grants import Parts
from dialkey.oauth.model import Grant
from dialkey.oauth.tokens import MAX_TOKEN, AccessToken
from dialkey.web.errors import Refusal
from dialkey.web.forms import FORM, FormError, parse_form
from dialkey.web.http import NO_STORE, json_response, read_body

log = structlog.get_logger("dialkey.oauth")
_CORS = {"Access-Control-Allow-Origin": "*"}


class UserinfoEndpoint:
    """`phone_number`, `phone_number_verified`, `sid`, `sub`: what the scopes of the token reach, and the number now."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def handle(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            headers = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Authorization"}
            return Response(None, 204, {**NO_STORE, **_CORS, **headers, "Access-Control-Max-Age": "600"})
        try:
            return json_response(await self._claims(request, await _bearer(request)), headers=_CORS)
        except OAuthError as error:
            if error.about is not None:
                note(self._parts.insights, request, error.about, Kind.USERINFO, detail=error.detail)
            if error.detail:
                log.info("oauth_error", code=error.code, detail=error.detail, endpoint="UserinfoEndpoint")
            return json_response(
                error.body(),
                status=error.status,
                headers={**_CORS, **bearer_challenge(error), "Access-Control-Expose-Headers": "WWW-Authenticate"},
            )

    async def _claims(self, request: Request, text: str) -> dict[str, Any]:
        parts = self._parts
        token = await parts.tokens.read_access_token(text)
        if token is None:
            raise InvalidToken("not a living access token of ours")
        if token.grant_id is None:
            raise InsufficientScope("a client's own token has no subscriber")
        found = await parts.authorizations.find_live(token.grant_id, parts.clock.now())
        if found is None:
            raise InvalidToken("the grant is over")
        grant, number = found
        client = await parts.directory.find_client(grant.client_id)
        if client is None or not client.active:
            raise InvalidToken("client or product is disabled")
        fault = await self._fault(client, grant, token)
        if fault is not None:
            fault.about = client
            raise fault
        claims: dict[str, Any] = {}
        if "phone" in token.scope & client.product.scopes and number is not None:
            claims["phone_number"] = number
            claims["phone_number_verified"] = True
        claims["sid"] = parts.tokens.sid(client, grant)
        claims["sub"] = parts.tokens.subject(client, grant)
        note(parts.insights, request, client, Kind.USERINFO, operator_id=grant.operator_id)
        return claims

    async def _fault(self, client: Client, grant: Grant, token: AccessToken) -> OAuthError | None:
        """Why a living token of this client does not open userinfo."""
        if not await self._parts.offered(grant):
            return InvalidToken("the operator no longer offers the product")
        if client.profile == "strict" and "openid" not in token.scope:
            return InsufficientScope("openid is missing")
        if token.audience is not None and USERINFO not in token.audience:
            return InvalidToken("for another audience")
        return None


async def _bearer(request: Request) -> str:
    """The token of one transport: the header, or the form of a POST; never the query (RFC 9700 section 4.3.2)."""
    headers = request.headers.getlist("authorization")
    if b"access_token=" in request.scope["query_string"]:
        raise InvalidRequest("token in the query", description="Send the access token in the Authorization header.")
    in_form = None
    if request.method == "POST":
        in_form = await _from_form(request)
    if len(headers) + (in_form is not None) > 1:
        raise InvalidRequest("two transports", description="Send the access token once.")
    if in_form is not None:
        return in_form
    return bearer_of(headers)


def bearer_of(headers: list[str]) -> str:
    """The token of an Authorization header (RFC 6750 section 2.1)."""
    if not headers:
        raise InvalidToken
    scheme, _, token = headers[0].partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise InvalidToken
    if len(token) > 4 * MAX_TOKEN or " " in token or len(headers) > 1:
        raise InvalidToken("malformed")
    return token


async def _from_form(request: Request) -> str | None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(request)
    if media_type != FORM:
        if body:
            raise Refusal(415, "media_type")
        return None
    try:
        return parse_form(body).get("access_token")
    except FormError as error:
        raise InvalidRequest(str(error), description="A parameter is repeated or malformed.") from None
