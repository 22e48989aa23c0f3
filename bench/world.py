"""A Dialkey to measure or to torment: its database, its settings, its processes, its seeded grants.

Everything else in this directory talks to it over HTTP only. `DIALKEY_BENCH_SERVE` and `DIALKEY_BENCH_SEED` replace
the two command lines below, which lets the scripts be tried against a stand-in.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from bench import process
from bench.postgres import Cluster

ROOT = Path(__file__).resolve().parents[1]

PREPARE: tuple[tuple[str, ...], ...] = (("migrate",),)
"""`dialkey` subcommands that make an empty database usable, each called with `--config`."""

CONFIG = """\
issuer = "{issuer}"
environment = "development"

[server]
host = "127.0.0.1"
port = {port}
workers = {workers}

[database]
url = "{url}"

[limits]
failed_authentications_per_address_minute = 100000000

[log]
level = "warning"
requests = "none"
"""

T = TypeVar("T")


class Chance:
    """Pseudo-random numbers from a seed that is printed, so that a run can be told to repeat its choices."""

    def __init__(self, seed: str | None = None) -> None:
        self.seed = seed or os.urandom(4).hex()
        self._count = 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        self._count += 1
        digest = hashlib.blake2b(f"{self.seed}/{self._count}".encode(), digest_size=8).digest()
        return low + (high - low) * int.from_bytes(digest, "big") / 2**64

    def below(self, limit: int) -> int:
        return int(self.uniform(0, limit))

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.below(len(choices))]


@dataclass(frozen=True, slots=True)
class Store:
    """An empty database of its own."""

    kind: str
    """sqlite or postgres"""
    url: str
    path: Path | None = None
    cluster: Cluster | None = None
    name: str = ""

    def problems(self) -> list[str]:
        """What the database's own check finds wrong: `PRAGMA integrity_check` on a copy, or pg_amcheck."""
        if self.cluster:
            return self.cluster.check(self.name)
        assert self.path
        with tempfile.TemporaryDirectory(prefix="bench-check-") as directory:
            for suffix in ("", "-wal"):
                source = Path(f"{self.path}{suffix}")
                if source.exists():
                    shutil.copy(source, Path(directory) / source.name)
            with contextlib.closing(sqlite3.connect(Path(directory) / self.path.name)) as database:
                found = [row[0] for row in database.execute("PRAGMA integrity_check")]
                foreign = [f"foreign key: {row}" for row in database.execute("PRAGMA foreign_key_check")]
        return ([] if found == ["ok"] else found) + foreign


@contextlib.contextmanager
def store(kind: str, *, core: int | None = None) -> Iterator[Store]:
    """An SQLite file in a temporary directory, or a database in a cluster of its own."""
    if kind == "postgres":
        with Cluster(core=core) as cluster:
            yield Store(kind, cluster.create_database("dialkey"), cluster=cluster, name="dialkey")
    else:
        with tempfile.TemporaryDirectory(prefix="bench-sqlite-") as directory:
            path = Path(directory) / "dialkey.sqlite3"
            yield Store(kind, f"sqlite:///{path}", path=path)


def _commands() -> tuple[list[str], list[str]]:
    """How to call `dialkey` and the seeding."""
    beside = Path(sys.executable).with_name("dialkey")
    dialkey = [str(beside)] if beside.exists() else ["dialkey"]
    serve = shlex.split(os.environ.get("DIALKEY_BENCH_SERVE", "")) or dialkey
    seed = shlex.split(os.environ.get("DIALKEY_BENCH_SEED", "")) or [sys.executable, "-m", "bench.seed_dialkey"]
    return serve, seed


class World:
    """One Dialkey on one database. Use as a context manager: it is stopped at the end, whatever happened."""

    def __init__(self, database: Store, *, workers: int = 4, core: int | None = None, config: str = "") -> None:
        self.database = database
        self.port = process.free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._core = core
        self._workers = workers
        self._more = config
        self._process: subprocess.Popen | None = None
        self._serve, self._seed = _commands()
        master_key = urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
        self.environment = os.environ | {"DIALKEY_KEYS__MASTER_KEY": master_key}

    def __enter__(self) -> Self:
        self.directory = Path(tempfile.mkdtemp(prefix="bench-dialkey-"))
        self.config = self.directory / "dialkey.toml"
        text = CONFIG.format(issuer=self.base_url, port=self.port, workers=self._workers, url=self.database.url)
        self.config.write_text(text + self._more)
        self.config.chmod(0o600)
        self.log = self.directory / "log"
        try:
            for command in PREPARE:
                self._call([*self._serve, *command, "--config", str(self.config)])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _call(self, command: list[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=self.environment)
        if done.returncode:
            raise RuntimeError(f"{shlex.join(command)} failed:\n{done.stderr[-3000:]}")
        return done.stdout

    def start(self, *, ready: bool = True) -> float:
        """Serve. Returns the seconds until /health/ready said 200 (with `ready=False`: at once, with 0)."""
        begin = time.monotonic()
        command = process.pinned([*self._serve, "serve", "--config", str(self.config)], self._core)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=ROOT, env=self.environment, start_new_session=True
            )
        if ready:
            self.wait_until_ready()
        return time.monotonic() - begin if ready else 0.0

    def wait_until_ready(self, seconds: float = 30.0) -> None:
        """Until GET /health/ready answers 200."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process and self._process.poll() is not None:
                break
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"{self.base_url}/health/ready", timeout=1) as answer,
            ):
                if answer.status == 200:
                    return
            time.sleep(0.01)
        raise RuntimeError(f"the server did not become ready; its log ends:\n{self.tail()}")

    def tail(self) -> str:
        """The end of what the server wrote."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def workers(self) -> list[int]:
        """The processes below the first one that serve."""
        below = process.tree(self.pid)[1:]
        return [pid for pid in below if "resource_tracker" not in process.command_line(pid)]

    def kill_all(self) -> None:
        """kill -9 for every process of the server."""
        assert self._process
        process.kill(process.tree(self.pid))
        self._process.wait()

    def kill_one(self, chance: Chance) -> int | None:
        """kill -9 for one worker; None when there is no process besides the first."""
        workers = self.workers()
        if not workers:
            return None
        victim = chance.pick(workers)
        process.kill([victim])
        return victim

    def stop(self) -> None:
        process.stop(self._process)

    def seed(
        self, *, codes: int = 0, access_tokens: int = 0, refresh_tokens: int = 0, kinds: Sequence[str] = ("plain",)
    ) -> dict[str, Any]:
        """Write grants straight into the database. What comes back has the shape that `bench/run.py` documents."""
        command = [*self._seed, "--config", str(self.config), "--codes", str(codes)]
        command += ["--access-tokens", str(access_tokens), "--refresh-tokens", str(refresh_tokens)]
        for kind in kinds:
            command += ["--kind", kind]
        return json.loads(self._call(command))
