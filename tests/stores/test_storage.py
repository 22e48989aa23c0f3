"""The engine: one behaviour on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import re

import pytest

from dialkey.settings import Database
from dialkey.storage import Statement, Storage, Writer, open_storage
from dialkey.storage.engine import Conflict, StorageUnavailable
from dialkey.storage.migrations import known, migrate, missing
from support.clock import ManualClock

ADD = Statement("test.add", "INSERT INTO schedules (name, next_at) VALUES (:name, :next_at)")
ADD_QUIETLY = Statement(
    "test.add_quietly", "INSERT INTO schedules (name, next_at) VALUES (:name, :next_at) ON CONFLICT DO NOTHING"
)
ALL = Statement("test.all", "SELECT name, next_at FROM schedules ORDER BY name")
FIND = Statement(
    "test.find",
    "SELECT {ordinal} s.name, s.next_at FROM {join_batch} schedules s WHERE s.name = v.name",
    batch={"name": "text"},
)
SPEND = Statement(
    "test.spend",
    "UPDATE schedules SET next_at = v.next_at {from_batch} WHERE schedules.name = v.name AND schedules.next_at = 0"
    " RETURNING {ordinal} schedules.name, schedules.next_at",
    batch={"name": "text", "next_at": "bigint"},
)
PLAIN_SPEND = Statement(
    "test.plain_spend",
    "UPDATE schedules SET next_at = :next_at WHERE name = :name AND next_at = 0 RETURNING name, next_at",
)
ORPHAN = Statement(
    "test.orphan",
    "INSERT INTO product_scopes (product_id, scope, optional) VALUES ('nobody', 'nothing', 0)",
)


async def add(storage: Storage, *names: str) -> None:
    async def unit(writer: Writer) -> None:
        for name in names:
            await writer.run(ADD, name=name, next_at=0)

    await storage.write(unit)


async def names(storage: Storage) -> list[str]:
    return [row.name for row in await storage.read.all(ALL)]


async def test_a_unit_reads_its_own_writes_and_gives_its_result(storage: Storage) -> None:
    async def unit(writer: Writer) -> list[str]:
        assert await writer.run(ADD, name="a", next_at=0) == 1
        assert await writer.run(ADD_QUIETLY, name="a", next_at=1) == 0
        row = await writer.one(FIND, name="a")
        return [row.name, *(found.name for found in await writer.all(ALL))]

    assert await storage.write(unit) == ["a", "a"]
    assert await names(storage) == ["a"]


async def test_raising_rolls_back(storage: Storage) -> None:
    async def unit(writer: Writer) -> None:
        await writer.run(ADD, name="a", next_at=0)
        raise LookupError("stop")

    with pytest.raises(LookupError, match="stop"):
        await storage.write(unit)
    assert await names(storage) == []


async def test_one_unit_that_fails_leaves_the_others_of_its_batch(storage: Storage) -> None:
    async def unit(writer: Writer, name: str) -> str:
        await writer.run(ADD, name=name, next_at=0)
        if int(name) % 3 == 0:
            raise LookupError(name)
        return name

    outcomes = await asyncio.gather(
        *(storage.write(lambda writer, n=n: unit(writer, f"{n:03d}")) for n in range(60)), return_exceptions=True
    )
    assert [isinstance(outcome, LookupError) for outcome in outcomes] == [n % 3 == 0 for n in range(60)]
    assert await names(storage) == [f"{n:03d}" for n in range(60) if n % 3]


async def test_a_taken_key_is_a_conflict(storage: Storage) -> None:
    await add(storage, "a")
    with pytest.raises(Conflict):
        await add(storage, "b", "a")
    assert await names(storage) == ["a"]


async def test_a_missing_parent_is_a_mistake_and_no_conflict(storage: Storage) -> None:
    async def unit(writer: Writer) -> None:
        await writer.run(ORPHAN)

    with pytest.raises(Exception) as caught:
        await storage.write(unit)
    assert not isinstance(caught.value, (Conflict, StorageUnavailable))
    await add(storage, "still works")


async def test_no_row_is_none_and_an_empty_list(storage: Storage) -> None:
    assert await storage.find(FIND, name="nobody") is None
    assert await storage.read.one(FIND, name="nobody") is None
    assert await storage.read.all(ALL) == []
    assert await storage.claim(SPEND, name="nobody", next_at=1) is None


async def test_finds_at_once_get_each_their_own_row(storage: Storage) -> None:
    await add(storage, *(f"n{n}" for n in range(50)))
    rows = await asyncio.gather(*(storage.find(FIND, name=f"n{n % 60}") for n in range(300)))
    assert [row and row.name for row in rows] == [f"n{n % 60}" if n % 60 < 50 else None for n in range(300)]


async def test_one_find_after_the_other_is_answered(storage: Storage) -> None:
    """Whoever is answered asks again in the very same turn of the loop."""
    await add(storage, "a")
    async with asyncio.timeout(5):
        for _ in range(50):
            assert (await storage.find(FIND, name="a")).name == "a"
            assert await storage.claim(SPEND, name="nobody", next_at=1) is None


async def test_finds_at_once_share_statements_on_postgres(storage: Storage) -> None:
    await add(storage, "a")
    before = storage.statements
    await asyncio.gather(*(storage.find(FIND, name="a") for _ in range(200)))
    if storage.dialect == "postgres":  # type: ignore[attr-defined]
        assert storage.statements - before <= 3


@pytest.mark.parametrize("rivals", [2, 30])
async def test_claims_at_once_have_one_winner_each(storage: Storage, rivals: int) -> None:
    await add(storage, *(f"n{n}" for n in range(10)))
    calls = [(f"n{n}", 1 + rival) for n in range(10) for rival in range(rivals)]
    rows = await asyncio.gather(*(storage.claim(SPEND, name=name, next_at=mark) for name, mark in calls))
    won = {name: (mark, row) for (name, mark), row in zip(calls, rows, strict=True) if row is not None}
    assert len([row for row in rows if row is not None]) == 10
    stored = {row.name: row.next_at for row in await storage.read.all(ALL)}
    assert {name: mark for name, (mark, _) in won.items()} == stored
    assert all(row.next_at == mark for mark, row in won.values())


async def test_claims_of_two_processes_have_one_winner(storage: Storage, databases: object) -> None:
    """Two storages on one database, as two workers are."""
    url = f"sqlite:///{storage.path}" if storage.dialect == "sqlite" else storage.pool.conninfo  # type: ignore[attr-defined]
    other = await open_storage(Database(url=url, pool_size=4))
    try:
        await add(storage, *(f"n{n}" for n in range(20)))

        async def unit(writer: Writer, name: str) -> bool:
            return await writer.one(PLAIN_SPEND, name=name, next_at=3) is not None

        for n in range(20):
            outcomes = await asyncio.gather(
                storage.claim(SPEND, name=f"n{n}", next_at=1),
                other.claim(SPEND, name=f"n{n}", next_at=2),
                storage.write(lambda writer, n=n: unit(writer, f"n{n}")),
                other.write(lambda writer, n=n: unit(writer, f"n{n}")),
            )
            assert len([outcome for outcome in outcomes if outcome]) == 1
    finally:
        await other.close()


async def test_a_unit_that_waits_for_something_else_is_refused_on_sqlite(storage: Storage) -> None:
    async def unit(writer: Writer) -> None:
        await writer.run(ADD, name="a", next_at=0)
        await asyncio.sleep(0)

    if storage.dialect == "sqlite":  # type: ignore[attr-defined]
        with pytest.raises(RuntimeError, match="nothing but its writer"):
            await storage.write(unit)
        assert await names(storage) == []
    await add(storage, "b")
    assert "b" in await names(storage)


async def test_a_caller_who_goes_away_disturbs_nobody(storage: Storage) -> None:
    await add(storage, "a")
    tasks = [asyncio.create_task(storage.find(FIND, name="a")) for _ in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    rows = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(row.name == "a" for row in rows[1::2])


async def test_bytes_none_and_large_numbers_come_back(storage: Storage) -> None:
    put = Statement(
        "test.put", "INSERT INTO images (id, media_type, content, created_at) VALUES (:id, :type, :content, :at)"
    )
    get = Statement("test.get", "SELECT content, created_at FROM images WHERE id = :id")

    async def unit(writer: Writer) -> None:
        await writer.run(put, id="x", type="image/png", content=b"\x00\xff" * 500, at=2**53 + 1)

    await storage.write(unit)
    row = await storage.read.one(get, id="x")
    assert (bytes(row.content), row.created_at) == (b"\x00\xff" * 500, 2**53 + 1)


async def test_text_that_looks_like_sql_stays_text(storage: Storage) -> None:
    nasty = "'; DROP TABLE schedules; -- :name {from_batch} %s $1 \u2028 é"
    await add(storage, nasty)
    assert (await storage.find(FIND, name=nasty)).name == nasty


async def test_migrations_make_a_database_and_then_do_nothing(bare_url: str, clock: ManualClock) -> None:
    storage = await open_storage(Database(url=bare_url, pool_size=4))
    try:
        assert await missing(storage) == known()
        assert await migrate(storage, clock) == known()
        assert await missing(storage) == []
        assert await migrate(storage, clock) == []
    finally:
        await storage.close()


async def test_nodes_that_migrate_at_once_all_succeed(bare_url: str, clock: ManualClock) -> None:
    storages = [await open_storage(Database(url=bare_url, pool_size=2)) for _ in range(4)]
    try:
        await asyncio.gather(*(migrate(storage, clock) for storage in storages))
        assert await missing(storages[0]) == []
    finally:
        for storage in storages:
            await storage.close()


async def _columns(storage: Storage) -> dict[str, list[str]]:
    if storage.dialect == "sqlite":  # type: ignore[attr-defined]
        text = (
            "SELECT m.name AS name, c.name AS part, c.type AS kind FROM sqlite_master m"
            " JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
        )
    else:
        text = (
            "SELECT table_name AS name, column_name AS part, upper(data_type) AS kind FROM information_schema.columns"
            " WHERE table_schema = 'public'"
        )
    found: dict[str, list[str]] = {}
    for row in await storage.read.all(Statement("test.columns", text)):
        kind = {"BLOB": "BYTES", "BYTEA": "BYTES"}.get(row.kind, row.kind)
        found.setdefault(row.name, []).append(f"{row.part} {kind}")
    return {name: sorted(parts) for name, parts in found.items()}


async def test_both_databases_have_the_tables_that_the_migrations_name(storage: Storage) -> None:
    from importlib.resources import files

    expected: dict[str, list[str]] = {"migrations": ["applied_at BIGINT", "name TEXT"]}
    for migration in known():
        text = (files("dialkey.storage.migrations") / migration).read_text().replace("{bytes}", "BYTES")
        for name, body in re.findall(r"CREATE TABLE IF NOT EXISTS (\w+) \(\n(.*?)\n\);", text, re.S):
            parts = re.findall(r"^  ([a-z]\w*) (TEXT|BIGINT|BYTES)\b", body, re.M)
            expected[name] = sorted(f"{part} {kind}" for part, kind in parts)
        for name, part, kind in re.findall(r"ALTER TABLE (\w+) ADD COLUMN (?:IF NOT EXISTS )?(\w+) (\w+)", text):
            expected[name] = sorted([*expected[name], f"{part} {kind}"])
    assert await _columns(storage) == expected


async def test_a_closed_database_is_unavailable_and_not_silent(bare_url: str) -> None:
    if bare_url.startswith("sqlite"):
        with pytest.raises(StorageUnavailable):
            await open_storage(Database(url="sqlite:////proc/nowhere/x.sqlite3"))
    else:
        with pytest.raises(StorageUnavailable):
            await open_storage(Database(url=re.sub(r":\d+/", ":1/", bare_url)))


async def _eventually(storage: Storage, names: list[str]) -> None:
    async with asyncio.timeout(5):
        while [row.name for row in await storage.read.all(ALL)] != names:
            await asyncio.sleep(0.02)


async def test_deferred_work_is_done_soon_and_when_the_database_closes(storage: Storage) -> None:
    def adding(name: str):
        async def unit(writer: Writer) -> None:
            await writer.run(ADD, name=name, next_at=1)

        return unit

    storage.defer(adding("a"))
    assert await storage.read.all(ALL) == []
    await _eventually(storage, ["a"])
    storage.defer(adding("b"))
    await storage.flush()
    await _eventually(storage, ["a", "b"])


async def test_deferred_work_that_fails_takes_nothing_with_it(storage: Storage) -> None:
    async def broken(writer: Writer) -> None:
        await writer.run(ADD, name="gone", next_at=1)
        await writer.run(ORPHAN)

    async def fine(writer: Writer) -> None:
        await writer.run(ADD, name="kept", next_at=1)

    storage.defer(broken)
    await storage.write(fine)
    await storage.flush()
    await _eventually(storage, ["kept"])


async def test_a_column_is_added_once(storage: Storage) -> None:
    text = "ALTER TABLE schedules ADD COLUMN note TEXT NOT NULL DEFAULT '';\n"
    await storage.script(text)
    await storage.script(text)
    assert [row.note for row in await storage.read.all(Statement("test.note", "SELECT note FROM schedules"))] == []
