"""`dialkey serve`, `worker`, `migrate`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile

from dialkey.cli import add_config_option, config_path, read_settings
from dialkey.cli.running import prepare, run_with_storage, serve_here
from dialkey.cli.workers import Supervisor, listen
from dialkey.settings import Settings


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve_parser = commands.add_parser("serve", help="serve HTTP and run jobs")
    add_config_option(serve_parser)
    serve_parser.add_argument("--workers", type=int, metavar="N", help="processes, instead of server.workers")
    serve_parser.set_defaults(run=serve)
    worker_parser = commands.add_parser("worker", help="run jobs only, without HTTP")
    add_config_option(worker_parser)
    worker_parser.set_defaults(run=worker)
    migrate_parser = commands.add_parser("migrate", help="bring the database to this release; safe to repeat")
    add_config_option(migrate_parser)
    migrate_parser.set_defaults(run=migrate_database)


def serve(chosen: argparse.Namespace) -> int:
    settings = read_settings(chosen)
    path = config_path(chosen)
    if path is not None:
        os.environ["DIALKEY_CONFIG"] = str(path.resolve())
    workers = chosen.workers or settings.server.workers
    if workers == 1:
        _check_ready(settings)
        from dialkey.app import Server

        serve_here(Server(settings), settings)
        return 0
    with tempfile.TemporaryDirectory(prefix="dialkey-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # before anything imports prometheus_client
        return _serve_together(settings, workers)


def _serve_together(settings: Settings, workers: int) -> int:
    """Forks when everything is imported and checked: a worker then starts in milliseconds."""
    _check_ready(settings)
    from prometheus_client.multiprocess import mark_process_dead

    from dialkey.app import Server
    from dialkey.web.rendering import warm

    warm()
    listening = listen(settings.server.host, settings.server.port)
    return Supervisor(
        workers, lambda: serve_here(Server(settings), settings, listening), on_death=mark_process_dead
    ).run()


def _check_ready(settings: Settings) -> None:
    """Says what is missing before any process starts."""
    from dialkey.app import open_house
    from dialkey.base.clock import SystemClock
    from dialkey.base.entropy import SystemEntropy

    async def look() -> None:
        storage, _ = await open_house(settings, SystemClock(), SystemEntropy())
        await storage.close()

    asyncio.run(look())


def worker(chosen: argparse.Namespace) -> int:
    from dialkey.app import build, open_house
    from dialkey.base.clock import SystemClock
    from dialkey.base.entropy import SystemEntropy
    from dialkey.web import logs

    settings = read_settings(chosen)
    logs.set_up(settings.log)

    async def work() -> None:
        clock, entropy = SystemClock(), SystemEntropy()
        storage, keyring = await open_house(settings, clock, entropy)
        built = build(settings, storage, keyring, clock, entropy)
        running = asyncio.create_task(built.run())
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await stop.wait()
        await built.stop(10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await storage.close()

    asyncio.run(work())
    return 0


def migrate_database(chosen: argparse.Namespace) -> int:
    settings = read_settings(chosen)

    async def work(storage, clock, entropy):  # type: ignore[no-untyped-def]
        return await prepare(storage, settings, clock, entropy)

    applied, _ = run_with_storage(settings, work)
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
    return 0
