"""A webhook receiver, or a client's back channel: a real server on this machine that writes down what it got."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Got:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    answer: Callable[[Got], tuple[int, dict[str, str]] | int] = lambda got: 204
    got: list[Got] = field(default_factory=list)
    delay: float = 0
    open: int = 0
    most_open: int = 0
    _server: Any = None

    async def start(self) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            got = Got(head[0].split()[1], headers, await reader.readexactly(int(headers.get("content-length", "0"))))
            if self.delay:
                await asyncio.sleep(self.delay)
            self.got.append(got)
            said = self.answer(got)
            status, more = said if isinstance(said, tuple) else (said, {})
            lines = [f"HTTP/1.1 {status} X", "content-length: 2", "connection: close", *(f"{k}: {v}" for k, v in more.items())]
            body = b"" if status == 204 else b"ok"
            if status == 204:
                lines.remove("content-length: 2")
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()
