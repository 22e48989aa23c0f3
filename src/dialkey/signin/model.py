"""A sign-in: a number, a PIN challenge, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from dialkey.base.clock import Instant
from dialkey.base.phone import PhoneNumber
from dialkey.subscribers.model import SANDBOX_OPERATOR_ID, ForcedOutcome
from dialkey.web.pages import Brand

ACR = "urn:dialkey:acr:sms"
"""Authentication context: possession of a phone number, shown by a PIN sent to it."""
AMR = ("otp", "sms")
"""RFC 8176: a one-time password, sent by SMS."""


class ProductMark(msgspec.Struct, frozen=True, array_like=True):
    """The product that somebody signs in to, as its pages show it."""

    id: str
    name: str
    accent: str
    icon_url: str | None
    support: str | None

    def brand(self) -> Brand:
        return Brand(name=self.name, accent=self.accent, icon_url=self.icon_url, support=self.support)


class SignInStart(msgspec.Struct, frozen=True, array_like=True):
    """What a caller wants of a sign-in. Travels in the number page, authenticated."""

    product: ProductMark
    client_id: str
    country: str
    """Where a number without a country code is from: ISO 3166-1 alpha-2."""
    return_to: str
    """A path that ends in `/`; the sign-in's id is appended."""
    again_url: str
    """Starts the same anew."""
    leave_action: str
    """Where Cancel posts `carried` to."""
    carried: str
    """The caller's own, handed back unread."""
    form_target: str
    """The origin that the browser may be sent to in the end."""
    organization_id: str = ""
    """Whose product it is: only its own test numbers count here."""
    test_only: bool = False
    """Nobody but those test numbers can sign in: what they sign in to waits for approval, or no operator has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A challenge was made for a number; `subscription_id` is None where nobody enabled has it, which must not show."""

    id: str
    browser_digest: str
    start: SignInStart
    locale: str
    phone_number: PhoneNumber
    subscription_id: str | None
    operator_id: str | None
    seed: str
    digits: int
    pin_expires_at: Instant
    tries: int
    sends: int
    last_sent_at: Instant
    session_id: str | None
    passed_at: Instant | None
    expires_at: Instant
    forced: ForcedOutcome = ForcedOutcome.NONE
    """What a test number's sign-in comes to."""

    @property
    def test(self) -> bool:
        """A test number of the product's own organization."""
        return self.operator_id == SANDBOX_OPERATOR_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A subscriber who is signed in, in one browser."""

    id: str
    subscription_id: str
    operator_id: str
    phone_number: PhoneNumber
    authenticated_at: Instant
    amr: tuple[str, ...]
    acr: str
    organization_id: str | None = None
    """Of a test number: whose it is, and the only one whose products this session counts for."""


@dataclass(frozen=True, slots=True)
class Passed:
    session: Session
    token: str
    """The value of the session cookie; known here and to the browser, nowhere else."""


@dataclass(frozen=True, slots=True)
class Wrong:
    left: int


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many wrong tries: for this challenge, or for its number."""

    minutes: int


@dataclass(frozen=True, slots=True)
class Expired:
    pass


@dataclass(frozen=True, slots=True)
class Finished:
    """The PIN was right before: there is nothing left to try."""


Outcome = Passed | Wrong | Locked | Expired | Finished


@dataclass(frozen=True, slots=True)
class Sent:
    sign_in_id: str


@dataclass(frozen=True, slots=True)
class TooMany:
    minutes: int


@dataclass(frozen=True, slots=True)
class NotYet:
    """A new message was asked for before the cooldown was over."""
