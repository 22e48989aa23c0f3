"""Codes, refresh tokens and access tokens: authenticated values that name a row and cost none.

All start with a prefix that tells their kind to people and to secret scanners, and carry a code over purpose and
content: one kind is never taken for another, and a copy of the database makes none.
"""

from __future__ import annotations

import hashlib
import struct
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from dialkey.base.clock import SECOND, Clock, Instant, seconds
from dialkey.base.entropy import Entropy
from dialkey.base.ids import new_uuid
from dialkey.base.scopes import ScopeSet
from dialkey.base.signed import b64, seal, unseal
from dialkey.directory.model import Client
from dialkey.oauth.keys import SigningKeys
from dialkey.oauth.model import Grant
from dialkey.settings import Settings
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.subjects import session_reference, subject

CODE, REFRESH, ACCESS = "dk_ac_", "dk_rt_", "dk_at_"
JWT_LIFETIME = 300
"""Seconds. Whoever checks a JWT access token by itself learns of a revocation this late at most."""
MAX_TOKEN = 4096
_HEAD = struct.Struct(">B16s8sQI")  # kind, grant or client, random, issued at (ms), lifetime (s)
_OF_GRANT, _OF_CLIENT = 0, 1


class AccessToken(msgspec.Struct, frozen=True, gc=False):
    """What an access token says of itself. Whether its grant is alive, the database says."""

    grant_id: str | None
    client_id: str | None
    """Set where the client stands for itself: client credentials."""
    jti: str
    issued_at: Instant
    expires_at: Instant
    scope: ScopeSet
    audience: tuple[str, ...] | None = None
    """The APIs that a JWT names. None: an opaque token, which only we can read, and which says what its scopes do."""


class RefreshToken(msgspec.Struct, frozen=True, gc=False):
    grant_id: str
    generation: int


