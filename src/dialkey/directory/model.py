"""Who offers what to whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from dialkey.base.clock import Instant
from dialkey.base.scopes import ScopeSet


class ClientKind(StrEnum):
    WEB = "web"
    NATIVE = "native"
    """An app on a device: loopback and private-use redirect URIs (RFC 8252)."""
    BROWSER = "browser"
    """A single-page app."""
    MACHINE = "machine"
    """No subscriber takes part: client credentials only."""


class AuthMethod(StrEnum):
    """`token_endpoint_auth_method` (RFC 7591 section 2)."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"


class GrantType(StrEnum):
    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"
    CLIENT_CREDENTIALS = "client_credentials"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A mobile operator, with its subscribers and its brand."""

    id: str
    slug: str
    name: str
    country: str
    """ISO 3166-1 alpha-2."""
    locale: str
    accent: str
    icon_id: str | None
    support: str | None
    sms_sender: str
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What an organization offers to subscribers."""

    id: str
    organization_id: str
    organization_name: str
    organization_verified: bool
    sector: str
    """The sector of the pairwise subject identifiers; the product's own unless chosen otherwise at creation."""
    name: str
    subtitle: str
    price: str
    accent: str
    icon_id: str | None
    support: str | None
    terms_url: str | None
    privacy_url: str | None
    terms_version: int
    active: bool
    verified: bool
    required_scopes: ScopeSet
    optional_scopes: ScopeSet

    @property
    def scopes(self) -> ScopeSet:
        return self.required_scopes | self.optional_scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An OAuth client of a product, as the protocol needs it: with its product and its live secrets' digests."""

    id: str
    product: Product
    description: str
    kind: ClientKind
    auth_method: AuthMethod
    grant_types: frozenset[GrantType]
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    post_revoke_redirect_uris: tuple[str, ...]
    origins: frozenset[str]
    """Web origins whose scripts may call the token endpoint: those of a public client's redirect URIs."""
    require_pkce: bool
    id_token_alg: str
    access_token_format: str
    """`opaque` or `jwt` (RFC 9068)."""
    profile: str
    """`open`: userinfo answers without the `openid` scope. `strict`: it does not."""
    retry_window: int | None
    """Milliseconds; None: the installation's."""
    jwks: str | None
    may_introspect_all: bool
    secret_digests: tuple[tuple[str, Instant | None], ...]
    """(digest, expires_at) of the live secrets."""
    active: bool
    pending: bool = False
    """A new client of an approved product: until the next approval all its addresses are pending, and it has no client
    credentials grant."""
    pending_redirect_uris: tuple[str, ...] = ()
    """Those that wait for the product's next approval: for the organization's own sandbox numbers only."""
    backchannel_logout_uri: str | None = None
    """Where it is told that somebody signed out (OpenID Connect Back-Channel Logout 1.0)."""
    backchannel_logout_session_required: bool = False
    """It is told of sessions, one by one; else also of a subscriber, all sessions at once."""

    @property
    def public(self) -> bool:
        return self.auth_method is AuthMethod.NONE

    @property
    def native(self) -> bool:
        return self.kind is ClientKind.NATIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClient:
    """What creating a client gives back, once."""

    client_id: str
    client_secret: str | None = field(repr=False)
    secret_id: str | None = None
    """Of the secret's row, where it was made for a client that was there."""
