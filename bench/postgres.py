"""A throw-away PostgreSQL cluster: its own directory, port and password, fsync on, gone afterwards.

    with Cluster() as cluster:
        url = cluster.create_database("bench")
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bench import process

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "logging_collector": "off",
    "log_min_messages": "warning",
}


def find_binaries() -> Path:
    """The directory with initdb and postgres: of pg_config, else the newest that is installed."""
    candidates = []
    if pg_config := shutil.which("pg_config"):
        candidates.append(Path(subprocess.run([pg_config, "--bindir"], capture_output=True, text=True).stdout.strip()))
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(installed, key=lambda path: float(path.parent.name), reverse=True)
    for candidate in candidates:
        if (candidate / "initdb").exists():
            return candidate
    raise RuntimeError("no PostgreSQL server is installed: neither pg_config nor /usr/lib/postgresql leads to initdb")


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom to become: PostgreSQL refuses to run as root. None: we are nobody special already."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


class Cluster:
    """Started on entry, stopped and removed on exit. `settings` override those above, `core` pins it to a CPU core."""

    def __init__(self, settings: dict[str, str] | None = None, *, core: int | None = None) -> None:
        self._settings = SETTINGS | (settings or {})
        self._core = core
        self._process: subprocess.Popen | None = None
        self.password = os.urandom(16).hex()

    def __enter__(self) -> Self:
        self.binaries = find_binaries()
        self.directory = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
        self.port = process.free_port()
        try:
            self._initialise()
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _as_owner(self, command: list[str]) -> list[str]:
        owner = _unprivileged()
        if owner is None:
            return command
        ids = ["--reuid", str(owner.pw_uid), "--regid", str(owner.pw_gid), "--clear-groups"]
        return ["setpriv", *ids, "--pdeathsig", "INT", *command]

    def _initialise(self) -> None:
        password_file = self.directory / "password"
        password_file.write_text(self.password)
        if owner := _unprivileged():
            for path in (self.directory, password_file):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        command = [str(self.binaries / "initdb"), "--pgdata", str(self.directory / "data"), "--username", "postgres"]
        command += ["--auth", "scram-sha-256", "--pwfile", str(password_file), "--encoding", "UTF8", "--locale", "C"]
        done = subprocess.run(self._as_owner(command), capture_output=True, text=True, cwd=self.directory)
        password_file.unlink()
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr}")

    def start(self) -> None:
        """Returns when it takes connections."""
        options = {"port": str(self.port), "unix_socket_directories": str(self.directory)} | self._settings
        command = [str(self.binaries / "postgres"), "-D", str(self.directory / "data")]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                process.pinned(self._as_owner(command), self._core), stdout=log, stderr=log, cwd=self.directory,
                start_new_session=True,
            )
        end = time.monotonic() + 30
        while self.run("pg_isready", "--quiet", check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL did not start: {(self.directory / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self, with_signal: int = signal.SIGINT) -> None:
        """A fast shutdown; SIGQUIT makes it an immediate one, which the next start has to recover from."""
        process.stop(self._process, with_signal=with_signal, seconds=30)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def url(self, database: str = "postgres") -> str:
        """A libpq URI."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One of PostgreSQL's own programs against this cluster."""
        environment = os.environ | {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres"}
        environment |= {"PGPASSWORD": self.password, "PGDATABASE": "postgres"}
        command = [str(self.binaries / program), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=check, env=environment)

    def create_database(self, name: str) -> str:
        """Its URI."""
        self.run("createdb", name)
        return self.url(name)

    def check(self, database: str) -> list[str]:
        """What pg_amcheck has against its tables and indexes; nothing: it is sound, or there is no pg_amcheck."""
        if not (self.binaries / "pg_amcheck").exists():
            return []
        done = self.run("pg_amcheck", "--install-missing", "--heapallindexed", database, check=False)
        return [] if done.returncode == 0 else (done.stdout + done.stderr).splitlines() or ["pg_amcheck failed"]
