"""What is noted of a client's traffic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dialkey.base.clock import Instant


class Kind(StrEnum):
    """What happened. The words for people are in `insights.reasons`."""

    AUTHORIZE = "authorize"
    """A browser came with a request and was asked for a number."""
    RETURNING = "returning"
    """The same, by a subscriber who was signed in already."""
    PIN_SENT = "pin_sent"
    """A number was typed. Noted whether or not anybody has the number, or the log would tell."""
    PIN_RESENT = "pin_resent"
    PIN_RIGHT = "pin_right"
    PIN_WRONG = "pin_wrong"
    CONSENT_ADDED = "consent_added"
    CONSENT_STANDING = "consent_standing"
    """Allowed before, so nothing was asked."""
    CONSENT_CANCELLED = "consent_cancelled"
    CONSENT_REMOVED = "consent_removed"
    """A subscriber removed the product."""
    TOKEN = "token"
    """A code was exchanged."""
    REFRESH = "refresh"
    CLIENT_CREDENTIALS = "client_credentials"
    CLIENT_AUTHENTICATION = "client_authentication"
    """Only ever failed: one that works is part of what it was for."""
    USERINFO = "userinfo"
    INTROSPECT = "introspect"
    REVOKE = "revoke"
    LOGOUT = "logout"
    REMOVAL_LINK = "removal_link"


class Outcome(StrEnum):
    OK = "ok"
    STOPPED = "stopped"
    """It ended before its goal, and the client did nothing wrong: a PIN mistyped, Cancel pressed."""
    FAILED = "failed"
    """The client can do something about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A line of a client's log: something that happened once, or `times` times within minutes."""

    id: str
    client_id: str
    kind: Kind
    outcome: Outcome
    reason: str
    """A code of `insights.reasons`; empty for what went well."""
    detail: str
    """What exactly was wrong: our own words, and what the request held, shortened and made harmless."""
    sandbox: bool
    """By a test number."""
    request_id: str
    """The `X-Request-Id` of the latest."""
    first_at: Instant
    last_at: Instant
    times: int
