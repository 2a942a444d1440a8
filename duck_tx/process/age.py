"""When this life of the process began: a restart keeps the process, and all that the system knows of its age."""

from __future__ import annotations

import os
import time
from collections.abc import MutableMapping
from functools import cache

__all__ = ["VARIABLE", "began", "handed_or_measured", "seconds_of_process", "stamped"]

VARIABLE = "DUCK_BEGAN"
"""Set by the life before: seconds since the epoch."""

_LOADED = time.time()


@cache
def began() -> float:
    """Seconds since the epoch, the same whenever it is asked for."""
    return handed_or_measured(os.environ)


def handed_or_measured(environ: MutableMapping[str, str]) -> float:
    """What the life before says, else what the system says.

    :param environ: loses the variable, as it is for this process alone.
    """
    try:
        return float(environ.pop(VARIABLE, ""))
    except ValueError:
        return time.time() - seconds_of_process()


def stamped() -> dict[str, str]:
    """The variable for a life that begins now."""
    return {VARIABLE: repr(time.time())}


def seconds_of_process() -> float:
    """Seconds since this process began, as far as the system tells, else since this module was loaded."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        with open("/proc/uptime", "rb") as file:
            return float(file.read().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return time.time() - _LOADED
