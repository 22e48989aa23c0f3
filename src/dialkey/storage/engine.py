"""What every room sees of the database: reading, writing in one transaction, and the coalesced hot path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from dialkey.settings import Database
from dialkey.storage.statement import Row, Statement

T = TypeVar("T")
DEFER = 0.25
"""Seconds that deferred work waits for another transaction."""


class StorageUnavailable(Exception):
    """The database did not answer or could not store. Nothing that was asked for can be taken as done."""


class Conflict(Exception):
    """A row with this key exists already."""


class Reader(Protocol):
    """Sees what is committed."""

    async def one(self, statement: Statement, **values: Any) -> Row | None:
        """The first row, or None."""

    async def all(self, statement: Statement, **values: Any) -> list[Row]: ...


class Writer(Reader, Protocol):
    """One transaction: reads see its own writes; `one` and `all` give what `RETURNING` returns."""

    async def run(self, statement: Statement, **values: Any) -> int:
        """The number of rows that changed. Raises Conflict where a unique key is taken."""


Unit = Callable[[Writer], Awaitable[T]]
"""A unit of work: awaits nothing but its writer, so that it can be run again after a serialization failure and, on
SQLite, to its end in the writer thread. What it returns was committed; what it raises was rolled back."""


class Storage(Protocol):
    """An open database."""

    read: Reader
    statements: int
    """Statements executed since opening; a batch counts once."""

    async def write(self, unit: Unit[T]) -> T:
        """Runs `unit` in one transaction and commits before returning. Raising rolls back."""

    async def find(self, statement: Statement, **values: Any) -> Row | None:
        """One row by key; concurrent calls share a statement."""

    async def claim(self, statement: Statement, **values: Any) -> Row | None:
        """One guarded `UPDATE … RETURNING` by key, committed when this returns; None: another one was first, or the
        guard does not hold. Concurrent calls share a commit."""

    def defer(self, unit: Unit[None]) -> None:
        """Runs `unit` within about a quarter of a second, in the transaction of another one where there is any. For what
        need not be: a process that dies, or a database that fails, loses it without a word."""

    async def flush(self) -> None:
        """Until nothing that was deferred is left to do."""

    async def script(self, text: str) -> None:
        """DDL, statement by statement, in one transaction."""

    async def ping(self) -> None:
        """Raises StorageUnavailable unless the database answers and can be written."""

    async def close(self) -> None: ...


async def open_storage(settings: Database) -> Storage:
    """Opens what `database.url` names; raises StorageUnavailable."""
    if settings.url.startswith("sqlite:///"):
        from dialkey.storage.sqlite import SqliteStorage

        return SqliteStorage(settings.url.removeprefix("sqlite:///"), timeout=settings.statement_timeout)
    from dialkey.storage.postgres import PostgresStorage

    return await PostgresStorage.open(settings)
