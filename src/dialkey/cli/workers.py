"""Several processes behind one socket: forked once everything is imported, and forked again when one dies."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger("dialkey.workers")

_PR_SET_PDEATHSIG = 1
_PAUSE = 1.0
"""Seconds between two starts of a worker that dies as soon as it was born."""


def listen(host: str, port: int) -> socket.socket:
    """The socket that all workers accept from."""
    made = socket.create_server((host, port), backlog=2048, family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setblocking(False)
    made.set_inheritable(True)
    return made


class Supervisor:
    """Keeps `count` processes running `work`. SIGTERM and SIGINT end them gracefully. `on_death` hears of every process
    that ended."""

    def __init__(self, count: int, work: Callable[[], None], *, on_death: Callable[[int], None]) -> None:
        self._count = count
        self._work = work
        self._on_death = on_death
        self._born: dict[int, float] = {}
        self._stopping = False

    def run(self) -> int:
        """Returns when all workers are gone."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self._stopping or self._born:
            while len(self._born) < self._count and not self._stopping:
                self._start()
            with contextlib.suppress(InterruptedError, ChildProcessError):
                process, status = os.wait()
                self._bury(process, status)
        return 0

    def _start(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process == 0:
            self._be_worker()
        self._born[process] = time.monotonic()
        if self._stopping:  # asked while forking: the newborn did not hear it
            os.kill(process, signal.SIGTERM)

    def _be_worker(self) -> None:
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            die_with_parent()
            self._work()
            status = 0
        except KeyboardInterrupt:
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)

    def _bury(self, process: int, status: int) -> None:
        born = self._born.pop(process, None)
        self._on_death(process)
        if born is None or self._stopping:
            return
        log.error("worker_died", pid=process, status=os.waitstatus_to_exitcode(status))
        if time.monotonic() - born < _PAUSE:
            time.sleep(_PAUSE)

    def _stop(self, number: int, _: object) -> None:
        self._stopping = True
        for process in list(self._born):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)


def die_with_parent() -> None:
    """A worker whose supervisor was killed ends too, so that the next start finds the port free (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == 1:
        os.kill(os.getpid(), signal.SIGTERM)
