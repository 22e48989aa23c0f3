"""PostgreSQL through psycopg 3: a pool of connections, and one statement over arrays for concurrent calls of one kind.

`synchronous_commit` stays on, `READ COMMITTED` suffices: whatever must happen once is one guarded statement.
"""

from __future__ import annotations

import asyncio
from collections import namedtuple
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
import structlog
from psycopg import AsyncConnection, AsyncRawCursor, errors
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from dialkey.settings import Database
from dialkey.storage.engine import DEFER, Conflict, StorageUnavailable, Unit, Writer
from dialkey.storage.sqlite import ADD_COLUMN, split_script
from dialkey.storage.statement import Row, Statement

T = TypeVar("T")
MAX_BATCH = 256
RETRIES = 5
_log = structlog.get_logger("dialkey.storage")

_UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, OSError)
_TRY_AGAIN = (errors.SerializationFailure, errors.DeadlockDetected)
_ONE_AT_A_TIME = (
    "SET LOCAL lock_timeout = '60s'",
    "SET LOCAL statement_timeout = 0",
    "SELECT pg_advisory_xact_lock(4918241)",  # IF NOT EXISTS does not hold against another session's CREATE
)


class PostgresStorage:
    """See `engine.Storage`."""

    dialect = "postgres"

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        self.pool = pool
        self.statements = 0
        self.read = PostgresReader(self)
        self._kinds: dict[Statement, _Coalescer] = {}
        self._deferred: list[Unit[None]] = []
        self._deferring: set[asyncio.Task[None]] = set()
        self._row_types: dict[str, Callable[[Any], Row]] = {}

    @classmethod
    async def open(cls, settings: Database) -> PostgresStorage:
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            settings.url,
            min_size=2,
            max_size=settings.pool_size,
            timeout=1.5,
            max_lifetime=1800,
            reconnect_timeout=3600,
            open=False,
            kwargs={
                "autocommit": True,
                "cursor_factory": AsyncRawCursor,
                "prepare_threshold": 2,
                "connect_timeout": 2,
                "application_name": "dialkey",
                "options": f"-c statement_timeout={settings.statement_timeout * 1000} -c lock_timeout=2000"
                " -c idle_in_transaction_session_timeout=10000 -c jit=off -c timezone=UTC",
                "tcp_user_timeout": 2000,
            },
        )
        try:
            await pool.open(wait=True, timeout=5)
        except _UNAVAILABLE as error:
            await pool.close()
            raise StorageUnavailable(str(error)) from error
        return cls(pool)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A connection from the pool; every fault of the database becomes StorageUnavailable."""
        try:
            async with self.pool.connection() as connection:
                yield connection
        except _TRY_AGAIN:
            raise
        except errors.UniqueViolation as error:
            raise Conflict(str(error.diag.constraint_name)) from None
        except _UNAVAILABLE as error:
            raise StorageUnavailable(type(error).__name__) from error

    async def write(self, unit: Unit[T]) -> T:
        for attempt in range(RETRIES):
            try:
                async with self.connection() as connection, connection.transaction():
                    return await unit(PostgresWriter(self, connection))
            except _TRY_AGAIN as error:
                if attempt == RETRIES - 1:
                    raise StorageUnavailable(type(error).__name__) from error
                await asyncio.sleep(0.005 * 2**attempt)
        raise AssertionError("unreachable")

    async def find(self, statement: Statement, **values: Any) -> Row | None:
        return await self._kind(statement).ask(values)

    async def claim(self, statement: Statement, **values: Any) -> Row | None:
        return await self._kind(statement).ask(values)

    def defer(self, unit: Unit[None]) -> None:
        self._deferred.append(unit)
        if len(self._deferred) == 1:
            asyncio.get_running_loop().call_later(DEFER, self._start_deferred)

    async def flush(self) -> None:
        self._start_deferred()
        await asyncio.gather(*self._deferring)

    def _start_deferred(self) -> None:
        if self._deferred:
            units, self._deferred = self._deferred, []
            task = asyncio.create_task(self._run_deferred(units))
            self._deferring.add(task)
            task.add_done_callback(self._deferring.discard)

    async def _run_deferred(self, units: list[Unit[None]]) -> None:
        async def together(writer: Writer) -> None:
            for unit in units:
                await unit(writer)

        try:
            await self.write(together)
        except Exception as error:
            _log.warning("deferred work was lost", error=type(error).__name__)

    async def script(self, text: str) -> None:
        async with self.connection() as connection, connection.transaction():
            for part in _ONE_AT_A_TIME:
                await connection.execute(part)
            for part in split_script(text):
                again = ADD_COLUMN.sub(r"ALTER TABLE \1 ADD COLUMN IF NOT EXISTS \2", part)
                await connection.execute(Statement("ddl", again).postgres)

    async def ping(self) -> None:
        async with self.connection() as connection:
            await connection.execute("SELECT 1")

    async def close(self) -> None:
        await self.flush()
        await self.pool.close()

    def _kind(self, statement: Statement) -> _Coalescer:
        kind = self._kinds.get(statement)
        if kind is None:
            assert statement.batch, f"{statement} has no batch form"
            kind = self._kinds[statement] = _Coalescer(self, statement)
        return kind

    async def rows(self, connection: AsyncConnection[Any], statement: Statement, values: dict[str, Any]) -> list[Row]:
        cursor = await self.execute(connection, statement, values)
        if cursor.description is None:
            return []
        rows = await cursor.fetchall()
        return list(map(self.row_type(statement, cursor), rows)) if rows else []

    async def execute(
        self, connection: AsyncConnection[Any], statement: Statement, values: dict[str, Any]
    ) -> psycopg.AsyncCursor[Any]:
        self.statements += 1
        if statement.batch is None:
            parameters = [values[name] for name in statement.postgres_names]
        else:
            parameters = [[values[name]] for name in statement.postgres_names]
        return await connection.execute(statement.postgres, parameters)  # type: ignore[arg-type]

    def row_type(self, statement: Statement, cursor: psycopg.AsyncCursor[Any]) -> Callable[[Any], Row]:
        made = self._row_types.get(statement.postgres)
        if made is None:
            assert cursor.description is not None
            names = [column.name for column in cursor.description]
            made = namedtuple("Row", names)._make
            self._row_types[statement.postgres] = made
        return made


class PostgresReader:
    """Reads outside a transaction."""

    __slots__ = ("_storage",)

    def __init__(self, storage: PostgresStorage) -> None:
        self._storage = storage

    async def one(self, statement: Statement, **values: Any) -> Row | None:
        rows = await self.all(statement, **values)
        return rows[0] if rows else None

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        async with self._storage.connection() as connection:
            return await self._storage.rows(connection, statement, values)


class PostgresWriter:
    """The inside of a unit of work."""

    __slots__ = ("_connection", "_storage")

    def __init__(self, storage: PostgresStorage, connection: AsyncConnection[Any]) -> None:
        self._storage = storage
        self._connection = connection

    async def one(self, statement: Statement, **values: Any) -> Row | None:
        rows = await self._storage.rows(self._connection, statement, values)
        return rows[0] if rows else None

    async def all(self, statement: Statement, **values: Any) -> list[Row]:
        return await self._storage.rows(self._connection, statement, values)

    async def run(self, statement: Statement, **values: Any) -> int:
        return (await self._storage.execute(self._connection, statement, values)).rowcount


_Call = tuple[dict[str, Any], "asyncio.Future[Row | None]"]


class _Coalescer:
    """Calls of one statement that arrive while a batch is under way become the next batch.

    Reads of equal keys share the answer; of several claims of one row in a batch exactly one wins, because PostgreSQL
    updates a row once per statement and names the ordinal that did it. A batch that fails for its content is tried
    again call by call.
    """

    __slots__ = ("_loop", "_storage", "_under_way", "_waiting", "statement")

    def __init__(self, storage: PostgresStorage, statement: Statement) -> None:
        self.statement = statement
        self._storage = storage
        self._waiting: list[_Call] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, values: dict[str, Any]) -> Row | None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Row | None] = loop.create_future()
        self._waiting.append((values, future))
        if not self._under_way:
            self._start(loop)
        return await future

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        task = loop.create_task(self._run_on())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _run_on(self) -> None:
        try:
            await self._run()
        finally:  # at once: whoever is answered may ask again before a callback of this task runs
            self._under_way.discard(asyncio.current_task())  # type: ignore[arg-type]

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            try:
                await self._batch(batch)
            except (StorageUnavailable, Conflict, *_TRY_AGAIN) as error:
                if isinstance(error, StorageUnavailable) or len(batch) == 1:
                    _fail(batch, error)
                else:
                    for call in batch:
                        try:
                            await self._batch([call])
                        except (StorageUnavailable, Conflict, *_TRY_AGAIN) as again:
                            _fail([call], again)
            except Exception as error:
                _fail(batch, error)

    async def _batch(self, batch: list[_Call]) -> None:
        storage, statement = self._storage, self.statement
        parameters = [[values[name] for values, _ in batch] for name in statement.postgres_names]
        async with storage.connection() as connection:
            storage.statements += 1
            cursor = await connection.execute(statement.postgres, parameters, prepare=True)  # type: ignore[arg-type]
            rows = await cursor.fetchall()
            make = storage.row_type(statement, cursor)
        by_ordinal = {row[0]: row for row in rows}
        for ordinal, (_, future) in enumerate(batch, 1):
            if not future.done():
                row = by_ordinal.get(ordinal)
                future.set_result(None if row is None else make(row))


def _fail(batch: list[_Call], error: Exception) -> None:
    if not isinstance(error, (StorageUnavailable, Conflict)):
        failure: Exception = StorageUnavailable(type(error).__name__)
        failure.__cause__ = error
    else:
        failure = error
    for _, future in batch:
        if not future.done():
            future.set_exception(failure)
