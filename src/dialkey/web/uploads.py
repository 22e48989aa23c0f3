"""Files that a page's form brings: `multipart/form-data` (RFC 7578), read strictly and within bounds.

Only what browsers send is understood. No preamble, no other headers, no nested or encoded parts, no escapes in names:
what two parsers could read in two ways is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from dialkey.web.errors import Refusal
from dialkey.web.forms import FormError, RepeatedField
from dialkey.web.http import require_same_origin

MAX_UPLOAD = 2 * 1024 * 1024
"""Bytes of a whole body."""
MAX_PARTS = 20
MAX_TEXT = 64 * 1024
MAX_PART_HEAD = 1024
MULTIPART = "multipart/form-data"
_MEDIA_TYPE = re.compile(r'multipart/form-data\s*;\s*boundary=(?:"([^"\\\s]{1,70})"|([^";,\s]{1,70}))\s*', re.IGNORECASE)
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,70}")
_DISPOSITION = re.compile(r'form-data; name="([^"\\\x00-\x1f]{1,64})"(?:; filename="([^"\\\x00-\x1f]{0,255})")?')
_TYPE = re.compile(r"[a-z0-9.+-]{1,64}/[a-z0-9.+-]{1,64}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came. The name and type are the browser's word, and nothing is decided by them."""

    filename: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class MultipartForm:
    fields: dict[str, str]
    """As in `web.forms.parse_form`: those without a value are left out."""
    files: dict[str, Upload]
    """Those that were chosen: an empty file input is left out."""


async def read_upload_form(request: Request) -> MultipartForm:
    """The strict multipart form of a page's own POST, `MAX_UPLOAD` bytes in all (413): from our own pages only (403),
    a field stands once, and whatever could be read in two ways is a calm 400 `malformed`; 415 `media_type`."""
    require_same_origin(request)
    media_type = request.headers.get("content-type", "")
    if media_type.partition(";")[0].strip().lower() != MULTIPART:
        raise Refusal(415, "media_type", detail=media_type[:80])
    try:
        boundary = boundary_of(media_type)
        return parse_multipart(await _read(request), boundary)
    except FormError as error:
        raise Refusal(400, "malformed", detail=str(error)) from None


def boundary_of(media_type: str) -> bytes:
    """What separates the parts; FormError unless it is named once and is nothing else's name."""
    match = _MEDIA_TYPE.fullmatch(media_type)
    boundary = (match[1] or match[2]) if match else ""
    if not _BOUNDARY.fullmatch(boundary):
        raise FormError("boundary")
    return boundary.encode()


def parse_multipart(body: bytes, boundary: bytes) -> MultipartForm:
    """Raises FormError, RepeatedField on a name that stands twice."""
    delimiter = b"\r\n--" + boundary
    pieces = (b"\r\n" + body).split(delimiter, MAX_PARTS + 2)
    if len(pieces) > MAX_PARTS + 2:
        raise FormError("too many parts")
    if pieces[0] or len(pieces) < 2 or pieces[-1] not in (b"--", b"--\r\n"):
        raise FormError("not framed by its boundary")
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    seen: set[str] = set()
    for piece in pieces[1:-1]:
        name, part = _part(piece)
        if name in seen:
            raise RepeatedField(name)
        seen.add(name)
        if isinstance(part, Upload):
            if part.filename or part.content:
                files[name] = part
        elif part:
            fields[name] = part
    return MultipartForm(fields, files)


def _part(piece: bytes) -> tuple[str, str | Upload]:
    """A part's name, and its text or file."""
    head, gap, content = piece.partition(b"\r\n\r\n")
    if not head.startswith(b"\r\n") or not gap or len(head) > MAX_PART_HEAD:
        raise FormError("part without a head")
    headers: dict[str, str] = {}
    for line in _text(head[2:]).split("\r\n"):
        title, colon, value = line.partition(":")
        title = title.lower()
        if not colon or title not in ("content-disposition", "content-type") or title in headers:
            raise FormError("header of a part")
        headers[title] = value.strip(" ")
    match = _DISPOSITION.fullmatch(headers.get("content-disposition", ""))
    if match is None:
        raise FormError("content-disposition")
    name, filename = match[1], match[2]
    if filename is None:
        if "content-type" in headers or len(content) > MAX_TEXT:
            raise FormError("text of a part")
        return name, _text(content)
    media_type = headers.get("content-type", "application/octet-stream")
    if not _TYPE.fullmatch(media_type):
        raise FormError("content-type of a part")
    return name, Upload(filename, media_type.lower(), content)


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise FormError("not UTF-8") from None
    if "\x00" in text:
        raise FormError("NUL")
    return text


async def _read(request: Request) -> bytes:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_UPLOAD:
        raise Refusal(413, "too_large")
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > MAX_UPLOAD:
            raise Refusal(413, "too_large")
        if not message.get("more_body", False):
            return bytes(body)
