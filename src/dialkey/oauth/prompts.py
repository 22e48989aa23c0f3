"""What stands between a request and its code. Pure: the same facts give the same answer."""

from __future__ import annotations

from dataclasses import dataclass

from dialkey.base.clock import SECOND, Instant
from dialkey.base.scopes import ScopeSet
from dialkey.consent.model import Asking, Consent, asking, granted
from dialkey.directory.model import Product
from dialkey.oauth.model import Pending
from dialkey.signin.model import Session


@dataclass(frozen=True, slots=True)
class SignIn:
    """The subscriber must show that it has its number."""


@dataclass(frozen=True, slots=True)
class WrongSubscriber:
    """Signed in just now, but not as the one the client insists on."""


@dataclass(frozen=True, slots=True)
class NotAvailable:
    """The subscriber's operator does not offer the product."""


@dataclass(frozen=True, slots=True)
class AskConsent:
    asking: Asking


@dataclass(frozen=True, slots=True)
class Ready:
    scope: ScopeSet


Prompt = SignIn | WrongSubscriber | NotAvailable | AskConsent | Ready


def next_prompt(
    pending: Pending,
    product: Product,
    session: Session | None,
    subject: str | None,
    consent: Consent | None,
    now: Instant,
    *,
    available: bool,
) -> Prompt:
    """`subject` is what the client would see of the session; `available`: the product is enabled at its operator."""
    request = pending.request
    if session is None:
        return SignIn()
    fresh = session.authenticated_at >= pending.started_at
    if not fresh and _must_sign_in_again(pending, session, now):
        return SignIn()
    if request.required_sub is not None and request.required_sub != subject:
        return WrongSubscriber() if fresh else SignIn()
    if not available:
        return NotAvailable()
    anew = "consent" in request.prompts and (consent is None or consent.updated_at < pending.started_at)
    question = asking(product, consent, request.scopes, anew=anew)
    if question is not None:
        return AskConsent(question)
    assert consent is not None
    return Ready(granted(product, consent, request.scopes))


def _must_sign_in_again(pending: Pending, session: Session, now: Instant) -> bool:
    request = pending.request
    if "login" in request.prompts or "select_account" in request.prompts:
        return True
    return request.max_age is not None and now - session.authenticated_at > request.max_age * SECOND
