"""Signing keys: published before they sign, served until nothing that they signed is alive.

A key's life is told by three instants in its row, so that every node sees the same life without a job: `signs_from`
(published at least one cache age before), `retired_at` (signs no more), `served_until`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from dialkey.audit import Tag, record
from dialkey.base.clock import SECOND, Clock, Instant, after
from dialkey.base.entropy import Entropy
from dialkey.base.ids import new_uuid
from dialkey.base.signed import b64
from dialkey.oauth.jose import read_object
from dialkey.settings import Settings
from dialkey.storage import Row, Statement, Storage, StorageUnavailable, Writer
from dialkey.storage.keyring import Keyring

ALGORITHMS = ("RS256", "ES256")
RELOAD = 2 * SECOND
MAX_JWT = 16 * 1024
_encode = msgspec.json.Encoder().encode

_ALL = Statement(
    "signing_keys.all",
    "SELECT kid, alg, sealed_private, public_jwk, created_at, signs_from, retired_at, served_until FROM signing_keys"
    " WHERE served_until IS NULL OR served_until > :now ORDER BY created_at",
)
_ADD = Statement(
    "signing_keys.add",
    "INSERT INTO signing_keys (kid, alg, sealed_private, public_jwk, created_at, signs_from) VALUES (:kid, :alg,"
    " :sealed_private, :public_jwk, :now, :signs_from)",
)
_RETIRE = Statement(
    "signing_keys.retire",
    "UPDATE signing_keys SET retired_at = :retired_at, served_until = :served_until WHERE alg = :alg AND kid <> :kid"
    " AND retired_at IS NULL",
)
_REVOKE = Statement(
    "signing_keys.revoke",
    "UPDATE signing_keys SET retired_at = :now, served_until = :now WHERE kid = :kid RETURNING alg",
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    alg: str
    private: RSAKey | ECKey
    public: dict[str, Any]
    signs_from: Instant
    retired_at: Instant | None
    served_until: Instant | None

    @property
    def revoked(self) -> bool:
        """Taken out of service at once; a key that retires is served for a while after."""
        return self.served_until is not None and self.served_until == self.retired_at


class SigningKeys:
    """Signs, verifies, publishes. Rows are read anew every two seconds: a revoked key is dead everywhere by then."""

    def __init__(
        self, storage: Storage, settings: Settings, keyring: Keyring, clock: Clock, entropy: Entropy
    ) -> None:
        self._storage = storage
        self._settings = settings
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy
        self._keys: dict[str, SigningKey] = {}
        self._jwks = b""
        self._loaded_at = Instant(0)
        self._loading: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Reads the rows where they may be out of date."""
        if self._clock.now() - self._loaded_at < RELOAD and self._keys:
            return
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self.load())
        try:
            await asyncio.shield(self._loading)
        except StorageUnavailable:
            if not self._keys:
                raise  # with keys in hand, public keys and verification outlive the database

    async def load(self) -> None:
        now = self._clock.now()
        hints = self._settings.signin.session_absolute_lifetime * SECOND
        rows = await self._storage.read.all(_ALL, now=now - hints)
        keys = {row.kid: self._keys.get(row.kid) for row in rows}
        self._keys = {row.kid: self._open(row, keys[row.kid]) for row in rows}
        served = [key.public for key in self._keys.values() if key.served_until is None or key.served_until > now]
        self._jwks = _encode({"keys": served})
        self._loaded_at = now

    def jwks(self) -> bytes:
        """The JWK Set (RFC 7517 section 5) as bytes."""
        return self._jwks

    def sign(self, alg: str, claims: dict[str, Any], *, typ: str = "JWT") -> str:
        """A compact JWS by the newest key of `alg` whose time to sign has come. Where a key was revoked and none's time
        is now, the newest one that is still served: a signature early or late beats none."""
        now = self._clock.now()
        served = [
            key
            for key in self._keys.values()
            if key.alg == alg and (key.served_until is None or key.served_until > now)
        ]
        due = [key for key in served if key.signs_from <= now and (key.retired_at is None or key.retired_at > now)]
        key = max(due or served, key=lambda k: k.signs_from)
        return jws.serialize_compact(
            {"alg": alg, "kid": key.kid, "typ": typ}, _encode(claims), key.private, algorithms=[alg]
        )

    def verify(self, token: str, *, typ: str, past: bool = False) -> dict[str, Any] | None:
        """The claims of a JWS that one of our served keys signed; None for anything else. Times are not judged. `past`:
        keys that retired in the ordinary way count too, for as long as a session lasts: for hints, which open nothing.

        The header chooses nothing but which of our own keys: its algorithm must be that key's, and a header that
        names more than `alg`, `kid` and `typ` is refused.
        """
        if len(token) > MAX_JWT or token.count(".") != 2:
            return None
        header = read_object(token.partition(".")[0])
        if header is None or not header.keys() <= {"alg", "kid", "typ"} or header.get("typ") != typ:
            return None
        key = self._keys.get(str(header.get("kid")))
        now = self._clock.now()
        if key is None or header.get("alg") != key.alg:
            return None
        if key.served_until is not None and key.served_until <= now and (not past or key.revoked):
            return None
        try:
            signed = jws.deserialize_compact(token, key.private, algorithms=[key.alg])
            claims = msgspec.json.decode(signed.payload)
        except (JoseError, ValueError, TypeError, msgspec.DecodeError):
            return None
        return claims if isinstance(claims, dict) else None

    def _open(self, row: Row, known: SigningKey | None) -> SigningKey:
        if known is None:
            der = self._keyring.open_box(f"signing-key/{row.kid}", row.sealed_private)
            if der is None:
                raise RuntimeError(f"signing key {row.kid} cannot be decrypted")
            private = _load(row.alg, der)
        else:
            private = known.private
        return SigningKey(
            kid=row.kid,
            alg=row.alg,
            private=private,
            public=msgspec.json.decode(row.public_jwk),
            signs_from=row.signs_from,
            retired_at=row.retired_at,
            served_until=row.served_until,
        )


