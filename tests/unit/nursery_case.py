"""A nursery that does what a test says: no process is started, and time is the test's; sockets and pipes are real."""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import Any

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from duck_tx.process.fork import Fork, Load, Order, Wire, Word
from duck_tx.process.worker import LINK

__all__ = ["Heard", "NurseryReactor", "ScriptedNursery"]


class Heard(ProcessProtocol):
    """What a process protocol is told."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def connectionMade(self) -> None:
        self.heard.append("made")

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.heard.append((childFD, data))

    def processExited(self, reason: Failure) -> None:
        self.heard.append("exited")

    def processEnded(self, reason: Failure) -> None:
        error: Any = reason.value
        self.heard.append((error.exitCode, error.signal))


class ScriptedNursery:
    """The process and its transport.

    :ivar load: what it was told first.
    :ivar orders: what it was told after that, with how many descriptors came along.
    """

    def __init__(self, clock: Clock, process: Any, pid: int, link: int) -> None:
        self.pid = pid
        self.wire = Wire[Order](socket.socket(fileno=os.dup(link)), Order)
        self.lives = True
        self.signals: list[object] = []
        self._clock = clock
        self._process = process
        self.load, _ = self.wire.receive()

    # What a test has it do.

    def orders(self) -> list[object]:
        """What it has been told since the last time; of a Fork, the numbers of the descriptors that came along."""
        orders: list[object] = []
        while select.select([self.wire], [], [], 0)[0]:
            order, descriptors = self.wire.receive()
            for each in descriptors:
                os.close(each)
            assert len(descriptors) == (len(order.numbers) if isinstance(order, Fork) else 0)
            orders.append(order.numbers if isinstance(order, Fork) else order)
            if order is None:
                break
        return orders

    def say(self, word: Word) -> None:
        self.wire.send(word)

    def write(self, data: bytes) -> None:
        self._process.childDataReceived(2, data)

    def exit(self, status: int = 0, number: int | None = None) -> None:
        if not self.lives:
            return
        self.lives = False
        self.wire.close()
        reason = Failure(ProcessTerminated(status, number) if status or number else ProcessDone(0))
        self._process.processExited(reason)
        self._process.processEnded(reason)

    # What a process transport has.

    def signalProcess(self, number: object) -> None:
        self.signals.append(number)
        self._clock.callLater(0, self.exit, 0, signal.SIGKILL)

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def loseConnection(self) -> None: ...


class NurseryReactor(Clock):
    """Has scripted nurseries for processes, and reads what there is to read when it is told to.

    :ivar nurseries: all that were started.
    :ivar refusals: raised instead of the next processes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.nurseries: list[ScriptedNursery] = []
        self.refusals: list[OSError] = []
        self._readers: dict[Any, None] = {}

    @property
    def last(self) -> ScriptedNursery:
        return self.nurseries[-1]

    @property
    def loads(self) -> list[bool]:
        """Of each nursery, whether the startup commands are for it."""
        return [each.load.runs_commands for each in self.nurseries if isinstance(each.load, Load)]

    def addReader(self, reader: Any) -> None:
        self._readers[reader] = None

    def removeReader(self, reader: Any) -> None:
        self._readers.pop(reader, None)

    def removeWriter(self, writer: Any) -> None: ...

    def spawnProcess(self, process: Any, executable: str, args: object, *, env: object, childFDs: Any) -> Any:
        if self.refusals:
            raise self.refusals.pop()
        nursery = ScriptedNursery(self, process, 1000 + len(self.nurseries), childFDs[LINK])
        self.nurseries.append(nursery)
        return nursery

    def turn(self) -> None:
        """Read all that there is, and do what follows from it."""
        self.advance(0)
        while self._readers and (ready := select.select(list(self._readers), [], [], 0)[0]):
            for reader in ready:
                if reader in self._readers:
                    why = reader.doRead()
                    if why is not None:
                        reader.connectionLost(Failure(why))
            self.advance(0)

    def wait(self) -> None:
        """Wait for something to read, and read it."""
        select.select(list(self._readers), [], [], 20)
        self.turn()
