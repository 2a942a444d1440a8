"""How long a request waits while the one process restarts: ``python -m benchmarks.restarts [RESTARTS]``.

Four clients ask for a small page, each time on a new connection, with a pause of 5 ms in between; the server has all
cores, as at a small site.  The exit status is 1 if a request is lost, or waits longer than it may.
"""

from __future__ import annotations

import http.client
import os
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import certificate, command
from benchmarks.client import Origin, exchange
from benchmarks.process import Running, free_port, running
from benchmarks.project import SOURCE, environment, prepare
from benchmarks.server import Place

#: Seconds that a request may wait.
LIMIT = 2.0
_CLIENTS = 4
_PAUSE = 0.005
_PATIENCE = 60.0
_PATH = "/hello"
_READY = b"ready: "


@dataclass
class Waits:
    """What clients saw: how long each request waited, in seconds, and what became of those without an answer."""

    seconds: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def line(self, what: str) -> str:
        """One line for people."""
        if not self.seconds:
            return f"{what}: no answers, {len(self.lost)} lost"
        return f"{what}: longest {max(self.seconds):.2f} s of {len(self.seconds):,} requests, {len(self.lost)} lost"

    @property
    def is_good(self) -> bool:
        """Whether all were answered in time."""
        return bool(self.seconds) and not self.lost and max(self.seconds) <= LIMIT


class Clients:
    """Ask, each on a thread of its own, until the block is left."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._waits = Waits()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(_CLIENTS)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def taken(self) -> Waits:
        """What there was since the last call, when those who wait now have been answered."""
        enough = len(self._waits.seconds) + 2 * _CLIENTS
        until = time.monotonic() + _PATIENCE
        while len(self._waits.seconds) < enough and time.monotonic() < until:
            time.sleep(_PAUSE)
        taken, self._waits = self._waits, Waits()
        return taken

    def _ask(self) -> None:
        while not self._is_over.wait(_PAUSE):
            begun = time.perf_counter()
            try:
                status = exchange(self._origin, _PATH, timeout=_PATIENCE).status
            except (OSError, http.client.HTTPException) as error:
                self._waits.lost.append(repr(error))
                continue
            self._waits.seconds.append(time.perf_counter() - begun)
            if status != 200:
                self._waits.lost.append(f"status {status}")


def restart(process: Running, log: Path, limit: float = _PATIENCE) -> None:
    """Restart, and wait until the next life is ready.

    :raises TimeoutError: if it is not in time.
    """
    before = log.read_bytes().count(_READY)
    os.kill(process.process.pid, signal.SIGHUP)
    until = time.monotonic() + limit
    while log.read_bytes().count(_READY) == before:
        if time.monotonic() > until:
            raise TimeoutError(f"not restarted within {limit:.0f} s: {log.read_text(errors='replace')[-400:]}")
        time.sleep(0.02)


def main(argv: list[str]) -> int:
    """The exit status."""
    count = int(argv[0]) if argv else 5
    with tempfile.TemporaryDirectory(prefix="duck_tx-benchmarks-") as scratch:
        place = Place(
            free_port(), certificate.make(Path(scratch)), prepare(SOURCE, Path(scratch)), Path(), Path(scratch)
        )
        origin, log = Origin(place.port), place.scratch / "output.log"
        argv, env = command.duck_project("--no-access-log")(place), environment(command.duck_env(place))
        cores = os.sched_getaffinity(0)
        found = Waits()
        with (
            running(argv, env, place.project.directory, origin, _PATH, cores, log) as process,
            Clients(origin) as clients,
        ):
            for number in range(1, count + 1):
                restart(process, log)
                waits = clients.taken()
                print(waits.line(f"restart {number}"), flush=True)
                found.seconds += waits.seconds
                found.lost += waits.lost
    print(found.line(f"{count} restarts"))
    return 0 if found.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
