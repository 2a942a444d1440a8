"""Run a Twisted program, note how long its reactor is away: ``pause_probe.py REPORT PROGRAM ARGUMENTS...``.

A callback asks to be called again a millisecond later; what it is late is time in which the reactor could do
nothing else. The report has a line for each tick that was late by more than a tenth of a millisecond: when
(``time.monotonic``, which all processes of a machine share) and by how many milliseconds. This runs in the
peers' environment as well, so it imports nothing of this package.
"""

from __future__ import annotations

import runpy
import sys
import time
from array import array
from pathlib import Path

INTERVAL = 0.001
WORTH_NOTING = 0.0001


class Probe:
    """Ticks on one reactor; ``save`` writes what was seen so far."""

    def __init__(self, report: Path) -> None:
        self.report = report
        self.times = array("d")
        self.late = array("d")

    def start(self) -> None:
        from twisted.internet import reactor

        reactor.addSystemEventTrigger("before", "shutdown", self.save)
        reactor.callWhenRunning(self.tick, time.monotonic())

    def tick(self, due: float) -> None:
        from twisted.internet import reactor

        now = time.monotonic()
        if now - due > WORTH_NOTING:
            self.times.append(now)
            self.late.append((now - due) * 1000)
        reactor.callLater(INTERVAL, self.tick, time.monotonic() + INTERVAL)

    def save(self) -> None:
        lines = (f"{when:.6f} {late:.3f}\n" for when, late in zip(self.times, self.late, strict=True))
        self.report.write_text("".join(lines))


if __name__ == "__main__":
    # The directory of this file would come first, and its modules shadow others of their names.
    sys.path.pop(0)
    del sys.argv[0]
    Probe(Path(sys.argv.pop(0))).start()
    runpy.run_path(sys.argv[0], run_name="__main__")
