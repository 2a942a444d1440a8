"""One worker process, as the main process knows it: from its start to its end."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.interrupt import held_back
from duck_tx.process.child import Ending
from duck_tx.process.link import Announce, Drain, MainEnd, Role, connect
from duck_tx.process.output import Output
from duck_tx.process.tenure import Silence, Tenure

__all__ = ["BOARD", "LINK", "Descriptors", "Spawn", "Worker", "spawning"]

_log = Logger()

LINK, BOARD = 3, 4
"""The descriptors of the link and of the board in a worker; those of the listening sockets follow."""

_COMMAND = ("-m", "duck_tx.worker")

_AFTER_GRACE = 2.0
"""Seconds beyond the grace that an end may take: the worker ends the grace by itself."""

_TOGETHER = 0.1
"""Seconds within which a signal reaches all processes of a group."""

_STACKS = 2.0
"""Seconds for a worker that does not answer to write the stacks of its threads."""

State = Literal["starting", "ready", "leaving"]

Descriptors: TypeAlias = Mapping[int, int | Literal["r", "w"]]
"""As the ``childFDs`` of ``spawnProcess``."""

Spawn: TypeAlias = Callable[[ProcessProtocol, Descriptors], Any]
"""Has a worker process made that has these descriptors, and returns its transport; raises ``OSError``."""


def spawning(reactor: Any, environ: Mapping[str, str]) -> Spawn:
    """Makes a worker of a new Python.

    :param environ: its variables.
    """

    def spawn(process: ProcessProtocol, descriptors: Descriptors) -> Any:
        command = [sys.executable, *_COMMAND]
        # What a terminal sends to all of its processes is not for this one, and it has to be up to say so.
        with held_back(signal.SIGINT, signal.SIGHUP):
            return reactor.spawnProcess(process, sys.executable, command, env=dict(environ), childFDs=descriptors)

    return spawn


class Worker(ProcessProtocol):
    """A process that serves.

    :param reactor: for its link, and for time.
    :param role: what it is to do.
    :param spawn: makes the process.
    :param tenure: how long it may do that.
    :param timeout: seconds without a sign of life that are too many.
    :param grace: seconds that it has to finish what is in flight.
    :param loaded: called when it has loaded the project, with whether that is in development; it goes on when what
        this returns has fired.
    :param left: called when somebody else has asked it to end: it waits to be told how.

    :ivar name: who it is, in a sentence.
    :ivar cell: its own on the board.
    :ivar is_idle: there is nothing for it to do: it serves as long as that takes to end it.
    :ivar decided: fires when it serves, or is known never to.
    :ivar why_not: the lines that say why it never will; empty where it serves, or nothing is known yet.
    :ivar ended: fires when it is gone.
    :ivar ending: how it ended.
    :ivar pid: 0 before the start.
    :ivar state: what it does.
    :ivar memory_at_first: what it took when it had begun to serve, in bytes; 0 before that.
    """

    def __init__(
        self,
        reactor: Any,
        role: Role,
        *,
        spawn: Spawn,
        tenure: Tenure,
        timeout: float,
        grace: float,
        loaded: Callable[[bool], Deferred[None] | None],
        left: Callable[[Worker], object],
    ) -> None:
        self.number = role.number
        self.name = role.name
        self.cell = role.cell
        self.is_idle = False
        self.pid = 0
        self.state: State = "starting"
        self.decided: Deferred[None] = Deferred()
        self.why_not = ""
        self.ended: Deferred[None] = Deferred()
        self.ending: Ending | None = None
        self.requests = self.connections = self.memory = self.memory_at_first = 0
        self.end = MainEnd(self)
        self._reactor = reactor
        self._role = role
        self._spawn = spawn
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
        self._output = Output(reactor, self._tell)

    # What is done with it.

    def start(self, sockets: Mapping[str, socket.socket], board: int | None) -> None:
        """Start it.

        :param sockets: what to listen on, with the names of its role.
        :param board: the descriptor of the board, if it is to accept connections.
        :raises OSError: if there can be no new process.
        """
        ours, theirs = socket.socketpair()
        descriptors: dict[int, int | Literal["r", "w"]] = {0: "w", 1: 1, 2: "r", LINK: theirs.fileno()}
        if board is not None:
            descriptors[BOARD] = board
        descriptors |= {self._role.sockets[name]: sock.fileno() for name, sock in sockets.items()}
        try:
            with theirs:
                self._process = self._spawn(self, descriptors)
            self._output.begin(self._process)
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
        if self.state != "ready":
            return ""
        # Until it is known what it takes at first, there is nothing to compare a later need with.
        return self._tenure.end(self.requests, self.age, self.memory if self.memory_at_first else 0)

    @property
    def is_born_overdue(self) -> bool:
        """Whether it took more memory than it may from the first."""
        return bool(self._tenure.end(0, 0.0, self.memory_at_first))

    def passed(self, seconds: float) -> None:
        """So much time has passed: give it up if nothing was heard of it for too long."""
        if self._silence.passed(seconds) and not self._is_given_up:
            self._give_up()

    def _give_up(self) -> None:
        self._is_given_up = True
        _log.error(
            "{name} has not answered for {seconds:g} s: its threads are shown, and it is killed",
            name=self.name,
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
            _log.info("{name} is ready, pid {pid} ({age:.2f} s)", name=self.name, pid=self.pid, age=self.age)
            self._decide("")

    def failed(self, lines: str) -> None:
        """It cannot serve."""
        self._decide(lines)

    def idle(self) -> None:
        """There is nothing for it to do, and it waits to be told to end."""
        self.is_idle = True
        self._decide("")

    def leaving(self) -> None:
        """Somebody has asked it to end, and perhaps this process as well: then that will be known in a moment."""
        if not self._has_exited:
            self._later.append(self._reactor.callLater(_TOGETHER, self._left, self))

    def beat(self, requests: int, connections: int, memory: int) -> None:
        """It lives."""
        self._silence.heard()
        self.requests, self.connections, self.memory = requests, connections, memory
        if self.state == "ready" and not self.memory_at_first:
            self.memory_at_first = memory

    def _decide(self, why_not: str) -> None:
        if not self.decided.called:
            self.why_not = why_not
            self.decided.callback(None)

    # What the system says.

    def connectionMade(self) -> None:
        """There is a process."""
        transport: Any = self.transport
        self.pid = transport.pid

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """It has written something."""
        self._output.feed(childFD, data)

    def processExited(self, reason: Failure) -> None:
        """It has ended; what it wrote may still be on its way."""
        self._has_exited = True
        self._cancel()
        self._output.exited()

    def processEnded(self, reason: Failure) -> None:
        """It has ended, and there is no more to read."""
        self._cancel()
        self._output.end()
        self.ending = Ending.of(reason)
        self.state = "leaving"
        self.end.hang_up()
        self._decide(f"{self.name}: {self.ending} before it was ready.")
        self.ended.callback(None)

    def _cancel(self) -> None:
        for call in self._later:
            if call.active():
                call.cancel()
        self._later.clear()

    def _tell(self, stream: int, line: str) -> None:
        _log.info("[{label}] {line}", label=self._role.label, line=line)
