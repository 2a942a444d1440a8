"""The server service: one listening socket and the site behind it, from bind to the last connection."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.application.service import Service
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import deferLater
from twisted.internet.tcp import Server
from twisted.logger import Logger

from duck_tx.http.deaf import deafen
from duck_tx.http.hub import Hub
from duck_tx.http.site import Site

__all__ = ["Listener", "ServerService"]

_log = Logger()
_ALL_THAT_QUEUE = 1_000_000
_HANDSHAKES_END = 0.1
"""Seconds that the port stays open for connections which a client had begun before the stop."""


class Listener(NamedTuple):
    """How connections are made: what speaks for them at first, and what carries them."""

    factory: IProtocolFactory
    transport: type[Server]


class ServerService(Service):
    """Binds when it may need privileges, listens when the rest is ready, drains before it stops.

    :param reactor: for the port and the time.
    :param site: serves the connections.
    :param bind: makes the bound socket, which does not listen yet.
    :param explained: makes the error to raise of one of ``listen``.
    :param backlog: connections that the system may queue.
    :param grace: seconds to wait for what is in flight.
    :param listener: makes new connections, if the site does not.
    :param is_shared: others hold the socket as well, and will serve what queues on it after the stop.
    """

    def __init__(
        self,
        reactor: Any,
        site: Site,
        bind: Callable[[], socket.socket],
        explained: Callable[[OSError, int], Exception],
        *,
        backlog: int,
        grace: float,
        listener: Listener | None = None,
        is_shared: bool = False,
    ) -> None:
        self._reactor = reactor
        self._site = site
        self._bind = bind
        self._explained = explained
        self._backlog = backlog
        self._grace = grace
        self._listener = listener or Listener(site, Server)
        self._is_shared = is_shared
        self._socket: socket.socket | None = None
        self._port: Any = None
        self._hub: Hub | None = None
        self._deadline: float | None = None
        # What Twisted would say about it, the App says.
        site.noisy = False

    @property
    def site(self) -> Site:
        return self._site

    @property
    def listening(self) -> bool:
        """Whether the public port accepts connections."""
        return self._port is not None

    @property
    def address(self) -> tuple[str, int] | None:
        """The bound address and port, with the real port where 0 was asked for; ``None`` before and after."""
        return None if self._socket is None else self._socket.getsockname()[:2]

    @property
    def grace_left(self) -> float:
        """Seconds that a stop may still take; all of the grace while none has begun."""
        return self._grace if self._deadline is None else max(0.0, self._deadline - self._reactor.seconds())

    def privilegedStartService(self) -> None:
        """Bind, so that a taken port is found before anything else is started."""
        super().privilegedStartService()
        if self._socket is None:
            self._socket = self._bind()

    def startService(self) -> None:
        """Accept connections."""
        if self._port is not None:
            return
        self.privilegedStartService()
        bound = self._socket
        assert bound is not None
        try:
            bound.listen(self._backlog)
        except OSError as error:
            # Another program bound the same port as well, and was the first to listen.
            raise self._explained(error, bound.getsockname()[1]) from error
        bound.setblocking(False)
        self._deadline = None
        self._site.draining = False
        self._port = self._reactor.adoptStreamPort(bound.fileno(), bound.family, self._listener.factory)
        if Hub.serves(self._reactor):
            self._hub = Hub(self._reactor)
            self._hub.adopt(self._port, self._listener.transport)
        else:
            self._port.transport = self._listener.transport
        super().startService()

    def announce_stop(self) -> None:
        """Have every answer from now on say that its connection closes; the port goes on accepting."""
        self._site.drain_idle_until = float("inf")
        self._site.draining = True

    async def stopService(self) -> None:
        """Close the port, finish what is in flight, close the connections."""
        super().stopService()
        port, self._port = self._port, None
        bound, self._socket = self._socket, None
        if port is None or bound is None:
            if bound is not None:
                bound.close()
            return
        self._deadline = self._reactor.seconds() + self._grace
        late = self._reactor.callLater(self._grace, self._cut)
        try:
            try:
                if not self._is_shared:
                    await self._take_what_queues(port, bound)
            finally:
                stopped = port.stopListening()
                bound.close()
            drained = self._site.drain()
            if stopped is not None:
                await stopped
            await drained
        finally:
            if late.active():
                late.cancel()
            if self._hub is not None:
                self._hub.close()
                self._hub = None

    async def _take_what_queues(self, port: Any, bound: socket.socket) -> None:
        """Clients that the system has accepted for us are ours to answer, so take them all before the port closes."""
        self.announce_stop()
        deafen(bound)
        port.numberAccepts = _ALL_THAT_QUEUE
        port.doRead()
        await deferLater(self._reactor, _HANDSHAKES_END)
        port.numberAccepts = _ALL_THAT_QUEUE
        port.doRead()

    def stop_at_once(self) -> None:
        """End the grace now: cut what is still in flight."""
        self._deadline = self._reactor.seconds()
        self._cut()

    def _cut(self) -> None:
        cut = self._site.abort()
        if cut:
            _log.warn("{cut} connections were cut before their last response was out", cut=cut)
