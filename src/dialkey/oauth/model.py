"""An Authorization and its stages. Pending lives in a page's ticket; the others are rows."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from dialkey.base.clock import Instant
from dialkey.base.scopes import ScopeSet


class AuthorizationRequest(msgspec.Struct, frozen=True, array_like=True):
    """A request whose client and redirect URI were proven and whose parameters passed every check."""

    client_id: str
    redirect_uri: str
    redirect_uri_sent: bool
    response_mode: str
    scope: str
    """Requested, without what nobody knows."""
    state: str | None
    nonce: str | None
    code_challenge: str
    """Empty: none."""
    prompts: tuple[str, ...]
    max_age: int | None
    """Seconds."""
    login_hint: str | None
    ui_locales: str | None
    required_sub: str | None
    """The subject that `id_token_hint` or `claims` insists on."""
    query: str
    """The request as it came, to start it anew."""

    @property
    def scopes(self) -> ScopeSet:
        return ScopeSet(self.scope.split())

    @property
    def again_url(self) -> str:
        return f"/oauth2/auth?{self.query}"


class Pending(msgspec.Struct, frozen=True, array_like=True):
    """Stage one: asked for, not yet decided. `id` becomes the row's key."""

    id: str
    request: AuthorizationRequest
    started_at: int


class ShownConsent(msgspec.Struct, frozen=True, array_like=True):
    """What a consent page was made for and showed."""

    pending: Pending
    session_id: str
    required: str
    optional: str
    kept: str
    unseen: str
    already_added: bool
    terms_changed: bool
    terms_version: int
    locale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilled:
    """Stage two: the subscriber agreed; a code was given out and can be spent once."""

    id: str
    client_id: str
    product_id: str
    subscription_id: str
    operator_id: str
    session_id: str
    redirect_uri: str
    redirect_uri_sent: bool
    code_challenge: str
    scope: ScopeSet
    refreshable: bool
    nonce: str | None
    auth_time: Instant
    amr: tuple[str, ...]
    acr: str
    requested_at: Instant
    fulfilled_at: Instant
    code_expires_at: Instant


class Grant(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Stage three: the code was exchanged. Root of the tokens, the lock and the kill switch."""

    id: str
    client_id: str
    product_id: str
    subscription_id: str
    operator_id: str
    session_id: str
    scope: ScopeSet
    refreshable: bool
    nonce: str | None
    auth_time: Instant
    amr: tuple[str, ...]
    acr: str
    requested_at: Instant
    generation: int
    """Of the current refresh token; 0 where there is none."""
    rotated_at: Instant | None
