"""What a process writes, up to what it wrote right before its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from duck_tx.process.lines import Lines
from duck_tx.process.pace import Pace

__all__ = ["LINES_PER_SECOND", "Output"]

LINES_PER_SECOND = 1000
"""What a log may grow by."""


class Output:
    """Hands on what a process writes, as lines that are fit for a log.

    :param clock: for the time.
    :param tell: called with the descriptor that it has written to, and a line.
    :param streams: those descriptors.
    :param after_end: seconds for what it wrote before its end: a program that it left behind may hold its output open
        for ever.
    :param rate: lines in a second at most: a process that writes more has to wait.
    """

    def __init__(
        self,
        clock: IReactorTime,
        tell: Callable[[int, str], object],
        *,
        streams: Iterable[int] = (2,),
        after_end: float = 0.2,
        rate: int = LINES_PER_SECOND,
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._after_end = after_end
        self._process: Any = None
        self._has_exited = False
        self._late: IDelayedCall | None = None
        self._lines = {stream: Lines() for stream in streams}
        self._pace = Pace[tuple[int, str]](
            clock, rate, lambda said: tell(*said), pause=self._pause, resume=self._resume
        )

    def begin(self, process: Any) -> None:
        """There is the transport of the process."""
        self._process = process

    def feed(self, stream: int, data: bytes) -> None:
        """It has written."""
        self._pace.put((stream, line) for line in self._lines[stream].feed(data))

    def exited(self) -> None:
        """It has ended; what it wrote may still be on its way."""
        self._has_exited = True
        self._process.resumeProducing()
        self._late = self._clock.callLater(self._after_end, self._process.loseConnection)

    def end(self) -> None:
        """There is no more to read: hand on what is left, or say how much of that is too much."""
        if self._late is not None and self._late.active():
            self._late.cancel()
        for stream, lines in self._lines.items():
            self._pace.put((stream, line) for line in lines.end())
        forgotten = self._pace.end()
        if forgotten:
            self._tell(min(self._lines), f"({forgotten} more lines are left out)")

    def _pause(self) -> None:
        if not self._has_exited:
            self._process.pauseProducing()

    def _resume(self) -> None:
        self._process.resumeProducing()
