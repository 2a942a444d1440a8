"""How much of the processors others used meanwhile: the reason to trust a figure, or not to."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """Seconds: on the clock, of user code on the cores, and how much of the latter is ours."""

    clock: float
    cores: float
    ours: float

    def others(self, later: Usage) -> float:
        """Percent of one core that other programs, or other guests of the host, used until ``later``.

        User code alone: the kernel books the network's work on whatever process it interrupts.
        """
        passed = later.clock - self.clock
        taken = (later.cores - self.cores) - (later.ours - self.ours)
        return max(0.0, 100 * taken / passed) if passed > 0 else 0.0


def usage(cores: Collection[int], pids: Iterable[int]) -> Usage:
    """What is used up to now; ours are these processes, this one and those that it has waited for."""
    own, waited = (resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    booked = user_seconds(Path("/proc/stat").read_text(), cores)
    return Usage(time.monotonic(), booked, own + waited + sum(map(process_seconds, pids)))


def user_seconds(stat: str, cores: Collection[int]) -> float:
    """User, nice and stolen time of these cores since boot, from the text of ``/proc/stat``."""
    ticks = 0
    names = {f"cpu{core}" for core in cores}
    for line in stat.splitlines():
        name, *fields = line.split()
        if name in names:
            user, nice, _system, _idle, _iowait, _irq, _softirq, stolen = map(int, fields[:8])
            # A guest's time is in the host's user time already.
            ticks += user + nice + stolen
    return ticks / _TICK


def idle_seconds(stat: str, core: int) -> float:
    """Time since boot in which this core had nothing to do, from the text of ``/proc/stat``."""
    for line in stat.splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            return (int(fields[3]) + int(fields[4])) / _TICK
    return 0.0


def process_seconds(pid: int, *, in_kernel: bool = False) -> float:
    """User time of a living process, and on demand the kernel's for it; 0 if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + (int(fields[12]) if in_kernel else 0)) / _TICK
