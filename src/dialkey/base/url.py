"""Redirect addresses: what may be registered, and when a presented one is the registered one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

MAX_URL = 2000
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\\<>\"{}|^`\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_NUMERIC_HOST = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")
"""What browsers read as an IPv4 address (WHATWG URL, "ends in a number"), however it is written."""
_ENCODED = re.compile(r"%(25|2f|5c|[01][0-9a-f]|7f)")
"""A percent sign, slash, backslash or control character in disguise: servers differ on when they unwrap it."""
_FORBIDDEN_SCHEMES = {"javascript", "data", "vbscript", "file", "blob", "about", "ftp", "ws", "wss", "mailto", "tel"}
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(/.*)?")


def redirect_uri_fault(uri: str, *, native: bool = False) -> str | None:
    """Why `uri` cannot be registered, as a stable code; None where it can.

    `https` anywhere; `http` on this machine only (`localhost`, `127.0.0.1`, `[::1]`); private-use schemes in reverse
    domain form for native clients (RFC 8252 section 7.1). No fragment (RFC 6749 section 3.1.2), no user information,
    no dot segments, nothing that two parsers could read in two ways.
    """
    if not uri or len(uri) > MAX_URL:
        return "length"
    if not uri.isascii() or _UNSAFE.search(uri):
        return "characters"
    if "#" in uri:
        return "fragment"
    scheme, colon, rest = uri.partition(":")
    if not colon:
        return "not_absolute"
    if scheme != scheme.lower():
        return "scheme_case"
    if scheme in _FORBIDDEN_SCHEMES:
        return "scheme"
    if scheme not in ("http", "https"):
        return _private_scheme_fault(scheme, rest, native=native)
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return "not_absolute"
    host = parts.hostname or ""
    if "@" in parts.netloc:
        return "user_information"
    if parts.netloc != parts.netloc.lower():
        return "host_case"
    if port is not None and (port == 0 or (scheme, port) in (("https", 443), ("http", 80))):
        return "port"
    if parts.netloc.endswith(":") or not host:
        return "host"
    if scheme == "http":
        return None if host in ("localhost", "127.0.0.1", "::1") and not _path_fault(parts.path) else "http"
    if not _HOST.fullmatch(host) or _NUMERIC_HOST.fullmatch(host):
        return "host"
    return _path_fault(parts.path)


def _private_scheme_fault(scheme: str, rest: str, *, native: bool) -> str | None:
    if not native or not _PRIVATE_SCHEME.fullmatch(scheme):
        return "scheme"
    if rest.startswith("//") or not rest.startswith("/"):
        return "private_scheme_form"
    return _path_fault(rest.partition("?")[0])


def _path_fault(path: str) -> str | None:
    lowered = path.lower()
    segments = lowered.replace("%2e", ".").split("/")
    if any(segment.partition(";")[0] in (".", "..") for segment in segments) or _ENCODED.search(lowered):
        return "path"
    return None


def same_redirect(registered: str, presented: str, *, native: bool) -> bool:
    """RFC 9700 section 2.1: equal to the letter; for a native client's loopback address, whatever the port (RFC 8252
    section 7.3)."""
    if registered == presented:
        return True
    if not native or not registered.startswith("http://") or len(presented) > MAX_URL:
        return False
    ours, theirs = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(presented)
    if ours is None or theirs is None or "#" in presented:
        return False
    return (
        ours[1] == theirs[1]
        and (ours[3] or "") == (theirs[3] or "")
        and (theirs[2] is None or 0 < int(theirs[2][1:]) < 65536)
    )


def is_private_scheme(uri: str) -> bool:
    return not uri.startswith(("https:", "http:"))


def origin_of(uri: str) -> str:
    """The web origin (RFC 6454) of an http(s) address, or the bare scheme of a private-use one: `com.example.app:`."""
    if is_private_scheme(uri):
        return uri.partition(":")[0] + ":"
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def policy_source(uri: str) -> str:
    """What a Content-Security-Policy calls the place: its origin. CSP 3 has no way to write an IPv6 address, and browsers
    ignore one, so there it is all of `http:`."""
    return "http:" if uri.startswith("http://[") else origin_of(uri)


def host_of(uri: str) -> str:
    """What a person is shown: the host, or the private-use scheme."""
    return uri.partition(":")[0] if is_private_scheme(uri) else urlsplit(uri).netloc


def is_loopback_host(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1", "[::1]") or host.endswith(".localhost")
