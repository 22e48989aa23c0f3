"""What everybody may read, without a key: the OpenAPI document, and the pages for people. Made once, kept in memory."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from hashlib import blake2b
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from dialkey.api.openapi import INTRODUCTION, PARAMETERS, document, statuses_of
from dialkey.api.operations import BASE, JSON, Operation
from dialkey.api.problems import PAGE as PROBLEMS_PAGE
from dialkey.api.problems import PROBLEMS
from dialkey.api.views import (
    ApiProblemsPage,
    ApiReferencePage,
    FieldRow,
    OperationGroup,
    OperationRow,
    ProblemRow,
)
from dialkey.base.signed import b64
from dialkey.settings import Settings
from dialkey.web.errors import Refusal
from dialkey.web.http import page_response
from dialkey.web.pages import Frame, Page

_KEPT = "public, max-age=300"


class Documents:
    """Answers `/api`, `/api/openapi.json` and `/api/problems`; 404 and 405 for everything else."""

    def __init__(self, operations: Iterable[Operation], settings: Settings) -> None:
        self._operations = tuple(operations)
        self._settings = settings
        self._made: dict[str, tuple[bytes, bytes, dict[str, str]]] = {}

    def answer(self, request: Request) -> Response:
        path = request.scope["path"].removesuffix("/") or "/"
        if path not in ("/api", "/api/openapi.json", PROBLEMS_PAGE):
            raise Refusal(404, "not_found")
        if request.method not in ("GET", "HEAD"):
            raise Refusal(405, "method", allow="GET, HEAD")
        if path not in self._made:
            self._made[path] = self._make(path)
        plain, packed, headers = self._made[path]
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(None, 304, {"ETag": headers["ETag"], "Cache-Control": _KEPT})
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, 200, {**headers, "Content-Encoding": "gzip"})
        return Response(plain, 200, headers)

    def _make(self, path: str) -> tuple[bytes, bytes, dict[str, str]]:
        if path == "/api/openapi.json":
            body, headers = self.openapi, {"Content-Type": JSON}
        else:
            page = self.reference if path == "/api" else self.problems
            response = page_response(page, Frame(locale="en"))
            body, headers = bytes(response.body), dict(response.headers)
            for name in ("pragma", "content-length", "cache-control", "x-robots-tag"):
                headers.pop(name, None)
        tag = b64(blake2b(body, digest_size=15).digest())
        headers |= {"ETag": f'"{tag}"', "Cache-Control": _KEPT, "Vary": "Accept-Encoding"}
        return body, gzip.compress(body, 9, mtime=0), headers

    @cached_property
    def openapi(self) -> bytes:
        return openapi_text(self._operations, self._settings.base_url).encode()

    @cached_property
    def reference(self) -> Page:
        return reference_page(self._operations, self._settings.base_url)

    @cached_property
    def problems(self) -> Page:
        by_status: dict[int, list[ProblemRow]] = {}
        for code, problem in PROBLEMS.items():
            row = ProblemRow(code=code, title=problem.title, detail=problem.explanation)
            by_status.setdefault(problem.status, []).append(row)
        return ApiProblemsPage(
            groups=tuple((status, HTTPStatus(status).phrase, tuple(rows)) for status, rows in by_status.items())
        )


def openapi_text(operations: Iterable[Operation], issuer: str) -> str:
    """The document as it is served, and as it is committed."""
    return json.dumps(document(operations, issuer), ensure_ascii=False, indent=1) + "\n"


def reference_page(operations: Iterable[Operation], base_url: str) -> ApiReferencePage:
    """Every operation, for people."""
    operations = tuple(operations)
    components = document(operations, base_url)["components"]["schemas"]
    by_tag: dict[str, list[OperationRow]] = {}
    for operation in operations:
        by_tag.setdefault(operation.tag, []).append(operation_row(operation, components, base_url))
    groups = tuple(
        OperationGroup(id=tag.lower().replace(" ", "-"), name=tag, operations=tuple(rows))
        for tag, rows in by_tag.items()
    )
    return ApiReferencePage(introduction=INTRODUCTION, groups=groups)


def operation_row(operation: Operation, components: Mapping[str, Any], base_url: str) -> OperationRow:
    """One operation, in words."""
    needs = f"Scope `{operation.scope}`" if operation.scope else "Any key"
    if operation.role is not None:
        needs += f", role {operation.role.value}"
    path = [FieldRow(name=name, kind="path", needed=True, words=PARAMETERS[name][0]) for name in operation.parameters]
    query = _fields(msgspec.json.schema(operation.query, ref_template="#/$defs/{name}"), operation.query.__name__)
    fields: tuple[FieldRow, ...] = ()
    if operation.takes is not None:
        fields = _rows(components[operation.takes.__name__], components)
    return OperationRow(
        id=operation.name,
        method=operation.method,
        path=BASE + operation.path,
        summary=operation.summary,
        description=" ".join(operation.description.split()),
        needs=needs,
        parameters=(*path, *query),
        fields=fields,
        example=curl(operation, base_url),
        status=operation.status,
        answer="" if operation.given is None else _shown(operation.given),
        problems=tuple((status, tuple(codes)) for status, codes in statuses_of(operation).items()),
        once=operation.once,
        conditional=operation.current is not None and operation.changes,
    )


def curl(operation: Operation, base_url: str) -> str:
    """The operation as a command."""
    path = operation.path
    for name in operation.parameters:
        path = path.replace(f"{{{name}}}", PARAMETERS[name][1])
    lines = [f"curl -H \"Authorization: Bearer $DIALKEY_KEY\" '{base_url}{BASE}{path}'"]
    if operation.method not in ("GET", "POST") or (operation.method == "POST" and not operation.media):
        lines.append(f"-X {operation.method}")
    if operation.picture:
        lines.append(f"-H 'Content-Type: {operation.media[0]}' --data-binary @picture.png")
    elif operation.takes is not None:
        sent = json.dumps(msgspec.to_builtins(operation.sent), ensure_ascii=False)
        lines.append(f"-H 'Content-Type: {operation.media[0]}' -d '{sent}'")
    return " \\\n  ".join(lines)


def _shown(value: Any) -> str:
    return json.dumps(msgspec.to_builtins(value), ensure_ascii=False, indent=2)


def _fields(schema: dict[str, Any], name: str) -> tuple[FieldRow, ...]:
    definitions = schema.get("$defs", {})
    return _rows(definitions.get(name, schema), definitions, kind="query: ")


def _rows(schema: Mapping[str, Any], components: Mapping[str, Any], kind: str = "") -> tuple[FieldRow, ...]:
    needed = schema.get("required", ())
    return tuple(
        FieldRow(name=name, kind=kind + _kind(field, components), needed=name in needed, words=_words(field))
        for name, field in schema.get("properties", {}).items()
    )


def _words(field: Mapping[str, Any]) -> str:
    own = field.get("description", "")
    return own or next((one["description"] for one in field.get("anyOf", ()) if "description" in one), "")


def _kind(field: Mapping[str, Any], components: Mapping[str, Any]) -> str:
    """`text, at most 80`."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return _kind(components[name], components) if "enum" in components[name] else name
    if "anyOf" in field:
        return " or ".join(_kind(one, components) for one in field["anyOf"])
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    kind = field.get("type", "")
    if kind == "array":
        most = f", at most {field['maxItems']}" if "maxItems" in field else ""
        return f"list{most}: {_kind(field.get('items', {}), components)}"
    if kind == "string":
        if field.get("format") == "date-time":
            return "RFC 3339 time"
        return f"text, at most {field['maxLength']}" if "maxLength" in field else "text"
    if kind == "integer":
        return f"whole number, {field['minimum']} to {field['maximum']}" if "maximum" in field else "whole number"
    return {"boolean": "true or false", "null": "null", "object": "object"}.get(kind, "any")
