"""Client authentication (RFC 6749 section 2.3, RFC 7523): one method per client, one answer for every failure."""

from __future__ import annotations

import binascii
import hmac
import json
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import structlog
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request

from dialkey.base.clock import MINUTE, SECOND, Clock, Instant
from dialkey.base.ids import looks_like_uuid
from dialkey.directory.model import AuthMethod, Client
from dialkey.directory.store import ClientDirectory
from dialkey.oauth.errors import InvalidClient, InvalidRequest, SlowDown
from dialkey.oauth.jose import parse_object, read_object
from dialkey.settings import Settings
from dialkey.storage import Storage, Writer
from dialkey.storage.keyring import Keyring
from dialkey.web.http import Addresses, address_keys

log = structlog.get_logger("dialkey.oauth")

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS = ("PS256", "ES256", "EdDSA", "RS256")
_SKEW = 10 * SECOND
_LONGEST = 300 * SECOND
MAX_SECRET = 512


@dataclass(frozen=True, slots=True)
class AuthenticatedClient:
    """A client that proved who it is; or, `proven` being false, a public one that only said so."""

    client: Client
    proven: bool


@dataclass(frozen=True, slots=True)
class _Presented:
    method: AuthMethod
    client_id: str
    secret: str = ""
    raw_secret: str = ""
    """Basic only: the password before form-decoding, for clients that do not encode."""
    assertion: str = ""


class ClientAuthentication:
    """Finds and proves the client of a request."""

    def __init__(
        self,
        storage: Storage,
        settings: Settings,
        keyring: Keyring,
        clock: Clock,
        directory: ClientDirectory,
        addresses: Addresses,
    ) -> None:
        self._storage = storage
        self._issuer = settings.issuer
        self._keyring = keyring
        self._clock = clock
        self._directory = directory
        self._addresses = addresses
        self._failures = _Failures(settings.limits.failed_authentications_per_address_minute)

    async def authenticate(self, request: Request, form: Mapping[str, str]) -> AuthenticatedClient:
        """Raises InvalidClient with one description for all reasons; the log has the reason."""
        presented = _read(request, form)
        client = await self._directory.find_client(presented.client_id)
        fault = await self._fault(client, presented)
        if fault is None:
            assert client is not None
            return AuthenticatedClient(client, proven=presented.method is not AuthMethod.NONE)
        address = address_keys(self._addresses.of(request))[0]
        known = presented.client_id if looks_like_uuid(presented.client_id) else "-"
        log.info("client_authentication_failed", client=known, reason=fault)
        error = SlowDown(fault) if self._failures.count(address, self._clock.now()) else InvalidClient(fault)
        error.about = client
        raise error

    async def _fault(self, client: Client | None, presented: _Presented) -> str | None:
        """Why not; None where the client is proven. Unknown clients cost the same digest."""
        if presented.method in (AuthMethod.BASIC, AuthMethod.POST):
            right = self._secret_matches(client, presented)
        else:
            right = False
        if client is None:
            return "unknown client"
        if not client.active:
            return "client or product is disabled"
        if client.auth_method is not presented.method:
            return f"used {presented.method}, registered for {client.auth_method}"
        if presented.method is AuthMethod.NONE:
            return None
        if presented.method is AuthMethod.PRIVATE_KEY_JWT:
            return await self._assertion_fault(client, presented.assertion)
        return None if right else "wrong secret"

    def _secret_matches(self, client: Client | None, presented: _Presented) -> bool:
        now = self._clock.now()
        live = [] if client is None else [d for d, ends in client.secret_digests if ends is None or ends > now]
        candidates = {presented.secret, presented.raw_secret} - {""} or {"-"}
        matched = False
        for secret in candidates:
            digest = self._keyring.digest("client-secret", secret[:MAX_SECRET])
            for expected in live or ["-" * 43]:
                matched |= hmac.compare_digest(expected, digest)
        return matched and bool(live)

    async def _assertion_fault(self, client: Client, assertion: str) -> str | None:
        """RFC 7523 section 3 with the audience of RFC 9700's successor rules: the issuer, as one string."""
        claims = _verified_claims(client, assertion, self._clock.now())
        if claims is None:
            return "assertion: signature, key or header"
        now = self._clock.now()
        issued, expires, not_before = (_instant(claims.get(name)) for name in ("iat", "exp", "nbf"))
        if claims.get("iss") != client.id or claims.get("sub") != client.id:
            return "assertion: iss and sub must be the client_id"
        if claims.get("aud") != self._issuer:
            return "assertion: aud must be the issuer as a string"
        if expires is None or expires <= now or expires > now + _LONGEST:
            return "assertion: exp"
        if any(instant is not None and instant > now + _SKEW for instant in (issued, not_before)):
            return "assertion: iat or nbf in the future"
        if issued is not None and expires - issued > _LONGEST:
            return "assertion: lives longer than five minutes"
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 1 <= len(jti) <= 256:
            return "assertion: jti"

        async def unit(writer: Writer) -> bool:
            return await self._directory.spend_assertion(writer, client.id, jti, expires)

        return None if await self._storage.write(unit) else "assertion: used before"


