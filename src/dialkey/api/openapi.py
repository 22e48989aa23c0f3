"""The OpenAPI 3.1 document, made of the table of operations and of their structs: nothing in it is written twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from dialkey import __version__
from dialkey.api.operations import BASE, JSON, Operation
from dialkey.api.problems import MEDIA_TYPE, PROBLEMS, ProblemDetails
from dialkey.developers.access import GRANTS

_REF = "#/components/schemas/{name}"
INTRODUCTION = (
    (
        "",
        "What the developer portal does, for programs: the same rules, the same words. Make an API key in the portal, under "
        "API keys of an organization or of your own account, and send it as `Authorization: Bearer dk_ak_…`.",
    ),
    (
        "Scopes",
        "A key has scopes; `…:write` includes `…:read`. A personal key has the present roles of its account too, an "
        "organization's key acts as an owner of that one organization. What belongs to somebody else does not exist (404). "
        "People, API keys and the end of an organization are in the hands of people only, in the portal, so that a stolen "
        "key cannot make itself at home.",
    ),
    (
        "Errors",
        "Problem details (RFC 9457). `code` is stable, `type` leads to its words, `errors` points at what is wrong.",
    ),
    ("Lists", "They come in parts: follow `next` (also in `Link`) until it is null."),
    (
        "Idempotency",
        "A POST that creates may have an `Idempotency-Key` of your choice. Sent again within a day, with the same key, "
        "address and body, it does nothing and gives the same answer byte for byte, with `Idempotency-Replayed: true`; with "
        "another body it is refused (422). The effect and its answer are stored in one transaction, so a request that was "
        "cut off can always be sent again. The answer is stored encrypted, with the secret that it may show. What was "
        "refused is not stored.",
    ),
    (
        "Changing what others change too",
        "Products, their scopes and clients have an `ETag`. With `If-Match` a change is made only where the object still is "
        "as you read it, else 412.",
    ),
    (
        "PATCH",
        "A JSON merge patch (RFC 7396): what is left out stays as it is. Unknown fields are refused (422), so that a typing "
        "error is not a change that never happens.",
    ),
    ("Rates", "Each key has a number of requests per minute: `RateLimit`, and 429 with `Retry-After`."),
)
"""(title, text) of what all operations share."""
PARAMETERS = {
    "organization_id": ("An organization.", "9kQ2mVx0T4a7cY1bWnE5Rg"),
    "product_id": ("A product.", "3yZe7W1kQmC2n0u5vJx8Tg"),
    "client_id": ("A client: a UUID.", "0d5c7c1e-52e1-4a0e-8a1c-9ec1a1a2f7de"),
    "member_id": ("A member.", "t2Xh9sJmR0qVbL4eZc7NdA"),
    "operator_id": ("An operator.", "c6Dn0aQw9Lr2KxP5uTzV8g"),
    "secret_id": ("A secret of the client.", "k4Wd9bNz2Xr7QmTc0YsLfg"),
    "webhook_id": ("A webhook.", "m0Qx7sYd3Kr5WbVtN8cZhg"),
    "picture_id": ("A picture of the product.", "Jx3kQ9vLw2Rt7YbN5cZsPA"),
    "version": ("The number of a version.", "3"),
    "number": ("A test number: its digits, with or without a plus sign.", "999123456789"),
}
"""(meaning, example) of the parameters of paths."""
_HEADERS: dict[str, Any] = {
    "ETag": {"description": "What the representation is known by.", "schema": {"type": "string"}},
    "Location": {"description": "Where it is.", "schema": {"type": "string"}},
    "Link": {"description": '`<…>; rel="next"` where there is more.', "schema": {"type": "string"}},
    "RateLimit": {"description": "What is left of this minute.", "schema": {"type": "string"}},
    "IdempotencyReplayed": {"description": "`true`: this was done before.", "schema": {"type": "string"}},
    "WWWAuthenticate": {"description": "RFC 6750 section 3.", "schema": {"type": "string"}},
    "Allow": {"description": "The methods that there are.", "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds.", "schema": {"type": "string"}},
}


def codes_of(operation: Operation) -> list[str]:
    """Every code that the operation can be refused with: its own, and those that its shape brings along."""
    return list(dict.fromkeys([*_shape_codes(operation), *operation.refuses]))


def _shape_codes(operation: Operation) -> Iterator[str]:
    yield from ("invalid_parameter", "no_key", "invalid_token", "not_found")
    if operation.scope is not None:
        yield "grant"
    if operation.role is not None and operation.changes:
        yield "role"
    if operation.takes is not None:
        yield from ("malformed", "invalid")
    if operation.media:
        yield from ("too_large", "media_type")
    if operation.once:
        yield from ("idempotency_key", "idempotency_running", "idempotency_key_reused")
    if operation.current is not None and operation.changes:
        yield "precondition"
    yield from ("rate", "server_error", "unavailable")


def statuses_of(operation: Operation) -> dict[int, list[str]]:
    """The codes of each status that is a refusal."""
    found: dict[int, list[str]] = {}
    for code in codes_of(operation):
        found.setdefault(PROBLEMS[code].status, []).append(code)
    return dict(sorted(found.items()))


def document(operations: Iterable[Operation], issuer: str) -> dict[str, Any]:
    """The whole document; `issuer` is where the server is."""
    operations = tuple(operations)
    structs = [kind for operation in operations for kind in (operation.takes, operation.gives) if kind is not None]
    queries = list(dict.fromkeys(operation.query for operation in operations))
    schemas, components = msgspec.json.schema_components(
        [*dict.fromkeys([*structs, ProblemDetails]), *queries], ref_template=_REF
    )
    parameters = {kind: components.pop(kind.__name__) for kind in queries}
    del schemas
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _operation(operation, parameters[operation.query])
        paths.setdefault(BASE + operation.path, {})[operation.method.lower()] = described
    tags = dict.fromkeys(operation.tag for operation in operations)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Dialkey developer API",
            "version": __version__,
            "summary": "Products, clients, secrets and test numbers, for programs.",
            "description": "\n\n".join(f"**{title}.** {text}" if title else text for title, text in INTRODUCTION),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": issuer}],
        "security": [{"key": []}],
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "dk_ak_…",
                    "description": f"An API key of the portal. Scopes: {', '.join(f'`{grant}`' for grant in GRANTS)}.",
                }
            },
            "headers": _HEADERS,
            "schemas": dict(sorted((name, _tidied(schema)) for name, schema in components.items())),
        },
    }


def _tidied(schema: Any) -> Any:
    """Without the titles that only repeat the name."""
    if isinstance(schema, dict):
        return {
            name: _tidied(value) for name, value in schema.items() if not (name == "title" and isinstance(value, str))
        }
    return [_tidied(one) for one in schema] if isinstance(schema, list) else schema


def _operation(operation: Operation, query: dict[str, Any]) -> dict[str, Any]:
    needs = f"Scope `{operation.scope}`" if operation.scope else "Any key"
    if operation.role is not None:
        needs += f", role {operation.role.value}"
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description}\n\n{needs}.".strip(),
        "security": [{"key": [operation.scope] if operation.scope else []}],
        "parameters": [*_path_parameters(operation), *_query_parameters(query), *_header_parameters(operation)],
    }
    if operation.media:
        described["requestBody"] = _body(operation)
    described["responses"] = dict(_responses(operation))
    if not described["parameters"]:
        del described["parameters"]
    return described


def _path_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in operation.parameters:
        words, example = PARAMETERS[name]
        schema = {"type": "string", "minLength": 1, "maxLength": 100}
        yield {"name": name, "in": "path", "required": True, "description": words, "schema": schema, "example": example}


def _query_parameters(query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, schema in query.get("properties", {}).items():
        schema = dict(schema)
        words = schema.pop("description", "")
        yield {"name": name, "in": "query", "required": False, "description": words, "schema": schema}


def _header_parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.once:
        yield _header(
            "Idempotency-Key",
            "Of your choice, for this one request: sent again within a day it does nothing twice.",
            {"type": "string", "minLength": 1, "maxLength": 255},
        )
    if operation.current is not None:
        name = "If-Match" if operation.changes else "If-None-Match"
        words = "Only where this is its ETag." if operation.changes else "304 where this is its ETag."
        yield _header(name, words, {"type": "string", "maxLength": 2000})


def _header(name: str, words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": words, "schema": schema}


def _body(operation: Operation) -> dict[str, Any]:
    if operation.takes is None:
        content: dict[str, Any] = {media: {"schema": {}} for media in operation.media}
    else:
        schema = {"$ref": _REF.format(name=operation.takes.__name__)}
        value = {"schema": schema, "example": msgspec.to_builtins(operation.sent)}
        content = dict.fromkeys(operation.media, value)
    return {"required": not operation.optional, "content": content}


def _responses(operation: Operation) -> Iterator[tuple[str, Any]]:
    yield str(operation.status), _success(operation)
    if operation.current is not None and not operation.changes:
        yield "304", {"description": "It is as it was.", "headers": {"ETag": _header_ref("ETag")}}
    for status, codes in statuses_of(operation).items():
        lines = "\n".join(f"- `{code}`: {PROBLEMS[code].title}." for code in codes)
        headers = {
            name: _header_ref(ref)
            for name, ref, wanted in (
                ("WWW-Authenticate", "WWWAuthenticate", status == 401),
                ("Retry-After", "RetryAfter", status in (429, 503)),
            )
            if wanted
        }
        response: dict[str, Any] = {
            "description": f"{HTTPStatus(status).phrase}\n\n{lines}",
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="ProblemDetails")}}},
        }
        if headers:
            response["headers"] = headers
        yield str(status), response


def _success(operation: Operation) -> dict[str, Any]:
    names = {"RateLimit": "RateLimit"}
    if operation.current is not None and operation.gives is not None:
        names["ETag"] = "ETag"
    if operation.status == 201 and operation.once:
        names["Location"] = "Location"
    if operation.gives is not None and "next" in operation.gives.__struct_fields__:
        names["Link"] = "Link"
    if operation.once:
        names["Idempotency-Replayed"] = "IdempotencyReplayed"
    response: dict[str, Any] = {
        "description": HTTPStatus(operation.status).phrase,
        "headers": {name: _header_ref(ref) for name, ref in names.items()},
    }
    if operation.gives is not None:
        value = {
            "schema": {"$ref": _REF.format(name=operation.gives.__name__)},
            "example": msgspec.to_builtins(operation.given),
        }
        response["content"] = {JSON: value}
    return response


def _header_ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/headers/{name}"}
