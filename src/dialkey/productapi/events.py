"""GET /events/v1/consents: a product's consent change events, by long poll or as server-sent events.

With `cursor`, the consumer keeps its own place and nothing is acknowledged. Without, the server keeps it in a queue:
consumers that name the same queue share its events, each has to be acknowledged, and what is not comes again.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from dialkey.base.clock import SECOND, Clock, Instant
from dialkey.base.ids import looks_like_id
from dialkey.developers.telling import change_of, identifier_of, rfc3339
from dialkey.events import Event, EventLog, Publisher, Queues
from dialkey.events.queues import NAME, Queue
from dialkey.oauth.callers import Caller, Callers
from dialkey.oauth.errors import InvalidRequest, InvalidToken
from dialkey.productapi.answering import Api, json_of, number_in, query_of
from dialkey.settings import Settings
from dialkey.storage import StorageUnavailable
from dialkey.storage.keyring import Keyring
from dialkey.web.errors import Refusal
from dialkey.web.http import json_response
from dialkey.web.streams import EventStream

PATH = "/events/v1/consents"
POLL = 1.0
"""Seconds after which a waiting consumer looks by itself: what another node published, a lease that ran out."""
HEARTBEAT = 15.0
"""Seconds of silence after which a comment keeps proxies from closing the stream."""
LIFETIME = 3600.0
"""Seconds; the consumer then connects anew. Earlier where its token expires."""
BATCH = 50
"""Events read at a time."""
MOST_ACKS = 200
_QUERY = frozenset({"queue", "start", "timestamp", "id", "cursor", "max_in_flight", "ack_deadline", "wait", "limit"})
_CURSOR = re.compile(r"0|[1-9][0-9]{0,17}")


class Source(Protocol):
    """Where a consumer's events come from."""

    async def take(self, most: int) -> list[dict[str, Any]]:
        """The next ones, ready to be written; empty where there is nothing now."""

    def place(self) -> str | None:
        """The cursor behind what was taken; None for a queue."""


class _Cursor:
    """The consumer keeps its place."""

    def __init__(self, routes: EventRoutes, product_id: str, cursor: int) -> None:
        self._routes = routes
        self._product_id = product_id
        self._cursor = cursor

    async def take(self, most: int) -> list[dict[str, Any]]:
        events = await self._routes.log.list_after(self._product_id, self._cursor, most)
        if events:
            self._cursor = events[-1].position
        return [self._routes.told(event) for event in events]

    def place(self) -> str | None:
        return str(self._cursor)


