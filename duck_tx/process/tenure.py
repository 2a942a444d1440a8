"""How long a worker process may serve before another takes its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from duck_tx.settings import ServerSettings

__all__ = ["Silence", "Tenure", "between_looks", "mebibytes", "tenure"]

_MIB = 1024**2

_FOR_A_START = 60.0
"""Seconds until the first sign of life."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """The bounds for one worker; 0 is none.

    :ivar requests: that it may answer.
    :ivar age: in seconds.
    :ivar memory: resident, in bytes.
    """

    requests: int = 0
    age: float = 0.0
    memory: int = 0

    def end(self, requests: int, age: float, memory: int) -> str:
        """Why it is over, in a few words; empty as long as it is not."""
        if 0 < self.requests <= requests:
            return f"{requests} requests"
        if 0 < self.age <= age:
            return f"{age:.0f} s"
        if 0 < self.memory < memory:
            return f"{mebibytes(memory)} of memory"
        return ""


def mebibytes(count: int) -> str:
    """So many bytes, for people."""
    return f"{count / _MIB:.0f} MiB"


def tenure(settings: ServerSettings, draw: Callable[[], float]) -> Tenure:
    """The tenure of the next worker.

    :param draw: gives numbers from 0 up to 1.
    """
    requests = settings.max_requests
    if requests:
        requests += int(draw() * (settings.max_requests_jitter + 1))
    return Tenure(requests, settings.max_age, settings.max_memory)


def between_looks(limit: float) -> float:
    """Seconds between two looks at the workers, and between two signs of life.

    :param limit: seconds of silence that are too many.
    """
    return min(1.0, limit / 4)


class Silence:
    """How long nothing has been heard of a worker.

    What counts is time in which the main process was awake to listen: one that was stopped for a while, as was perhaps
    the whole machine, has not heard anybody.

    :param limit: seconds of it that are too many; a minute at least, until something has been heard at all: on a
        machine that is busy a start takes its time.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._at_most = 2 * between_looks(limit)
        self._lasted = 0.0
        self._has_begun = False

    def heard(self) -> None:
        """There was a sign of life."""
        self._lasted = 0.0
        self._has_begun = True

    def passed(self, seconds: float) -> bool:
        """So much time has passed since the last call, less than none where somebody has set the clock back: whether
        the silence is too long now."""
        self._lasted += min(max(seconds, 0.0), self._at_most)
        return self._lasted >= (self._limit if self._has_begun else max(self._limit, _FOR_A_START))
