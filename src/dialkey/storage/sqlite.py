"""SQLite: reads in the event loop, one writer thread that commits what is waiting together.

`synchronous=FULL`: an acknowledged commit survives a power cut. One fsync serves every unit of work that queued up while
the one before it was under way, so durability costs little under load.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from collections import namedtuple
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import structlog

from dialkey.storage.engine import DEFER, Conflict, StorageUnavailable, Unit, Writer
from dialkey.storage.statement import Row, Statement

T = TypeVar("T")
MAX_BATCH = 256
_log = structlog.get_logger("dialkey.storage")


def connect(path: str, timeout: float) -> sqlite3.Connection:
    """A connection with the pragmas that durability and speed need."""
    connection = sqlite3.connect(
        path, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-16000",
        "wal_autocheckpoint=2000",
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}").close()
    return connection


_TAKEN = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)


def _is_outage(error: BaseException) -> bool:
    """Whether the database failed, rather than a statement being wrong."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR


def _outage(error: sqlite3.OperationalError) -> Exception:
    return StorageUnavailable(str(error)) if _is_outage(error) else error


class _Connection:
    """Runs statements and names the fields of what they return."""

    __slots__ = ("connection", "count", "row_types")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.count = 0
        self.row_types: dict[str, Callable[[tuple[Any, ...]], Row]] = {}

    def execute(self, statement: Statement, values: dict[str, Any]) -> sqlite3.Cursor:
        self.count += 1
        try:
            return self.connection.execute(statement.sqlite, values)
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode not in _TAKEN:
                raise
            raise Conflict(f"{statement.name}: {error}") from None

    def one(self, statement: Statement, values: dict[str, Any]) -> Row | None:
        cursor = self.execute(statement, values)
        if statement.writes:  # a RETURNING statement is done only when it was read to its end
            rows = cursor.fetchall()
            row = rows[0] if rows else None
        else:
            row = cursor.fetchone()
            cursor.close()
        return None if row is None else self.row_type(statement, cursor)(row)

    def all(self, statement: Statement, values: dict[str, Any]) -> list[Row]:
        cursor = self.execute(statement, values)
        rows = cursor.fetchall()
        return list(map(self.row_type(statement, cursor), rows)) if rows else []

    def row_type(self, statement: Statement, cursor: sqlite3.Cursor) -> Callable[[tuple[Any, ...]], Row]:
        made = self.row_types.get(statement.sqlite)
        if made is None:
            made = namedtuple("Row", [column[0] for column in cursor.description])._make
            self.row_types[statement.sqlite] = made
        return made


class SqliteReader:
    """Reads committed rows; a read takes microseconds, so it runs where it is awaited."""

    __slots__ = ("_connection",)

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    async def one(self, statement: Statement, **values: Any) -> Row | None:
        try:
            return self._connection.one(statement, values)
        except sqlite3.OperationalError as error:
            raise _outage(error) from error

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        try:
            return self._connection.all(statement, values)
        except sqlite3.OperationalError as error:
            raise _outage(error) from error


class SqliteWriter:
    """The inside of a unit of work; lives in the writer thread."""

    __slots__ = ("_connection",)

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    async def one(self, statement: Statement, **values: Any) -> Row | None:
        return self._connection.one(statement, values)

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        return self._connection.all(statement, values)

    async def run(self, statement: Statement, **values: Any) -> int:
        return self._connection.execute(statement, values).rowcount


