"""The HTTP/1.1 protocol with the bounds that uvicorn leaves open: how long a request may take to arrive and how large
its head may be."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD = 48 * 1024
ARRIVAL_TIMEOUT = 10.0
"""Seconds from a request's first byte, or from the connection, to its last byte."""
_REFUSED = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _Watch:
    """Looks at all connections of a loop twice a second: cheaper than a timer for every request."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.connections: WeakSet[GuardedProtocol] = WeakSet()
        self._look()

    def _look(self) -> None:
        late = self._loop.time() - ARRIVAL_TIMEOUT
        for connection in list(self.connections):
            if 0 < connection.arriving_since < late:
                connection.refuse(b"408 Request Timeout")
            elif 0 < connection.stalled_since < late:
                connection.transport.abort()
            elif connection.transport.is_closing() and not connection.stalled_since:
                connection.stalled_since = self._loop.time()
        self._loop.call_later(0.5, self._look)


_WATCHES: WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch] = WeakKeyDictionary()


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose request head is larger than `MAX_HEAD` (431) or whose request does not arrive within
    `ARRIVAL_TIMEOUT` (408), one whose other side takes nothing of the answer for as long, and one that speaks of
    its length in two ways (400, RFC 9112 section 6.1). What was sent behind a refused request, or behind the last
    one of a connection, is not looked at."""

    arriving_since = 0.0
    """When the request under way began, by the loop's clock; 0: none is under way."""
    stalled_since = 0.0
    """Since when the other side does not take what we send, or what is left before closing; 0: it does."""
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._unanswered: deque[RequestResponseCycle] = deque()
        watch = _WATCHES.get(self.loop)
        if watch is None:
            watch = _WATCHES[self.loop] = _Watch(self.loop)
        watch.connections.add(self)
        self.arriving_since = self.loop.time()

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if not self.arriving_since:
                self.arriving_since = self.loop.time()
        super().data_received(data)
        if self._in_head and self._head_bytes > MAX_HEAD:
            self.refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        self._in_head = True
        if not self.arriving_since:
            self.arriving_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        if self.transport.is_closing():
            return
        size = len(self.url)
        hosts = lengths = codings = 0
        for name, value in self.headers:
            size += len(name) + len(value)
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                lengths += 1
            elif name == b"transfer-encoding":
                codings += 1
        if hosts != 1 or lengths + codings > 1:
            self.refuse(b"400 Bad Request")
        elif size > MAX_HEAD:
            self.refuse(b"431 Request Header Fields Too Large")
        else:
            super().on_headers_complete()
            while self._unanswered and self._unanswered[0].response_complete:
                self._unanswered.popleft()
            self._unanswered.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.arriving_since = 0.0
        self._in_head = True
        if not self.transport.is_closing():
            super().on_message_complete()

    def pause_writing(self) -> None:
        self.stalled_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.stalled_since = 0.0
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        _WATCHES[self.loop].connections.discard(self)
        for cycle in self._unanswered:  # uvicorn tells only the last one of a pipeline
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def refuse(self, status: bytes) -> None:
        """Says why and closes, where nothing else was said yet."""
        self.arriving_since = 0.0
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_REFUSED % status)
        self.transport.close()
