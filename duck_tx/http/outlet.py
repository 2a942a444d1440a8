"""What goes out on one connection: sent at once where the system takes it, kept and paced elsewhere."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO, Protocol

from twisted.internet.interfaces import IPullProducer, IPushProducer, IReactorTime
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["Outlet", "SocketOutlet", "TransportOutlet", "outlet_for"]

_AT_ONCE = 262_144
"""Bytes handed to the system in one turn of the reactor, so that other connections have theirs."""


class Owner(Protocol):
    """The channel, as far as its outlet knows it."""

    def blocked(self) -> None:
        """The client must read before more can be sent."""

    def progressed(self) -> None:
        """The client has read something, though not all."""

    def drained(self) -> None:
        """All is sent that was waiting."""

    def producer_failed(self, reason: Failure) -> None:
        """The producer raised an exception; it is off already."""


class Outlet:
    """The sending half of a connection, and the one producer that may feed it.

    :ivar backlogged: bytes are waiting for the client to read; nothing more should be sent now.
    :ivar sent: bytes given to the system (or the transport) so far.
    """

    sendfile_works = False

    def __init__(self, owner: Owner, transport: Any, reactor: IReactorTime) -> None:
        self._owner = owner
        self._transport = transport
        self._reactor = reactor
        self._producer: Any = None
        self._streaming = False
        self.backlogged = False
        self.sent = 0

    def send(self, data: bytes) -> None:
        raise NotImplementedError

    def sendfile(self, file: BinaryIO, offset: int, count: int) -> int:
        """Send part of a file without reading it; bytes taken, 0 when the client must read first.

        :raises OSError: when the connection or the file is gone.
        :raises EOFError: when the file ends before ``offset``.
        """
        raise NotImplementedError

    def close_next(self) -> None:
        """What is sent from now on is the last before :meth:`close` or :meth:`half_close`."""

    def close(self) -> None:
        """Close, once nothing is waiting."""
        self._transport.loseConnection()

    def half_close(self) -> None:
        """Say that nothing more will come, once nothing is waiting, and go on reading."""
        raise NotImplementedError

    def abort(self) -> None:
        """Reset the connection."""
        self.backlogged = True
        self._transport.abortConnection()

    def stop(self) -> None:
        """The connection is gone."""
        self.backlogged = True
        producer, self._producer = self._producer, None
        if producer is not None:
            self._tell(producer.stopProducing)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Take what ``producer`` makes, at the pace of the client."""
        self._producer, self._streaming = producer, streaming
        if not streaming:
            self._pull()
        elif self.backlogged:
            self._tell(producer.pauseProducing)

    def unregisterProducer(self) -> None:
        """The producer has nothing more."""
        self._producer = None

    def _pull(self) -> None:
        producer = self._producer
        if producer is None or self._streaming or self.backlogged:
            return
        self._tell(producer.resumeProducing)
        if self._producer is producer and not self.backlogged:
            self._reactor.callLater(0, self._pull)

    def _tell(self, call: Callable[[], None]) -> None:
        """Call a method of the producer; one that fails is dropped, for nothing more can be expected of it."""
        try:
            call()
        except Exception:
            reason = Failure()
            producer, self._producer = self._producer, None
            if producer is not None:
                with suppress(Exception):
                    producer.stopProducing()
            self._owner.producer_failed(reason)

    def _block(self) -> None:
        self.backlogged = True
        self._owner.blocked()
        if self._streaming and self._producer is not None:
            self._tell(self._producer.pauseProducing)

    def _unblock(self) -> None:
        self.backlogged = False
        self._owner.drained()
        if self._producer is not None and not self.backlogged:
            if self._streaming:
                self._tell(self._producer.resumeProducing)
            else:
                self._pull()


