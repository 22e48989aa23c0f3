"""What is queued, who does it, and what is known afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from dialkey.base.clock import HOUR, MINUTE, SECOND, Clock
from dialkey.base.entropy import Entropy
from dialkey.storage import Storage

Payload: TypeAlias = Mapping[str, str | int]
"""Ids and counts: never a phone number, a PIN or a token, for a failed job stays readable for a day."""

RUN_TIME = 60 * SECOND
"""A handler that is not done by then is stopped."""
CLAIM_LIFETIME = 2 * RUN_TIME
"""How long a job belongs to the worker that took it. Longer than any handler runs, by more than clocks may differ."""
MOST_PUT_OFFS = 5


class State(StrEnum):
    """A job that was done is no longer there."""

    WAITING = "waiting"
    RUNNING = "running"
    FAILED = "failed"
    """Done with, without success; kept for a day."""
    UNKNOWN = "unknown"
    """At most once: it was started, and nobody can say whether it took effect. It is never started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work, as its handler sees it."""

    id: str
    kind: str
    payload: Payload
    attempt: int
    """1 the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every handler may use."""

    storage: Storage
    clock: Clock
    entropy: Entropy


class PutOff(Exception):
    """Raised by a handler that has done nothing at all and may be called again `after` so many milliseconds: the one
    way in which an at-most-once job is started a second time. After `MOST_PUT_OFFS` the job has failed."""

    def __init__(self, reason: str, *, after: int = SECOND) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """Who does the jobs of one kind.

    `retries == 0` means *at most once*: a job whose worker died, or whose handler was stopped, becomes `unknown` and is
    not started again. More than that means *at least once*: it is started again, up to so many times, and its
    handler must bear being called twice.
    """

    run: Callable[[Job, Context], Awaitable[None]]
    retries: int = 0
    backoff: int = 5 * SECOND
    """Milliseconds until the first retry; doubled with every further one, up to an hour."""

    @property
    def at_most_once(self) -> bool:
        return self.retries == 0

    def pause(self, attempt: int) -> int:
        """Milliseconds between attempt number `attempt` and the next one."""
        return min(self.backoff * 2 ** min(attempt - 1, 20), HOUR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Something to do every so many milliseconds, by one node at a time. It is done again when a node died over it, so
    it must bear that."""

    name: str
    every: int
    handler: Callable[[Context], Awaitable[None]]


SCHEDULE_RUN_TIME = 4 * MINUTE
SCHEDULE_LEASE = 5 * MINUTE
"""How long a schedule belongs to the node that runs it; past it, that node is taken for dead."""
