"""Accepting connections: as Twisted's port does it, with less work for each."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.tcp import Server
from twisted.logger import Logger

__all__ = ["Acceptor"]

_log = Logger()
_MORE = 20


class Acceptor:
    """Accepts for a ``twisted.internet.tcp.Port``, whose ``doRead`` it becomes.

    The port adapts how many it takes in one turn to how many came before; that number stays its own, and what does not
    go well is left to it: it knows what to do without file descriptors.

    :param port: listens already.
    :param kind: the transport of each connection.
    :param reactor: watches them.
    """

    def __init__(self, port: Any, kind: type[Server], reactor: Any) -> None:
        self._port = port
        self._kind = kind
        self._reactor = reactor
        listening = port.socket
        # As numbers, for finding the names of numbers costs more than to accept.
        self._how = int(listening.family), int(listening.type), listening.proto
        self._otherwise: Callable[[], None] = port.doRead

    def __call__(self) -> None:
        """Accept what has come."""
        port = self._port
        accept = port.socket._accept
        accepted = 0
        while accepted < port.numberAccepts:
            try:
                number, address = accept()
            except BlockingIOError:
                break
            except OSError:
                self._otherwise()
                return
            accepted += 1
            try:
                self._connect(socket.socket(*self._how, fileno=number), address)
            except Exception:
                _log.failure("a connection could not be made")
        port.numberAccepts = accepted + _MORE if accepted == port.numberAccepts else max(1, accepted)

    def _connect(self, connection: socket.socket, address: Any) -> None:
        port = self._port
        if isinstance(address, tuple) and len(address) == 4 and address[3]:
            # An address of one link, which means nothing without the name of the link.
            host, _ = socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
            address = (host, *address[1:])
        protocol = port.factory.buildProtocol(port._buildAddr(address))
        if protocol is None:
            connection.close()
            return
        number = port.sessionno
        port.sessionno = number + 1
        transport: Any = self._kind(connection, protocol, address, port, number, self._reactor)
        protocol.makeConnection(transport)