class _Shared:
    """The server keeps it."""

    def __init__(self, routes: EventRoutes, queue: Queue, max_in_flight: int, ack_within: int) -> None:
        self._routes = routes
        self._queue = queue
        self._max = max_in_flight
        self._within = ack_within

    async def take(self, most: int) -> list[dict[str, Any]]:
        outlook = await self._routes.queues.look(self._queue, self._max)
        if outlook.gone:
            raise Refusal(404, "no_such_queue")
        published = outlook.pending and await self._routes.publisher.publish(self._queue.product_id)
        if not outlook.ready and not published:
            return []
        leases = await self._routes.queues.take(
            self._queue, most=most, max_in_flight=self._max, ack_within=self._within
        )
        return [self._routes.told(lease.event, ack=lease.ack, attempt=lease.attempt) for lease in leases]

    def place(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class _Bounds:
    per_client: int
    all: int


class EventRoutes:
    """`close` ends the open streams."""

    def __init__(
        self,
        callers: Callers,
        settings: Settings,
        keyring: Keyring,
        clock: Clock,
        log: EventLog,
        queues: Queues,
        publisher: Publisher,
    ) -> None:
        self._callers = callers
        self._keyring = keyring
        self._clock = clock
        self.log = log
        self.queues = queues
        self.publisher = publisher
        self._bounds = _Bounds(settings.events.streams_per_client, settings.events.streams)
        self._open: Counter[str] = Counter()
        self._woken: set[asyncio.Event] = set()
        self._closing = False
        api = Api(callers)
        self.routes = [
            Route(PATH, api(self.read), methods=["GET"]),
            Route(f"{PATH}/ack", api(self.acknowledge), methods=["POST"]),
            Route(f"{PATH}/queues/{{name}}", api(self.drop), methods=["DELETE"]),
        ]

    async def read(self, request: Request, caller: Caller) -> Response:
        """Long poll (JSON), or a stream where `text/event-stream` is accepted."""
        query = query_of(request, _QUERY)
        source = await self._source(request, caller, query)
        if "text/event-stream" in request.headers.get("accept", ""):
            request.scope["dialkey.stream"] = True
            self._enter(caller)
            return _Counted(self._stream(caller, source), lambda: self._leave(caller))
        wait = number_in(query, "wait", 20, 0, 60)
        limit = number_in(query, "limit", BATCH, 1, 200)
        request.scope["dialkey.stream"] = True
        self._enter(caller)
        try:
            return await self._poll(caller, source, wait, limit)
        finally:
            self._leave(caller)

    async def acknowledge(self, request: Request, caller: Caller) -> Response:
        """`ackInfo`: one `{"value": …}` or a list of them. `status` `FAILURE` hands them back at once."""
        body = await json_of(request)
        given = body.get("ackInfo")
        infos = given if isinstance(given, list) else [given]
        if not 0 < len(infos) <= MOST_ACKS or body.get("status", "SUCCESS") not in ("SUCCESS", "FAILURE"):
            raise InvalidRequest("ackInfo", description=f"ackInfo must hold 1 to {MOST_ACKS} values.")
        values = [info.get("value") if isinstance(info, dict) else None for info in infos]
        if not all(isinstance(value, str) for value in values):
            raise InvalidRequest("ackInfo", description="ackInfo must be an object with a value, or a list of them.")
        settled = []
        for value in values:
            product_id = await self.queues.settle(
                caller.client.id, str(value), done=body.get("status", "SUCCESS") == "SUCCESS"
            )
            if product_id is not None:
                self.publisher.signal(product_id)
            settled.append({"value": value, "ackStatus": "FAILURE" if product_id is None else "SUCCESS"})
        return json_response({"acks": settled} if isinstance(given, list) else settled[0])

    async def drop(self, request: Request, caller: Caller) -> Response:
        """Forgets a queue with its place."""
        if not await self.queues.drop(caller.client.id, request.path_params["name"]):
            raise Refusal(404, "no_such_queue")
        return json_response({})

    def told(self, event: Event, *, ack: str | None = None, attempt: int = 1) -> dict[str, Any]:
        """One message of the stream."""
        metadata: dict[str, Any] = {
            "id": event.id,
            "position": str(event.position),
            "timestamp": rfc3339(event.at),
            "identifier": identifier_of(event, self._keyring),
            "isRedelivered": attempt > 1,
        }
        if ack is not None:
            metadata["ackInfo"] = {"value": ack}
        return {"metadata": metadata, "consentChangeEvent": change_of(event, self._keyring)}

    def close(self) -> None:
        """Ends every stream and poll: call it when the server begins to shut down."""
        self._closing = True
        for woken in self._woken:
            woken.set()

    async def _source(self, request: Request, caller: Caller, query: dict[str, str]) -> Source:
        product_id = caller.client.product.id
        cursor = query.get("cursor")
        if cursor is not None:
            last = request.headers.get("last-event-id", "")
            cursor = last if _CURSOR.fullmatch(last) else cursor
            if not _CURSOR.fullmatch(cursor) or query.keys() & {"queue", "start", "timestamp", "id"}:
                raise InvalidRequest("cursor", description="cursor must be a position, and excludes queue and start.")
            return _Cursor(self, product_id, int(cursor))
        name = query.get("queue", "default")
        if not NAME.fullmatch(name):
            raise InvalidRequest("queue", description="queue must be 1 to 64 letters, digits, dots, dashes, underscores.")
        max_in_flight = number_in(query, "max_in_flight", 50, 1, 200)
        ack_within = number_in(query, "ack_deadline", 30, 10, 600) * SECOND
        start = await self._start(product_id, query)
        queue = await self.queues.find(caller.client.id, name)
        if queue is None:
            await self.publisher.publish(product_id)
            queue = await self.queues.open(caller.client.id, product_id, name, await start())
        return _Shared(self, queue, max_in_flight, ack_within)

    async def _start(self, product_id: str, query: dict[str, str]) -> Any:
        """Where a new queue begins, looked up only when one is made."""
        start = query.get("start", "new")
        if start == "new":
            return lambda: self.log.head(product_id)
        if start == "oldest":
            return lambda: self.log.before(product_id, Instant(0))
        if start == "timestamp":
            at = _instant(query.get("timestamp", ""))
            return lambda: self.log.before(product_id, at)
        if start == "id" and looks_like_id(query.get("id", "")):
            place = await self.log.position_of(product_id, query["id"])
            if place is None:
                raise Refusal(404, "no_such_event")

            async def found() -> int:
                return place - 1

            return found
        raise InvalidRequest("start", description="start must be new, oldest, timestamp (with timestamp) or id (with id).")

    def _enter(self, caller: Caller) -> None:
        """Counts an open stream or poll; refuses one too many."""
        client_id = caller.client.id
        if self._open[client_id] >= self._bounds.per_client:
            raise Refusal(429, "too_many_streams")
        if self._closing or self._open.total() >= self._bounds.all:
            raise Refusal(503, "unavailable", detail="event streams")
        self._open[client_id] += 1

    def _leave(self, caller: Caller) -> None:
        self._open[caller.client.id] -= 1
        if not self._open[caller.client.id]:
            del self._open[caller.client.id]

    async def _poll(self, caller: Caller, source: Source, wait: int, limit: int) -> Response:
        time = asyncio.get_running_loop().time
        until = time() + wait
        events: list[dict[str, Any]] = []
        with self._watch(caller) as woken:
            while True:
                woken.clear()
                events = await source.take(limit)
                left = until - time()
                if events or left <= 0 or self._closing:
                    break
                await _rest(woken, min(POLL, left))
        await self._callers.still(caller)
        place = source.place()
        return json_response({"events": events, **({"nextCursor": place} if place is not None else {})})

    async def _stream(self, caller: Caller, source: Source) -> AsyncIterator[bytes]:
        """Whether the caller may still listen is asked before anything is told, and with every heartbeat."""
        time = asyncio.get_running_loop().time
        began = spoke_at = time()
        with self._watch(caller) as woken:
            yield b"retry: 2000\n\n"
            while not self._closing and time() - began < LIFETIME:
                woken.clear()
                quiet = time() - spoke_at >= HEARTBEAT
                try:
                    events = await source.take(BATCH)
                    if events or quiet or caller.token.expires_at <= self._clock.now():
                        await self._callers.still(caller)
                except StorageUnavailable:
                    events = []
                except (InvalidToken, Refusal):
                    return
                if quiet:
                    yield b": still here\n\n"
                for event in events:
                    yield _sse(event, event["metadata"]["position"] if source.place() is not None else None)
                if events or quiet:
                    spoke_at = time()
                if not events:
                    await _rest(woken, POLL)

    @contextmanager
    def _watch(self, caller: Caller) -> Iterator[asyncio.Event]:
        with self.publisher.watch(caller.client.product.id) as woken:
            self._woken.add(woken)
            try:
                yield woken
            finally:
                self._woken.discard(woken)


class _Counted(EventStream):
    """Says when it is over, begun or not."""

    def __init__(self, events: AsyncIterator[bytes], leave: Callable[[], None]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()


async def _rest(woken: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await woken.wait()


def _sse(event: dict[str, Any], place: str | None) -> bytes:
    id_line = b"" if place is None else b"id: %s\n" % place.encode()
    return b"event: consent\n%sdata: %s\n\n" % (id_line, msgspec.json.encode(event))


def _instant(text: str) -> Instant:
    """RFC 3339 with its offset."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise ValueError
        return Instant(int(at.timestamp() * 1000))
    except (ValueError, OverflowError):
        raise InvalidRequest("timestamp", description="timestamp must be as in 2026-01-31T12:00:00Z.") from None
