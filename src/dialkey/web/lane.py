"""The fast lane: addresses that clients' servers call all day are found by one look into a dictionary.

Everything else goes through the router. What a lane's handler gets and gives is the same as a route's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Lane:
    """One address without parameters."""

    path: str
    handler: Handler
    methods: tuple[str, ...]

    def route(self) -> Route:
        """The same for the router, which answers what the lane does not: 405 with the methods that are allowed."""
        return Route(self.path, self.handler, methods=list(self.methods))


class Lanes:
    """Dispatches to lanes, and to `rest` for everything else."""

    def __init__(self, lanes: Iterable[Lane], rest: ASGIApp) -> None:
        self._handlers = {(lane.path, method): lane.handler for lane in lanes for method in lane.methods}
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handlers.get((scope["path"], scope["method"]))
        if handler is None:
            await self._rest(scope, receive, send)
            return
        scope["endpoint"] = handler
        response = await handler(Request(scope, receive))
        await response(scope, receive, send)
