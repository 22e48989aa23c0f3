"""Notices whoever wants to connect or to resolve a name, and whoever does connect to it."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_OUTBOUND = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request", "subprocess.Popen")
_watching: list[Canary] = []
_installed = False


@dataclass
class Canary:
    port: int
    listener: socket.socket
    attempts: list[tuple[object, ...]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/canary"

    @property
    def quiet(self) -> bool:
        """Nobody tried to go anywhere, and nobody came."""
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return not self.attempts
        return False


def _note(event: str, args: tuple[object, ...]) -> None:
    if event in _OUTBOUND:
        for canary in _watching:
            canary.attempts.append((event, *args[1:]))


@contextmanager
def canary() -> Iterator[Canary]:
    """Listens on this machine and watches this process. An audit hook stays for good, so there is only one."""
    global _installed
    if not _installed:
        sys.addaudithook(_note)
        _installed = True
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        watch = Canary(listener.getsockname()[1], listener)
        _watching.append(watch)
        try:
            yield watch
        finally:
            _watching.remove(watch)
