"""One child process: started below a guard, its output read line by line, ended with all that it started."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from duck_tx.process import inherited, notify
from duck_tx.process.output import LINES_PER_SECOND, Output

__all__ = ["Child", "Ending", "environ_of_child"]

_GUARD = str(Path(__file__).with_name("guard.py"))
_STREAMS = {1: "stdout", 2: "stderr"}
_OUTPUT_AFTER_END = 1.0
"""Seconds for what a program wrote before it ended: it may have been a lot."""


def environ_of_child(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables by which a supervisor speaks to this process, and not to its children."""
    return {name: value for name, value in inherited.without(environ).items() if name not in notify.VARIABLES}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended: with a status, or by a signal; by neither, if nobody knows."""

    status: int | None
    signal: int | None = None

    @classmethod
    def of(cls, reason: Failure) -> Ending:
        """What Twisted says of it."""
        error: Any = reason.value
        return cls(0) if isinstance(error, ProcessDone) else cls(error.exitCode, error.signal)

    @property
    def is_clean(self) -> bool:
        return self.status == 0

    def __str__(self) -> str:
        if self.signal is None and self.status is None:
            return "ended, and nobody saw how"
        if self.signal is None:
            return f"exit status {self.status}"
        try:
            return f"ended by {signal.Signals(self.signal).name}"
        except ValueError:
            # A real-time signal.
            return f"ended by signal {self.signal}"


class Child(ProcessProtocol):
    """A program, and what it starts.

    Of the server's open files it has none; its standard input is at the end.  When it ends, what is left of its process
    group is killed; so is all of it when this process is gone (see :mod:`duck_tx.process.guard`).

    :param reactor: starts it.
    :param output: called with the name of a stream and a line of it.
    :param ended: called when it has ended and its output has been read.
    :param rate: lines in a second at most: a program that writes more has to wait.

    :ivar pid: that of the guard, which leads the process group; 0 before the start.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        output: Callable[[str, str], object],
        ended: Callable[[Ending], object],
        rate: int = LINES_PER_SECOND,
    ) -> None:
        self.pid = 0
        self._reactor = reactor
        self._ended = ended
        self._process: Any = None
        self._has_exited = False
        self._output = Output(
            reactor,
            lambda stream, line: output(_STREAMS[stream], line),
            streams=_STREAMS,
            after_end=_OUTPUT_AFTER_END,
            rate=rate,
        )

    def start(self, command: Sequence[str], *, directory: Path, environ: Mapping[str, str], grace: float) -> None:
        """Start it.  A program that is not there ends with status 127, after a line that says so.

        :param command: the program and its arguments.
        :param environ: all of its variables.
        :param grace: seconds that it has to end when this process is gone.
        :raises OSError: if there can be no new process.
        """
        guard = [sys.executable, "-I", "-S", _GUARD, f"{grace:g}", str(directory)]
        self._reactor.spawnProcess(
            self, sys.executable, [*guard, *command], env=dict(environ), childFDs={0: "w", 1: "r", 2: "r"}
        )

    def terminate(self) -> None:
        """Ask the program to end (SIGTERM)."""
        with suppress(ProcessExitedAlready):
            self._process.signalProcess(signal.SIGTERM)

    def kill(self) -> None:
        """End the program and all that it started now (SIGKILL)."""
        if self._has_exited:
            return
        self._kill_group()
        with suppress(ProcessExitedAlready):
            # A guard that has only begun leads no group yet.
            self._process.signalProcess(signal.SIGKILL)

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def connectionMade(self) -> None:
        """There is a process."""
        self._process = self.transport
        self.pid = self._process.pid
        self._output.begin(self._process)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """It has written."""
        self._output.feed(childFD, data)

    def processExited(self, reason: Failure) -> None:
        """It has ended; what it wrote may still be on its way."""
        self._has_exited = True
        # Its number may be given to others from here on, unless there is still somebody in its group.
        self._kill_group()
        self._output.exited()

    def processEnded(self, reason: Failure) -> None:
        """It has ended, and there is no more to read."""
        self._output.end()
        self._ended(Ending.of(reason))
