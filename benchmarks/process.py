"""Server processes: each in a group of its own, pinned to cores, waited for, weighed, ended by its id."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import HOST, Origin, exchange
from benchmarks.disturbance import Usage, process_seconds, usage

_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


class StartError(Exception):
    """A server did not come up, with the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers. ``ready_ms``: from spawning it until its first 200, in milliseconds."""

    process: subprocess.Popen[bytes]
    origin: Origin
    ready_ms: float

    def memory(self) -> int:
        """Resident bytes of all its processes; what they share is counted once (the kernel's PSS)."""
        return sum(resident(pid) for pid in members(self.process.pid))

    def processor_seconds(self) -> float:
        """What its living processes have used of the processors so far, in the kernel too."""
        return sum(process_seconds(pid, in_kernel=True) for pid in members(self.process.pid))

    def usage(self, cores: Collection[int]) -> Usage:
        """What these cores have done so far, with this server as one of ours."""
        return usage(cores, members(self.process.pid))


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def members(group: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # The command, in brackets, may hold anything; state, parent and group follow the last bracket.
            state, _, pgrp, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(pgrp) == group and state != "Z":
                found.append(int(entry.name))
    return found


def resident(pid: int) -> int:
    """PSS of one process in bytes; 0 if it is gone."""
    try:
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        return 0
    return int(found.group(1)) * 1024 if found else 0


def end_group(process: subprocess.Popen[bytes] | subprocess.Popen[str], grace: float = 5.0) -> None:
    """Ask a process group to end, kill what is left after ``grace`` seconds; none of it lives afterwards."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            process.poll()
            if not members(process.pid):
                process.wait()
                return
            time.sleep(0.01)
    raise RuntimeError(f"process group {process.pid} is still there: {members(process.pid)}")


@contextlib.contextmanager
def running(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    origin: Origin,
    ready_path: str,
    cores: Collection[int],
    log: Path,
) -> Iterator[Running]:
    """Start a server, wait until it answers 200, and end it on the way out, whatever happened.

    :raises StartError: if it ends, or does not answer within 30 seconds.
    :raises OSError: if it cannot be started at all.
    """
    process = None
    try:
        began = time.perf_counter()
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["taskset", "-c", ",".join(map(str, cores)), *argv],
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _wait(process, origin, ready_path, log)
        yield Running(process, origin, (time.perf_counter() - began) * 1000)
    finally:
        if process is not None:
            end_group(process)


def _wait(process: subprocess.Popen[bytes], origin: Origin, path: str, log: Path, limit: float = 30.0) -> None:
    deadline = time.monotonic() + limit
    last = "it accepted no connection"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartError(f"ended with status {process.returncode}: {_tail(log)}")
        try:
            # Some servers accept before they are ready, so the request may have to wait all the time.
            answer = exchange(origin, path, timeout=max(0.1, deadline - time.monotonic()))
        except (OSError, http.client.HTTPException) as error:
            last = str(error)
            time.sleep(0.002)
            continue
        if answer.status == 200:
            return
        last = f"GET {path} was answered with {answer.status}"
        time.sleep(0.05)
    raise StartError(f"not ready within {limit:.0f} s ({last}): {_tail(log)}")


def _tail(log: Path, lines: int = 4) -> str:
    return " | ".join(log.read_text(errors="replace").strip().splitlines()[-lines:]) or "(printed nothing)"
