"""What a client may be registered as: one frozen description, and the checks that it has to pass.

RFC 7591 names most of the fields; RFC 8252, RFC 9700 and OpenID Connect Core 1.0 say what may stand in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from dialkey.base.url import is_private_scheme, origin_of, redirect_uri_fault
from dialkey.directory.model import AuthMethod, ClientKind, GrantType
from dialkey.directory.names import text_fault
from dialkey.web.errors import Refusal
from dialkey.web.outbound import outbound_url_fault

MAX_URIS = 20
ID_TOKEN_ALGORITHMS = ("RS256", "ES256")
"""HS256 would need the client's secret in the clear, and we keep a digest of it."""
ACCESS_TOKEN_FORMATS = ("opaque", "jwt")
PROFILES = ("open", "strict")
_PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
MAX_JWKS = 20_000
MAX_RETRY_WINDOW = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRegistration:
    """A client as its developer wants it."""

    kind: ClientKind = ClientKind.WEB
    description: str = ""
    auth_method: AuthMethod = AuthMethod.BASIC
    grant_types: frozenset[GrantType] = frozenset({GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN})
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    post_revoke_redirect_uris: tuple[str, ...] = ()
    require_pkce: bool = False
    id_token_alg: str = "RS256"
    access_token_format: str = "opaque"
    profile: str = "open"
    retry_window: int | None = None
    """Milliseconds; None: the installation's."""
    jwks: str | None = None
    may_introspect_all: bool = False
    backchannel_logout_uri: str | None = None
    """OpenID Connect Back-Channel Logout 1.0 section 2.2."""
    backchannel_logout_session_required: bool = False

    @property
    def public(self) -> bool:
        return self.auth_method is AuthMethod.NONE

    @property
    def needs_pkce(self) -> bool:
        """Public clients and native ones always (RFC 9700 section 2.1.1, RFC 8252 section 6)."""
        return self.require_pkce or self.public or self.kind is ClientKind.NATIVE

    def origins(self) -> list[str]:
        """Web origins of a public client's redirect URIs: its scripts call the token endpoint from there."""
        if not self.public:
            return []
        return list(dict.fromkeys(origin_of(uri) for uri in self.redirect_uris if not is_private_scheme(uri)))

    def uris(self) -> dict[str, tuple[str, ...]]:
        """The client's addresses by their kind."""
        return {
            "redirect": self.redirect_uris,
            "post_logout": self.post_logout_redirect_uris,
            "post_revoke": self.post_revoke_redirect_uris,
        }

    def check(self) -> None:
        """Raises Refusal 422 with the code of the first fault."""
        for code, data in self._faults():
            raise Refusal(422, code, **data)

    def _faults(self) -> Iterator[tuple[str, dict[str, str | int]]]:
        if fault := text_fault(self.description):
            yield fault, {"field": "description"}
        yield from self._grant_faults()
        yield from self._uri_faults()
        if self.id_token_alg not in ID_TOKEN_ALGORITHMS:
            yield "id_token_alg", {}
        if self.access_token_format not in ACCESS_TOKEN_FORMATS:
            yield "access_token_format", {}
        if self.profile not in PROFILES:
            yield "profile", {}
        if self.retry_window is not None and not 0 <= self.retry_window <= MAX_RETRY_WINDOW:
            yield "retry_window", {}
        if fault := self._jwks_fault():
            yield fault, {}
        if fault := self._backchannel_fault():
            yield "backchannel_logout_uri", {"field": "backchannel_logout_uri", "fault": fault}
        if self.may_introspect_all and self.public:
            yield "public_client_introspects", {}

    def _grant_faults(self) -> Iterator[tuple[str, dict[str, str | int]]]:
        code, machine = GrantType.AUTHORIZATION_CODE, GrantType.CLIENT_CREDENTIALS
        if not self.grant_types:
            yield "grant_types", {}
        if self.kind is ClientKind.MACHINE and self.grant_types != {machine}:
            yield "machine_grant_types", {}
        if machine in self.grant_types and self.public:
            yield "public_client_credentials", {}
        if GrantType.REFRESH_TOKEN in self.grant_types and code not in self.grant_types:
            yield "refresh_without_code", {}
        if self.kind is ClientKind.BROWSER and not self.public:
            yield "browser_secret", {}
        if code in self.grant_types and not self.redirect_uris:
            yield "redirect_uri_missing", {}

    def _uri_faults(self) -> Iterator[tuple[str, dict[str, str | int]]]:
        native = self.kind is ClientKind.NATIVE
        for kind, uris in self.uris().items():
            field = f"{kind}_uris" if kind == "redirect" else f"{kind}_redirect_uris"
            if len(uris) > MAX_URIS:
                yield "too_many_uris", {"field": field, "most": MAX_URIS}
                return
            if self.kind is ClientKind.MACHINE and uris:
                yield "machine_redirect_uri", {"field": field}
            for uri in uris:
                if fault := redirect_uri_fault(uri, native=native):
                    yield "redirect_uri", {"field": field, "uri": uri[:200], "fault": fault}

    def _backchannel_fault(self) -> str | None:
        """An address of this machine may be registered, as a redirect URI may; it is called only by an installation that
        is this machine's own."""
        if self.backchannel_logout_uri is None:
            return None
        if self.kind is ClientKind.MACHINE:
            return "machine"
        return outbound_url_fault(self.backchannel_logout_uri, local=True)

    def _jwks_fault(self) -> str | None:
        wanted = self.auth_method is AuthMethod.PRIVATE_KEY_JWT
        if self.jwks is None:
            return "jwks_missing" if wanted else None
        return None if wanted and public_keys(self.jwks) else "jwks"


def public_keys(text: str) -> bool:
    """True for a JWK Set (RFC 7517 section 5) of public keys only."""
    if len(text) > MAX_JWKS:
        return False
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return False
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= 20:
        return False
    return all(
        isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP") and not _PRIVATE_MEMBERS & key.keys()
        for key in keys
    )
