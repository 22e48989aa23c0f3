"""A text message, what became of it, and how a test number sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from dialkey.base.clock import Instant
from dialkey.base.phone import PhoneNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """One message. Its number and text never show in a log: they are left out of its representation."""

    to: PhoneNumber = field(repr=False)
    sender: str
    """What the phone shows as sender: at most 11 letters and digits, or a number."""
    text: str = field(repr=False)
    reference: str
    """Names the message in logs and receipts; says nothing about the subscriber. The same for a message sent twice."""
    sandbox: bool
    """True for a test number, whose messages go to the virtual handset and nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The route has taken it over. That it arrives is not promised."""

    route: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The route has not taken it; nothing was sent."""

    route: str
    code: str
    """Stable, for logs and metrics."""
    retry: bool
    """Whether the same message may be accepted later."""


Outcome: TypeAlias = Accepted | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message that lies on the virtual handset."""

    id: str
    sender: str
    text: str = field(repr=False)
    received_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Handset:
    """A test number."""

    number: PhoneNumber
    operator: str
    last: Received | None = None
