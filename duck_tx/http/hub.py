"""The hub: many connections behind one entry in the reactor.

For each event the reactor sets up a logging context and asks who logs; for a small request that is a third of all the
work.  The connections of a site are watched by an epoll object of their own instead, which is itself one readable file
to the reactor (epoll(7) allows that), so the price is paid once for all connections that are ready together.
"""

from __future__ import annotations

import select
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorFDSet, IReadDescriptor
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from duck_tx.http.acceptor import Acceptor

__all__ = ["Hub"]

_log = Logger()

_READABLE = select.EPOLLIN if hasattr(select, "epoll") else 1
_WRITABLE = select.EPOLLOUT if hasattr(select, "epoll") else 4
_BROKEN = select.EPOLLHUP | select.EPOLLERR if hasattr(select, "epoll") else 24
_AT_ONCE = 64
"""Events for one turn of the reactor, so that its timers and other descriptors have theirs."""

_DONE = Failure(ConnectionDone("Connection done"))
_LOST = Failure(ConnectionLost("Connection lost"))


@implementer(IReadDescriptor)
class Hub:
    """Watches sockets for their transports, which take it for their reactor.

    :param reactor: gets this hub as one reader, and everything that a transport asks of it beyond watching.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._epoll = select.epoll()
        self._watched: dict[int, Any] = {}
        self._events: dict[int, int] = {}
        self.callLater = reactor.callLater
        reactor.addReader(self)

    @classmethod
    def serves(cls, reactor: Any) -> bool:
        """Whether the system and ``reactor`` allow for a hub."""
        return hasattr(select, "epoll") and IReactorFDSet.providedBy(reactor)

    def adopt(self, port: Any, kind: type[Server]) -> None:
        """Have the connections that ``port`` (a ``twisted.internet.tcp.Port``) accepts from now on watched here, each
        with a transport of this kind."""

        def transport(sock: Any, protocol: Any, address: Any, server: Any, number: int, reactor: Any) -> Server:
            return kind(sock, protocol, address, server, number, self)  # type: ignore[arg-type]

        port.transport = transport
        port.doRead = Acceptor(port, kind, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def close(self) -> None:
        """Stop watching."""
        self._reactor.removeReader(self)
        self._watched.clear()
        self._events.clear()
        self._epoll.close()

    # What transports ask of their reactor.

    def addReader(self, transport: Any) -> None:
        self._watch(transport, _READABLE)

    def addWriter(self, transport: Any) -> None:
        self._watch(transport, _WRITABLE)

    def removeReader(self, transport: Any) -> None:
        self._forget(transport, _READABLE)

    def removeWriter(self, transport: Any) -> None:
        self._forget(transport, _WRITABLE)

    def _watch(self, transport: Any, event: int) -> None:
        descriptor = transport.fileno()
        before = self._events.get(descriptor, 0)
        if before & event:
            return
        self._events[descriptor] = before | event
        if before:
            self._epoll.modify(descriptor, before | event)
        else:
            self._watched[descriptor] = transport
            self._epoll.register(descriptor, event)

    def _forget(self, transport: Any, event: int) -> None:
        descriptor = transport.fileno()
        before = self._events.get(descriptor, 0)
        if not before & event:
            return
        after = before & ~event
        if after:
            self._events[descriptor] = after
            self._epoll.modify(descriptor, after)
        else:
            del self._events[descriptor], self._watched[descriptor]
            self._epoll.unregister(descriptor)

    # What the reactor asks of a reader.

    def fileno(self) -> int:
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        return "connections"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor lets go of everything when it stops."""
        for transport in list(self._watched.values()):
            transport.connectionLost(reason)

    def doRead(self) -> None:
        """Serve the connections that are ready."""
        watched = self._watched
        for descriptor, event in self._epoll.poll(0, _AT_ONCE):
            transport = watched.get(descriptor)
            if transport is None:
                # An earlier event of this turn has closed it.
                continue
            reading = False
            try:
                if event & _READABLE:
                    reading = True
                    why = transport.doRead()
                elif event & _BROKEN:
                    reading = bool(self._events[descriptor] & _READABLE)
                    why = _DONE.value if reading else _LOST.value
                else:
                    why = None
                if not why and event & _WRITABLE and descriptor in watched:
                    reading = False
                    why = transport.doWrite()
            except BaseException as error:
                _log.failure("a connection failed")
                why = error
            if why:
                self._disconnect(transport, why, reading)

    def _disconnect(self, transport: Any, why: BaseException, reading: bool) -> None:
        self.removeReader(transport)
        if isinstance(why, ConnectionDone):
            if reading:
                transport.readConnectionLost(_DONE)
                return
            reason = _DONE
        else:
            reason = _LOST if isinstance(why, ConnectionLost) else Failure(why)
        self.removeWriter(transport)
        transport.connectionLost(reason)
