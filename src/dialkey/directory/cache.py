"""A small memory of what was just looked up."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from dialkey.base.clock import Clock, Instant

V = TypeVar("V")


class RecentCache(Generic[V]):
    """Keeps a value for `lifetime` milliseconds from the moment its loading began; the least recently used go first.

    What does not exist is not kept, so that guessing fills nothing. Callers who miss the same key at once share one
    load; one of them going away does not take it from the others.
    """

    __slots__ = ("_clock", "_lifetime", "_load", "_loading", "_size", "_values")

    def __init__(
        self, load: Callable[[str], Awaitable[V | None]], *, clock: Clock, lifetime: int = 1000, size: int = 10_000
    ) -> None:
        self._load = load
        self._clock = clock
        self._lifetime = lifetime
        self._size = size
        self._values: OrderedDict[str, tuple[Instant, V]] = OrderedDict()
        self._loading: dict[str, asyncio.Task[V | None]] = {}

    async def get(self, key: str) -> V | None:
        kept = self._values.get(key)
        if kept is not None and 0 <= self._clock.now() - kept[0] < self._lifetime:
            self._values.move_to_end(key)
            return kept[1]
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.get_running_loop().create_task(self._fill(key))
            task.add_done_callback(lambda done: self._loaded(key, done))
        return await asyncio.shield(task)

    async def _fill(self, key: str) -> V | None:
        began = self._clock.now()
        value = await self._load(key)
        if self._loading.get(key) is not asyncio.current_task():
            return value  # forgotten meanwhile
        if value is None:
            self._values.pop(key, None)
            return None
        self._values[key] = (began, value)
        self._values.move_to_end(key)
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value

    def _loaded(self, key: str, task: asyncio.Task[V | None]) -> None:
        if self._loading.get(key) is task:
            del self._loading[key]
        if not task.cancelled():
            task.exception()  # whoever waits is told; nobody waiting is no fault

    def forget(self) -> None:
        """Everything is looked up anew, also what is being loaded now."""
        self._values.clear()
        self._loading.clear()

    def __len__(self) -> int:
        return len(self._values)
