"""The installation's own secrets: made once, encrypted at rest under the master key, known by purpose and version.

| purpose  | what for                                              | rotates                          |
|----------|-------------------------------------------------------|----------------------------------|
| subject  | pairwise subject identifiers                          | never: a `sub` must not change   |
| token    | access tokens, refresh tokens, codes                  | yes, older versions still verify |
| page     | tickets in pages, CSRF values                         | yes                              |
| pin      | PINs derived from a challenge's seed                  | yes                              |
| digest   | keyed digests of client secrets, cookies, numbers     | never: digests are looked up     |
| box      | encryption of message bodies and private keys at rest | yes                              |
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dialkey.base.clock import Clock
from dialkey.base.entropy import Entropy
from dialkey.base.signed import MacKeys, b64, mac, unb64
from dialkey.settings import Keys
from dialkey.storage.engine import Storage, Writer
from dialkey.storage.statement import Statement

PURPOSES = ("subject", "token", "page", "pin", "digest", "box")
ROTATING = ("token", "page", "pin", "box")

_ALL = Statement("secrets.all", "SELECT purpose, version, sealed FROM secrets WHERE retired_at IS NULL")
_ADD = Statement(
    "secrets.add",
    "INSERT INTO secrets (purpose, version, sealed, created_at) VALUES (:purpose, :version, :sealed, :now)"
    " ON CONFLICT DO NOTHING",
)
_REPLACE = Statement(
    "secrets.replace", "UPDATE secrets SET sealed = :sealed WHERE purpose = :purpose AND version = :version"
)


class KeyringError(Exception):
    """The master key is missing, unreadable, too open, or not the one that this database was made with."""


class Box:
    """Authenticated encryption at rest: AES-256-GCM with a random nonce; the label must be the same on both sides."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, entropy: Entropy, label: str, content: bytes) -> bytes:
        nonce = entropy.take(12)
        return nonce + self._cipher.encrypt(nonce, content, label.encode())

    def open(self, label: str, sealed: bytes) -> bytes | None:
        try:
            return self._cipher.decrypt(bytes(sealed[:12]), bytes(sealed[12:]), label.encode())
        except (InvalidTag, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Keyring:
    """All secrets, opened."""

    keys: Mapping[str, MacKeys]
    master: Box

    def __getitem__(self, purpose: str) -> MacKeys:
        return self.keys[purpose]

    def digest(self, purpose: str, text: str) -> str:
        """A keyed digest to store instead of `text` and to look it up by: 43 characters."""
        return b64(mac(self.keys["digest"].key(), purpose.encode(), text.encode()))

    def box(self) -> Box:
        return Box(self.keys["box"].key())

    def open_box(self, label: str, sealed: bytes) -> bytes | None:
        """What any version of the box closed."""
        for key in self.keys["box"].versions.values():
            if (content := Box(key).open(label, sealed)) is not None:
                return content
        return None


def master_key(settings: Keys) -> bytes:
    """The 32 bytes from the environment or the file; refuses a file that others can read."""
    text = settings.master_key
    if not text:
        path = Path(settings.master_key_file)
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            text = path.read_text().strip()
        except OSError as error:
            raise KeyringError(
                f"keys.master_key_file: {path} cannot be read ({error.strerror}); make it with `dialkey keys init`"
            ) from None
        if mode & 0o077:
            raise KeyringError(f"keys.master_key_file: {path} has mode {mode:04o}; others must not read it (0600)")
    key = unb64(text)
    if key is None or len(key) != 32:
        raise KeyringError("keys.master_key: must be 32 bytes as base64url")
    return key


def make_master_key(path: Path, entropy: Entropy) -> None:
    """Writes a new key with mode 0600; FileExistsError where there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(b64(entropy.take(32)) + "\n")


async def ensure_secrets(storage: Storage, settings: Keys, clock: Clock, entropy: Entropy) -> None:
    """Makes the first version of every secret that is missing. Two nodes may do it at once: the first one's stay."""
    box = Box(master_key(settings))

    async def unit(writer: Writer) -> None:
        present = {row.purpose for row in await writer.all(_ALL)}
        for purpose in PURPOSES:
            if purpose not in present:
                await _add(writer, box, purpose, 1, clock, entropy)

    await storage.write(unit)


async def rotate_secret(storage: Storage, settings: Keys, purpose: str, clock: Clock, entropy: Entropy) -> int:
    """Adds a version, which makes new values from now on; older versions still verify. Gives the version."""
    box = Box(master_key(settings))

    async def unit(writer: Writer) -> int:
        versions = [row.version for row in await writer.all(_ALL) if row.purpose == purpose]
        version = max(versions, default=0) + 1
        if version > 255:
            raise KeyringError(f"{purpose}: all 255 versions are used")
        await _add(writer, box, purpose, version, clock, entropy)
        return version

    return await storage.write(unit)


async def change_master_key(storage: Storage, old: bytes, new: bytes, entropy: Entropy) -> int:
    """Encrypts every secret anew, in one transaction. Gives how many there were."""
    before, after = Box(old), Box(new)

    async def unit(writer: Writer) -> int:
        rows = await writer.all(_ALL)
        for row in rows:
            label = f"{row.purpose}/{row.version}"
            content = before.open(label, row.sealed)
            if content is None:
                raise KeyringError("the old master key does not open this database's secrets")
            sealed = after.close(entropy, label, content)
            await writer.run(_REPLACE, purpose=row.purpose, version=row.version, sealed=sealed)
        return len(rows)

    return await storage.write(unit)


async def open_keyring(storage: Storage, settings: Keys) -> Keyring:
    """Decrypts the secrets of this database."""
    master = Box(master_key(settings))
    versions: dict[str, dict[int, bytes]] = {}
    for row in await storage.read.all(_ALL):
        key = master.open(f"{row.purpose}/{row.version}", row.sealed)
        if key is None:
            raise KeyringError("keys.master_key: this is not the key that the database was made with")
        versions.setdefault(row.purpose, {})[row.version] = key
    absent = [purpose for purpose in PURPOSES if purpose not in versions]
    if absent:
        raise KeyringError(f"the database has no secrets for {', '.join(absent)}; run `dialkey migrate`")
    return Keyring({p: MacKeys(known, max(known)) for p, known in versions.items()}, master)


async def _add(writer: Writer, box: Box, purpose: str, version: int, clock: Clock, entropy: Entropy) -> None:
    sealed = box.close(entropy, f"{purpose}/{version}", entropy.take(32))
    await writer.run(_ADD, purpose=purpose, version=version, sealed=sealed, now=clock.now())
