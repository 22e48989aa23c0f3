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
    organization_id: str | None = None
    """Whose test number it is: it signs in to the products of this organization and to nothing else. None for everybody
    else, also for test subscriptions of an operator."""

    @property
    def active(self) -> bool:
        return self.status is SubscriptionStatus.ACTIVE and self.phone_number is not None


SANDBOX_OPERATOR_ID = "sandbox-operator------"
"""The operator of all test numbers of organizations: one row per installation, in no list, with no product enabled. A
subscription, session or grant with this operator is a test, wherever it is met."""
FIRST_NUMBERS = 10
"""Test numbers that an organization has from the beginning."""
MOST_NUMBERS = 100
"""Test numbers of one organization."""


class ForcedOutcome(StrEnum):
    """What happens when somebody signs in with a test number, whatever is typed."""

    NONE = "none"
    """As with any number."""
    WRONG_PIN = "wrong_pin"
    """Every PIN is wrong, until no tries are left."""
    PIN_EXPIRED = "pin_expired"
    """The PIN has run out when it is typed."""
    TOO_MANY_MESSAGES = "too_many_messages"
    """No PIN is sent: too many were asked for."""
    NOT_DELIVERED = "not_delivered"
    """The message never arrives."""
    DECLINED = "declined"
    """The subscriber turns the product down: `access_denied` straight after the PIN."""
    SIM_SWAPPED = "sim_swapped"
    """The SIM card was changed lately: `access_denied` after the PIN, and no session is kept."""
    SUSPENDED = "suspended"
    """The subscription is suspended: its sessions and grants end at once, and nobody is texted, until it is reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxNumber:
    """A test number of an organization. No real number can ever be one: see `numbering.TEST_CODE`."""

    number: PhoneNumber
    organization_id: str
    subscription_id: str
    """Who has the number now; another one after `recycle`."""
    label: str
    """The developer's own name for it; may be empty."""
    locale: str | None
    """The language of its messages; None: that of the page."""
    brand_operator_id: str | None
    """Whose brand the consent page shows; None: the neutral one of the sandbox."""
    pin: str | None
    """The same PIN every time, for automated tests; None: a new one for every sign-in."""
    outcome: ForcedOutcome
    once: bool
    """The outcome is forced for the next sign-in only; False: until it is reset."""
    created_at: Instant
