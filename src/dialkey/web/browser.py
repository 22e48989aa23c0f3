"""Which browser this is: a random cookie that pages, tickets and challenges are bound to.

A page's *ticket* is an authenticated value for one purpose and one browser: it is the CSRF token and carries what the
page was made for, so that an open page costs us no row (see docs/decisions).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from starlette.requests import Request

from dialkey.base.clock import Instant
from dialkey.base.entropy import Entropy, random_text
from dialkey.base.signed import seal, unseal
from dialkey.settings import Settings
from dialkey.storage.keyring import Keyring
from dialkey.web.cookies import Cookie

T = TypeVar("T")
_encode = msgspec.msgpack.Encoder().encode
_LONG = 2048
"""Bytes above which a ticket is packed: a long request stands in it more than once."""
_PACKED = b"z"
MAX_TICKET = 60_000


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser, known by the digest of its cookie. `new_cookie` is the Set-Cookie header of one seen first now."""

    digest: str
    new_cookie: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.new_cookie is None else {"Set-Cookie": self.new_cookie}


class Browsers:
    """Recognises browsers, and makes and reads the tickets of their pages."""

    def __init__(self, settings: Settings, keyring: Keyring, entropy: Entropy) -> None:
        self._keyring = keyring
        self._entropy = entropy
        self._cookie = Cookie("dialkey_browser", secure=settings.secure)

    def find(self, request: Request) -> Browser | None:
        """The browser that sent the request, where it has our cookie."""
        value = self._cookie.read(request)
        return None if value is None or len(value) != 43 else Browser(self._keyring.digest("browser", value))

    def meet(self, request: Request) -> Browser:
        """The browser, or a new one."""
        known = self.find(request)
        if known is not None:
            return known
        value = random_text(self._entropy, 32)
        return Browser(self._keyring.digest("browser", value), self._cookie.put(value))

    def ticket(self, purpose: str, browser: Browser, made_at: Instant, content: msgspec.Struct) -> str:
        payload = _encode((browser.digest, made_at, content))
        return seal(self._keyring["page"], purpose.encode(), _pack(payload))

    def read_ticket(self, purpose: str, kind: type[T], text: str) -> tuple[str, Instant, T] | None:
        """(browser digest, made at, content); None where we did not make it for this purpose. Whether it is this
        browser's, and young enough, is for the caller to say: an old one still tells how to start again."""
        payload = unseal(self._keyring["page"], purpose.encode(), text) if len(text) <= MAX_TICKET else None
        if payload is None:
            return None
        try:
            digest, made_at, content = msgspec.msgpack.decode(_unpack(payload), type=tuple[str, int, kind])  # type: ignore[valid-type]
        except (msgspec.ValidationError, msgspec.DecodeError):
            return None
        return digest, Instant(made_at), content


def _pack(payload: bytes) -> bytes:
    return _PACKED + zlib.compress(payload, 1) if len(payload) > _LONG else payload


def _unpack(payload: bytes) -> bytes:
    """Only what `seal` vouches for comes here. A payload that was not packed begins as a MessagePack array does."""
    return zlib.decompress(payload[1:]) if payload.startswith(_PACKED) else payload
