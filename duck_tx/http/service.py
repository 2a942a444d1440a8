"""The server service: one listening socket and the site behind it, from bind to the last connection."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from twisted.application.service import Service
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import deferLater
from twisted.internet.tcp import Server
from twisted.logger import Logger

from duck_tx.http.deaf import deafen, hear
from duck_tx.http.hub import Hub
from duck_tx.http.site import Site
from duck_tx.http.turns import InTurn, Turns, counted

__all__ = ["Listener", "ServerService"]

_log = Logger()
_ALL_THAT_QUEUE = 1_000_000
_HANDSHAKES_END = 0.1
"""Seconds that the port stays open for connections which a client had begun before the stop."""

_LOOK = 0.05
_LINGER = 0.5
"""Seconds, where others wait for the next life, for clients that have their last answer to hang up."""


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
    :param turns: of those who accept on the socket at the same time.
    :param file: that of a Unix socket, if it is to be removed when nobody listens on it any more.

    :ivar is_shared: may be set until the stop.
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
        turns: Turns | None = None,
        file: Path | None = None,
    ) -> None:
        self._reactor = reactor
        self._site = site
        self._bind = bind
        self._explained = explained
        self._backlog = backlog
        self._grace = grace
        self._listener = listener or Listener(site, Server)
        if turns is not None:
            self._listener = self._listener._replace(transport=counted(self._listener.transport, turns))
        self.is_shared = is_shared
        self._turns = turns
        self._file = file
        self._in_turn: InTurn | None = None
        self._socket: socket.socket | None = None
        self._port: Any = None
        self._hub: Hub | None = None
        self._is_handed_on = self._is_deaf = False
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
    def bound(self) -> socket.socket | None:
        """The bound socket, before the stop."""
        return self._socket

    @property
    def address(self) -> tuple[str, int] | None:
        """The bound address and port, with the real port where 0 was asked for; ``None`` before and after."""
        return None if self._socket is None else self._socket.getsockname()[:2]

    @property
    def grace_left(self) -> float:
        """Seconds that a stop may still take; all of the grace while none has begun."""
        return self._grace if self._deadline is None else max(0.0, self._deadline - self._reactor.seconds())

    def check(self) -> None:
        """Look whether the port can be bound, unless it is.

        :raises Exception: what binding raises.
        """
        if self._socket is None:
            bound = self._bind()
            is_ours = not bound.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            bound.close()
            if is_ours:
                # One that listens already was handed over, and its file leads to it.
                self._remove_file()

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
        if self._is_deaf:
            # It was inherited, and outlived the stop.
            hear(bound)
        try:
            bound.listen(self._backlog)
        except OSError as error:
            # Another program bound the same port as well, and was the first to listen.
            raise self._explained(error, bound.getsockname()[1]) from error
        bound.setblocking(False)
        self._deadline = None
        self._is_handed_on = False
        self._site.draining = False
        self._port = self._adopted(bound)
        if Hub.serves(self._reactor):
            self._hub = Hub(self._reactor)
            self._hub.adopt(self._port, self._listener.transport)
        else:
            self._port.transport = self._listener.transport
        if self._turns is not None:
            self._turns.join()
            self._in_turn = InTurn(self._reactor, self._port, self._turns)
        super().startService()

    def _adopted(self, bound: socket.socket) -> Any:
        if bound.family == socket.AF_UNIX:
            from duck_tx.http.unixport import UnixPort

            return UnixPort.adopt(self._reactor, bound.fileno(), self._listener.factory)
        return self._reactor.adoptStreamPort(bound.fileno(), bound.family, self._listener.factory)

    def announce_stop(self) -> None:
        """Have every answer from now on say that its connection closes; the port goes on accepting."""
        self._site.drain_idle_until = float("inf")
        self._site.draining = True

    async def let_go(self) -> None:
        """Finish with those who are connected now, as in a stop, while the port goes on accepting; who is not done when
        the grace is over is cut."""
        late = self._reactor.callLater(self._grace, lambda: _say_cut(self._site.abort_leaving()))
        try:
            await self._site.leave()
        finally:
            if late.active():
                late.cancel()

    def hand_on(self) -> socket.socket | None:
        """A duplicate of the listening socket for who serves it next; what queues there at the stop is theirs.

        :return: ``None`` where there is none.
        """
        if self._socket is None:
            return None
        self.is_shared = self._is_handed_on = True
        return self._socket.dup()

    async def stopService(self) -> None:
        """Close the port, finish what is in flight, close the connections."""
        super().stopService()
        port, self._port = self._port, None
        bound, self._socket = self._socket, None
        if port is None or bound is None:
            if bound is not None:
                bound.close()
                self._remove_file()
            return
        if self._turns is not None and self._in_turn is not None:
            self._turns.leave()
            self._in_turn.stop()
        self._deadline = self._reactor.seconds() + self._grace
        late = self._reactor.callLater(self._grace, self._cut)
        try:
            try:
                if not self.is_shared:
                    await self._take_what_queues(port, bound)
            finally:
                stopped = port.stopListening()
                bound.close()
                self._remove_file()
            drained = self._site.drain()
            if stopped is not None:
                await stopped
            await (self._all_said() if self._is_handed_on else drained)
        finally:
            if late.active():
                late.cancel()
            if self._hub is not None:
                self._hub.close()
                self._hub = None

    def _remove_file(self) -> None:
        if self._file is not None and not self.is_shared:
            self._file.unlink(missing_ok=True)

    async def _all_said(self) -> None:
        """Wait for the last answers, but not for clients that do not hang up."""
        left = _LINGER
        while self._site.channels and left > 0:
            left = left - _LOOK if self._site.only_lingers else _LINGER
            await deferLater(self._reactor, _LOOK)
        self._site.leave_to_system()

    async def _take_what_queues(self, port: Any, bound: socket.socket) -> None:
        """Clients that the system has accepted for us are ours to answer, so take them all before the port closes."""
        self.announce_stop()
        self._is_deaf = True
        deafen(bound)
        _accept_all(port)
        await deferLater(self._reactor, _HANDSHAKES_END)
        _accept_all(port)

    def stop_at_once(self) -> None:
        """End the grace now: cut what is still in flight."""
        self._deadline = self._reactor.seconds()
        self._cut()

    def _cut(self) -> None:
        _say_cut(self._site.abort())


def _say_cut(cut: int) -> None:
    if cut:
        _log.warn("{cut} connections were cut before their last response was out", cut=cut)


def _accept_all(port: Any) -> None:
    """Take all connections that queue."""
    port.numberAccepts = _ALL_THAT_QUEUE
    port.doRead()
