"""Effects with conditions: the answer is kept in the transaction of the effect, and compared with before it.

`JoinedStorage` stands between the use cases and the database. While a request carries a `Joint`, the first transaction
that a use case opens does more: before it, the request's conditions are looked at (`If-Match`); after it, the answer is
made, by reading what the transaction wrote, and kept for who asks again with the same `Idempotency-Key`. A process that
dies in between has done nothing at all, and one that dies behind it finds the answer again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from dialkey.api import store
from dialkey.base.clock import DAY, Clock, after
from dialkey.base.entropy import Entropy
from dialkey.storage import Reader, Storage, Writer
from dialkey.storage.engine import Unit
from dialkey.storage.keyring import Keyring
from dialkey.web.errors import Refusal

T = TypeVar("T")
KEPT = DAY
"""How long an answer is given again."""
_joint: ContextVar[Joint | None] = ContextVar("joint", default=None)
_writer: ContextVar[Writer | None] = ContextVar("writer", default=None)


class Said(msgspec.Struct, frozen=True, array_like=True):
    """An answer as it went over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Taken(Exception):
    """Somebody else was first with this Idempotency-Key; what was done is undone."""


@dataclass(slots=True, kw_only=True)
class Joint:
    """What joins the next transaction. `before` raises to undo it; `behind` gets what the unit of work returned."""

    before: Callable[[Writer], Awaitable[None]] | None = None
    behind: Callable[[Writer, Any], Awaitable[None]] | None = None
    done: bool = field(default=False)


class JoinedStorage:
    """A `Storage` that looks the same to its users."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    @property
    def read(self) -> Reader:
        """Within a joined transaction: what it wrote so far."""
        return _writer.get() or self._storage.read

    async def write(self, unit: Unit[T]) -> T:
        joint = _joint.get()
        if joint is None or joint.done:
            return await self._storage.write(unit)

        async def joined(writer: Writer) -> T:
            _writer.set(writer)
            try:
                if joint.before is not None:
                    await joint.before(writer)
                result = await unit(writer)
                if joint.behind is not None:
                    await joint.behind(writer, result)
                return result
            finally:
                _writer.set(None)

        result = await self._storage.write(joined)
        joint.done = True
        return result


async def with_joint(joint: Joint, work: Callable[[], Awaitable[T]]) -> T:
    """Does `work`; the first transaction that it opens is joined."""
    token = _joint.set(joint)
    try:
        return await work()
    finally:
        _joint.reset(token)


class Answers:
    """Answers that are given again, byte for byte, to who asks again. They are sealed: some show a secret."""

    def __init__(self, storage: Storage, keyring: Keyring, clock: Clock, entropy: Entropy) -> None:
        self._storage = storage
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy

    def digest(self, api_key_id: str, idempotency_key: str) -> str:
        """What an answer is found by: it belongs to one API key."""
        return self._keyring.digest("api answer", f"{api_key_id} {idempotency_key}")

    def fingerprint(self, method: str, target: str, body: bytes) -> str:
        """What makes a request the same."""
        return self._keyring.digest("api request", f"{method} {target} {body.hex()}")

    async def find(self, digest: str, fingerprint: str) -> Said | None:
        """The answer that was given before. Refusal 422 `idempotency_key_reused` where it was to another request."""
        row = await self._storage.read.one(store.FIND_ANSWER, digest=digest, now=self._clock.now())
        if row is None:
            return None
        if row.fingerprint != fingerprint:
            raise Refusal(422, "idempotency_key_reused")
        content = self._keyring.open_box(f"api/{digest}", row.sealed)
        if content is None:
            raise Refusal(422, "idempotency_key_reused", detail="the answer cannot be opened")
        return msgspec.msgpack.decode(content, type=Said)

    async def keep(self, writer: Writer, digest: str, fingerprint: str, said: Said) -> None:
        """Raises Taken where there is one already."""
        now = self._clock.now()
        kept = await writer.run(
            store.KEEP_ANSWER,
            digest=digest,
            fingerprint=fingerprint,
            sealed=self._keyring.box().close(self._entropy, f"api/{digest}", msgspec.msgpack.encode(said)),
            now=now,
            expires_at=after(now, KEPT),
        )
        if not kept:
            raise Taken
