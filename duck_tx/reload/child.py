"""One process of the server, as the monitor sees it."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from duck_tx.interrupt import held_back
from duck_tx.reload.link import VARIABLE, Link, adopt

__all__ = ["ServerProcess", "Start"]


class Start(NamedTuple):
    """How the server is started.

    :ivar sockets: descriptors that it inherits, under the same numbers.
    :ivar watched: files that it depends on, whatever it says.
    :ivar project: the folder of the project, if there is one.
    """

    command: Sequence[str]
    directory: str
    environ: Mapping[str, str]
    sockets: Sequence[int] = ()
    watched: Sequence[str] = ()
    project: str = ""


class ServerProcess(ProcessProtocol):
    """A process that prepares itself, and serves when it is told to.

    :param start: how it is started.
    :param heard: called with this and each message from it.
    :param ended: called with this, and the exit status or the signal by which it has ended.

    :ivar start: as given.
    """

    def __init__(
        self,
        start: Start,
        heard: Callable[[ServerProcess, dict[str, Any]], object],
        ended: Callable[[ServerProcess, int | None, int | None], object],
    ) -> None:
        self.start = start
        self._ended = ended
        self._link = Link(lambda message: heard(self, message), lambda: None)

    def spawn(self, reactor: Any) -> None:
        """Start the process."""
        start = self.start
        ours, theirs = socket.socketpair()
        number = theirs.fileno()
        try:
            adopt(reactor, ours, self._link)
            # Ctrl-C goes to all processes; this one lets it in when it can end by it without a word.
            with held_back(signal.SIGINT):
                reactor.spawnProcess(
                    self,
                    start.command[0],
                    list(start.command),
                    env={**start.environ, VARIABLE: str(number)},
                    path=start.directory,
                    # The terminal stays the server's, so that a debugger can be talked to.
                    childFDs={0: 0, 1: 1, 2: 2} | {each: each for each in (number, *start.sockets)},
                )
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        process: Any = self.transport
        return int(process.pid)

    def go(self) -> None:
        """Have it serve."""
        self._link.say(go=True)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        process: Any = self.transport
        with suppress(ProcessExitedAlready):
            process.signalProcess(number)

    def processEnded(self, reason: Failure) -> None:
        """It has ended."""
        error: Any = reason.value
        if isinstance(error, ProcessDone):
            self._ended(self, 0, None)
        else:
            self._ended(self, error.exitCode, error.signal)

    def processExited(self, reason: Failure) -> None:
        """Nothing is read from it, so there is nothing to wait for."""
