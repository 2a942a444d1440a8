"""One worker process, as the main process knows it: from its start to its end."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Literal

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.process.child import Ending
from duck_tx.process.lines import Lines
from duck_tx.process.link import Announce, Drain, MainEnd, Role, connect
from duck_tx.process.pace import Pace
from duck_tx.process.tenure import Silence, Tenure

__all__ = ["BOARD", "LINK", "Worker"]

_log = Logger()

LINK, BOARD = 3, 4
"""The descriptors of the link and of the board in a worker; those of the listening sockets follow."""

_COMMAND = ("-m", "duck_tx.worker")
_LINES_PER_SECOND = 1000
_OUTPUT_AFTER_END = 0.2
"""Seconds for what it wrote before its end; a program that it left behind may hold its output open."""

_AFTER_GRACE = 2.0
"""Seconds beyond the grace that an end may take: the worker ends the grace by itself."""

_TOGETHER = 0.1
"""Seconds within which a signal reaches all processes of a group."""

_STACKS = 2.0
"""Seconds for a worker that does not answer to write the stacks of its threads."""

State = Literal["starting", "ready", "leaving"]


class Worker(ProcessProtocol):
    """A process that serves.

    :param reactor: starts it.
    :param role: what it is to do.
    :param tenure: how long it may do that.
    :param timeout: seconds without a sign of life that are too many.
    :param grace: seconds that it has to finish what is in flight.
    :param loaded: called when it has loaded the project, with whether that is in development; it goes on when what
        this returns has fired.
    :param left: called when somebody else has asked it to end: it waits to be told how.

    :ivar decided: fires when it serves, or is known never to.
    :ivar why_not: the lines that say why it never will; empty where it serves, or nothing is known yet.
    :ivar ended: fires when it is gone.
    :ivar ending: how it ended.
    :ivar pid: 0 before the start.
    :ivar state: what it does.
    """

    def __init__(
        self,
        reactor: Any,
        role: Role,
        *,
        tenure: Tenure,
        timeout: float,
        grace: float,
        loaded: Callable[[bool], Deferred[None] | None],
        left: Callable[[Worker], object],
    ) -> None:
        self.number = role.number
        self.pid = 0
        self.state: State = "starting"
        self.decided: Deferred[None] = Deferred()
        self.why_not = ""
        self.ended: Deferred[None] = Deferred()
        self.ending: Ending | None = None
        self.requests = self.connections = self.memory = 0
        self.end = MainEnd(self)
        self._reactor = reactor
        self._role = role
        self._tenure = tenure
        self._silence = Silence(timeout)
        self._timeout = timeout
        self._grace = grace
        self._loaded = loaded
        self._left = left
        self._process: Any = None
        self._began = reactor.seconds()
        self._has_exited = False
        self._is_given_up = False
        self._later: list[IDelayedCall] = []
        self._lines = Lines()
        self._pace = Pace[str](reactor, _LINES_PER_SECOND, self._tell, pause=self._pause, resume=self._resume)

    # What is done with it.

    def start(self, sockets: Mapping[str, socket.socket], board: int, environ: Mapping[str, str]) -> None:
        """Start it.

        :param sockets: what to listen on, with the names of its role.
        :param board: the descriptor of the board.
        :raises OSError: if there can be no new process.
        """
        ours, theirs = socket.socketpair()
        descriptors: dict[int, Any] = {0: "w", 1: 1, 2: "r", LINK: theirs.fileno(), BOARD: board}
        descriptors |= {self._role.sockets[name]: sock.fileno() for name, sock in sockets.items()}
        try:
            with theirs, _signals_held_back():
                self._reactor.spawnProcess(
                    self, sys.executable, [sys.executable, *_COMMAND], env=dict(environ), childFDs=descriptors
                )
        except BaseException:
            ours.close()
            raise
        connect(self._reactor, ours, self.end)
        self.end.begin(self._role)

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return float(self._reactor.seconds() - self._began)

    def describe(self) -> dict[str, object]:
        """What there is to know about it; memory in bytes, age in seconds."""
        return {
            "number": self.number,
            "pid": self.pid,
            "state": self.state,
            "requests": self.requests,
            "connections": self.connections,
            "memory": self.memory,
            "age": round(self.age, 3),
        }

    def overdue(self) -> str:
        """Why another has to take its place; empty while it may stay."""
        return self._tenure.end(self.requests, self.age, self.memory) if self.state == "ready" else ""

    def passed(self, seconds: float) -> None:
        """So much time has passed: give it up if nothing was heard of it for too long."""
        if self._silence.passed(seconds) and not self._is_given_up:
            self._give_up()

    def _give_up(self) -> None:
        self._is_given_up = True
        _log.error(
            "worker {number} has not answered for {seconds:g} s: its threads are shown, and it is killed",
            number=self.number,
            seconds=self._timeout,
        )
        # faulthandler writes the stacks, whatever Python does.
        self._signal(signal.SIGABRT)
        self._kill_in(_STACKS)

    def announce_stop(self) -> None:
        """Have its answers say that their connections close."""
        self.end.say(Announce)

    def drain(self, shared: list[str]) -> Deferred[Any]:
        """Have it finish what is in flight and end, or else kill it when its grace is over; fires when it accepts no
        more.

        :param shared: the sockets on which others serve what queues.
        """
        if self.state != "leaving":
            self.state = "leaving"
            self._kill_in(self._grace + _AFTER_GRACE)
        return self.end.say(Drain, shared=shared)

    def kill(self) -> None:
        """End it now."""
        self._signal(signal.SIGKILL)

    def _kill_in(self, seconds: float) -> None:
        if not self._has_exited:
            self._later.append(self._reactor.callLater(seconds, self.kill))

    def _signal(self, number: signal.Signals) -> None:
        if not self._has_exited:
            with suppress(ProcessExitedAlready):
                self._process.signalProcess(number)

    # What it says.

    def loaded(self, is_development: bool) -> Deferred[None] | None:
        """It has loaded the project."""
        return self._loaded(is_development)

    def became_ready(self) -> None:
        """It serves."""
        self._silence.heard()
        if self.state == "starting":
            self.state = "ready"
            _log.info(
                "worker {number} is ready, pid {pid} ({age:.2f} s)", number=self.number, pid=self.pid, age=self.age
            )
            self._decide("")

    def failed(self, lines: str) -> None:
        """It cannot serve."""
        self._decide(lines)

    def leaving(self) -> None:
        """Somebody has asked it to end, and perhaps this process as well: then that will be known in a moment."""
        if not self._has_exited:
            self._later.append(self._reactor.callLater(_TOGETHER, self._left, self))

    def beat(self, requests: int, connections: int, memory: int) -> None:
        """It lives."""
        self._silence.heard()
        self.requests, self.connections, self.memory = requests, connections, memory

    def _decide(self, why_not: str) -> None:
        if not self.decided.called:
            self.why_not = why_not
            self.decided.callback(None)

    # What the system says.

    def connectionMade(self) -> None:
        """There is a process."""
        self._process = self.transport
        self.pid = self._process.pid

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """It has written something."""
        self._pace.put(self._lines.feed(data))

    def processExited(self, reason: Failure) -> None:
        """It has ended; what it wrote may still be on its way."""
        self._has_exited = True
        self._cancel()
        self._process.resumeProducing()
        self._later.append(self._reactor.callLater(_OUTPUT_AFTER_END, self._process.loseConnection))

    def processEnded(self, reason: Failure) -> None:
        """It has ended, and there is no more to read."""
        self._cancel()
        self._pace.put(self._lines.end())
        forgotten = self._pace.end()
        if forgotten:
            self._tell(f"({forgotten} more lines are left out)")
        self.ending = Ending.of(reason)
        self.state = "leaving"
        self._decide(f"worker {self.number}: {self.ending} before it was ready.")
        self.ended.callback(None)

    def _cancel(self) -> None:
        for call in self._later:
            if call.active():
                call.cancel()
        self._later.clear()

    def _tell(self, line: str) -> None:
        _log.info("[worker {number}] {line}", number=self.number, line=line)

    def _pause(self) -> None:
        if not self._has_exited:
            self._process.pauseProducing()

    def _resume(self) -> None:
        self._process.resumeProducing()


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Have a process that is started within begin with signals held back that a terminal sends to all of its processes:
    Python itself would end by them, before the program could say that they are not for it.

    Here they are only late.
    """
    held = {signal.SIGINT, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
