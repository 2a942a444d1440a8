"""The nursery, as the main process knows it: a process that has loaded the project and serves nothing, from which
workers are forked.  What it has loaded, they share."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.interrupt import held_back
from duck_tx.process.child import Ending
from duck_tx.process.fork import Fork, Gone, Load, Loaded, Made, NotMade, Retire, Unfit, Wire, Word, pair
from duck_tx.process.forked import Forked
from duck_tx.process.output import Output
from duck_tx.process.worker import LINK

__all__ = ["Nursery"]

_log = Logger()

_COMMAND = ("-m", "duck_tx.nursery")

_FOR_A_FORK = 10.0
"""Seconds to make a worker: it does nothing else, so one that takes longer is stuck."""

_AT_THE_END = 2.0
"""The same where no worker is wanted any more."""

State = Literal["loading", "ready", "retired", "gone"]


class Nursery(ProcessProtocol):
    """One such process.

    :param reactor: starts it.
    :param waiting: what is to be forked, in this order; it is taken from there one by one.

    :ivar state: what it does.
    :ivar decided: fires when it has loaded the project, or is known never to.
    :ivar why_not: the lines that say why it never will; empty where it has, or nothing is known yet.
    :ivar ended: fires when it is gone.
    :ivar ending: how it ended.
    """

    def __init__(self, reactor: Any, waiting: deque[Forked]) -> None:
        self.state: State = "loading"
        self.decided: Deferred[None] = Deferred()
        self.why_not = ""
        self.ended: Deferred[None] = Deferred()
        self.ending: Ending | None = None
        self.began = reactor.seconds()
        self._reactor = reactor
        self._waiting = waiting
        self._making: Forked | None = None
        self._stuck: IDelayedCall | None = None
        self._children: dict[int, Forked] = {}
        self._link: _Link | None = None
        self._process: Any = None
        self._has_exited = False
        self._output = Output(reactor, _tell)

    # What is done with it.

    def start(self, load: Load, environ: Mapping[str, str]) -> None:
        """Start it.

        :raises OSError: if there can be no new process.
        """
        ours, theirs = pair()
        wire = Wire[Word](ours, Word)
        try:
            # As for a worker.
            with theirs, held_back(signal.SIGINT, signal.SIGHUP):
                wire.send(load)
                self._process = self._reactor.spawnProcess(
                    self,
                    sys.executable,
                    [sys.executable, *_COMMAND],
                    env=dict(environ),
                    childFDs={0: "w", 1: 1, 2: "r", LINK: theirs.fileno()},
                )
        except BaseException:
            ours.close()
            raise
        self._output.begin(self._process)
        self._link = _Link(self._reactor, wire, self._heard, self._left_alone)

    def go_on(self) -> None:
        """Have the next one made of those that wait, if there is one and this can be done now."""
        if self.state != "ready" or self._making is not None or not self._waiting:
            return
        forked = self._making = self._waiting.popleft()
        self._stuck = self._reactor.callLater(_FOR_A_FORK, self.kill)
        descriptors = forked.take()
        self._say(Fork(tuple(descriptors)), *descriptors.values())
        for each in descriptors.values():
            os.close(each)

    def retire(self) -> None:
        """Make no more; end when the last of the workers has."""
        if self.state == "ready":
            self.state = "retired"
            self._say(Retire())
            if self._stuck is not None and self._stuck.active():
                self._stuck.reset(_AT_THE_END)
        elif self.state == "loading":
            self.kill()

    def kill(self) -> None:
        """End it now; the workers go on."""
        if not self._has_exited:
            try:
                self._process.signalProcess("KILL")
            except ProcessExitedAlready:
                return

    def _say(self, order: Fork | Retire, *descriptors: int) -> None:
        try:
            if self._link is not None:
                self._link.wire.send(order, descriptors)
        except OSError:
            # It is gone, or takes nothing any more.
            self.kill()

    # What it says.

    def _heard(self, word: Word) -> None:
        match word:
            case Loaded():
                self.state = "ready"
                _log.info(
                    "the nursery is ready, pid {pid} ({seconds:.2f} s)",
                    pid=self._process.pid,
                    seconds=self._reactor.seconds() - self.began,
                )
                self._decide("")
            case Unfit(lines):
                self._decide(lines)
            case Made(pid):
                made = self._no_longer_making()
                if made is not None:
                    self._children[pid] = made
                    made.made(pid)
            case NotMade(why):
                not_made = self._no_longer_making()
                _log.error("the nursery could make no worker: {why}", why=why)
                if not_made is not None:
                    not_made.ended(None)
            case Gone(pid, status):
                child = self._children.pop(pid, None)
                if child is not None:
                    child.ended(status)
        self.go_on()

    def _no_longer_making(self) -> Forked | None:
        """The one that was being made until now."""
        if self._stuck is not None and self._stuck.active():
            self._stuck.cancel()
        forked, self._making = self._making, None
        return forked

    def _decide(self, why_not: str) -> None:
        if not self.decided.called:
            self.why_not = why_not
            self.decided.callback(None)

    def _left_alone(self) -> None:
        """It says no more."""
        self.state = "gone"
        making = self._no_longer_making()
        children, self._children = self._children, {}
        for forked in (*children.values(), *filter(None, [making])):
            forked.left_alone()

    # What the system says.

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """It has written something."""
        self._output.feed(childFD, data)

    def processExited(self, reason: Failure) -> None:
        """It has ended; what it wrote may still be on its way."""
        self._has_exited = True
        self._output.exited()
        if self._link is not None:
            self._link.finish()

    def processEnded(self, reason: Failure) -> None:
        """It has ended, and there is no more to read."""
        self._output.end()
        self.ending = Ending.of(reason)
        self._decide(f"the nursery: {self.ending} before it had loaded the project.")
        self.ended.callback(None)


class _Link(FileDescriptor):
    """The end of the main process.

    :param heard: called with what the nursery says.
    :param lost: called when it says no more.
    """

    def __init__(
        self, reactor: Any, wire: Wire[Word], heard: Callable[[Word], object], lost: Callable[[], object]
    ) -> None:
        super().__init__(reactor)
        self.wire = wire
        self._heard = heard
        self._lost = lost
        self._is_open = True
        self.startReading()

    def fileno(self) -> int:
        return self.wire.fileno()

    def doRead(self) -> None:
        """There is a message, or the end."""
        try:
            word, _ = self.wire.receive()
        except BlockingIOError:
            return
        if word is None:
            self._close()
        else:
            self._heard(word)

    def finish(self) -> None:
        """The process is gone: what it has said is still heard."""
        while self._is_open:
            try:
                word, _ = self.wire.receive()
            except BlockingIOError:
                # A program that it started holds the other end open.
                word = None
            if word is None:
                self._close()
            else:
                self._heard(word)

    def _close(self) -> None:
        self._is_open = False
        self.stopReading()
        self.wire.close()
        self._lost()


def _tell(stream: int, line: str) -> None:
    _log.info("[nursery] {line}", line=line)
