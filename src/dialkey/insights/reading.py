"""Reading the log and the counts. Whoever calls has looked whether the reader may."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dialkey.base.clock import DAY, HOUR, Clock, Instant
from dialkey.insights import store
from dialkey.insights.model import Event, Kind, Outcome
from dialkey.storage import Row, Storage

PAGE = 50
FEWEST = 10
"""A figure of an operator's subscribers below this is not told."""
_CURSOR = re.compile(r"([0-9]{1,15})\.([0-9a-f]{32})")
_END = (1 << 53, "~")


@dataclass(frozen=True, slots=True)
class EventPage:
    events: tuple[Event, ...]
    next: str | None
    """What `after` is for the page behind this one."""


class EventLog:
    """A client's latest events, newest first."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def page(
        self, client_id: str, *, only: Outcome | None = None, request_id: str = "", after: str = "", most: int = PAGE
    ) -> EventPage:
        """One statement."""
        match = _CURSOR.fullmatch(after)
        before_at, before_id = (int(match[1]), match[2]) if match else _END
        rows = await self._storage.read.all(
            store.LATEST,
            client_id=client_id,
            before_at=before_at,
            before_id=before_id,
            only=only.value if only else "",
            request_id=request_id,
            most=most + 1,
        )
        events = tuple(map(store.event, rows[:most]))
        return EventPage(events, f"{events[-1].last_at}.{events[-1].id}" if len(rows) > most else None)

    async def mark(self, client_id: str) -> str:
        """Changes whenever the log does; one statement."""
        row = await self._storage.read.one(store.NEWEST, client_id=client_id)
        return "" if row is None else f"{row.last_at}.{row.id}.{row.times}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time that can be looked at, and how finely."""

    key: str
    title: str
    length: int
    """Milliseconds."""
    step: Literal["hour", "day"]

    @property
    def bucket(self) -> int:
        return HOUR if self.step == "hour" else DAY

    def buckets(self, now: Instant) -> list[int]:
        """Where its buckets begin, the current one last."""
        last = now // self.bucket * self.bucket
        return list(range(last - self.length + self.bucket, last + 1, self.bucket))


SPANS = (
    Span(key="day", title="24 hours", length=DAY, step="hour"),
    Span(key="week", title="7 days", length=7 * DAY, step="hour"),
    Span(key="month", title="30 days", length=30 * DAY, step="day"),
    Span(key="quarter", title="90 days", length=90 * DAY, step="day"),
    Span(key="year", title="A year", length=365 * DAY, step="day"),
)

FUNNEL: tuple[tuple[str, str, tuple[Kind, ...]], ...] = (
    ("started", "Sign-ins started", (Kind.AUTHORIZE, Kind.RETURNING)),
    ("sent", "PIN sent", (Kind.PIN_SENT,)),
    ("right", "PIN right", (Kind.PIN_RIGHT,)),
    ("consented", "Consent given", (Kind.CONSENT_ADDED, Kind.CONSENT_STANDING)),
    ("tokens", "Codes exchanged", (Kind.TOKEN,)),
)
"""Steps of a sign-in. Who is signed in already skips the PIN, and a consent that stands is not asked for again."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A count that may be too small to tell."""

    times: int
    hidden: bool = False

    @property
    def text(self) -> str:
        return f"< {FEWEST}" if self.hidden else f"{self.times:,}"


@dataclass(frozen=True, slots=True)
class Bucket:
    at: Instant
    started: Figure
    finished: Figure


@dataclass(frozen=True, slots=True)
class Failure:
    kind: Kind
    outcome: Outcome
    reason: str
    times: int


@dataclass(frozen=True, slots=True)
class OperatorLine:
    """What subscribers of one operator did; `id` is empty for those who are too few to be named."""

    id: str
    name: str
    right: Figure
    added: Figure
    finished: Figure
    removed: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """A product's traffic in a span."""

    span: Span
    funnel: tuple[tuple[str, str, Figure], ...]
    """(key, title, count)."""
    returning: int
    removed: Figure
    refreshed: int
    buckets: tuple[Bucket, ...]
    failures: tuple[Failure, ...]
    operators: tuple[OperatorLine, ...]

    @property
    def empty(self) -> bool:
        return not (any(figure.times for _, _, figure in self.funnel) or self.failures or self.refreshed)


class Analytics:
    """Three statements a look."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    async def traffic(
        self, product_id: str, span: Span, *, client_id: str = "", operator_id: str = "", sandbox: bool = False
    ) -> Traffic:
        """What happened. A developer knows each of its own sign-ins, but not at which operator a subscriber is: figures of
        one operator are hidden below `FEWEST`, and told in steps of `FEWEST` above, so that nothing can be subtracted."""
        buckets = span.buckets(self._clock.now())
        values = {"product_id": product_id, "since": buckets[0], "client_id": client_id}
        read, step = self._storage.read, span.step
        operators: tuple[OperatorLine, ...] = ()
        if not sandbox:
            operators = _operators(await read.all(store.OPERATORS[step], **values))
            if operator_id not in {line.id for line in operators}:
                operator_id = ""
        values |= {"sandbox": int(sandbox), "operator_id": operator_id}
        sums = await read.all(store.SUMS[step], **values)
        failures = await read.all(store.REASONS[step], **values)
        by_kind: dict[str, int] = defaultdict(int)
        by_bucket: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in sums:
            by_kind[row.kind] += int(row.times)
            by_bucket[row.bucket][row.kind] += int(row.times)
        told = _coarse if operator_id else Figure
        first = FUNNEL[2] if operator_id else FUNNEL[0]
        return Traffic(
            span=span,
            funnel=tuple(
                (key, title, told(_sum(by_kind, kinds)))
                for key, title, kinds in FUNNEL
                if not operator_id or key not in ("started", "sent")
            ),
            returning=0 if operator_id else by_kind[Kind.RETURNING],
            removed=told(by_kind[Kind.CONSENT_REMOVED]),
            refreshed=0 if operator_id else by_kind[Kind.REFRESH],
            buckets=tuple(
                Bucket(Instant(at), told(_sum(by_bucket[at], first[2])), told(_sum(by_bucket[at], FUNNEL[4][2])))
                for at in buckets
            ),
            failures=()
            if operator_id
            else tuple(Failure(Kind(row.kind), Outcome(row.outcome), row.reason, int(row.times)) for row in failures),
            operators=operators,
        )


def _sum(by_kind: Mapping[str, int], kinds: tuple[Kind, ...]) -> int:
    return sum(by_kind[kind] for kind in kinds)


def _coarse(times: int) -> Figure:
    """Steps of `FEWEST`; zero is told, for it is about nobody."""
    return Figure(times // FEWEST * FEWEST, hidden=0 < times < FEWEST)


def _operators(rows: list[Row]) -> tuple[OperatorLine, ...]:
    """Those with enough sign-ins by name, the busiest first; the others are not listed."""
    names: dict[str, str] = {}
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        names[row.operator_id] = row.name
        counts[row.operator_id][row.kind] += int(row.times)
    busiest = sorted(counts, key=lambda id: (-counts[id][Kind.PIN_RIGHT], names[id]))
    return tuple(
        OperatorLine(
            id,
            names[id],
            *(_coarse(counts[id][kind]) for kind in (Kind.PIN_RIGHT, Kind.CONSENT_ADDED, Kind.TOKEN, Kind.CONSENT_REMOVED)),
        )
        for id in busiest
        if max(counts[id].values()) >= FEWEST
    )