_Work = tuple[Callable[[], Any], bool, "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class SqliteStorage:
    """See `engine.Storage`."""

    dialect = "sqlite"

    def __init__(self, path: str, *, timeout: float = 5) -> None:
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._reading = _Connection(connect(path, timeout))
            self._writing = _Connection(connect(path, timeout))
        except (sqlite3.Error, OSError) as error:
            raise StorageUnavailable(f"{path}: {error}") from error
        self.path = path
        self.read = SqliteReader(self._reading)
        self._writer = SqliteWriter(self._writing)
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._deferred: list[Unit[None]] = []
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()

    @property
    def statements(self) -> int:
        return self._reading.count + self._writing.count

    async def write(self, unit: Unit[T]) -> T:
        return await self._submit(lambda: _drive(unit(self._writer)), alone=False)

    async def find(self, statement: Statement, **values: Any) -> Row | None:
        return await self.read.one(statement, **values)

    async def claim(self, statement: Statement, **values: Any) -> Row | None:
        return await self._submit(lambda: self._writing.one(statement, values), alone=True)

    def defer(self, unit: Unit[None]) -> None:
        self._deferred.append(unit)
        if len(self._deferred) == 1:
            asyncio.get_running_loop().call_later(DEFER, self._queue_deferred)

    async def flush(self) -> None:
        if self._deferred:
            await self.ping()

    def _queue_deferred(self) -> None:
        """Ahead of what is queued next, so that both share its commit."""
        if self._deferred:
            loop = asyncio.get_running_loop()
            units, self._deferred = self._deferred, []
            for unit in units:
                future: asyncio.Future[Any] = loop.create_future()
                future.add_done_callback(_lost)
                self._queue.put((partial(_drive_unit, unit, self._writer), False, future, loop))

    async def script(self, text: str) -> None:
        async def unit(_: Writer) -> None:
            for part in split_script(text):
                if not self._has_column(part):
                    self._writing.connection.execute(Statement("ddl", part).sqlite)

        await self.write(unit)

    def _has_column(self, part: str) -> bool:
        """True for an `ALTER TABLE … ADD COLUMN` that was done before: SQLite has no IF NOT EXISTS there."""
        if (added := ADD_COLUMN.match(part)) is None:
            return False
        columns = self._writing.connection.execute(f"PRAGMA table_info({added[1]})").fetchall()
        return added[2] in {column[1] for column in columns}

    async def ping(self) -> None:
        await self._submit(lambda: self._writing.connection.execute("SELECT 1").fetchone(), alone=True)

    async def close(self) -> None:
        if self._thread.is_alive():
            self._queue_deferred()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._reading.connection.close()
            self._writing.connection.close()

    async def _submit(self, work: Callable[[], Any], *, alone: bool) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._queue_deferred()
        self._queue.put((work, alone, future, loop))
        return await future

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            stop = False
            while len(batch) < MAX_BATCH:
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    break
                if item is None:
                    stop = True
                    break
                batch.append(item)
            _deliver(batch, self._commit_together(batch))
            if stop:
                return

    def _commit_together(self, batch: list[_Work]) -> list[tuple[bool, Any]]:
        """One transaction for the batch; a unit that fails is undone alone. If the commit fails, nobody's is done."""
        execute = self._writing.connection.execute
        try:
            execute("BEGIN IMMEDIATE")
            outcomes = [self._run(work, alone=alone) for work, alone, _, _ in batch]
            execute("COMMIT")
        except BaseException as error:
            self._undo()
            failure = StorageUnavailable(str(error))
            failure.__cause__ = error
            return [(False, failure)] * len(batch)
        return outcomes

    def _run(self, work: Callable[[], Any], *, alone: bool) -> tuple[bool, Any]:
        """A claim is one statement, which SQLite undoes by itself; a longer unit has a savepoint."""
        execute = self._writing.connection.execute
        if not alone:
            execute("SAVEPOINT unit")
        try:
            result = work()
        except BaseException as error:
            if _is_outage(error):
                raise  # the disk, a lock: true for the whole batch
            if not alone:
                execute("ROLLBACK TO unit")
                execute("RELEASE unit")
            return False, error
        if not alone:
            execute("RELEASE unit")
        return True, result

    def _undo(self) -> None:
        with suppress(sqlite3.Error):  # the next BEGIN tells
            if self._writing.connection.in_transaction:
                self._writing.connection.execute("ROLLBACK")


def _drive(unit: Awaitable[T]) -> T:
    """Runs a coroutine that never suspends to its end."""
    coroutine: Any = unit
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("a unit of work may await nothing but its writer")


def _drive_unit(unit: Unit[T], writer: Writer) -> T:
    return _drive(unit(writer))


def _lost(future: asyncio.Future[Any]) -> None:
    """Deferred work that failed is forgotten: whoever deferred it said so."""
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.warning("deferred work was lost", error=type(error).__name__)


def _deliver(batch: list[_Work], outcomes: list[tuple[bool, Any]]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], bool, Any]]] = {}
    for (_, _, future, loop), (done, value) in zip(batch, outcomes, strict=True):
        by_loop.setdefault(loop, []).append((future, done, value))
    for loop, results in by_loop.items():
        with suppress(RuntimeError):  # the loop is gone, and with it whoever waited
            loop.call_soon_threadsafe(_resolve, results)


def _resolve(results: list[tuple[asyncio.Future[Any], bool, Any]]) -> None:
    for future, done, value in results:
        if future.cancelled():
            continue
        if done:
            future.set_result(value)
        else:
            future.set_exception(value)


ADD_COLUMN = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+)")


def split_script(text: str) -> list[str]:
    """The statements of a migration: separated by `;` at a line's end, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";\n") if part.strip(" ;\n")]
