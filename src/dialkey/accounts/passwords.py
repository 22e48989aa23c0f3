"""Passwords: which are good enough, and their hashes.

The rules are those of NIST SP 800-63B: a length, a list of what others chose before, nothing of one's own name; no
composition rules. Hashes are Argon2id (RFC 9106) and are made in threads of their own, few at a time, so that a flood of
tries neither stalls the loop nor fills the memory.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from dialkey.base.entropy import Entropy
from dialkey.web.errors import Refusal

T = TypeVar("T")
MIN_PASSWORD = 10
MAX_PASSWORD = 256
MEMORY = 47_104
"""Kibibytes per hash."""
THREADS = 2
MOST_WAITING = 64
"""Hashes that may be asked for at once in one process; further ones are refused (503)."""

_EDGES = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def normal(password: str) -> str:
    """NFKC, so that the same keys give the same password on every system."""
    return unicodedata.normalize("NFKC", password)


def password_fault(password: str, *, email: str = "", name: str = "") -> str | None:
    """`too_short`, `too_long`, `common`, `personal`, or None."""
    if len(password) > 4 * MAX_PASSWORD:
        return "too_long"
    password = normal(password)
    if len(password) < MIN_PASSWORD:
        return "too_short"
    if len(password) > MAX_PASSWORD:
        return "too_long"
    folded = password.casefold()
    if len(set(folded)) < 4 or _is_common(folded):
        return "common"
    bare = _bare(folded)
    personal = {_bare(email.casefold()), _bare(email.casefold().partition("@")[0]), _bare(name.casefold())}
    return "personal" if any(len(word) >= 3 and bare == word for word in personal) else None


def _bare(text: str) -> str:
    """Without what people put between and around words."""
    return re.sub(r"[\W\d_]+", "", normal(text))


def _is_common(folded: str) -> bool:
    """On the list of what people choose most; as it is, or with digits and signs around it."""
    common = _common()
    return folded in common or _EDGES.sub("", folded) in common or (folded[: len(folded) // 2] * 2 == folded)


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


class Hasher:
    """Makes and verifies hashes. Everything is counted by the caller's limits before it comes here."""

    def __init__(self, entropy: Entropy, *, memory: int = MEMORY) -> None:
        self._entropy = entropy
        self._argon = PasswordHasher(time_cost=1, memory_cost=memory, parallelism=1, hash_len=32, type=Type.ID)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        salt = self._entropy.take(16)
        return await self._run(lambda: self._argon.hash(normal(password), salt=salt))

    async def verify(self, known: str | None, password: str) -> bool:
        """Whether the password is the one of `known`. Without one, nobody's hash is verified, for as long as that takes."""
        if self._nobodys is None:
            self._nobodys = await self.hash("nobody signs in with this")
        stored = known or self._nobodys
        right = await self._run(lambda: self._matches(stored, password))
        return right and known is not None

    def needs_rehash(self, known: str) -> bool:
        """Whether it was made with other parameters than today's."""
        return self._argon.check_needs_rehash(known)

    def _matches(self, known: str, password: str) -> bool:
        if len(password) > 4 * MAX_PASSWORD:
            password = ""
        try:
            return self._argon.verify(known, normal(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Refusal(503, "unavailable", detail="too many passwords at once")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
