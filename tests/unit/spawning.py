"""What tests of child processes have in common."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock, deferLater

__all__ = ["ClockedReactor", "lives", "python", "until"]

_BETWEEN_LOOKS = 0.005


def python(code: str) -> list[str]:
    """The command that runs ``code`` in a Python that is up soon, ``os``, ``signal``, ``sys`` and ``time`` imported."""
    return [sys.executable, "-I", "-S", "-u", "-c", f"import os, signal, sys, time\n{code}"]


class ClockedReactor(Clock):
    """Real processes, and a time that only tests move."""

    def spawnProcess(self, *args: Any, **kwargs: Any) -> Any:
        """As the reactor's own."""
        from twisted.internet import reactor

        return reactor.spawnProcess(*args, **kwargs)


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


async def until(fact: Callable[[], object], seconds: float = 20.0) -> None:
    """Look again and again, with the reactor running, until ``fact()`` is true.

    :raises AssertionError: if it is not in time.
    """
    from twisted.internet import reactor

    for _ in range(int(seconds / _BETWEEN_LOOKS)):
        if fact():
            return
        await deferLater(reactor, _BETWEEN_LOOKS)
    raise AssertionError(f"not after {seconds:g} s: {fact}")