class _Failures:
    """Failed attempts per address and minute in this process. Bounded: an attacker with many addresses fills it and is
    then counted together."""

    _MOST = 10_000

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._minute = 0

    def count(self, address: str, now: Instant) -> bool:
        """True where this address failed too often in this minute."""
        minute = now // MINUTE
        if minute != self._minute:
            self._counts.clear()
            self._minute = minute
        if len(self._counts) >= self._MOST and address not in self._counts:
            address = "many"
        self._counts[address] = self._counts.get(address, 0) + 1
        return self._counts[address] > self._limit


def _read(request: Request, form: Mapping[str, str]) -> _Presented:
    """The one method that a request uses; more than one is refused (RFC 6749 section 2.3)."""
    authorization = request.headers.getlist("authorization")
    secret = form.get("client_secret")
    assertion = form.get("client_assertion") or form.get("client_assertion_type")
    if len(authorization) > 1 or (bool(authorization) + (secret is not None) + (assertion is not None)) > 1:
        raise InvalidRequest("several authentication methods", description="Use one client authentication method.")
    if authorization:
        presented = _read_basic(authorization[0])
        if form.get("client_id", presented.client_id) != presented.client_id:
            raise InvalidRequest("client_id differs", description="The client_id differs from the authenticated client.")
        return presented
    if assertion is not None:
        return _read_assertion(form)
    client_id = form.get("client_id", "")
    if secret is not None:
        return _Presented(AuthMethod.POST, client_id, secret=secret)
    if not client_id:
        raise InvalidClient("no client authentication")
    return _Presented(AuthMethod.NONE, client_id)


def _read_basic(header: str) -> _Presented:
    """RFC 6749 section 2.3.1: id and secret are form-encoded before they go into Basic. Not all clients do so: what
    differs raw is tried raw as well."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() != "basic" or len(credentials) > 2048:
        raise InvalidClient("Authorization is not Basic")
    try:
        decoded = b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidClient("Basic credentials are malformed") from None
    client_id, colon, secret = decoded.partition(":")
    if not colon:
        raise InvalidClient("Basic credentials are malformed")
    return _Presented(
        AuthMethod.BASIC,
        unquote_plus(client_id) if "%" in client_id else client_id,
        secret=unquote_plus(secret) if "%" in secret or "+" in secret else secret,
        raw_secret=secret,
    )


def _read_assertion(form: Mapping[str, str]) -> _Presented:
    assertion = form.get("client_assertion", "")
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise InvalidClient("client_assertion_type")
    claims = read_object(assertion.split(".")[1]) if assertion.count(".") == 2 and len(assertion) <= 8192 else None
    client_id = claims.get("sub") if claims else None
    if not isinstance(client_id, str) or form.get("client_id", client_id) != client_id:
        raise InvalidClient("assertion: sub")
    return _Presented(AuthMethod.PRIVATE_KEY_JWT, client_id, assertion=assertion)


def _verified_claims(client: Client, assertion: str, now: Instant) -> dict[str, Any] | None:
    """The claims where one of the client's registered keys signed them; a key with `exp` is worth nothing from then on.
    The header names no key of its own."""
    header = read_object(assertion.partition(".")[0])
    if header is None or not header.keys() <= {"alg", "kid", "typ"} or client.jwks is None:
        return None
    algorithm = header.get("alg")
    if algorithm not in ASSERTION_ALGORITHMS:
        return None
    try:
        keys = [
            key
            for key in KeySet.import_key_set(json.loads(client.jwks)).keys
            if key.as_dict().get("alg", algorithm) == algorithm
            and ("kid" not in header or key.as_dict().get("kid") == header["kid"])
            and not _over(key.as_dict(), now)
        ]
    except (JoseError, ValueError, TypeError):
        return None
    for key in keys[:5]:
        try:
            signed = jws.deserialize_compact(assertion, key, algorithms=[algorithm])
        except (JoseError, ValueError, TypeError):
            continue
        return parse_object(signed.payload)
    return None


def _over(key: Mapping[str, Any], now: Instant) -> bool:
    """Whether a key's `exp` has passed, or cannot be read (OpenID Federation 1.0 section 8.7.2)."""
    if "exp" not in key:
        return False
    expires = _instant(key["exp"])
    return expires is None or expires <= now


def _instant(value: Any) -> Instant | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
        return None
    return Instant(int(value * SECOND))
