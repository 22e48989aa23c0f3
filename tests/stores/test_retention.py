"""What goes when: only what is past, all of what is past, and every table is spoken for."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import count

import pytest

from dialkey.base.clock import DAY, HOUR, MINUTE, Instant
from dialkey.jobs import RETENTION, Context, retention, retention_schedule
from dialkey.storage import Statement

NOW = 1_790_000_000_000
COLUMN = re.compile(r"^  ([a-z_0-9]+) (TEXT|BIGINT|\{bytes\})", re.M)
TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) \((.*?)\n\);", re.S)
SCHEMA = "\n".join(
    file.read_text() for file in files("dialkey.storage.migrations").iterdir() if file.name.endswith(".sql")
)
TABLES = {name: dict(COLUMN.findall(body)) for name, body in TABLE.findall(SCHEMA)}
NULLABLE = {"exchanged_at", "ended_at", "rotated_at", "passed_at", "finished_at", "claimed_at"}
NUMBERS = count(1)


class Standing:
    def now(self) -> Instant:
        return Instant(NOW)


async def insert(storage, table: str, rows: int = 1, **given: object) -> None:
    """Rows with everything filled in: random enough keys, times far ahead, no nullable time."""
    columns = TABLES[table]
    names = ", ".join(columns)
    statement = Statement(
        f"test.{table}", f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in columns)})"
    )

    def value(name: str, kind: str) -> object:
        if name in given:
            return given[name]
        if name in NULLABLE:
            return None
        if kind == "BIGINT":
            return NOW + 400 * DAY if name.endswith("_at") else 0
        text = {"operator_id": "o", "subscription_id": "s", "state": "waiting"}.get(name, f"{name}{next(NUMBERS)}")
        return text.encode() if kind == "{bytes}" else text

    async def unit(writer) -> None:
        for _ in range(rows):
            await writer.run(statement, **{name: value(name, kind) for name, kind in columns.items()})

    await storage.write(unit)


@pytest.fixture
async def filled(storage):
    await insert(storage, "operators", id="o")
    await insert(storage, "subscriptions", id="s")
    return storage


@pytest.fixture
def run(filled, entropy):
    schedule = retention_schedule()

    async def run() -> None:
        await schedule.handler(Context(storage=filled, clock=Standing(), entropy=entropy))

    return run


async def rows(storage, table: str) -> int:
    return (await storage.read.one(Statement("test.count", f"SELECT COUNT(*) AS n FROM {table}"))).n


PAST_AND_KEPT = [
    ("sign_ins", {"expires_at": NOW - 1}, {"expires_at": NOW}),
    ("sessions", {"expires_at": NOW - 30 * DAY - 1}, {"expires_at": NOW - 30 * DAY, "ended_at": NOW - 29 * DAY}),
    ("limits", {"expires_at": NOW - 1}, {"expires_at": NOW + 1}),
    ("client_assertions", {"expires_at": NOW - 1}, {"expires_at": NOW + 1}),
    ("ended_tokens", {"expires_at": NOW - 1}, {"expires_at": NOW + 1}),
    ("handset_messages", {"expires_at": NOW - 1}, {"expires_at": NOW + HOUR}),
    ("authorizations", {"code_expires_at": NOW - DAY - 1}, {"code_expires_at": NOW - HOUR}),
    (
        "authorizations",
        {"exchanged_at": NOW - 99 * DAY, "ended_at": NOW - 31 * DAY},
        {"exchanged_at": NOW - 99 * DAY, "ended_at": NOW - 29 * DAY},
    ),
    (
        "authorizations",
        {"exchanged_at": NOW - 99 * DAY, "idle_expires_at": NOW - 31 * DAY},
        {"exchanged_at": NOW - 99 * DAY, "code_expires_at": NOW - 99 * DAY},
    ),
    (
        "authorizations",
        {"exchanged_at": NOW - 99 * DAY, "expires_at": NOW - 31 * DAY},
        {"exchanged_at": NOW - 99 * DAY, "expires_at": NOW - 29 * DAY},
    ),
    ("client_events", {"last_at": NOW - 7 * DAY - 1}, {"last_at": NOW - 6 * DAY}),
    ("traffic_hours", {"bucket": NOW - 90 * DAY - 1}, {"bucket": NOW - 89 * DAY}),
    ("traffic_days", {"bucket": NOW - 730 * DAY - 1}, {"bucket": NOW - 729 * DAY}),
    ("jobs", {"state": "failed", "run_at": NOW - DAY - 1}, {"state": "failed", "run_at": NOW - HOUR}),
    ("jobs", {"state": "unknown", "run_at": NOW - DAY - 1}, {"state": "unknown", "run_at": NOW - HOUR}),
    ("jobs", {"state": "waiting", "run_at": NOW - 8 * DAY}, {"state": "waiting", "run_at": NOW - 2 * DAY}),
    ("jobs", {"state": "waiting", "run_at": NOW - 8 * DAY}, {"state": "running", "run_at": NOW - 8 * DAY}),
]


@pytest.mark.parametrize(("table", "past", "kept"), PAST_AND_KEPT)
async def test_only_what_is_past(filled, run, table, past, kept):
    await insert(filled, table, 3, **past)
    await insert(filled, table, 2, **kept)
    await run()
    assert await rows(filled, table) == 2
    await run()
    assert await rows(filled, table) == 2


async def test_more_than_a_batch_is_deleted(filled, run, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 10)
    for table in ("limits", "client_assertions"):
        await insert(filled, table, 45, expires_at=NOW - 1)
        await insert(filled, table, 5)
    await run()
    assert await rows(filled, "limits") == await rows(filled, "client_assertions") == 5


async def test_a_walk_comes_by_every_row_in_several_runs(filled, run, monkeypatch):
    monkeypatch.setattr(retention, "SLICE", 10)
    monkeypatch.setattr(retention, "MOST_SLICES", 3)
    await insert(filled, "authorizations", 60, ended_at=NOW - 60 * DAY)
    await insert(filled, "authorizations", 60)
    await run()
    assert 60 < await rows(filled, "authorizations") <= 120
    for _ in range(5):
        await run()
    assert await rows(filled, "authorizations") == 60


async def test_nothing_is_written_when_nothing_is_past(filled, run):
    before = filled.statements
    await run()
    assert filled.statements - before <= 3 * len(RETENTION)


def test_every_table_is_spoken_for():
    spoken_for = {kept.table for kept in RETENTION.values()} | set(retention.KEPT)
    assert spoken_for == set(TABLES) | {"migrations"}
    assert not {kept.table for kept in RETENTION.values()} & set(retention.KEPT)


def test_it_runs_every_minute():
    assert retention_schedule().every == MINUTE
