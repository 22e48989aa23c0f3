"""A real server: `dialkey migrate` and `dialkey serve` over SQLite in a directory of its own, and raw sockets to it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from dialkey.base.clock import SystemClock
from dialkey.base.entropy import SystemEntropy
from dialkey.base.signed import b64
from dialkey.directory.rules import Directory
from dialkey.settings import Keys, Settings, load
from dialkey.storage import open_storage
from dialkey.storage.keyring import open_keyring
from dialkey.subscribers.rules import Subscribers

T = TypeVar("T")
MASTER = b64(b"process-tests-master-key-32-byte")
READY = 20.0
"""Seconds that a server may take to answer for the first time."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Answer:
    """The first response on a connection, and whether the server closed it afterwards."""

    status: int
    head: str
    rest: bytes
    closed: bool

    @property
    def responses(self) -> int:
        """How many status lines came in all."""
        return 1 + self.rest.count(b"HTTP/1.1 ")


@dataclass
class ServerProcess:
    process: subprocess.Popen[bytes]
    port: int
    config: Path
    environ: dict[str, str]
    log_path: Path
    database: Path

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    @property
    def resident_kilobytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    @property
    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connect(self, timeout: float = 5, *, receive_buffer: int | None = None) -> socket.socket:
        connection = socket.socket()
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(timeout)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def send(self, data: bytes, *, wait: float = 1.0) -> Answer:
        """Sends bytes and reads until the server closes or is silent for `wait` seconds."""
        with self.connect() as connection:
            with suppress(BrokenPipeError, ConnectionResetError):  # answered before all was sent
                connection.sendall(data)
            return read_answer(connection, wait=wait)

    def stop(self) -> int:
        """Asks it to end; gives its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait(5)


def read_answer(connection: socket.socket, *, wait: float = 1.0) -> Answer:
    connection.settimeout(wait)
    received, closed = b"", False
    try:
        while piece := connection.recv(65536):
            received += piece
        closed = True
    except ConnectionResetError:
        closed = True
    except TimeoutError:
        pass
    head, _, rest = received.partition(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/1.1 ") else 0
    return Answer(status, head.decode("latin-1"), rest, closed)


def command(*arguments: str, environ: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs `dialkey` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "dialkey.cli", *arguments], env=environ, cwd=cwd, capture_output=True, text=True, timeout=60
    )


def environment(**more: str) -> dict[str, str]:
    """This process's, without settings of ours, and the master key."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DIALKEY_")}
    return {**kept, "DIALKEY_KEYS__MASTER_KEY": MASTER, "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def serving(folder: Path, *, toml: str = "", environ: dict[str, str] | None = None) -> Iterator[ServerProcess]:
    """A migrated database and a server on a free port. `toml` is appended to the settings file."""
    port = free_port()
    database = folder / "dialkey.sqlite3"
    config = folder / "dialkey.toml"
    config.write_text(
        f'issuer = "http://localhost:{port}"\n[database]\nurl = "sqlite:///{database}"\n[server]\nport = {port}\n{toml}'
    )
    variables = environment(**(environ or {}))
    migrated = command("migrate", "--config", str(config), environ=variables, cwd=folder)
    assert migrated.returncode == 0, migrated.stderr
    log_path = folder / "server.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dialkey.cli", "serve", "--config", str(config)],
            env=variables, cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
    server = ServerProcess(process, port, config, variables, log_path, database)
    try:
        _wait_ready(server)
        yield server
    finally:
        server.stop()


def _wait_ready(server: ServerProcess) -> None:
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline:
        assert server.process.poll() is None, server.log
        try:
            answer = server.send(b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        except OSError:
            time.sleep(0.05)
            continue
        if answer.status == 200:
            return
    raise AssertionError(f"the server did not get ready:\n{server.log}")


def change(server: ServerProcess, work: Callable[[Directory, Subscribers], Awaitable[T]]) -> T:
    """Does `work` on the server's database, from this process."""
    settings: Settings = load(server.config, server.environ)

    async def whole() -> T:
        storage = await open_storage(settings.database)
        try:
            clock, entropy = SystemClock(), SystemEntropy()
            keyring = await open_keyring(storage, Keys(master_key=MASTER))
            return await work(Directory(storage, clock, entropy, keyring), Subscribers(storage, clock, entropy))
        finally:
            await storage.close()

    return asyncio.run(whole())
