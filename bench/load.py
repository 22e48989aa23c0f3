"""A load generator for HTTP/1.1 with keep-alive: requests are ready-made bytes, answers are read by their length.

It does as little as can be done in Python per request, so that one core of it outruns one core of any server measured
here: `python bench/load.py --ceiling` tells by how much. Closed loop: each connection sends its next request when the
answer to the one before is complete, so the latency under it is that of a saturated server.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import itertools
import json
import os
import subprocess
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import uvloop

LOST = 0
"""The status that stands for a connection that ended before its answer was complete."""


def basic(client_id: str, client_secret: str) -> str:
    """The value of an Authorization header, RFC 6749 section 2.3.1 (ids and secrets here need no escaping)."""
    return "Basic " + base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()


def get(host: str, path: str, authorization: str | None = None) -> bytes:
    """A GET request as bytes."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Accept: application/json"]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(host: str, path: str, form: dict[str, str], authorization: str | None = None) -> bytes:
    """A POST request with a form body, as bytes."""
    body = urlencode(form)
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Accept: application/json",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
    ]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Source(Protocol):
    """Where the requests of a run come from."""

    def first(self, connection: int) -> bytes | None:
        """What this connection sends first, or None: nothing."""

    def after(self, connection: int, status: int, body: bytes) -> bytes | None:
        """What it sends after this answer, or None: it is done. Called for the last answer of a run too."""


class Cycle:
    """The same requests over and over, spread over all connections."""

    def __init__(self, requests: Iterable[bytes]) -> None:
        self._requests = itertools.cycle(list(requests))

    def first(self, connection: int) -> bytes | None:
        return next(self._requests)

    def after(self, connection: int, status: int, body: bytes) -> bytes | None:
        return next(self._requests)


class Once:
    """Each request is sent at most once; the run ends early when they are used up."""

    def __init__(self, requests: Sequence[bytes]) -> None:
        self._requests = list(requests)[::-1]

    def __len__(self) -> int:
        return len(self._requests)

    def first(self, connection: int) -> bytes | None:
        return self._requests.pop() if self._requests else None

    def after(self, connection: int, status: int, body: bytes) -> bytes | None:
        return self._requests.pop() if self._requests else None


class Chain:
    """One chain per connection: `follow` builds the next request from the answer's body, or None to break the chain.

    The chains outlive a run: the next run goes on where this one ended.
    """

    def __init__(self, heads: Sequence[bytes], follow: Callable[[bytes], bytes | None]) -> None:
        self._heads: list[bytes | None] = list(heads)
        self._follow = follow

    def first(self, connection: int) -> bytes | None:
        return self._heads[connection] if connection < len(self._heads) else None

    def after(self, connection: int, status: int, body: bytes) -> bytes | None:
        head = self._follow(body) if status == 200 else None
        self._heads[connection] = head
        return head


@dataclass(slots=True)
class Outcome:
    """What one run measured."""

    seconds: float
    """From the first request to the deadline, or to the last answer if the requests were used up before."""
    latencies: array[float]
    """Seconds, of the answers within that time, sorted."""
    statuses: Counter[int]
    """Of all answers, those after the deadline too; `LOST` for none."""
    unexpected: int
    """Answers with another status than the one that was expected, or without the text that was."""
    sample: bytes = field(repr=False, default=b"")
    """The body of the first unexpected answer."""

    @property
    def total(self) -> int:
        return self.statuses.total()

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def quantile(self, q: float) -> float:
        """Seconds; not a number when nothing was answered."""
        if not self.latencies:
            return float("nan")
        return self.latencies[min(len(self.latencies) - 1, int(q * len(self.latencies)))]


def parse_length(head: bytes) -> int:
    """The body's length in bytes by the lower-case head, or -1 when it is chunked."""
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        return -1 if b"\r\ntransfer-encoding: chunked" in head else 0
    end = head.find(b"\r\n", at + 17)
    return int(head[at + 17 : end if end > 0 else len(head)])


