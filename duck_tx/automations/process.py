"""Runs of programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from duck_tx.automations.output import Output
from duck_tx.automations.program import Program
from duck_tx.automations.work import Doing, Ending, Steps

__all__ = ["GRACE", "Child", "InProcess", "ProgramError", "Programs"]

GRACE = 5.0
"""Seconds that a program has to end when it is asked to, before it is killed."""


class ProgramError(Exception):
    """A program ended with a status other than 0, or by a signal."""


class ChildEnding(Protocol):
    """How a child process ended; as text, in words."""

    @property
    def status(self) -> int | None: ...
    @property
    def signal(self) -> int | None: ...
    @property
    def is_clean(self) -> bool: ...


class Child(Protocol):
    """A child process."""

    def start(self, command: Sequence[str], *, directory: Path, environ: Mapping[str, str], grace: float) -> None:
        """Start it, or raise an OSError.

        :param grace: seconds that it has to end when this process is gone.
        """

    def terminate(self) -> None:
        """Ask it to end."""

    def kill(self) -> None:
        """End it and what it has started now."""


class MakeChild(Protocol):
    """Makes a child.

    :param output: called with the name of a stream and a line.
    :param ended: called when it has ended and its output has been read.
    """

    def __call__(self, *, output: Callable[[str, str], object], ended: Callable[[Any], object]) -> Child: ...


class Programs:
    """Where and how programs run.

    :param clock: for the time that they have to end.
    :param child: makes a child process.
    :param directory: the project's.
    :param environ: variables that all of them have, looked at when one starts.
    """

    def __init__(
        self, clock: IReactorTime, child: MakeChild, *, directory: Path, environ: Callable[[], Mapping[str, str]]
    ) -> None:
        self._clock = clock
        self._child = child
        self._directory = directory
        self._environ = environ

    def begin(self, program: Program, steps: Steps) -> InProcess:
        """Begin a run.

        :param steps: those that it is one of.
        """
        run = InProcess(self._clock, self._child, steps.output)
        if steps.begun is not None:
            steps.begun()
        run.start(program, self._directory / program.directory, {**self._environ(), **program.env})
        return run


class InProcess(Doing):
    """One run of a program."""

    def __init__(self, clock: IReactorTime, child: MakeChild, output: Output) -> None:
        super().__init__()
        self._clock = clock
        self._output = output
        self._killing: IDelayedCall | None = None
        self._child = child(output=self._print, ended=self._over)

    def start(self, program: Program, directory: Path, environ: Mapping[str, str]) -> None:
        """Start it, or be gone with the reason."""
        try:
            self._child.start(program.command, directory=directory, environ=environ, grace=GRACE)
        except OSError as error:
            self._gone.come(Ending(ProgramError(f"it could not be started: {error.strerror or error}")))

    def cancel(self) -> bool:
        """Ask it to end, and kill it if it does not."""
        if not self._gone.has_come:
            self._child.terminate()
            self._killing = self._clock.callLater(GRACE, self._child.kill)
        return True

    def _print(self, stream: str, line: str) -> None:
        self._output.write(f"{line}\n")

    def _over(self, ending: ChildEnding) -> None:
        if self._killing is not None and self._killing.active():
            self._killing.cancel()
        error = None
        if not ending.is_clean:
            last = self._output.last_line
            error = ProgramError(f"{ending}: {last}" if last else str(ending))
        status = ending.status
        self._gone.come(Ending(error, -ending.signal if status is None and ending.signal else status))
