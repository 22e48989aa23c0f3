"""What the JSON endpoints share: reading the form, answering errors, CORS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import structlog
from starlette.requests import Request
from starlette.responses import Response

from dialkey.directory.model import Client
from dialkey.directory.store import ClientDirectory
from dialkey.insights import Insights, Kind
from dialkey.oauth.client_auth import AuthenticatedClient, ClientAuthentication
from dialkey.oauth.errors import InvalidClient, InvalidRequest, InvalidToken, OAuthError
from dialkey.subscribers.model import SANDBOX_OPERATOR_ID
from dialkey.web.errors import Refusal
from dialkey.web.forms import FormError
from dialkey.web.http import NO_STORE, json_response, read_form

log = structlog.get_logger("dialkey.oauth")


class Endpoint:
    """Base of the endpoints that clients POST forms to: token, introspection, revocation."""

    cross_origin: ClassVar[bool] = True
    """Whether scripts of public clients may call it from their own origins."""

    kind: ClassVar[Kind]
    """What its requests are in a client's log."""

    def __init__(self, directory: ClientDirectory, authentication: ClientAuthentication, insights: Insights) -> None:
        self._directory = directory
        self._authentication = authentication
        self._insights = insights

    async def handle(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return await self._preflight(request)
        authenticated, form = None, {}
        try:
            form = await self._form(request)
            authenticated = await self._authentication.authenticate(request, form)
            response = await self.answer(request, authenticated, form)
        except OAuthError as error:
            client = error.about if authenticated is None else authenticated.client
            known = "-" if client is None else client.id
            log.info("oauth_error", code=error.code, detail=error.detail, client=known, endpoint=type(self).__name__)
            if client is not None:
                kind = Kind.CLIENT_AUTHENTICATION if authenticated is None else self.kind_of(form)
                note(self._insights, request, client, kind, detail=error.detail or error.code)
            response = error_response(error)
        await self._allow_origin(request, response)
        return response

    async def answer(
        self, request: Request, authenticated: AuthenticatedClient, form: Mapping[str, str]
    ) -> Response:
        """Does the endpoint's work; raises OAuthError."""
        raise NotImplementedError

    def kind_of(self, form: Mapping[str, str]) -> Kind:
        """What a request is in the client's log."""
        return self.kind

    async def _form(self, request: Request) -> dict[str, str]:
        if request.scope["query_string"]:
            raise InvalidRequest("parameters in the query", description="Send the parameters in the body.")
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

    async def _preflight(self, request: Request) -> Response:
        response = Response(None, 204, dict(NO_STORE))
        if await self._allow_origin(request, response):
            response.headers["Access-Control-Allow-Methods"] = "POST"
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
            response.headers["Access-Control-Max-Age"] = "600"
        return response

    async def _allow_origin(self, request: Request, response: Response) -> bool:
        """S063: origins of public clients only, never with credentials."""
        origin = request.headers.get("origin")
        if origin is None or not self.cross_origin:
            return False
        response.headers["Vary"] = "Origin"
        if len(origin) > 300 or not await self._directory.origin_known(origin):
            return False
        response.headers["Access-Control-Allow-Origin"] = origin
        return True


def note(
    insights: Insights,
    request: Request,
    client: Client,
    kind: Kind,
    *,
    detail: str | None = None,
    operator_id: str = "",
) -> None:
    """A line in the client's log, with the id of the request."""
    insights.note(
        client.id,
        client.product.id,
        kind,
        detail=detail,
        request_id=request.scope.get("dialkey.request_id", ""),
        operator_id=operator_id,
        sandbox=operator_id == SANDBOX_OPERATOR_ID,
    )


def error_response(error: OAuthError) -> Response:
    """The JSON of an error, with the challenge that RFC 6749 section 5.2 asks for."""
    headers: dict[str, str] = {}
    if isinstance(error, InvalidClient):
        headers["WWW-Authenticate"] = 'Basic realm="dialkey", charset="UTF-8"'
    if error.status == 429:
        headers["Retry-After"] = "60"
    return json_response(error.body(), status=error.status, headers=headers)


def bearer_challenge(error: OAuthError) -> dict[str, str]:
    """RFC 6750 section 3."""
    parameters = "" if isinstance(error, InvalidToken) and not error.detail else (
        f' error="{error.code}", error_description="{error.description}"'
    )
    return {"WWW-Authenticate": "Bearer" + (' realm="dialkey",' if parameters else ' realm="dialkey"') + parameters}
