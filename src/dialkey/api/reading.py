"""What came over the wire, read in one way only: JSON, query, media types.

JSON that two readers could understand differently is refused before anything looks at it: a name that stands twice, NaN
and Infinity, half a surrogate pair, a NUL, and nesting that only tires.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from dialkey.api.operations import JSON, MERGE_PATCH, Operation
from dialkey.api.problems import Fault, Wrong
from dialkey.developers.pictures import MAX_UPLOAD
from dialkey.web.errors import Refusal
from dialkey.web.http import read_body

DEEPEST = 12
"""Arrays and objects within each other; a JWK Set has three."""
MAX_PARAMETERS = 20
_WHERE = re.compile(r"(.*?)(?: - at `(?:key in )?\$([^`]*)`)?", re.S)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.S)
_MISSING = re.compile(r"Object missing required field `(\w+)`")


class _Ambiguous(ValueError):
    """Well-formed, perhaps, and still not one value."""


async def read_input(request: Request, operation: Operation) -> tuple[Any, bytes]:
    """(the operation's input struct or None, the bytes of the body). 400, 413, 415, 422."""
    if operation.takes is None and not operation.picture:
        return None, b""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if operation.picture:
        if media_type not in operation.media:
            raise Refusal(415, "media_type", wanted=", ".join(operation.media))
        return None, await read_body(request, most=MAX_UPLOAD)
    assert operation.takes is not None
    if not media_type and operation.optional and request.headers.get("content-length", "0") == "0":
        return operation.takes(), b""
    if media_type not in operation.media:
        raise Refusal(415, "media_type", wanted=" or ".join(operation.media), detail=media_type[:80])
    content = await read_body(request)
    return convert(parse(content), operation.takes), content


def parse(content: bytes) -> Any:
    """One JSON value (RFC 8259, and RFC 7493 where it is stricter); Refusal 400 `malformed`."""
    try:
        value = json.loads(content.decode(), object_pairs_hook=_object, parse_constant=_constant)
        _look(value)
    except _Ambiguous as fault:
        raise Refusal(400, "malformed", why=str(fault)) from None
    except UnicodeDecodeError:
        raise Refusal(400, "malformed", why="it is not UTF-8") from None
    except RecursionError:
        raise Refusal(400, "malformed", why="it is nested too deeply") from None
    except ValueError:
        raise Refusal(400, "malformed", why="it is not JSON") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Ambiguous("a name stands twice in an object")
    return made


def _constant(name: str) -> NoReturn:
    raise _Ambiguous(f"{name} is no JSON number")


def _look(value: Any) -> None:
    """Every text and every level."""
    level = [value]
    for _ in range(DEEPEST + 1):
        if not level:
            return
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += one.keys()
                below += one.values()
            elif isinstance(one, list):
                below += one
            elif isinstance(one, str):
                _look_at_text(one)
        level = below
    raise _Ambiguous("it is nested too deeply")


def _look_at_text(text: str) -> None:
    if "\x00" in text:
        raise _Ambiguous("a text has a NUL in it")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _Ambiguous("a text has half a surrogate pair in it") from None


def convert(value: Any, kind: type[msgspec.Struct]) -> Any:
    """The value as a struct; Refusal 422 `invalid` with the place of the first fault."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise Wrong(422, "invalid", _fault(str(error))) from None
    except (OverflowError, ValueError) as error:
        raise Wrong(422, "invalid", Fault(code="type", detail=str(error)[:200])) from None


def _fault(text: str) -> Fault:
    """From the words of msgspec: `Expected `str`, got `int` - at `$.redirect_uris[0]``."""
    match = _WHERE.fullmatch(text)
    said, path = (match[1], match[2] or "") if match else (text, "")
    steps = [name or index for name, index in _STEP.findall(path)]
    code = "type"
    if unknown := _UNKNOWN.fullmatch(said):
        name = unknown[1][:80]
        steps, code, said = [*steps, name], "unknown", f"There is no field `{name}`."
    elif missing := _MISSING.fullmatch(said):
        steps, code, said = [*steps, missing[1]], "missing", f"`{missing[1]}` is missing."
    elif " of length " in said:
        code = "length"
    elif "Invalid enum" in said or "Invalid RFC3339" in said or "matching regex" in said:
        code = "value"
    elif "Expected `int` " in said:
        code = "range"
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    return Fault(code=code, detail=said[:300], pointer=pointer)


def read_query(request: Request, kind: type[msgspec.Struct]) -> Any:
    """The query as a struct; 400 `invalid_parameter` for what is unknown, stands twice, or has no such value."""
    query = request.scope["query_string"].decode("latin-1")
    if not query:
        return kind()
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMETERS, errors="strict")
    except ValueError:
        raise _parameter("", "The query cannot be read.") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _parameter("", "A parameter stands twice.")
    for name, value in pairs:
        if "\x00" in value or "\x00" in name:
            raise _parameter(name[:80].replace("\x00", ""), "It has a NUL in it.")
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        fault = _fault(str(error))
        raise _parameter((fault.pointer or "/")[1:], fault.detail) from None
    except (OverflowError, ValueError):
        raise _parameter("", "A number is too large.") from None


def _parameter(name: str, detail: str) -> Wrong:
    return Wrong(400, "invalid_parameter", Fault(code="invalid_parameter", detail=detail, parameter=name))


def read_idempotency_key(request: Request) -> str | None:
    """The header's text; the quotes of a structured string (RFC 9651) are part of it. Refusal 400."""
    keys = request.headers.getlist("idempotency-key")
    if not keys:
        return None
    key = keys[0]
    if len(keys) > 1 or not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        fault = Fault(
            code="idempotency_key", detail="1 to 255 printable ASCII characters.", parameter="Idempotency-Key"
        )
        raise Wrong(400, "idempotency_key", fault)
    return key


__all__ = ["JSON", "MERGE_PATCH", "convert", "parse", "read_idempotency_key", "read_input", "read_query"]
