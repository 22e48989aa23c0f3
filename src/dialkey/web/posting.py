"""Calls of our own to addresses that developers gave us: checked again at every call, and made to the very address that
was checked, so that a name cannot lead elsewhere between the two."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from socket import SOCK_STREAM, getaddrinfo
from urllib.parse import urlsplit

import httptools

from dialkey.web.outbound import is_local_url, is_public_address, outbound_url_fault

MOST_READ = 64 * 1024
"""Bytes of an answer, heads included; the rest is not waited for."""
MOST_ADDRESSES = 3
Resolve = Callable[[str, int], Awaitable[list[str]]]


class Unreachable(Exception):
    """There was no answer. `code` says why: `url`, `dns`, `address` (not a public one), `connect`, `tls`, `timeout`,
    `protocol`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Posted:
    """An answer. Its body is read and forgotten."""

    status: int
    retry_after: str | None
    """The header as it came."""

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class Poster:
    """POSTs without following redirects. `local`: addresses of this machine are allowed, for an installation that nobody
    but this machine can reach."""

    def __init__(self, *, local: bool, resolve: Resolve | None = None, context: ssl.SSLContext | None = None) -> None:
        self._local = local
        self._names = ThreadPoolExecutor(4, thread_name_prefix="names")  # a slow name server keeps nobody else waiting
        self._resolve = resolve or self._look_up
        self._context = context

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout: float) -> Posted:  # noqa: ASYNC109
        """Raises Unreachable. `timeout` seconds for all of it."""
        if outbound_url_fault(url, local=self._local) is not None:
            raise Unreachable("url")
        try:
            async with asyncio.timeout(timeout):
                return await self._post(url, body, headers)
        except TimeoutError:
            raise Unreachable("timeout") from None

    def close(self) -> None:
        self._names.shutdown(wait=False, cancel_futures=True)

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        parts = urlsplit(url)
        reader, writer = await self._connect(url)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            lines = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc}", "User-Agent: Dialkey", "Accept: */*"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            lines += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
            writer.write("\r\n".join(lines).encode("ascii") + body)
            return await _read(reader)
        except (OSError, httptools.HttpParserError, asyncio.IncompleteReadError):
            raise Unreachable("protocol") from None
        finally:
            writer.transport.abort()

    async def _connect(self, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(url)
        https = parts.scheme == "https"
        host, port = parts.hostname or "", parts.port or (443 if https else 80)
        secured = {"ssl": self._secure(), "server_hostname": host} if https else {}
        for address in await self._checked(url, host, port):
            try:
                return await asyncio.open_connection(address, port, limit=MOST_READ, **secured)  # type: ignore[arg-type]
            except ssl.SSLError:
                raise Unreachable("tls") from None
            except OSError:
                continue
        raise Unreachable("connect")

    async def _checked(self, url: str, host: str, port: int) -> list[str]:
        """The addresses to connect to; one that is not public spoils them all."""
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise Unreachable("dns") from None
        if not found:
            raise Unreachable("dns")
        inside = self._local and is_local_url(url)
        if not all(_is_loopback(one) if inside else is_public_address(one) for one in found):
            raise Unreachable("address")
        return found[:MOST_ADDRESSES]

    async def _look_up(self, host: str, port: int) -> list[str]:
        ask = partial(getaddrinfo, host, port, type=SOCK_STREAM)
        found = await asyncio.get_running_loop().run_in_executor(self._names, ask)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    def _secure(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
            self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._context


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


class _Answer:
    """What the parser calls."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.retry_after: str | None = None
        self.status: int | None = None
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"retry-after":
            self.retry_after = value.decode("latin-1")[:64]

    def on_headers_complete(self) -> None:
        status = self.parser.get_status_code()
        if status >= 200:
            self.status = status

    def on_message_complete(self) -> None:
        self.complete = self.status is not None


async def _read(reader: asyncio.StreamReader) -> Posted:
    answer, size = _Answer(), 0
    while not answer.complete and size < MOST_READ:
        chunk = await reader.read(MOST_READ - size)
        if not chunk:
            break
        size += len(chunk)
        with suppress(httptools.HttpParserUpgrade):
            answer.parser.feed_data(chunk)
    if answer.status is None:
        raise Unreachable("protocol")
    return Posted(answer.status, answer.retry_after)
