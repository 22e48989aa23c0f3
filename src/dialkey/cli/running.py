"""Runs one coroutine, or the HTTP server, with what every command needs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from dialkey.base.clock import Clock, SystemClock
from dialkey.base.entropy import Entropy, SystemEntropy
from dialkey.oauth.keys import ensure_keys
from dialkey.settings import Settings, SettingsError
from dialkey.storage import Storage, open_storage
from dialkey.storage.keyring import Keyring, ensure_secrets, open_keyring
from dialkey.storage.migrations import migrate

if TYPE_CHECKING:
    from dialkey.app import Server

T = TypeVar("T")


def run_with_storage(settings: Settings, work: Callable[[Storage, Clock, Entropy], Awaitable[T]]) -> T:
    """Opens the database, does `work`, closes it."""

    async def whole() -> T:
        storage = await open_storage(settings.database)
        try:
            return await work(storage, SystemClock(), SystemEntropy())
        finally:
            await storage.close()

    return asyncio.run(whole())


async def prepare(storage: Storage, settings: Settings, clock: Clock, entropy: Entropy) -> tuple[list[str], Keyring]:
    """Migrations, secrets, signing keys: whatever is missing. Gives the migrations applied and the keyring."""
    applied = await migrate(storage, clock)
    await ensure_secrets(storage, settings.keys, clock, entropy)
    keyring = await open_keyring(storage, settings.keys)
    await ensure_keys(storage, settings, keyring, clock, entropy)
    return applied, keyring


def serving_options(settings: Settings) -> dict[str, Any]:
    """How uvicorn serves us."""
    return {
        "host": settings.server.host,
        "port": settings.server.port,
        "loop": "uvloop",
        "http": "dialkey.web.server:GuardedProtocol",
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": 5,
        "limit_concurrency": settings.server.max_connections,
        "backlog": 2048,
    }


def require_free_port(settings: Settings) -> None:
    """Says at once, and in a sentence, that another program listens there already; raises SettingsError."""
    host, port = settings.server.host, settings.server.port
    with contextlib.suppress(socket.gaierror):
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                raise SettingsError(
                    f"server.port: cannot listen on {host}:{port} ({error.strerror}); name another port"
                ) from None


def serve_here(app: Server, settings: Settings, listening: socket.socket | None = None) -> None:
    """Serves in this process until SIGINT or SIGTERM; either is a good end. `listening`: a socket that others share."""
    import uvicorn

    class OneProcess(uvicorn.Server):
        async def shutdown(self, sockets: list[Any] | None = None) -> None:
            app.close_streams()
            await super().shutdown(sockets)

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # uvicorn raises it again when all is done
    with contextlib.suppress(KeyboardInterrupt):
        OneProcess(uvicorn.Config(app, **serving_options(settings))).run([listening] if listening else None)
