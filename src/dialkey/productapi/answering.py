"""What the room's endpoints share: the caller, the query, a JSON body, refusals in one shape."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response

from dialkey.oauth.callers import Caller, Callers
from dialkey.oauth.endpoint import bearer_challenge
from dialkey.oauth.errors import InvalidRequest, OAuthError
from dialkey.web.errors import Refusal
from dialkey.web.forms import FormError, parse_form
from dialkey.web.http import json_response, read_body

log = structlog.get_logger("dialkey.productapi")
Answer = Callable[[Request, Caller], Awaitable[Response]]
_CODES = {400: "invalid_request", 403: "access_denied", 404: "not_found", 409: "conflict", 429: "slow_down"}


class Api:
    """Wraps a handler: finds out who calls, and answers what went wrong as `error`, `error_description`."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    def __call__(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            client_id = "-"
            try:
                caller = await self._callers.of(request)
                client_id = caller.client.id
                return await answer(request, caller)
            except OAuthError as error:
                log.info("oauth_error", code=error.code, detail=error.detail, client=client_id)
                headers = bearer_challenge(error) if error.status in (401, 403) else {}
                return json_response(error.body(), status=error.status, headers=headers)
            except Refusal as refusal:
                if refusal.status not in _CODES:
                    raise
                headers = {"Retry-After": "10"} if refusal.status == 429 else {}
                body = {"error": _CODES[refusal.status], "error_description": refusal.code}
                return json_response(body, status=refusal.status, headers=headers)

        return handle


def query_of(request: Request, allowed: frozenset[str]) -> dict[str, str]:
    """The query's parameters, each once; what nobody knows is a mistake."""
    try:
        query = parse_form(request.scope["query_string"])
    except FormError as error:
        raise InvalidRequest(str(error), description="A parameter is repeated or malformed.") from None
    if unknown := query.keys() - allowed:
        name = sorted(unknown)[0][:40].encode("ascii", "replace").decode()
        raise InvalidRequest("unknown parameter", description=f"There is no parameter {name!r}.".replace('"', "'"))
    return query


def number_in(query: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
        raise InvalidRequest(name, description=f"{name} must be a whole number from {least} to {most}.")
    return int(text)


async def json_of(request: Request) -> dict[str, Any]:
    """A JSON object of at most 64 KB."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise InvalidRequest("content type", description="The content type must be application/json.")
    try:
        value = json.loads(await read_body(request))
    except (ValueError, RecursionError):
        raise InvalidRequest("not JSON", description="The body is not JSON.") from None
    if not isinstance(value, dict):
        raise InvalidRequest("not an object", description="The body must be a JSON object.")
    return value
