"""The next life of a server: a restart may keep the process, but not the connections to it."""

from __future__ import annotations

import time
from pathlib import Path

from duck_tx.cli.ask import Line, NoAnswer, NotRunning, call
from duck_tx.errors import ApplicationError

__all__ = ["PAUSE", "Ended", "call_again"]

PAUSE = 0.05
"""Seconds between two looks for the socket: while it is not there, nobody can tell."""


class Ended(ApplicationError):
    """The process has ended, and no other server took its place."""


def call_again(directory: Path, line: Line, until: float, *, may_end: bool = False) -> Line:
    """A line to whoever uses the state directory by now, or will before long.

    :param line: to the server of before; it may be closed by now.
    :param until: the time by the monotonic clock that is waited for.
    :param may_end: another process will follow the one of before.
    :raises Ended: if there is nobody, and the process of before has ended.
    :raises NoAnswer: if there is nobody in time.
    :raises ApplicationError: if there may be one, but it cannot be asked.
    """
    while (left := until - time.monotonic()) > 0:
        # Looked at first: one that ends in between may have been followed by another.
        has_ended = line.has_ended and not may_end
        try:
            return call(directory, left)
        except NotRunning:
            if has_ended:
                raise Ended(f"{line.server} has ended.") from None
        time.sleep(min(PAUSE, left))
    raise NoAnswer(f"{line.server} is not to be found any more by its state directory {directory}.")
