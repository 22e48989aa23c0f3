"""A small HTTP/1.1 client for the reliability scripts: bytes out, a status and a body back, no retry of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench.load import basic, get, parse_length, post, unchunked


class Unanswered(Exception):
    """The connection failed or the time was up before the answer was complete: whether it was done is not known."""

    def __init__(self, reason: str, *, connected_at: float, sent_at: float) -> None:
        super().__init__(reason)
        self.connected_at = connected_at
        """When the connection was begun, by time.monotonic."""
        self.sent_at = sent_at
        """When the request was."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    seconds: float

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


class Connection:
    """Keep-alive, opened when it is first used, and again after any failure."""

    def __init__(self, address: tuple[str, int], *, timeout: float = 10.0) -> None:
        self._address = address
        self._timeout = timeout
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.connected_at = 0.0

    async def open(self) -> None:
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self.connected_at = time.monotonic()
            self._streams = await asyncio.open_connection(*self._address)

    def close(self) -> None:
        """Without ceremony: what is under way is lost."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def send(self, request: bytes) -> Answer:
        """The answer, or `Unanswered`."""
        sent_at = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                await self.open()
                begin = time.perf_counter()
                status, body, stays = await self._exchange(request)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.close()
            raise Unanswered(repr(error), connected_at=self.connected_at, sent_at=sent_at) from error
        if not stays:
            self.close()
        return Answer(status, body, time.perf_counter() - begin)

    async def _exchange(self, request: bytes) -> tuple[int, bytes, bool]:
        assert self._streams
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
        lower = head.lower()
        length = parse_length(lower)
        if length >= 0:
            body = await reader.readexactly(length)
        else:
            raw = b""
            while not raw.endswith(b"0\r\n\r\n"):
                raw += await reader.readuntil(b"\r\n")
            body = unchunked(raw)
        return int(head[9:12]), body, b"\r\nconnection: close" not in lower

    async def send_and_drop(self, request: bytes, after: float) -> None:
        """Send, wait so many seconds, and drop the connection without reading: the answer is lost on its way."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(self._timeout):
                await self.open()
                assert self._streams
                self._streams[1].write(request)
                await asyncio.sleep(after)
        self.close()


class Party:
    """An OAuth client at one server: it knows the requests of its trade."""

    def __init__(self, base_url: str, family: dict[str, Any], token_path: str = "/oauth2/token") -> None:
        parts = urlsplit(base_url)
        assert parts.hostname
        self.address = (parts.hostname, parts.port or 80)
        self._host = parts.netloc
        self._authorization = basic(family["client_id"], family["client_secret"])
        self._redirect_uri = family["redirect_uri"]
        self._token_path = token_path

    def connection(self, *, timeout: float = 10.0) -> Connection:
        return Connection(self.address, timeout=timeout)

    def exchange(self, code: dict[str, str]) -> bytes:
        form = {"grant_type": "authorization_code", "redirect_uri": self._redirect_uri} | code
        return post(self._host, self._token_path, form, self._authorization)

    def refresh(self, token: str) -> bytes:
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return post(self._host, self._token_path, form, self._authorization)

    def revoke(self, token: str) -> bytes:
        return post(self._host, "/oauth2/revoke", {"token": token}, self._authorization)

    def userinfo(self, access_token: str) -> bytes:
        return get(self._host, "/userinfo", f"Bearer {access_token}")


def quantile(values: list[float], q: float) -> float:
    """Not a number when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else float("nan")


def in_groups(items: list, size: int) -> Iterator[list]:
    for at in range(0, len(items), size):
        yield items[at : at + size]


class Report:
    """Figures as lines, each held against its bar; `finish` is the exit status."""

    def __init__(self, title: str) -> None:
        self.failed = 0
        print(title, flush=True)

    def figure(self, name: str, value: object, *, bar: str = "", ok: bool = True) -> None:
        """One line. `bar` says what it should be, `ok` whether it is."""
        self.failed += not ok
        verdict = ("  ok" if ok else "  VIOLATION") if bar or not ok else ""
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        print(f"  {name:<62} {text:>10}{f'   (bar: {bar})' if bar else ''}{verdict}", flush=True)

    def note(self, text: str) -> None:
        print(f"  {text}", flush=True)

    def finish(self) -> int:
        print(f"  FAILED: {self.failed} figure(s) miss their bar" if self.failed else "  passed", flush=True)
        return 1 if self.failed else 0