@implementer(IPullProducer)
class SocketOutlet(Outlet):
    """A socket, written directly.

    A small response leaves in the same turn of the reactor, with one system call, where ``transport.write`` would
    wait for the next turn to find the socket writable.
    """

    def __init__(self, owner: Owner, transport: Connection, reactor: IReactorTime) -> None:
        super().__init__(owner, transport, reactor)
        # A transport that encrypts does so on the way, and knows by itself what must not be delayed.
        encrypting = getattr(transport, "send_now", None)
        self._encrypts = encrypting is not None
        self.sendfile_works = not self._encrypts
        self._write = encrypting or transport.getHandle().send
        self._unsent: deque[memoryview] = deque()
        self._registering = False
        self._cut = False
        if encrypting is None:
            # Without it the second of two small sends waits for the client's acknowledgement, which comes late. A Unix
            # socket has no such option.
            with suppress(OSError):
                transport.setTcpNoDelay(True)

    def send(self, data: bytes) -> None:
        if self.backlogged:
            if not self._cut:
                self._unsent.append(memoryview(data))
            return
        try:
            taken = self._write(data)
        except BlockingIOError:
            taken = 0
        except OSError:
            self.abort()
            return
        self.sent += taken
        if taken < len(data):
            self._unsent.append(memoryview(data)[taken:])
            self._wait()

    def sendfile(self, file: BinaryIO, offset: int, count: int) -> int:
        try:
            taken = os.sendfile(self._transport.fileno(), file.fileno(), offset, count)
        except BlockingIOError:
            self._wait()
            return 0
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS):
                raise
            # Not every file system has it: read and send instead, from now on.
            self.sendfile_works = False
            return 0
        if taken == 0:
            raise EOFError("a file became shorter while it was sent")
        self.sent += taken
        if taken < count:
            self._wait()
        return taken

    def close_next(self) -> None:
        if self._encrypts:
            self._transport.close_next()

    def half_close(self) -> None:
        self._transport.loseWriteConnection()

    def abort(self) -> None:
        self._cut = True
        self._unsent.clear()
        super().abort()

    def stop(self) -> None:
        self._cut = True
        self._unsent.clear()
        super().stop()

    def _wait(self) -> None:
        self._registering = True
        self._transport.registerProducer(self, False)
        self._registering = False
        self._transport.startWriting()
        self._block()

    def resumeProducing(self) -> None:
        """The socket can be written to (or the transport greets its new producer)."""
        if self._registering:
            return
        room = _AT_ONCE
        unsent = self._unsent
        while unsent and room > 0:
            data = unsent[0][:room]
            try:
                taken = self._write(data)
            except BlockingIOError:
                break
            except OSError:
                self.abort()
                return
            self.sent += taken
            room -= taken
            if taken == len(unsent[0]):
                unsent.popleft()
            else:
                unsent[0] = unsent[0][taken:]
        if unsent:
            self._transport.startWriting()
            if room < _AT_ONCE:
                self._owner.progressed()
            return
        self._transport.unregisterProducer()
        self._unblock()

    def stopProducing(self) -> None:
        """The transport is gone; its protocol hears of it as well."""


@implementer(IPushProducer)
class TransportOutlet(Outlet):
    """Any other transport (TLS, a test's), which keeps what it cannot send and says when it has too much."""

    def __init__(self, owner: Owner, transport: Any, reactor: IReactorTime) -> None:
        super().__init__(owner, transport, reactor)
        self._is_closed = False
        transport.registerProducer(self, True)

    def send(self, data: bytes) -> None:
        self.sent += len(data)
        self._transport.write(data)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._transport.unregisterProducer()
        super().close()

    def half_close(self) -> None:
        # What TLS calls closing is this: it says that nothing more will come and waits for the client to say it too.
        self.close()

    def pauseProducing(self) -> None:
        self._block()

    def resumeProducing(self) -> None:
        self._unblock()

    def stopProducing(self) -> None:
        """The transport is gone; its protocol hears of it as well."""


def outlet_for(owner: Owner, transport: Any, reactor: IReactorTime) -> Outlet:
    """The quickest outlet that ``transport`` allows."""
    if isinstance(transport, Connection) and not getattr(transport, "TLS", False):
        return SocketOutlet(owner, transport, reactor)
    return TransportOutlet(owner, transport, reactor)
