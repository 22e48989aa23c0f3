"""Migrations: numbered SQL files, applied once each, in order, in a transaction of their own.

They only ever expand: a release must run beside the one before it on one database.
"""

from __future__ import annotations

from importlib.resources import files

from dialkey.base.clock import Clock
from dialkey.storage.engine import Storage, StorageUnavailable, Writer
from dialkey.storage.statement import Statement

_TABLE = Statement(
    "migrations.table", "CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)"
)
_APPLIED = Statement("migrations.applied", "SELECT name FROM migrations ORDER BY name")
_REMEMBER = Statement(
    "migrations.remember", "INSERT INTO migrations (name, applied_at) VALUES (:name, :now) ON CONFLICT DO NOTHING"
)


def known() -> list[str]:
    """The names of all migrations of this release, in order."""
    return sorted(f.name for f in files(__package__).iterdir() if f.name.endswith(".sql"))


async def missing(storage: Storage) -> list[str]:
    """The names of those that this database has not had."""
    try:
        applied = {row.name for row in await storage.read.all(_APPLIED)}
    except (StorageUnavailable, Exception) as error:
        if "migrations" not in str(error) and "UndefinedTable" not in repr(error):
            raise
        applied = set()
    return [name for name in known() if name not in applied]


async def migrate(storage: Storage, clock: Clock) -> list[str]:
    """Applies what is missing and gives the names. Two nodes may do it at once: one waits, then finds nothing to do."""
    await storage.script(_TABLE.sqlite + ";\n")
    done = []
    for name in await missing(storage):
        await storage.script((files(__package__) / name).read_text())

        async def remember(writer: Writer, name: str = name) -> None:
            await writer.run(_REMEMBER, name=name, now=clock.now())

        await storage.write(remember)
        done.append(name)
    return done
