"""`dialkey demo`: everything on one machine, with a virtual handset and a small relying party."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

import msgspec

from dialkey.base.clock import SystemClock
from dialkey.base.entropy import SystemEntropy
from dialkey.cli.running import prepare, require_free_port, serve_here
from dialkey.demo.secrets_file import write_private
from dialkey.settings import Database, Keys, Limits, Log, Server, Settings, SettingsError, load
from dialkey.storage import open_storage
from dialkey.storage.keyring import make_master_key


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("demo", help="run everything on this machine, with sample data")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--data", type=Path, default=Path("var/demo"), metavar="FOLDER", help="where it keeps its data")
    parser.add_argument("--database", metavar="URL", help="a PostgreSQL database instead of SQLite in the data folder")
    parser.set_defaults(run=demo)


def settings_for(folder: Path, port: int, host: str, database: str | None) -> Settings:
    """The demo's settings: the defaults, everything on localhost, and limits per address that suit one machine."""
    base = load(None, {"DIALKEY_ISSUER": f"http://localhost:{port}"})
    return msgspec.structs.replace(
        base,
        server=Server(host=host, port=port, extra_hosts=(f"127.0.0.1:{port}",)),
        database=Database(url=database or f"sqlite:///{folder / 'dialkey.sqlite3'}"),
        keys=Keys(master_key_file=str(folder / "master.key")),
        limits=Limits(
            sends_per_address_10_minutes=5_000, sends_per_network_10_minutes=5_000, sends_per_prefix_10_minutes=500
        ),
        log=Log(format="console" if sys.stderr.isatty() else "json", level="warning"),
    )


def write_config(path: Path, settings: Settings) -> None:
    """What the other commands need to work on the demo's data, with mode 0600: a database's address can hold a password."""
    tables = {
        "": {"issuer": settings.issuer},
        "database": {"url": settings.database.url},
        "keys": {"master_key_file": settings.keys.master_key_file},
    }
    text = "".join(
        (f"\n[{name}]\n" if name else "") + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )
    write_private(path, text)


def demo(chosen: argparse.Namespace) -> int:
    from dialkey.app import Server as App
    from dialkey.demo.seed import DemoWorld, seed

    if not 1 <= chosen.port <= 65535:
        raise SettingsError("--port: must be between 1 and 65535")
    settings = settings_for(chosen.data, chosen.port, chosen.host, chosen.database)
    try:
        require_free_port(settings)
    except SettingsError as error:
        raise SettingsError(f"{error}: dialkey demo --port 8081, or make demo PORT=8081") from None
    key_file = Path(settings.keys.master_key_file)
    if not key_file.exists():
        make_master_key(key_file, SystemEntropy())
    write_config(chosen.data / "dialkey.toml", settings)

    async def ready() -> DemoWorld:
        clock, entropy = SystemClock(), SystemEntropy()
        storage = await open_storage(settings.database)
        try:
            _, keyring = await prepare(storage, settings, clock, entropy)
            return await seed(storage, keyring, clock, entropy, settings=settings, folder=chosen.data)
        finally:
            await storage.close()

    world = asyncio.run(ready())
    print(world.welcome(settings.base_url), flush=True)
    serve_here(App(settings, demo=world), settings)
    print("\nStopped. The data is still there: the next run finds it.", flush=True)
    return 0
