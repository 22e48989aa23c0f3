"""What Linux tells about processes: their children, CPU time and memory, from /proc."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(command: list[str], core: int | None) -> list[str]:
    """The command on one core only; unchanged without a core or without taskset."""
    if core is None or not shutil.which("taskset"):
        return command
    return ["taskset", "-c", str(core), *command]


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat after the name: state, parent, …; None when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def tree(pid: int) -> list[int]:
    """The process and all its descendants that are alive."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _stat(int(entry))) and fields[0] != "Z":
            parents.setdefault(int(fields[1]), []).append(int(entry))
    found = [pid] if _stat(pid) else []
    for each in found:
        found.extend(parents.get(each, ()))
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time so far, of those that are alive."""
    return sum((int(fields[11]) + int(fields[12])) / TICK for pid in pids if (fields := _stat(pid)))


def rss_bytes(pids: Iterable[int]) -> int:
    """Resident memory; pages that processes share count for each."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(fields[21]) * page for pid in pids if (fields := _stat(pid)))


def command_line(pid: int) -> str:
    """Its arguments, or nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def kill(pids: Iterable[int]) -> None:
    """SIGKILL, all at once."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def stop(process: subprocess.Popen | None, *, with_signal: int = signal.SIGTERM, seconds: float = 10.0) -> None:
    """Ask it to end; what is left of its tree after that time is killed."""
    if process is None or process.poll() is not None:
        return
    everyone = tree(process.pid)
    process.send_signal(with_signal)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill(everyone)
        process.wait()


def wait_for_port(port: int, process: subprocess.Popen, seconds: float = 20.0) -> None:
    """Until somebody listens there; an error when the process ends first."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise TimeoutError(f"{process.args} did not listen on {port}")
