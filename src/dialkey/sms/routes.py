"""The virtual handset over HTTP. Its pages are served only where no real messages are sent (`Settings.sandbox`), and show
the test numbers of operators; those of organizations have theirs in the portal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Protocol

import msgspec
import phonenumbers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dialkey.base.clock import DAY, SECOND, Clock, Instant
from dialkey.base.phone import PhoneNumber
from dialkey.settings import Settings
from dialkey.sms.delivery import Delivery
from dialkey.sms.model import Handset, Received
from dialkey.sms.texts import code_in
from dialkey.sms.views import HandsetListPage, HandsetMessage, HandsetPage, HandsetRow
from dialkey.storage import StorageUnavailable
from dialkey.web.errors import Refusal
from dialkey.web.http import page_response
from dialkey.web.pages import Brand, Frame
from dialkey.web.streams import EventStream

LISTED = 50
MOST_STREAMS = 100
POLL = 1.0
"""Seconds until a message that another process received shows."""
HEARTBEAT = 15.0
"""Seconds of silence after which a comment keeps proxies from closing the stream."""
STREAM_LIFETIME = 3600.0
"""Seconds; the browser then connects anew by itself."""
OVERLAP = 10 * SECOND
"""A stream begins so long before it was asked for, so that nothing falls between the page and its stream; and nodes'
clocks may differ by as much."""

_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
_EVENT_ID = re.compile(r"([0-9]{1,15})\.[A-Za-z0-9_-]{1,22}")


class FrameOf(Protocol):
    """Makes what surrounds a page."""

    def __call__(self, request: Request, brand: Brand | None = None) -> Frame: ...


class HandsetRoutes:
    """Test numbers and what arrives at them. `close` ends the open streams."""

    def __init__(self, *, delivery: Delivery, clock: Clock, settings: Settings, frame: FrameOf) -> None:
        self._handsets = delivery.handsets
        self._arrivals = delivery.arrivals
        self._clock = clock
        self._frame = frame
        self._streams: set[asyncio.Event] = set()
        self._closing = False
        self.routes: list[Route] = []
        if settings.sandbox:
            self.routes = [
                Route("/handset", self.overview),
                Route("/handset/{digits}", self.show),
                Route("/handset/{digits}/events", self.events),
            ]

    async def overview(self, request: Request) -> Response:
        """All test numbers, those with the latest messages first."""
        handsets = await self._handsets.list_handsets(LISTED + 1)
        rows = tuple(_row(handset) for handset in handsets[:LISTED])
        page = HandsetListPage(rows=rows, more=len(handsets) > LISTED)
        return page_response(page, self._frame(request))

    async def show(self, request: Request) -> Response:
        """One test number's messages."""
        handset = await self._get_handset(request)
        address = _address(handset.number)
        page = HandsetPage(
            number=_grouped(handset.number),
            operator=handset.operator,
            messages=tuple(shown(message) for message in await self._handsets.list_messages(handset.number)),
            events_url=f"{address}/events",
            refresh_url=address,
        )
        return page_response(page, self._frame(request))

    async def events(self, request: Request) -> Response:
        """New messages as server-sent events (HTML Living Standard, section 9.2)."""
        return self.stream(request, (await self._get_handset(request)).number)

    def stream(self, request: Request, number: PhoneNumber, *, lifetime: float = STREAM_LIFETIME) -> Response:
        """What arrives at a test number, for somebody who may see it: the caller has looked."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if request.method == "HEAD":
            return Response(None, headers=headers, media_type="text/event-stream")
        if self._closing or len(self._streams) >= MOST_STREAMS:
            raise Refusal(503, "unavailable", detail="handset streams")
        request.scope["dialkey.stream"] = True
        since = self._clock.now() - OVERLAP
        if last := _EVENT_ID.fullmatch(request.headers.get("last-event-id", "")):
            since = max(int(last[1]), since - DAY)
        return EventStream(self._stream(number, Instant(since), lifetime), headers=headers)

    def close(self) -> None:
        """Ends every stream: call it when the server begins to shut down, which waits for open responses."""
        self._closing = True
        for arrived in self._streams:
            arrived.set()

    async def _get_handset(self, request: Request) -> Handset:
        digits = request.path_params["digits"]
        handset = None
        if _DIGITS.fullmatch(digits):
            handset = await self._handsets.find_handset(PhoneNumber(f"+{digits}"))
        if handset is None:
            raise Refusal(404, "not_found")
        return handset

    async def _stream(self, number: PhoneNumber, since: Instant, lifetime: float) -> AsyncIterator[bytes]:
        time = asyncio.get_running_loop().time
        ends_at, spoke_at = time() + lifetime, time()
        seen: dict[str, Instant] = {}
        with self._arrivals.watch(number) as arrived:
            self._streams.add(arrived)
            try:
                yield b"retry: 2000\n\n"
                while not self._closing and time() < ends_at:
                    arrived.clear()
                    for message in await self._new(number, since, seen):
                        spoke_at = time()
                        yield _event(message)
                    if seen:
                        since = Instant(max(since, max(seen.values()) - OVERLAP))
                        seen = {id: at for id, at in seen.items() if at >= since}
                    if time() - spoke_at >= HEARTBEAT:
                        spoke_at = time()
                        yield b": still here\n\n"
                    if not self._closing:
                        with suppress(TimeoutError):
                            await asyncio.wait_for(arrived.wait(), POLL)
            finally:
                self._streams.discard(arrived)

    async def _new(self, number: PhoneNumber, since: Instant, seen: dict[str, Instant]) -> tuple[Received, ...]:
        """What was not shown yet, the oldest first. Nothing while the database is away: the next second tells."""
        try:
            messages = await self._handsets.list_messages(number, since=since)
        except StorageUnavailable:
            return ()
        new = tuple(message for message in reversed(messages) if message.id not in seen)
        seen.update((message.id, message.received_at) for message in new)
        return new


def _event(message: Received) -> bytes:
    made = shown(message)
    data = msgspec.json.encode(
        {
            "id": made.id,
            "sender": made.sender,
            "body": made.body,
            "code": made.code,
            "received_at": made.received_at,
        }
    )
    return b"event: message\nid: %d.%s\ndata: %s\n\n" % (message.received_at, message.id.encode(), data)


def shown(message: Received) -> HandsetMessage:
    """As a page shows it."""
    return HandsetMessage(
        id=message.id,
        sender=message.sender,
        body=message.text,
        code=code_in(message.text),
        received_at=message.received_at,
    )


def _row(handset: Handset) -> HandsetRow:
    return HandsetRow(
        number=_grouped(handset.number),
        operator=handset.operator,
        href=_address(handset.number),
        last=None if handset.last is None else shown(handset.last),
    )


def _address(number: PhoneNumber) -> str:
    return f"/handset/{number.removeprefix('+')}"


def _grouped(number: PhoneNumber) -> str:
    """As its country writes it; test numbers that no country has stay as they are."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
