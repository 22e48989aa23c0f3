"""HTTP calls that are made for a developer to look at, and how they are shown: secrets shortened, the command complete.

`caller` makes them over the network; `in_process` makes them of an application that is here, without leaving it.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import quote, urlsplit

from starlette.types import ASGIApp, Message

FORM = "application/x-www-form-urlencoded"
TIMEOUT = 10
MAX_SHOWN = 3000
_SECRET = re.compile(r"(dk_[a-z]{2}_|ey)[A-Za-z0-9_.-]{24,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, as a developer's server makes it."""

    title: str
    method: str
    path: str
    basic: tuple[str, str] | None = None
    bearer: str | None = None
    form: tuple[tuple[str, str], ...] = ()

    def headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self.basic is not None:
            headers["Authorization"] = "Basic " + b64encode(":".join(self.basic).encode()).decode()
        if self.bearer is not None:
            headers["Authorization"] = f"Bearer {self.bearer}"
        if self.method == "POST":
            headers["Content-Type"] = FORM
        return headers

    def body(self) -> bytes:
        return "&".join(f"{name}={quote(value, safe='')}" for name, value in self.form).encode()

    def curl(self, base_url: str) -> str:
        """The same as a command, in the walkthrough's manner."""
        parts = ["curl"]
        if self.basic is not None:
            parts.append("-u " + shlex.quote(":".join(self.basic)))
        if self.bearer is not None:
            parts.append("--header " + shlex.quote(f"Authorization: Bearer {self.bearer}"))
        parts.append("--url " + shlex.quote(base_url + self.path))
        if self.method == "POST":
            parts.append(f"--header 'content-type: {FORM}'")
        for name, value in self.form:
            flag = "--data" if re.fullmatch(r"[A-Za-z0-9_.:/-]*", value) else "--data-urlencode"
            parts.append(f"{flag} " + shlex.quote(f"{name}={value}"))
        return " \\\n  ".join(parts)

    def shown(self, base_url: str) -> str:
        """The request as text, with its secrets shortened."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {urlsplit(base_url).netloc}"]
        for name, value in self.headers().items():
            lines.append(f"{name}: {value[:12]}…" if value.startswith("Basic ") else f"{name}: {shortened(value)}")
        if self.form:
            lines += ["", "\n&".join(f"{name}={shortened(quote(value, safe=':/'))}" for name, value in self.form)]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: str

    def values(self) -> dict[str, str]:
        """The texts of a JSON object."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return {}
        items = document.items() if isinstance(document, dict) else ()
        return {name: value for name, value in items if isinstance(value, str)}

    def shown(self) -> str:
        try:
            text = json.dumps(json.loads(self.body), indent=2, ensure_ascii=False)
        except ValueError:
            text = self.body
        return shortened(text)[:MAX_SHOWN]


Caller = Callable[[Call], Awaitable[Answer]]


def shortened(text: str) -> str:
    """Tokens and codes up to their first characters."""
    return _SECRET.sub(lambda match: match[0][:14] + "…", text)


def caller(base_url: str) -> Caller:
    """Calls `base_url` over the network, as a developer's server would."""
    parts = urlsplit(base_url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection

    def send(call: Call) -> Answer:
        connection = kind(parts.hostname or "localhost", parts.port, timeout=TIMEOUT)
        try:
            body = call.body() if call.method == "POST" else None
            connection.request(call.method, call.path, body=body, headers=call.headers())
            response = connection.getresponse()
            return Answer(response.status, response.read(64 * 1024).decode(errors="replace"))
        except (OSError, HTTPException) as error:
            return Answer(502, f"{type(error).__name__}: the server could not be reached")
        finally:
            connection.close()

    async def ask(call: Call) -> Answer:
        return await asyncio.to_thread(send, call)

    return ask


def in_process(app: ASGIApp, base_url: str) -> Callable[[Call, str], Awaitable[Answer]]:
    """Calls `app` as if it were asked at `base_url` by the given address; nothing goes over a network, and nothing but
    the path of the call chooses where it goes."""
    host = urlsplit(base_url).netloc.encode()
    scheme = urlsplit(base_url).scheme

    async def ask(call: Call, address: str) -> Answer:
        body = call.body() if call.method == "POST" else b""
        headers = [(b"host", host), (b"content-length", str(len(body)).encode())]
        headers += [(name.lower().encode(), value.encode()) for name, value in call.headers().items()]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": call.method, "scheme": scheme,
            "path": call.path, "raw_path": call.path.encode(), "query_string": b"", "root_path": "",
            "headers": headers, "client": (address, 0), "server": None,
        }  # fmt: skip
        status, chunks = 500, [b""]

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                chunks.append(message.get("body", b""))

        await app(scope, receive, send)
        return Answer(status, b"".join(chunks).decode(errors="replace"))

    return ask
