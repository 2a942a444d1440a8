"""Accepting connections in place of a port."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Server

from duck_tx.http.acceptor import Acceptor
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines


class _Reactor:
    """Is told what to watch."""

    def __init__(self) -> None:
        self.watched: list[Any] = []

    def addReader(self, transport: Any) -> None:
        self.watched.append(transport)


class _Protocols(Factory):
    """Makes protocols, as long as there is nothing against it."""

    def __init__(self) -> None:
        self.asked: list[IAddress | None] = []
        self.made: list[Protocol] = []
        self.refuses = self.fails = False

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        self.asked.append(addr)
        if self.fails:
            self.fails = False
            raise ValueError("not this one")
        if self.refuses:
            return None
        self.made.append(Protocol())
        return self.made[-1]


class _Port:
    """What of ``twisted.internet.tcp.Port`` concerns an acceptor."""

    _realPortNumber = 0

    def __init__(self, listening: Any, address: Any = IPv4Address) -> None:
        self.socket = listening
        self.factory = _Protocols()
        self.numberAccepts = 100
        self.sessionno = 7
        self.rescued = 0
        self._address = address

    def _buildAddr(self, address: Any) -> IAddress:
        found: IAddress = self._address("TCP", *address)
        return found

    def doRead(self) -> None:
        self.rescued += 1


class _Exhausted:
    """A listening socket in a process without file descriptors."""

    family, type, proto = socket.AF_INET, socket.SOCK_STREAM, 0

    def _accept(self) -> Any:
        raise OSError(errno.EMFILE, "too many open files")


class _Link:
    """A listening socket to which a neighbour connects."""

    family, type, proto = socket.AF_INET6, socket.SOCK_STREAM, 0

    def __init__(self, connections: list[socket.socket]) -> None:
        self._connections = connections

    def _accept(self) -> Any:
        if not self._connections:
            raise BlockingIOError
        return self._connections.pop().detach(), ("fe80::1", 4711, 0, 1)


class AcceptorTests(UnitTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.listening = socket.socket()
        self.addCleanup(self.listening.close)
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen()
        self.listening.setblocking(False)
        self.reactor = _Reactor()
        self.port = _Port(self.listening)
        self.accept = Acceptor(self.port, Server, self.reactor)

    def connect(self, count: int = 1) -> list[socket.socket]:
        clients = []
        for _ in range(count):
            clients.append(socket.create_connection(self.listening.getsockname(), timeout=10))
            self.addCleanup(clients[-1].close)
        return clients

    def close_all(self) -> None:
        for transport in self.reactor.watched:
            transport.socket.close()

    def test_a_connection_is_given_to_a_protocol_and_watched(self) -> None:
        self.addCleanup(self.close_all)
        (client,) = self.connect()
        self.accept()
        (protocol,) = self.port.factory.made
        transport: Any = protocol.transport
        self.assertIsInstance(transport, Server)
        self.assertEqual(self.reactor.watched, [transport])
        self.assertEqual(transport.getPeer(), IPv4Address("TCP", *client.getsockname()))
        self.assertEqual(self.port.factory.asked, [transport.getPeer()])
        self.assertEqual((transport.sessionno, self.port.sessionno), (7, 8))
        self.assertFalse(transport.socket.getblocking())
        client.sendall(b"hello")
        self.assertEqual(transport.socket.recv(10), b"hello")

    def test_a_connection_that_nobody_wants_is_closed(self) -> None:
        self.port.factory.refuses = True
        (client,) = self.connect()
        self.accept()
        self.assertEqual(client.recv(1), b"")
        self.assertEqual((self.reactor.watched, self.port.sessionno), ([], 7))

    def test_one_that_fails_takes_no_other_with_it(self) -> None:
        self.addCleanup(self.close_all)
        self.port.factory.fails = True
        self.connect(2)
        with logged_lines() as lines:
            self.accept()
        self.assertEqual(len(self.port.factory.made), 1)
        self.assertEqual(lines, ["a connection could not be made"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_so_many_are_taken_in_one_turn_as_the_port_says_and_more_in_the_next(self) -> None:
        self.addCleanup(self.close_all)
        self.port.numberAccepts = 2
        self.connect(5)
        self.accept()
        self.assertEqual((len(self.port.factory.made), self.port.numberAccepts), (2, 22))
        self.accept()
        self.assertEqual((len(self.port.factory.made), self.port.numberAccepts), (5, 3))
        self.accept()
        self.assertEqual((len(self.port.factory.made), self.port.numberAccepts), (5, 1))

    def test_what_does_not_go_well_is_left_to_the_port(self) -> None:
        port = _Port(_Exhausted())
        Acceptor(port, Server, self.reactor)()
        self.assertEqual(port.rescued, 1)

    def test_an_address_of_one_link_names_the_link(self) -> None:
        self.addCleanup(self.close_all)
        port = _Port(_Link([socket.socket(socket.AF_INET6)]), IPv6Address)
        Acceptor(port, Server, self.reactor)()
        name = socket.if_indextoname(1)
        self.assertEqual(port.factory.asked, [IPv6Address("TCP", f"fe80::1%{name}", 4711, 0, 1)])