class _Run:
    """What the connections of one run share."""

    def __init__(self, source: Source, connections: int, expected: int, marker: bytes) -> None:
        self.source = source
        self.expected = expected
        self.marker = marker
        self.latencies = array("d")
        self.statuses: Counter[int] = Counter()
        self.unexpected = 0
        self.sample = b""
        self.deadline = float("inf")
        self.last = 0.0
        self.open = connections
        self.done = asyncio.get_running_loop().create_future()

    def finished(self) -> None:
        self.open -= 1
        if not self.open and not self.done.done():
            self.done.set_result(None)

    def note(self, status: int, body: bytes) -> None:
        self.unexpected += 1
        self.sample = self.sample or b"%d " % status + body[:300]


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run, index: int) -> None:
        self._run = run
        self._index = index
        self._after = run.source.after
        self._add = run.latencies.append
        self._statuses = run.statuses
        self._buffer = b""
        self._sent_at = 0.0
        self._waiting = False
        self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._write = transport.write  # type: ignore[attr-defined]

    def start(self) -> None:
        self._send(self._run.source.first(self._index))

    def _send(self, request: bytes | None) -> None:
        if request is None:
            self._end()
            return
        self._waiting = True
        self._sent_at = time.perf_counter()
        self._write(request)

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._transport.close()
            self._run.finished()

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        head_end = data.find(b"\r\n\r\n")
        if head_end < 0:
            self._buffer = data
            return
        length = parse_length(data[:head_end].lower())
        if length >= 0:
            if len(data) < head_end + 4 + length:
                self._buffer = data
                return
            body = data[head_end + 4 :]
        elif data.endswith(b"0\r\n\r\n"):
            body = unchunked(data[head_end + 4 :])
        else:
            self._buffer = data
            return
        self._buffer = b""
        now = time.perf_counter()
        status = int(data[9:12])
        run = self._run
        self._statuses[status] += 1
        self._waiting = False
        if status != run.expected or run.marker not in body:
            run.note(status, body)
        request = self._after(self._index, status, body)
        if now < run.deadline:
            self._add(now - self._sent_at)
            run.last = now
            self._send(request)
        else:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting:
            self._waiting = False
            self._statuses[LOST] += 1
            self._run.note(LOST, repr(exc).encode())
        self._end()


def unchunked(data: bytes) -> bytes:
    """The body out of `Transfer-Encoding: chunked`, RFC 9112 section 7.1, without trailers."""
    parts = []
    at = 0
    while True:
        line = data.index(b"\r\n", at)
        size = int(data[at:line].split(b";")[0], 16)
        if not size:
            return b"".join(parts)
        parts.append(data[line + 2 : line + 2 + size])
        at = line + 2 + size + 2


async def run(
    address: tuple[str, int],
    source: Source,
    *,
    connections: int = 32,
    seconds: float = 2.0,
    expected: int = 200,
    marker: bytes = b"",
    drain: float = 10.0,
) -> Outcome:
    """Load the server for so long. A good answer has the status `expected`, and `marker` in its body.

    Requests under way at the deadline are awaited (at most `drain` seconds) and counted in `statuses`, not in the rate.
    """
    loop = asyncio.get_running_loop()
    state = _Run(source, connections, expected, marker)
    made = []
    for index in range(connections):
        _, connection = await loop.create_connection(lambda index=index: _Connection(state, index), *address)
        made.append(connection)
    gc.collect()
    gc.disable()
    try:
        begin = time.perf_counter()
        state.deadline = begin + seconds
        for connection in made:
            connection.start()
        await asyncio.wait([state.done], timeout=seconds + drain)
    finally:
        gc.enable()
    early = state.last and time.perf_counter() < state.deadline
    took = (state.last if early else state.deadline) - begin
    return Outcome(
        took, array("d", sorted(state.latencies)), state.statuses, state.unexpected, state.sample
    )


def load(base_url: str, source: Source, **options) -> Outcome:
    """The same as `run`, from code without an event loop."""
    parts = urlsplit(base_url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    return uvloop.run(run(address, source, **options))


# How fast is the generator itself?


async def trivial_app(scope, receive, send) -> None:
    """The least an ASGI server can be asked to do."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"15")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"hello":"you"}'})


class _Sink(asyncio.Protocol):
    """Answers without reading: cheaper than any HTTP server, so the generator is the one that is saturated."""

    ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"hello":"you"}'

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = transport.write  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._write(self.ANSWER)


async def _sink(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", port)
    await server.serve_forever()


def _ceiling(port: int, seconds: float) -> None:
    cores = sorted(os.sched_getaffinity(0))
    uvicorn = [sys.executable, "-m", "uvicorn", "load:trivial_app", "--app-dir", os.path.dirname(__file__)]
    uvicorn += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    servers = {
        "uvicorn, raw ASGI": [*uvicorn, "--port", str(port)],
        "sink without HTTP": [sys.executable, __file__, "--sink", str(port)],
    }
    os.sched_setaffinity(0, {cores[-1]})
    for name, command in servers.items():
        server = subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, {cores[0]}))
        try:
            source = Cycle([get(f"127.0.0.1:{port}", "/")])
            for _ in range(50):
                time.sleep(0.1)
                try:
                    load(f"http://127.0.0.1:{port}", source, seconds=0.3)
                    break
                except OSError:
                    continue
            used = time.process_time()
            outcome = load(f"http://127.0.0.1:{port}", source, seconds=seconds)
            used = time.process_time() - used
        finally:
            server.terminate()
            server.wait()
        print(json.dumps({
            "server": name, "rps": round(outcome.rate), "errors": outcome.unexpected,
            "p50_ms": round(outcome.quantile(0.5) * 1000, 2), "p99_ms": round(outcome.quantile(0.99) * 1000, 2),
            "generator_cpu_us_per_request": round(used / outcome.total * 1e6, 1),
        }))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ceiling", action="store_true", help="measure the generator against two trivial servers")
    parser.add_argument("--sink", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=18999)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    if options.sink:
        uvloop.run(_sink(options.sink))
    elif options.ceiling:
        _ceiling(options.port, options.seconds)
    else:
        parser.print_help()


if __name__ == "__main__":
    main()
