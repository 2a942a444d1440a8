"""A process that the nursery forks, as ``spawnProcess`` shows one that it has started."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.process import ProcessReader
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

__all__ = ["Forked"]

_WORD = 1.0
"""Seconds for the nursery to say how a process ended that is known to have."""


class Forked:
    """The transport of such a process: first it waits to be made, then it is there, then it has ended.

    That it has is seen at a descriptor of the process (``pidfd_open(2)``), even where the nursery is gone; how it did
    is what the nursery says.

    :param reactor: for its output, and for time.
    :param process: hears of it; there is a connection when there is a process.
    :param descriptors: as the ``childFDs`` of ``spawnProcess``; duplicates are kept until they have been sent.
    :param give_up: called when it is to be killed and nobody has made it.
    :raises OSError: if there cannot be so many open files.

    :ivar pid: 0 until it is made.
    """

    def __init__(
        self,
        reactor: Any,
        process: ProcessProtocol,
        descriptors: Mapping[int, int | Literal["r", "w"]],
        give_up: Callable[[Forked], object],
    ) -> None:
        self.pid = 0
        self._reactor = reactor
        self._process = process
        self._give_up = give_up
        self._pidfd: _Pidfd | None = None
        self._readers: dict[int, ProcessReader] = {}
        self._inputs: list[int] = []
        self._to_send: dict[int, int] = {}
        self._reason: Failure | None = None
        self._is_alone = False
        self._late: IDelayedCall | None = None
        outputs: dict[int, int] = {}
        try:
            for number, what in descriptors.items():
                if what == "w":
                    self._to_send[number], ours = os.pipe()
                    self._inputs.append(ours)
                elif what == "r":
                    outputs[number], self._to_send[number] = os.pipe()
                else:
                    self._to_send[number] = os.dup(what)
        except OSError:
            self._close()
            for each in outputs.values():
                os.close(each)
            raise
        for number, descriptor in outputs.items():
            self._readers[number] = ProcessReader(reactor, self, number, descriptor)

    # What the nursery has to do with it.

    def take(self) -> dict[int, int]:
        """The descriptors that it is to have, by number, for the caller to send and to close."""
        taken, self._to_send = self._to_send, {}
        return taken

    def made(self, pid: int) -> None:
        """There is the process."""
        self.pid = pid
        self._process.makeConnection(self)
        try:
            self._pidfd = _Pidfd(self._reactor, os.pidfd_open(pid), self._seen_to_end)
        except ProcessLookupError:
            self._seen_to_end()
        except OSError:
            # Too many open files: what the nursery says has to do.
            return

    def ended(self, status: int | None) -> None:
        """It has ended, or will never be.

        :param status: as ``waitpid(2)`` has it; ``None`` if nobody knows.
        """
        if self._reason is not None:
            return
        self._reason = Failure(_reason(status))
        if self._late is not None and self._late.active():
            self._late.cancel()
        if self._pidfd is not None:
            self._pidfd.close()
        self._close()
        self._process.processExited(self._reason)
        self._look_whether_all_is_read()

    def left_alone(self) -> None:
        """The nursery is gone: nobody is going to say how it ends."""
        self._is_alone = True
        if not self.pid or self._pidfd is None or self._late is not None:
            self.ended(None)

    def _seen_to_end(self) -> None:
        if self._is_alone:
            self.ended(None)
        elif self._reason is None:
            self._late = self._reactor.callLater(_WORD, self.ended, None)

    def _close(self) -> None:
        for descriptor in (*self._inputs, *self._to_send.values()):
            os.close(descriptor)
        self._inputs.clear()
        self._to_send.clear()

    # What a process transport has.

    def signalProcess(self, number: int) -> None:
        """Send it a signal.  Before it is made, only one that kills makes a difference.

        :raises ProcessExitedAlready: if there is nobody.
        """
        if self._reason is not None:
            raise ProcessExitedAlready()
        if not self.pid:
            if number == signal.SIGKILL:
                self._give_up(self)
            return
        try:
            if self._pidfd is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(self._pidfd.fileno(), number)
        except ProcessLookupError:
            raise ProcessExitedAlready() from None

    def pauseProducing(self) -> None:
        """Read no output for now."""
        for reader in self._readers.values():
            reader.stopReading()

    def resumeProducing(self) -> None:
        """Read it again."""
        for reader in self._readers.values():
            reader.startReading()

    def loseConnection(self) -> None:
        """Read no more output."""
        for reader in list(self._readers.values()):
            reader.loseConnection()

    # What its output has to do with it.

    def childDataReceived(self, name: int, data: bytes) -> None:
        """It has written."""
        self._process.childDataReceived(name, data)

    def childConnectionLost(self, name: int, reason: Failure) -> None:
        """It will write no more."""
        os.close(self._readers.pop(name).fileno())
        self._look_whether_all_is_read()

    def _look_whether_all_is_read(self) -> None:
        if self._reason is not None and not self._readers:
            self._process.processEnded(self._reason)


class _Pidfd(FileDescriptor):
    """A descriptor of a process: there is something to read when that has ended."""

    def __init__(self, reactor: Any, descriptor: int, ended: Callable[[], object]) -> None:
        super().__init__(reactor)
        self._descriptor = descriptor
        self._ended = ended
        self.startReading()

    def fileno(self) -> int:
        return self._descriptor

    def doRead(self) -> None:
        """The process has ended."""
        self.stopReading()
        self._ended()

    def close(self) -> None:
        """Look no more."""
        self.stopReading()
        with suppress(OSError):
            os.close(self._descriptor)


def _reason(status: int | None) -> Exception:
    """What Twisted says of the end of a process."""
    if status is None:
        return ProcessTerminated()
    if os.WIFSIGNALED(status):
        return ProcessTerminated(None, os.WTERMSIG(status), status)
    code = os.WEXITSTATUS(status)
    return ProcessTerminated(code, None, status) if code else ProcessDone(status)
