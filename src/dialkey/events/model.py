"""A change of a consent, before and after it was published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dialkey.base.clock import Instant
from dialkey.base.scopes import ScopeSet


class ChangeKind(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be told. One of `subscription_id` and `operator_id` is set: whose consent it is."""

    kind: ChangeKind
    product_id: str
    scopes: ScopeSet
    """All that is allowed from now on; for `revoked`, all that was."""
    at: Instant
    """Strictly later than that of the change before it of the same consent."""
    subscription_id: str | None = None
    operator_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A published change, as its product may see it."""

    id: str
    product_id: str
    position: int
    """1 for the product's first event, then without a gap."""
    kind: ChangeKind
    scopes: ScopeSet
    metadata: Mapping[str, str]
    at: Instant
    subscription_id: str | None
    sector: str
    """Of the product's pairwise subjects."""
    number: str | None
    """The number that the subscription had then, where the consent covered it (`phone`)."""
    operator: str | None
    """The operator's slug, where the consent is an operator's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """An event that a queue handed out, until it is acknowledged or its time is up."""

    queue_id: str
    event: Event
    attempt: int
    """1 the first time."""

    @property
    def ack(self) -> str:
        """What acknowledges it. Worth nothing without a token of the queue's own client."""
        return f"{self.queue_id}.{self.event.position}"
