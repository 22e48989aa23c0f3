"""Fixtures: a real database in either dialect, a clock and chance that the test owns, a world, a whole site.

Each test gets a fresh copy of a database that was made once per run: a file copy on SQLite, `CREATE DATABASE … TEMPLATE`
on PostgreSQL.
"""

from __future__ import annotations

import asyncio
import pickle
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from bench.postgres import Cluster

from dialkey.base.signed import b64
from dialkey.directory.rules import Directory
from dialkey.oauth.keys import ensure_keys
from dialkey.settings import Database, Keys, Settings
from dialkey.storage import Storage, open_storage
from dialkey.storage.keyring import Keyring, ensure_secrets, open_keyring
from dialkey.storage.migrations import migrate
from dialkey.subscribers.rules import Subscribers
from support.clock import ManualClock, SeededEntropy
from support.site import Site, make_site
from support.world import World, make_world

MASTER = b64(b"tests-only-master-key-of-32-byte")
T = TypeVar("T")


def settings_for(url: str) -> Settings:
    return Settings(issuer="https://id.localhost", database=Database(url=url, pool_size=4), keys=Keys(master_key=MASTER),
                    environment="development")  # fmt: skip


async def _fill(url: str, part: str) -> World | None:
    """Makes a template: the schema and the keys, or those and the world."""
    storage = await open_storage(Database(url=url, pool_size=2))
    clock, entropy = ManualClock(), SeededEntropy("template")
    settings = settings_for(url)
    await migrate(storage, clock)
    await ensure_secrets(storage, settings.keys, clock, entropy)
    keyring = await open_keyring(storage, settings.keys)
    world = None
    if part == "world":
        await ensure_keys(storage, settings, keyring, clock, entropy)
        world = await make_world(Directory(storage, clock, entropy, keyring), Subscribers(storage, clock, entropy))
    await storage.close()
    return world


def _apart(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on a loop of its own, whatever loop is running here."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class Databases:
    """Templates of one dialect, made when first asked for."""

    def __init__(self, folder: Path, cluster: Cluster | None) -> None:
        self._folder = folder
        self._cluster = cluster
        self._worlds: dict[str, World | None] = {}
        self._count = 0

    def fresh(self, part: str) -> tuple[str, World | None]:
        """The URL of a copy, and a copy of the world in it."""
        if part not in self._worlds:
            self._worlds[part] = _apart(_fill(self._create(part), part))
        self._count += 1
        world = pickle.loads(pickle.dumps(self._worlds[part]))
        return self._copy(part, f"copy{self._count}"), world

    def bare(self) -> str:
        self._count += 1
        return self._create(f"bare{self._count}")

    def _create(self, name: str) -> str:
        if self._cluster is None:
            return f"sqlite:///{self._folder / name}.sqlite3"
        self._run(f"CREATE DATABASE {name}")
        return self._cluster.url(name)

    def _copy(self, part: str, name: str) -> str:
        if self._cluster is None:
            shutil.copyfile(self._folder / f"{part}.sqlite3", self._folder / f"{name}.sqlite3")
            return f"sqlite:///{self._folder / name}.sqlite3"
        self._run(f"CREATE DATABASE {name} TEMPLATE {part}")
        return self._cluster.url(name)

    def drop(self, url: str) -> None:
        name = url.rpartition("/")[2]
        if self._cluster is None:
            for ending in ("", "-wal", "-shm"):
                (self._folder / f"{name}{ending}").unlink(missing_ok=True)
        else:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        assert self._cluster is not None
        with psycopg.connect(self._cluster.url(), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    return Databases(tmp_path_factory.mktemp("sqlite"), None)


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
    with Cluster(quick) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_databases(postgres_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Databases:
    return Databases(tmp_path_factory.mktemp("postgres"), postgres_cluster)


@pytest.fixture(params=["sqlite", "postgres"])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Both dialects; a test that looks at neither names `sqlite_databases` instead."""
    return request.getfixturevalue(f"{request.param}_databases")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def entropy(request: pytest.FixtureRequest) -> SeededEntropy:
    return SeededEntropy(request.node.nodeid)


@pytest.fixture
async def storage(databases: Databases) -> AsyncIterator[Storage]:
    """A migrated, empty database."""
    url, _ = databases.fresh("empty")
    opened = await open_storage(Database(url=url, pool_size=8))
    yield opened
    await opened.close()
    databases.drop(url)


@pytest.fixture
def bare_url(databases: Databases) -> Iterator[str]:
    """The URL of a database without any table."""
    url = databases.bare()
    yield url
    databases.drop(url)


@pytest.fixture
async def keyring(storage: Storage) -> Keyring:
    return await open_keyring(storage, Keys(master_key=MASTER))


@pytest.fixture
def directory(storage: Storage, clock: ManualClock, entropy: SeededEntropy, keyring: Keyring) -> Directory:
    return Directory(storage, clock, entropy, keyring)


@pytest.fixture
def subscribers(storage: Storage, clock: ManualClock, entropy: SeededEntropy) -> Subscribers:
    return Subscribers(storage, clock, entropy)


async def _site(databases: Databases, clock: ManualClock, entropy: SeededEntropy) -> AsyncIterator[Site]:
    url, world = databases.fresh("world")
    settings = settings_for(url)
    storage = await open_storage(settings.database)
    keyring = await open_keyring(storage, settings.keys)
    site = make_site(settings, storage, keyring, clock, entropy, world)
    await site.built.house.signing.load()
    yield site
    await storage.close()
    databases.drop(url)


@pytest.fixture
async def site(sqlite_databases: Databases, clock: ManualClock, entropy: SeededEntropy) -> AsyncIterator[Site]:
    """A whole server with the world in it, on SQLite."""
    async for made in _site(sqlite_databases, clock, entropy):
        yield made


@pytest.fixture
async def any_site(databases: Databases, clock: ManualClock, entropy: SeededEntropy) -> AsyncIterator[Site]:
    """The same on both databases: for whatever the database decides."""
    async for made in _site(databases, clock, entropy):
        yield made


@pytest.fixture
def world(site: Site) -> World:
    return site.world