async def ensure_keys(
    storage: Storage, settings: Settings, keyring: Keyring, clock: Clock, entropy: Entropy
) -> list[str]:
    """Makes a key for every algorithm that has none to go on with: the first one, or after a revocation. It signs at
    once where no other key does. Gives the new kids."""
    now = clock.now()
    rows = await storage.read.all(_ALL, now=now)
    lasting = {row.alg for row in rows if row.retired_at is None}
    signing = {row.alg for row in rows if row.signs_from <= now and (row.retired_at is None or row.retired_at > now)}
    return [
        await _add_key(storage, settings, keyring, clock, entropy, alg, first=alg not in signing)
        for alg in ALGORITHMS
        if alg not in lasting
    ]


async def rotate_key(
    storage: Storage, settings: Settings, keyring: Keyring, clock: Clock, entropy: Entropy, alg: str
) -> str:
    """Publishes a new key at once; it signs after one cache age, when the one before it retires."""
    return await _add_key(storage, settings, keyring, clock, entropy, alg, first=False)


async def revoke_key(storage: Storage, clock: Clock, entropy: Entropy, kid: str) -> bool:
    """Takes a key out of service on every node within two seconds: what it signed is worthless from then on."""
    now = clock.now()

    async def unit(writer: Writer) -> bool:
        if await writer.one(_REVOKE, kid=kid, now=now) is None:
            return False
        await record(
            writer, Tag.KEY_RETIRED, entropy=entropy, now=now, actor="cli", subject=f"key:{kid}", data={"revoked": 1}
        )
        return True

    return await storage.write(unit)


async def _add_key(
    storage: Storage,
    settings: Settings,
    keyring: Keyring,
    clock: Clock,
    entropy: Entropy,
    alg: str,
    *,
    first: bool,
) -> str:
    kid = new_uuid(entropy)
    private = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if alg == "RS256"
        else ec.generate_private_key(ec.SECP256R1())
    )
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    now = clock.now()
    signs_from = now if first else after(now, settings.keys.jwks_max_age * SECOND)
    longest = max(settings.tokens.id_token_lifetime, settings.tokens.access_token_lifetime) * SECOND

    async def unit(writer: Writer) -> None:
        await writer.run(
            _ADD,
            kid=kid,
            alg=alg,
            sealed_private=keyring.box().close(entropy, f"signing-key/{kid}", der),
            public_jwk=_encode(_public_jwk(private, kid, alg)).decode(),
            now=now,
            signs_from=signs_from,
        )
        await writer.run(
            _RETIRE, alg=alg, kid=kid, retired_at=signs_from, served_until=after(signs_from, longest)
        )
        await record(
            writer, Tag.KEY_ADDED, entropy=entropy, now=now, actor="cli", subject=f"key:{kid}", data={"alg": alg}
        )

    await storage.write(unit)
    return kid


def _load(alg: str, der: bytes) -> RSAKey | ECKey:
    """A key that we made and kept sealed: its numbers need no second proof, which would take tens of milliseconds."""
    made: Any = serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    return (RSAKey if alg == "RS256" else ECKey)(made, der)


def _public_jwk(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, alg: str) -> dict[str, Any]:
    """Public members only (RFC 7518 section 6), with `use`, `alg` and `kid`."""
    common = {"use": "sig", "alg": alg, "kid": kid}
    if isinstance(private, rsa.RSAPrivateKey):
        numbers = private.public_key().public_numbers()
        size = (numbers.n.bit_length() + 7) // 8
        return {"kty": "RSA", **common, "n": b64(numbers.n.to_bytes(size)), "e": b64(numbers.e.to_bytes(3))}
    point = private.public_key().public_numbers()
    return {"kty": "EC", **common, "crv": "P-256", "x": b64(point.x.to_bytes(32)), "y": b64(point.y.to_bytes(32))}


async def list_keys(storage: Storage, clock: Clock) -> list[Row]:
    """Every key that is served, oldest first."""
    return await storage.read.all(_ALL, now=clock.now())
