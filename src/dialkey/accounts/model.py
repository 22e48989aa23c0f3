"""What the accounts' rules give and take: people, sessions, and every outcome of what they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dialkey.base.clock import MINUTE, Instant

STRONG_LIFETIME = 15 * MINUTE
"""How long after proving who they are people may change how they sign in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an account, as others in the same organization see them."""

    id: str
    email: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSession:
    """Who is signed in, found by one statement on every page. Whoever holds one may act as the account."""

    id: str
    account_id: str
    email: str
    """Verified."""
    name: str
    second_factor: bool
    """Whether a password alone does not sign in."""
    passkeys: int
    amr: tuple[str, ...]
    """How this session began (RFC 8176): `pwd`, `otp`, `user`, `mfa`."""
    created_at: Instant
    strong_at: Instant
    """When the person last proved who they are in this session."""
    expires_at: Instant

    def is_strong(self, now: Instant) -> bool:
        """Whether what changes how people sign in may be done without asking again."""
        return now - self.strong_at < STRONG_LIFETIME


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """A line in the list of an account's sessions."""

    id: str
    current: bool
    agent: str
    """`Firefox on Linux`."""
    network: str
    """The /24 or /48 that it was begun from."""
    amr: tuple[str, ...]
    created_at: Instant
    last_seen_at: Instant
    """To within five minutes."""
    expires_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyInfo:
    """A line in the list of an account's passkeys."""

    id: str
    name: str
    synced: bool
    """Kept by a password manager, not by one device alone."""
    created_at: Instant
    last_used_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How an account can be signed in to."""

    has_password: bool
    password_changed_at: Instant | None
    totp_since: Instant | None
    recovery_codes_left: int
    passkeys: tuple[PasskeyInfo, ...]
    passkeys_possible: bool
    """False where the issuer's host is an IP address, for which browsers make no passkeys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkInfo:
    """What the page behind a mailed link shows. Looking spends nothing."""

    purpose: str
    email: str
    """The address that the link was sent to, or is about."""
    needs_password: bool = False
    """Sign-up: this browser is not the one that asked, so the password that was chosen is asked for."""


# outcomes


@dataclass(frozen=True, slots=True)
class MailSent:
    """The same whether or not there is such an account: "if so, a mail is on its way"."""


@dataclass(frozen=True, slots=True)
class TooMany:
    """Limited; `retry_at` is when one more would pass."""

    retry_at: Instant


@dataclass(frozen=True, slots=True)
class Unfit:
    """What was typed cannot be used: a stable code per field.

    email: `malformed`, `too_long`, `same`; name: `missing`, `too_long`, `malformed`; password: `too_short`, `too_long`,
    `common`, `personal`; code: `wrong`.
    """

    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session began. `token` goes into the cookie and nowhere else."""

    session_id: str
    account_id: str
    token: str


@dataclass(frozen=True, slots=True)
class NeedsSecondFactor:
    """The password was right. `ticket` names the sign-in for ten minutes, in a hidden field of the next form."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """Password, code, passkey or ticket: not right. `left` tries of this sign-in, where they are counted."""

    left: int | None = None


@dataclass(frozen=True, slots=True)
class LinkOver:
    """The link was used, is too old, or never was."""


@dataclass(frozen=True, slots=True)
class NeedsPassword:
    """The sign-up is confirmed from another browser: the password that was chosen is asked for. `wrong`: what was typed
    is not it. The link still works."""

    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """It was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpOffer:
    """A secret that nothing asks for until one of its codes was typed."""

    secret: str
    """Base32, in groups of four for reading."""
    uri: str
    """`otpauth://…` for the QR code. Never in a log, nor in an address."""


@dataclass(frozen=True, slots=True)
class RecoveryCodes:
    """Ten codes, shown once: what was there before no longer works. Empty: there were codes already, and they stay."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyOffer:
    """What a page gives to `navigator.credentials`, as JSON, and the ticket that comes back with the answer."""

    options: str
    ticket: str
