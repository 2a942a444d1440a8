"""Automations: thousands that are due at the same moment, and one that is not due for hours."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import pause
from benchmarks.bench import Bench
from benchmarks.metric import Metric, Reading
from benchmarks.process import StartError
from benchmarks.server import Server

_PATIENCE = 60.0


def begun(report: Path) -> tuple[float, list[float]]:
    """When the automations were due, and when each began, in seconds of ``time.monotonic``.

    :raises OSError: if there is no report.
    """
    due, *moments = map(float, report.read_text().split())
    return due, moments


def lateness(due: float, moments: list[float]) -> list[Reading]:
    """How late they were."""
    late = [(each - due) * 1000 for each in moments]
    return [Reading(Metric.LATE, max(late)), Reading(Metric.LATE_MEDIAN, statistics.median(late))]


@dataclass(frozen=True, slots=True)
class PunctualCase:
    """Many automations that are due at the same moment: how late they begin, how long the reactor was away meanwhile,
    and what each of them costs."""

    name: str
    title: str
    group: str

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        place = bench.place(server)
        report = place.begun
        for each in (report, place.pauses):
            each.unlink(missing_ok=True)
        with bench.start(server, place) as running:
            time.sleep(2.0)
            used = running.processor_seconds()
            until = time.monotonic() + _PATIENCE
            while not report.exists():
                if time.monotonic() > until:
                    raise StartError(f"the automations had not begun after {_PATIENCE:.0f} s")
                time.sleep(0.1)
            # Their ends are written a little later.
            time.sleep(1.0)
            used = running.processor_seconds() - used
        due, moments = begun(report)
        return [
            *lateness(due, moments),
            Reading(Metric.PAUSE, pause.longest(place.pauses, [pause.Window(due, max(moments))])),
            Reading(Metric.EACH_RUN, used / len(moments) * 1e6),
        ]


@dataclass(frozen=True, slots=True)
class AsleepCase:
    """A server that nobody asks for anything: what it uses of a processor."""

    name: str
    title: str
    group: str
    seconds: float = 10.0

    def measure(self, bench: Bench, server: Server) -> list[Reading]:
        with bench.start(server) as running:
            # What a start leaves to be done.
            time.sleep(2.0)
            used = running.processor_seconds()
            time.sleep(self.seconds)
            used = running.processor_seconds() - used
        return [Reading(Metric.ASLEEP, used / self.seconds * 1000)]
