"""Trying out whether this server could be started again: the same command once more, in a child that serves nothing.

A variable makes the child check and load what it would serve, run its startup commands, say what is wrong, and end.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from uuid import uuid4

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from duck_tx.errors import ApplicationError
from duck_tx.process.child import Child, Ending
from duck_tx.process.sequence import Sequence as ServiceSequence

__all__ = ["VARIABLE", "Attempt", "Trial", "reasons"]

_log = Logger()

VARIABLE = "DUCK_TRIAL"
"""A word that the child says when all is well, and before what is for the log at once; and what it need not look for:
the ports that are there already."""

PATIENCE = 120.0
"""Seconds that a project may take to load.  Its startup commands have as long as they take, as at any start."""

_GRACE = 1.0
_LINES_KEPT = 200
_LINES_TOLD = 20
_MARK = "duck: "


def reasons(lines: Iterable[str]) -> list[str]:
    """What is wrong, by what the child has said: our own lines where there are some, else the last ones."""
    said = [line.rstrip() for line in lines if line.strip()]
    # A line may stand behind the date of a log.
    own = [line.partition(_MARK)[2] for line in said if _MARK in line]
    return (own or said)[-_LINES_TOLD:]


class Trial:
    """One child.

    :param reactor: starts it.
    :param ports: those that the child is not to look for.
    :param patience: seconds until it has to say something, or to end.
    """

    def __init__(self, reactor: Any, ports: Iterable[str] = (), patience: float = PATIENCE) -> None:
        self._reactor = reactor
        self._patience = patience
        self._word = uuid4().hex
        self._ports = list(ports)
        self._said: deque[str] = deque(maxlen=_LINES_KEPT)
        self._child = Child(reactor, output=self._output, ended=self._ended)
        self._late: IDelayedCall | None = None
        self._is_late = False
        self._done: Deferred[None] = Deferred(lambda _: self._cancel())

    def run(self, command: Sequence[str], *, directory: str, environ: Mapping[str, str]) -> Deferred[None]:
        """Fires when the child has found nothing wrong; when that is cancelled, it is killed.

        :param command: the program and its arguments.
        :param directory: where.
        :param environ: all of its variables, but for the one that makes it a trial.
        :raises ApplicationError: with the lines that say what is wrong, by way of the Deferred.
        """
        variables = {**environ, VARIABLE: ":".join([self._word, *self._ports])}
        try:
            self._child.start(command, directory=Path(directory or os.getcwd()), environ=variables, grace=_GRACE)
        except OSError as error:
            # It is Python that cannot be started; the program is named by the child.
            self._done.errback(
                ApplicationError(f"the new code cannot be tried out: {sys.executable}: {error.strerror}.")
            )
            return self._done
        self._late = self._reactor.callLater(self._patience, self._took_too_long)
        return self._done

    def _output(self, stream: str, line: str) -> None:
        word, _, news = line.partition(" ")
        if word == self._word and news:
            self._wait_on()
            _log.info("{news}", news=news)
        else:
            self._said.append(line)

    def _wait_on(self) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()

    def _took_too_long(self) -> None:
        self._is_late = True
        self._child.kill()

    def _cancel(self) -> None:
        self._wait_on()
        self._child.kill()

    def _ended(self, ending: Ending) -> None:
        if self._done.called:
            return
        self._wait_on()
        if ending.is_clean and self._word in self._said:
            self._done.callback(None)
            return
        if self._is_late:
            lines = [f"the new code had not been loaded after {self._patience:g} s."]
        elif ending.is_clean:
            lines = ["the program ended without having started an App."]
        else:
            lines = reasons(self._said) or [f"the new code could not be loaded: {ending}."]
        self._done.errback(ApplicationError("\n".join(lines)))


class Attempt(ServiceSequence):
    """Stands where the tree would, in the child: to start it is to try, and to end.

    :param told: the value of the variable.
    :param look: called with the names of the ports that are there already, and with what takes a line for the log;
        raises :class:`ApplicationError`.
    """

    def __init__(self, told: str, look: Callable[[frozenset[str], Callable[[str], object]], object]) -> None:
        super().__init__()
        self._word, *ports = told.split(":")
        self._ports = frozenset(ports)
        self._look = look

    def privilegedStartService(self) -> NoReturn:
        """Try, and end this process: 0 if nothing is wrong, else 1."""
        try:
            self._look(self._ports, self._say)
        except ApplicationError as error:
            _end(1, sys.__stderr__, "".join(f"{_MARK}{line}\n" for line in str(error).splitlines()))
        _end(0, sys.__stdout__, f"{self._word}\n")

    def _say(self, line: str) -> None:
        if line:
            _write(sys.__stdout__, f"{self._word} {line}\n")

    def startService(self) -> NoReturn:
        """The same."""
        self.privilegedStartService()


def _end(status: int, stream: Any, text: str) -> NoReturn:
    """The project may have threads that never end."""
    for each in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if each is not None:
            each.flush()
    _write(stream, text)
    os._exit(status)


def _write(stream: Any, text: str) -> None:
    if stream is not None:
        # The project may have begun a line.
        os.write(stream.fileno(), b"\n" + text.encode(errors="backslashreplace"))
