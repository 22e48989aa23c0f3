"""The HTTP/1.1 protocol with the bounds that uvicorn leaves open: how long a head may take and how large it may be."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 48 * 1024
HEADER_TIMEOUT = 10.0
BAD_REQUEST = b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose request head is larger than `MAX_HEAD` (431) or not complete within `HEADER_TIMEOUT`
    seconds (408), and one that speaks of its length in two ways (400, RFC 9112 section 6.1)."""

    __slots__ = ()

    _head_bytes = 0
    _head_done = False
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        if not self._head_done:
            self._head_bytes += len(data)
            if self._head_timer is None:
                self._watch_head()
        super().data_received(data)
        if not self._head_done and self._head_bytes > MAX_HEAD:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        self._head_done = False
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_HEAD:
            self._refuse(b"414 URI Too Long")

    def on_headers_complete(self) -> None:
        self._head_done = True
        self._head_bytes = 0
        self._forget_timer()
        names = [name for name, _ in self.headers]
        if b"transfer-encoding" in names and (b"content-length" in names or names.count(b"transfer-encoding") > 1):
            self._refuse(b"400 Bad Request")
            return
        if names.count(b"host") != 1 or names.count(b"content-length") > 1:
            self._refuse(b"400 Bad Request")
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._head_done = False

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_timer()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        self._head_timer = self.loop.call_later(HEADER_TIMEOUT, self._head_late)

    def _forget_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_late(self) -> None:
        self._head_timer = None
        if not self._head_done and not self.transport.is_closing():
            self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(BAD_REQUEST % status)
            self.transport.close()
