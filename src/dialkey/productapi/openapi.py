"""The OpenAPI document of this room (OpenAPI 3.1), at /productapi/openapi.json."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/productapi/openapi.json"


def _query(name: str, text: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": text, "schema": {"type": kind, **more}}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_TEXT = {"type": "string"}
_REFUSALS = {
    status: {"description": text, **_json(_ref("Error"))}
    for status, text in (
        ("400", "A parameter is missing, repeated or wrong."),
        ("401", "The bearer token is missing, expired or revoked."),
        ("403", "The token lacks the scope, or the product does not reach this."),
    )
}


def _operation(summary: str, *, scopes: list[str] | None = None, **more: Any) -> dict[str, Any]:
    responses = {**more.pop("responses"), **_REFUSALS}
    return {"summary": summary, "security": [{"product": scopes or []}], "responses": responses, **more}


def _ok(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, **_json(schema)}


_STATUS = {"statusCode": {"type": "string", "examples": ["STATUS_CODE_OK"]}, "errorMessage": _TEXT}
_SUBSCRIPTION = {
    "id": _object(value={"type": "string", "description": "The `sub` that your product knows."}),
    "phoneNumber": _object(e164=_TEXT),
    "productId": _TEXT,
}
_PAGE = [
    _query("page_size", "How many at most.", "integer", minimum=1, maximum=1000, default=100),
    _query("page_token", "From the page before."),
]
_PAGINATION = _object(nextPageToken={"type": "string", "description": "Empty on the last page."})
_READ, _WRITE = ["subscription.consent:read"], ["subscription.consent:write"]

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Dialkey for products", "version": "0"},
    "paths": {
        "/events/v1/consents": {
            "get": _operation(
                "Consent change events: long poll, or a stream with `Accept: text/event-stream`",
                parameters=[
                    _query("queue", "A place that the server keeps; consumers may share it.", default="default"),
                    _query("start", "Where a new queue begins.", enum=["new", "oldest", "timestamp", "id"], default="new"),
                    _query("timestamp", "For `start=timestamp`: RFC 3339.", format="date-time"),
                    _query("id", "For `start=id`: an event's id, which comes first."),
                    _query("cursor", "Instead of a queue: the position behind which to read."),
                    _query("max_in_flight", "Not acknowledged at a time.", "integer", minimum=1, maximum=200, default=50),
                    _query("ack_deadline", "Seconds until it comes again.", "integer", minimum=10, maximum=600, default=30),
                    _query("wait", "Seconds to wait for the first event.", "integer", minimum=0, maximum=60, default=20),
                    _query("limit", "Events in one answer.", "integer", minimum=1, maximum=200, default=50),
                ],
                responses={
                    "200": _ok(
                        "Events, oldest first; none where nothing happened in time.",
                        _object(events={"type": "array", "items": _ref("Event")}, nextCursor=_TEXT),
                    ),
                    "404": {"description": "There is no such event.", **_json(_ref("Error"))},
                    "409": {"description": "A client has at most twenty queues.", **_json(_ref("Error"))},
                    "429": {"description": "Too many open streams.", **_json(_ref("Error"))},
                },
            )
        },
        "/events/v1/consents/ack": {
            "post": _operation(
                "Acknowledge events, or hand them back",
                requestBody=_json(
                    _object(
                        ackInfo={"oneOf": [_ref("AckInfo"), {"type": "array", "items": _ref("AckInfo")}]},
                        status={"type": "string", "enum": ["SUCCESS", "FAILURE"], "default": "SUCCESS"},
                    )
                ),
                responses={"200": _ok("`ackStatus` of each.", {"type": "object"})},
            )
        },
        "/events/v1/consents/queues/{name}": {
            "delete": _operation(
                "Forget a queue",
                parameters=[_path("name")],
                responses={
                    "200": _ok("It is gone.", {"type": "object"}),
                    "404": {"description": "There is none of this name.", **_json(_ref("Error"))},
                },
            )
        },
        "/consents/v0/subscription": {
            "get": _operation(
                "All consents of a subscription",
                scopes=_READ,
                parameters=[_query("id", "The `sub` that your product knows."), _query("phone_number", "E.164.")],
                responses={
                    "200": _ok("The consents.", _object(consents={"type": "array", "items": _ref("Consent")}, **_STATUS))
                },
            ),
            "post": _operation(
                "Give a consent on the subscriber's behalf",
                scopes=_WRITE,
                requestBody=_json(
                    _object(**_SUBSCRIPTION, metadata={"type": "object", "additionalProperties": _TEXT})
                ),
                responses={
                    "201": _ok("Given.", _object(**_STATUS)),
                    "404": {"description": "The operator does not offer this product.", **_json(_ref("Error"))},
                    "409": _ok("The subscription has it already.", _object(**_STATUS)),
                },
            ),
        },
        "/consents/v0/subscription/revoke": {
            "post": _operation(
                "Revoke a consent that your product gave",
                scopes=_WRITE,
                requestBody=_json(_object(**_SUBSCRIPTION)),
                responses={
                    "200": _ok("Revoked.", _object(**_STATUS)),
                    "404": {"description": "There is no such product.", **_json(_ref("Error"))},
                    "409": _ok("There is none that your product made.", _object(**_STATUS)),
                },
            )
        },
        "/consents/v0/product": {
            "get": _operation(
                "Your product's own consents",
                parameters=_PAGE,
                responses={
                    "200": _ok(
                        "A page.",
                        _object(consents={"type": "array", "items": _ref("Consent")}, pagination=_PAGINATION),
                    )
                },
            )
        },
        "/products/v0/tenants/{tenant}/products": {
            "get": _operation(
                "Products that an operator has enabled",
                scopes=["products.tenant:read"],
                parameters=[_path("tenant"), *_PAGE],
                responses={
                    "200": _ok("A page.", _object(products={"type": "array", "items": {}}, pagination=_PAGINATION))
                },
            )
        },
    },
    "components": {
        "securitySchemes": {
            "product": {
                "type": "oauth2",
                "description": "A token of the product's own client.",
                "flows": {"clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": {}}},
            }
        },
        "schemas": {
            "Error": _object(error=_TEXT, error_description=_TEXT),
            "AckInfo": {**_object(value=_TEXT), "required": ["value"]},
            "Event": _object(
                metadata=_object(
                    id=_TEXT,
                    position=_TEXT,
                    timestamp={"type": "string", "format": "date-time"},
                    identifier={"type": "object"},
                    isRedelivered={"type": "boolean"},
                    ackInfo=_ref("AckInfo"),
                ),
                consentChangeEvent=_object(
                    added=_object(scopes={"type": "array", "items": _TEXT}),
                    updated=_object(scopes={"type": "array", "items": _TEXT}),
                    revoked={"type": "object"},
                    number=_object(e164=_TEXT),
                    subject=_TEXT,
                    tenant=_TEXT,
                    metadata={"type": "object", "additionalProperties": _TEXT},
                ),
            ),
            "Consent": _object(
                owner={"type": "object"},
                productId=_TEXT,
                scopes={"type": "array", "items": _object(property=_TEXT)},
                revocable={"type": "boolean"},
                metadata={"type": "object", "additionalProperties": _TEXT},
            ),
        },
    },
}


async def document(request: Request) -> Response:
    """For tools; it says nothing that the reference does not."""
    return Response(_BYTES, 200, {"Cache-Control": "public, max-age=300"}, "application/json")


_BYTES = msgspec.json.encode(DOCUMENT)
ROUTES = [Route(PATH, document, methods=["GET"])]
