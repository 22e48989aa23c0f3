"""Which way a message goes. Each route is a `Sender`; the settings name the one that is used for real numbers. Test
numbers have the virtual handset and nothing else, whatever the settings say.

| route   | what it does                                                                              |
|---------|-------------------------------------------------------------------------------------------|
| handset | shows messages to test numbers on the virtual handset; refuses every other number         |
| log     | counts messages and sends none                                                            |
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import structlog
from prometheus_client import Counter

from dialkey.base.clock import Clock
from dialkey.base.entropy import Entropy
from dialkey.base.phone import PhoneNumber
from dialkey.settings import Settings
from dialkey.sms.model import Accepted, Outcome, Refused, Sms
from dialkey.sms.store import HandsetStore
from dialkey.storage import Storage
from dialkey.storage.keyring import Keyring

_log = structlog.get_logger("dialkey.sms")
_MESSAGES = Counter("dialkey_sms_messages", "Messages, by route and what the route said.", ["route", "outcome"])


class Sender(Protocol):
    """One way to a phone."""

    route: str

    async def send(self, sms: Sms) -> Outcome:
        """Hands the message over once. Raises nothing for what a gateway answers; a fault after which nobody knows
        whether it was sent is raised."""


class Arrivals:
    """Tells those who watch a number, in this process, that something came for it."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def watch(self, number: PhoneNumber) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        watchers = self._watchers.setdefault(number, set())
        watchers.add(event)
        try:
            yield event
        finally:
            watchers.discard(event)
            if not watchers:
                self._watchers.pop(number, None)

    def tell(self, number: PhoneNumber) -> None:
        for event in self._watchers.get(number, ()):
            event.set()


class HandsetSender:
    """The virtual handset."""

    route = "handset"

    def __init__(self, store: HandsetStore, arrivals: Arrivals) -> None:
        self._store = store
        self._arrivals = arrivals

    async def send(self, sms: Sms) -> Outcome:
        id = await self._store.keep(sms) if sms.sandbox else None
        if id is None:
            return Refused(route=self.route, code="not_a_test_number", retry=False)
        self._arrivals.tell(sms.to)
        return Accepted(route=self.route, message_id=id)


class LogSender:
    """Sends nothing: for load tests, and for looking at an installation that has no gateway yet."""

    route = "log"

    async def send(self, sms: Sms) -> Outcome:
        _log.info("a message was counted, not sent", reference=sms.reference)
        return Accepted(route=self.route, message_id=sms.reference)


class Delivery:
    """Sends messages: to test numbers by the handset, to all others over the route that the settings name."""

    def __init__(self, storage: Storage, keyring: Keyring, clock: Clock, entropy: Entropy, settings: Settings) -> None:
        self.handsets = HandsetStore(storage, keyring, clock, entropy)
        self.arrivals = Arrivals()
        self._handset: Sender = HandsetSender(self.handsets, self.arrivals)
        self._real: Sender = self._handset if settings.sms.route == "handset" else LogSender()

    async def send(self, sms: Sms) -> Outcome:
        """Hands the message over, at most once. Whoever calls this from a job uses an at-most-once kind."""
        sender = self._handset if sms.sandbox else self._real
        route = sender.route
        try:
            outcome = await sender.send(sms)
        except BaseException:
            _MESSAGES.labels(route, "unknown").inc()
            raise
        if isinstance(outcome, Refused):
            _log.warning("a message was refused", route=route, code=outcome.code, reference=sms.reference)
            _MESSAGES.labels(route, outcome.code).inc()
        else:
            _MESSAGES.labels(route, "accepted").inc()
        return outcome
