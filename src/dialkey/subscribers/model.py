"""A subscription outlives its phone numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dialkey.base.clock import Instant
from dialkey.base.phone import PhoneNumber


class SubscriptionStatus(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    """For now: signing in is refused and its grants are ended."""
    ENDED = "ended"
    """For good: its subject is never given to anybody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    id: str
    operator_id: str
    status: SubscriptionStatus
    phone_number: PhoneNumber | None
    """None once the number was given to someone else or ported away."""
    number_since: Instant
    locale: str | None
    sandbox: bool
    """A test subscription: its messages go to the virtual handset."""

    @property
    def active(self) -> bool:
        return self.status is SubscriptionStatus.ACTIVE and self.phone_number is not None
