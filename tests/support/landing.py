"""A client's web server in miniature: writes down how browsers arrive."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

PAGE = b"""<!doctype html><html lang="en"><title>An app</title><link rel="icon" href="data:,">
<h1>You came back to the app</h1></html>"""


@dataclass(frozen=True)
class Arrival:
    method: str
    path: str
    values: dict[str, str]
    """Of the query, or of the form that was posted."""
    headers: dict[str, str]


@dataclass
class Landing:
    host: str
    arrivals: queue.Queue[Arrival] = field(default_factory=queue.Queue)

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def callback(self) -> str:
        return f"{self.url}/cb"

    @property
    def signed_out(self) -> str:
        return f"{self.url}/signed-out"

    def next(self) -> Arrival:
        """The next browser that comes; nobody else has come meanwhile."""
        return self.arrivals.get(timeout=10)

    @property
    def quiet(self) -> bool:
        return self.arrivals.empty()


class _Handler(BaseHTTPRequestHandler):
    landing: Landing
    pages: dict[str, tuple[dict[str, str], bytes]]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._arrive(parts.path, parts.query)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
        self._arrive(urlsplit(self.path).path, body)

    def _arrive(self, path: str, pairs: str) -> None:
        headers, page = self.pages.get(path, ({}, PAGE))
        values = dict(parse_qsl(pairs, keep_blank_values=True))
        self.landing.arrivals.put(Arrival(self.command, path, values, dict(self.headers.items())))
        self.send_response(303 if "Location" in headers else 200)
        for name, value in {"Content-Type": "text/html", "Content-Length": str(len(page)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server6(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def landing(
    address: str = "127.0.0.1", pages: dict[str, tuple[dict[str, str], bytes]] | None = None
) -> Iterator[Landing]:
    """Serves on a free port until it is left. `pages` are answers (headers, body) other than the plain one."""
    six = ":" in address
    server = (_Server6 if six else ThreadingHTTPServer)((address, 0), _Handler)
    server.daemon_threads = True
    made = Landing(f"[{address}]:{server.server_port}" if six else f"{address}:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"landing": made, "pages": pages or {}})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
