"""The outermost layer: which hosts are answered, what every answer carries, what happens to faults, what is counted."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dialkey.base.entropy import Entropy, random_text
from dialkey.settings import Settings
from dialkey.storage import StorageUnavailable
from dialkey.web.errors import Refusal

log = structlog.get_logger("dialkey.web")

REQUESTS = Counter("dialkey_http_requests_total", "Answers, by route and status.", ("route", "status"))
DURATION = Histogram(
    "dialkey_http_request_seconds",
    "Time to the end of the answer, by route.",
    ("route",),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
SLOW = 1.0

ErrorResponder = Callable[[Request, Refusal], Awaitable[Response]]


class Gate:
    """Wraps the application. `refuse` makes the answer to a Refusal (a page or JSON)."""

    def __init__(self, app: ASGIApp, settings: Settings, entropy: Entropy, refuse: ErrorResponder) -> None:
        self._app = app
        self._refuse = refuse
        self._hosts = {host.lower().encode() for host in (settings.host, *settings.server.extra_hosts)}
        self._policy = settings.log.requests
        self._headers = [(b"x-content-type-options", b"nosniff")]
        if settings.secure:
            self._headers.append((b"strict-transport-security", b"max-age=63072000; includeSubDomains"))
        self._id_prefix = random_text(entropy, 6)
        self._id_number = int.from_bytes(entropy.take(3))
        self._counters: dict[tuple[str, int], Any] = {}
        self._timers: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = self._next_id()
        scope["dialkey.request_id"] = request_id
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *self._headers, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            if self._is_ours(scope):
                await self._app(scope, receive, answer)
            else:
                await self._say(Refusal(421, "wrong_host"), scope, receive, answer)
        except Refusal as refusal:
            if refusal.detail:
                log.info("refused", code=refusal.code, detail=refusal.detail, request_id=request_id)
            await self._say(refusal, scope, receive, answer, begun=status != 0)
        except ClientDisconnect:
            status = status or 499
        except StorageUnavailable as fault:
            log.error("storage_unavailable", fault=str(fault), route=_route(scope.get("endpoint")), request_id=request_id)
            await self._say(Refusal(503, "unavailable"), scope, receive, answer, begun=status != 0)
        except Exception:
            log.exception("bug", route=_route(scope.get("endpoint")), request_id=request_id)
            await self._say(Refusal(500, "server_error"), scope, receive, answer, begun=status != 0)
        finally:
            self._account(scope, status, time.perf_counter() - started, request_id)

    def _next_id(self) -> str:
        """Unique without asking the generator each time: the process's random prefix and a count."""
        self._id_number += 1
        return f"{self._id_prefix}{self._id_number:x}"

    def _is_ours(self, scope: Scope) -> bool:
        """S097: nothing in a request decides who we are. Probes of load balancers may use any name."""
        for name, value in scope["headers"]:
            if name == b"host":
                return value in self._hosts or value.lower() in self._hosts or scope["path"].startswith("/health")
        return False

    async def _say(
        self, refusal: Refusal, scope: Scope, receive: Receive, send: Send, *, begun: bool = False
    ) -> None:
        if begun:
            return
        response = await self._refuse(Request(scope, receive), refusal)
        if refusal.status == 503:
            response.headers["Retry-After"] = "2"
        if refusal.status in (408, 413):
            response.headers["Connection"] = "close"
        await response(scope, receive, send)

    def _account(self, scope: Scope, status: int, took: float, request_id: str) -> None:
        route = _route(scope.get("endpoint"))
        counter = self._counters.get((route, status))
        if counter is None:
            counter = self._counters[route, status] = REQUESTS.labels(route, status)
            self._timers.setdefault(route, DURATION.labels(route))
        counter.inc()
        if "dialkey.stream" in scope:
            took = 0.0  # it was open for as long as somebody looked
        self._timers[route].observe(took)
        if self._policy == "all" or (self._policy == "problems" and (status >= 400 or took > SLOW)):
            log.info(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                milliseconds=round(took * 1000, 1),
                request_id=request_id,
            )


def _route(endpoint: Any) -> str:
    """A short name for logs and metrics: the class of a method's object says more than the method's."""
    owner = getattr(endpoint, "__self__", None)
    if owner is not None:
        return f"{type(owner).__name__}.{endpoint.__name__}"
    return getattr(endpoint, "__qualname__", "none")
