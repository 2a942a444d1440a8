"""What the two cores did during a measurement: who used them, and whether the load was what limited the rate."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.disturbance import idle_seconds
from benchmarks.metric import Metric, Reading
from benchmarks.process import Running

_STAT = Path("/proc/stat")


class Watch:
    """Looks from when it is made until :meth:`readings`."""

    def __init__(self, running: Running, server_core: int, load_core: int) -> None:
        self._running = running
        self._cores = {Metric.SERVER_BUSY: server_core, Metric.LOAD_BUSY: load_core}
        self._began = time.monotonic()
        self._idle = self._idle_so_far()
        self._before = running.usage(self._cores.values())

    def readings(self) -> list[Reading]:
        """In percent of a core: what others used, and how busy the server's and the load's were."""
        others = self._before.others(self._running.usage(self._cores.values()))
        seconds, idle = time.monotonic() - self._began, self._idle_so_far()
        busy = [Reading(each, busy_percent(idle[each] - self._idle[each], seconds)) for each in self._cores]
        return [Reading(Metric.OTHERS, others), *busy]

    def _idle_so_far(self) -> dict[Metric, float]:
        stat = _STAT.read_text()
        return {each: idle_seconds(stat, core) for each, core in self._cores.items()}


def busy_percent(idle: float, seconds: float) -> float:
    """How much of a core was used in so many seconds if it was idle for some of them."""
    return min(100.0, max(0.0, 100 * (1 - idle / seconds))) if seconds > 0 else 0.0
