"""Requests in, responses out: bodies within bounds, JSON, pages with their security headers, the caller's address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from dialkey.web.errors import Refusal
from dialkey.web.forms import FORM, MAX_BODY, FormError, parse_form
from dialkey.web.pages import Frame, Page
from dialkey.web.rendering import render

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_encode = msgspec.json.Encoder().encode

PAGE_HEADERS = {
    **NO_STORE,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), otp-credentials=(self)",
    "X-Robots-Tag": "noindex",
}


async def read_body(request: Request, *, most: int = MAX_BODY) -> bytes:
    """The body, at most `most` bytes (413). How long it may take, the server's protocol watches."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise Refusal(413, "too_large")
    if length == "0":
        return b""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise Refusal(413, "too_large")
        chunks.append(chunk)
        if not message.get("more_body", False):
            break
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def read_form(request: Request) -> dict[str, str]:
    """The strict form of a POST. Refuses another media type (415) and what `parse_form` refuses (FormError)."""
    media_type = request.headers.get("content-type", "")
    if media_type != FORM and media_type.partition(";")[0].strip().lower() != FORM:
        if not media_type and request.headers.get("content-length", "0") == "0":
            return {}
        raise Refusal(415, "media_type", detail=media_type[:80])
    return parse_form(await read_body(request))


async def read_page_form(request: Request) -> dict[str, str]:
    """`read_form` for a page's own POST: only from our own pages (see `require_same_origin`); a form that cannot be read
    is a calm 400."""
    require_same_origin(request)
    try:
        return await read_form(request)
    except FormError as error:
        raise Refusal(400, "malformed", detail=str(error)) from None


class _Made(Response):
    """A response whose headers are ready for the wire."""

    def __init__(self, body: bytes, status: int, raw_headers: list[tuple[bytes, bytes]]) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = raw_headers


_JSON = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"pragma", b"no-cache"))


def json_response(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON that nobody may store."""
    body = _encode(value)
    raw = [*_JSON, (b"content-length", str(len(body)).encode())]
    if headers:
        raw += [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]
    return _Made(body, status, raw)


def page_response(
    page: Page,
    frame: Frame,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    form_targets: Iterable[str] = (),
) -> Response:
    """An HTML page with its strict policy. `form_targets` are origins that a form's answer may redirect to: Chromium
    holds `form-action` against the whole redirect chain."""
    targets = "".join(f" {target}" for target in form_targets)
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action 'self' https:{targets}; frame-ancestors 'none'; base-uri 'none'"
    )
    merged = {**PAGE_HEADERS, "Content-Security-Policy": policy, "Content-Language": frame.locale, **(headers or {})}
    response = Response(render(page, frame), page.status if status is None else status, merged, "text/html")
    if frame.language_cookie is not None:
        response.headers.append("Set-Cookie", frame.language_cookie)
    return response


def see_other(location: str, headers: Mapping[str, str] | None = None) -> Response:
    """303: the browser goes on with GET and repeats nothing that it posted (RFC 9700 section 4.12)."""
    return Response(
        None, 303, {**NO_STORE, "Location": location, "Referrer-Policy": "no-referrer", **(headers or {})}
    )


def require_same_origin(request: Request) -> None:
    """Refuses a POST that another site's page made (403). The pages' own tokens stand behind this."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise Refusal(403, "cross_site", detail=f"sec-fetch-site {site[:20]}")
        return
    origin = request.headers.get("origin")
    if origin in (None, "null"):  # our own no-referrer policy makes browsers say null
        return
    if urlsplit(origin).netloc != request.headers.get("host"):
        raise Refusal(403, "cross_site", detail="origin")


def wants_html(request: Request) -> bool:
    """Whether a person is looking: HTML is accepted and not ranked below JSON."""
    accept = request.headers.get("accept", "")
    html = accept.find("text/html")
    json = accept.find("application/json")
    return html != -1 and (json == -1 or html < json)


class Addresses:
    """Who is calling: the peer, or what a trusted proxy says of it (RFC 7239 is not read; `X-Forwarded-For` is)."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted: list[IPv4Network | IPv6Network] = [ip_network(network, strict=False) for network in trusted]

    def of(self, request: Request) -> IPv4Address | IPv6Address:
        """The nearest address that no trusted proxy vouches for."""
        peer = self._parse(request.client.host if request.client else "")
        if not self._trusted or not self._trusts(peer):
            return peer
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))  # a proxy may add a line of its own
        for part in reversed(forwarded.split(",")):
            hop = self._parse(part.strip())
            if hop.is_unspecified:
                return peer
            peer = hop
            if not self._trusts(hop):
                break
        return peer

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted if network.version == address.version)

    @staticmethod
    def _parse(text: str) -> IPv4Address | IPv6Address:
        try:
            address = ip_address(text)
        except ValueError:
            return IPv4Address(0)
        mapped = getattr(address, "ipv4_mapped", None)
        return mapped or address


def address_keys(address: IPv4Address | IPv6Address) -> tuple[str, str]:
    """What limits count by: (the address or its /64, the /24 or /48 around it)."""
    if address.version == 4:
        return str(address), str(ip_network((address, 24), strict=False))
    return str(ip_network((address, 64), strict=False)), str(ip_network((address, 48), strict=False))
