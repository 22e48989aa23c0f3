"""The demo as a newcomer starts it: `make demo`, what it printed, and the commands of the walkthrough."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode
from urllib.request import urlopen

from dialkey.base.clock import SystemClock
from dialkey.base.entropy import SystemEntropy
from dialkey.cli.demo import settings_for
from dialkey.directory.registration import ClientRegistration
from dialkey.directory.rules import Directory
from dialkey.storage import open_storage
from dialkey.storage.keyring import open_keyring
from support.process import free_port
from support.site import Registered

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
READY = 30.0
"""Seconds until the demo answers; a seeded one takes less than one."""


@dataclass
class Demo:
    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    database: str | None
    output_path: Path

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def output(self) -> str:
        """What stood in the terminal."""
        return self.output_path.read_text()

    @property
    def secrets(self) -> dict[str, str]:
        """The file of credentials that the welcome names."""
        named = re.search(r"CLIENT_ID and CLIENT_SECRET are in (.+)", self.output)
        assert named, self.output
        lines = (ROOT / named[1]).read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def link(self, product: str = "VoiceBox") -> str:
        """The authorization URL that was printed for a product."""
        named = re.search(rf"\({product}\):\n\s+(\S+)", self.output)
        assert named, self.output
        return named[1]

    def interrupt(self) -> None:
        """Ctrl-C: the terminal tells every process in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)

    def members(self) -> list[int]:
        """The processes that are left of it."""
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = status.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.process.pid and fields[0] != "Z":
                    found.append(int(status.parent.name))
        return found

    def change(self, work: Callable[[Directory], Awaitable[T]]) -> T:
        """Does `work` on its data, as a developer's portal would."""
        settings = settings_for(self.folder, self.port, "127.0.0.1", self.database)

        async def whole() -> T:
            storage = await open_storage(settings.database)
            try:
                keyring = await open_keyring(storage, settings.keys)
                return await work(Directory(storage, SystemClock(), SystemEntropy(), keyring))
            finally:
                await storage.close()

        with ThreadPoolExecutor(1) as pool:  # a browser's event loop may be running here
            return pool.submit(asyncio.run, whole()).result()

    def register(self, *redirect_uris: str, product: str = "VoiceBox", **options: Any) -> Registered:
        """Another client of a product."""

        async def work(directory: Directory) -> Registered:
            organization = await directory.find_organization({"VoiceBox": "VoiceBox AB"}.get(product, f"{product} Labs"))
            assert organization
            product_id = await directory.find_product(organization, product)
            assert product_id
            made = await directory.create_client(
                actor="cli:tests",
                product_id=product_id,
                registration=ClientRegistration(redirect_uris=redirect_uris, **options),
            )
            return Registered(made.client_id, made.client_secret, redirect_uris[0], product_id)

        return self.change(work)

    def authorization_url(self, client: Registered, **parameters: str) -> str:
        query = {
            "response_type": "code",
            "scope": "phone offline_access",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "state": f"state-of-{client.client_id[:8]}",
            **parameters,
        }
        return f"{self.url}/oauth2/auth?{urlencode(query, quote_via=quote)}"

    def turn_back(self, number: str, *, seconds: int) -> None:
        """Lets time pass for the sign-ins of a number: what was set on them is so much longer ago. SQLite only."""
        with closing(sqlite3.connect(self.folder / "dialkey.sqlite3", timeout=10)) as connection, connection:
            done = connection.execute(
                "UPDATE sign_ins SET last_sent_at = last_sent_at - :ms, pin_expires_at = pin_expires_at - :ms"
                " WHERE phone_number = :number",
                {"ms": seconds * 1000, "number": number},
            )
            assert done.rowcount

    def stop(self) -> None:
        if self.process.poll() is None:
            self.interrupt()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)


def command_line(folder: Path, port: int, database: str | None) -> list[str]:
    """What is typed. The tests' own virtual environment saves making another."""
    options = f"--data {folder}" + (f" --database {database}" if database else "")
    return ["make", "demo", f"PORT={port}", f"DEMO_OPTIONS={options}", f"VENV={sys.prefix}"]


def own_environment() -> dict[str, str]:
    """A terminal's: nothing of the `make` that runs the tests, and no settings of ours."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DIALKEY_", "MAKE", "MFLAGS", "PYTEST_"))
    }


@contextmanager
def running_demo(
    folder: Path, *, port: int | None = None, database: str | None = None, command: list[str] | None = None
) -> Iterator[Demo]:
    """Starts it at the root of the repository and waits for its first answer; stops it afterwards."""
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    output_path = folder / f"terminal-{time.monotonic_ns()}.txt"
    with output_path.open("wb") as output:
        process = subprocess.Popen(
            command or command_line(folder, port, database),
            cwd=ROOT, env=own_environment(), stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    demo = Demo(process, port, folder, database, output_path)
    try:
        _wait_ready(demo)
        yield demo
    finally:
        demo.stop()


def _wait_ready(demo: Demo) -> None:
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline:
        assert demo.process.poll() is None, demo.output
        with suppress(OSError), urlopen(f"{demo.url}/health/ready", timeout=2):
            return
        time.sleep(0.05)
    raise AssertionError(f"the demo did not get ready:\n{demo.output}")


def in_terminal(text: str, **variables: str) -> str:
    """Runs a command as it stands in the walkthrough; gives what it prints."""
    done = subprocess.run(
        ["bash", "-euc", text], env=own_environment() | variables, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