class Tokens:
    """Mints and reads."""

    def __init__(
        self, settings: Settings, keyring: Keyring, signing: SigningKeys, clock: Clock, entropy: Entropy
    ) -> None:
        self._settings = settings
        self._keyring = keyring
        self._signing = signing
        self._clock = clock
        self._entropy = entropy

    def code(self, authorization_id: str) -> str:
        """The code of an authorization: always the same one."""
        return CODE + seal(self._keyring["token"], b"code", _raw(authorization_id))

    def read_code(self, text: str) -> str | None:
        """The authorization's id."""
        payload = self._open(CODE, b"code", text)
        return b64(payload) if payload is not None and len(payload) == 16 else None

    def refresh_token(self, grant_id: str, generation: int) -> str:
        """The refresh token of one generation: always the same one."""
        return REFRESH + seal(self._keyring["token"], b"refresh", _raw(grant_id) + generation.to_bytes(4))

    def read_refresh_token(self, text: str) -> RefreshToken | None:
        payload = self._open(REFRESH, b"refresh", text)
        if payload is None or len(payload) != 20:
            return None
        return RefreshToken(b64(payload[:16]), int.from_bytes(payload[16:]))

    def lifetime(self, client: Client) -> int:
        """Seconds that an access token of this client lives."""
        lifetime = self._settings.tokens.access_token_lifetime
        return min(lifetime, JWT_LIFETIME) if client.access_token_format == "jwt" else lifetime

    def access_token(self, client: Client, grant: Grant | None, scope: ScopeSet, audience: Iterable[str] = ()) -> str:
        """For a grant, or for the client itself. Only a JWT spells its audience out."""
        if client.access_token_format == "jwt":
            return self._jwt_access_token(client, grant, scope, audience)
        kind = _OF_CLIENT if grant is None else _OF_GRANT
        whose = UUID(client.id).bytes if grant is None else _raw(grant.id)
        head = _HEAD.pack(kind, whose, self._entropy.take(8), self._clock.now(), self.lifetime(client))
        return ACCESS + seal(self._keyring["token"], b"access", head + str(scope).encode())

    async def read_access_token(self, text: str) -> AccessToken | None:
        """None where it is not one of ours or has expired."""
        if not text.startswith(ACCESS):
            await self._signing.refresh()
            return self._read_jwt(text)
        payload = self._open(ACCESS, b"access", text)
        if payload is None or len(payload) < _HEAD.size:
            return None
        kind, whose, random, issued_at, lifetime = _HEAD.unpack_from(payload)
        expires_at = issued_at + lifetime * SECOND
        if expires_at <= self._clock.now():
            return None
        return AccessToken(
            grant_id=b64(whose) if kind == _OF_GRANT else None,
            client_id=str(UUID(bytes=whose)) if kind == _OF_CLIENT else None,
            jti=b64(random),
            issued_at=Instant(issued_at),
            expires_at=Instant(expires_at),
            scope=ScopeSet(payload[_HEAD.size :].decode().split()),
        )

    def subject(self, client: Client, grant: Grant) -> str:
        return subject(self._keyring, client.product.sector, grant.subscription_id)

    def sid(self, client: Client, grant: Grant) -> str:
        return session_reference(self._keyring, client.id, grant.session_id)

    def id_token(self, client: Client, grant: Grant, access_token: str, phone_number: str | None) -> str:
        """OpenID Connect Core 1.0 section 2. `phone_number` where the grant has the scope `phone`."""
        now = seconds(self._clock.now())
        claims: dict[str, Any] = {
            "iss": self._settings.issuer,
            "sub": self.subject(client, grant),
            "aud": [client.id],
            "iat": now,
            "exp": now + self._settings.tokens.id_token_lifetime,
            "auth_time": seconds(grant.auth_time),
            "rat": seconds(grant.requested_at),
            "acr": grant.acr,
            "amr": list(grant.amr),
            "azp": client.id,
            "sid": self.sid(client, grant),
            "jti": new_uuid(self._entropy),
            "at_hash": b64(hashlib.sha256(access_token.encode()).digest()[:16]),
        }
        if grant.nonce is not None:
            claims["nonce"] = grant.nonce
        if phone_number is not None:
            claims["phone_number"] = phone_number
            claims["phone_number_verified"] = True
        return self._signing.sign(client.id_token_alg, claims)

    def _jwt_access_token(
        self, client: Client, grant: Grant | None, scope: ScopeSet, audience: Iterable[str]
    ) -> str:
        """RFC 9068."""
        now = seconds(self._clock.now())
        claims: dict[str, Any] = {
            "iss": self._settings.issuer,
            "sub": client.id if grant is None else self.subject(client, grant),
            "aud": sorted(audience),
            "client_id": client.id,
            "iat": now,
            "exp": now + self.lifetime(client),
            "jti": b64(self._entropy.take(8)),
            "scope": str(scope),
        }
        if grant is not None:
            claims |= {"grant": grant.id, "auth_time": seconds(grant.auth_time), "acr": grant.acr, "amr": list(grant.amr)}
        return self._signing.sign("RS256", claims, typ="at+jwt")

    def _read_jwt(self, text: str) -> AccessToken | None:
        claims = self._signing.verify(text, typ="at+jwt") if text.startswith("eyJ") else None
        if claims is None or claims.get("iss") != self._settings.issuer:
            return None
        if claims["exp"] * SECOND <= self._clock.now():
            return None
        grant_id = claims.get("grant")
        return AccessToken(
            grant_id=grant_id,
            client_id=claims["client_id"] if grant_id is None else None,
            jti=claims["jti"],
            issued_at=Instant(claims["iat"] * SECOND),
            expires_at=Instant(claims["exp"] * SECOND),
            scope=ScopeSet(claims["scope"].split()),
            audience=tuple(claims["aud"]),
        )

    def _open(self, prefix: str, purpose: bytes, text: str) -> bytes | None:
        if not text.startswith(prefix) or len(text) > MAX_TOKEN:
            return None
        return unseal(self._keyring["token"], purpose, text[len(prefix) :])


def _raw(row_id: str) -> bytes:
    return urlsafe_b64decode(row_id + "==")
