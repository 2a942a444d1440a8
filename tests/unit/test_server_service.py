"""The listener and its site, from bind to the last connection, on the reactor of the test run."""

from __future__ import annotations

import select
import socket
import threading
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from duck_tx.errors import PortError
from duck_tx.http.service import ServerService
from duck_tx.http.site import Site
from duck_tx.process.port import bind, explained
from tests.case import AsyncTestCase
from tests.unit.logged import logged_lines
from tests.unit.wire_case import GET, Hello, Waiting


class _Case(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.waiting = Waiting()

    def service(self, resource: Any = None, grace: float = 5.0, port: int = 0) -> ServerService:
        self.site = Site(resource or Hello(), reactor=self.reactor)
        self.site.last_word = 0.05
        service = ServerService(
            self.reactor,
            self.site,
            lambda: bind("127.0.0.1", port),
            lambda error, taken: explained(error, "127.0.0.1", taken),
            backlog=50,
            grace=grace,
        )
        self.addCleanup(lambda: self.stop(service))
        return service

    def stop(self, service: ServerService) -> Deferred[None]:
        return Deferred.fromCoroutine(service.stopService())

    def connect(self, service: ServerService) -> socket.socket:
        assert service.address is not None
        client = socket.create_connection(service.address, 5)
        client.setblocking(False)
        self.addCleanup(client.close)
        return client

    async def until(self, fact: Any) -> Any:
        """Let the reactor turn until ``fact()`` is true; the time-out of the test is the limit."""
        while not (found := fact()):
            await deferLater(self.reactor, 0.002, lambda: None)
        return found

    async def all_of(self, client: socket.socket) -> bytes:
        """All that the server sends until it closes."""
        received = b""
        while True:
            try:
                data = client.recv(65536)
            except BlockingIOError:
                await deferLater(self.reactor, 0.002, lambda: None)
                continue
            if not data:
                return received
            received += data


class StartTests(_Case):
    async def test_a_check_binds_and_lets_go_unless_it_is_bound(self) -> None:
        service = self.service()
        service.check()
        self.assertIsNone(service.address)
        service.startService()
        assert service.address is not None
        # Whoever has the port need not look whether it is free.
        service.check()
        self.assertRaises(PortError, self.service(port=service.address[1]).check)

    async def test_it_binds_first_and_listens_later(self) -> None:
        service = self.service()
        self.assertIsNone(service.address)
        service.privilegedStartService()
        address = service.address
        assert address is not None
        self.assertFalse(service.listening)
        self.assertRaises(ConnectionRefusedError, socket.create_connection, address, 5)
        service.startService()
        self.assertEqual((service.listening, service.address), (True, address))
        client = self.connect(service)
        client.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        self.assertIn(b"Hello, world!", await self.all_of(client))

    async def test_starting_twice_is_starting_once(self) -> None:
        service = self.service()
        service.startService()
        address = service.address
        service.startService()
        self.assertEqual(service.address, address)

    async def test_a_bound_port_is_given_back_without_ever_listening(self) -> None:
        service = self.service()
        service.privilegedStartService()
        address = service.address
        assert address is not None
        await self.stop(service)
        self.assertIsNone(service.address)
        bind(*address).close()

    async def test_a_port_that_another_program_listens_on_first_is_named(self) -> None:
        service = self.service()
        service.privilegedStartService()
        assert service.address is not None
        other = bind(*service.address)
        self.addCleanup(other.close)
        other.listen()
        with self.assertRaisesRegex(PortError, f"^port {service.address[1]} is in use by pid "):
            service.startService()
        self.assertFalse(service.listening)


class StopTests(_Case):
    async def test_what_is_in_flight_and_what_waits_to_be_accepted_is_answered(self) -> None:
        service = self.service(self.waiting)
        service.startService()
        clients = [self.connect(service)]
        clients[0].sendall(GET)
        await self.until(lambda: self.waiting.requests)
        # The reactor does not turn between here and the stop, so these are with the system.
        clients += [self.connect(service) for _ in range(30)]
        for client in clients[1:]:
            client.sendall(GET)
        stopped = self.stop(service)
        await self.until(lambda: len(self.waiting.requests) == 31)
        self.assertFalse(stopped.called)
        for request in self.waiting.requests:
            request.write(b"last")
            request.finish()
        for client in clients:
            answer = await self.all_of(client)
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"))
            self.assertIn(b"\r\nConnection: close\r\n", answer)
            client.close()
        await stopped
        self.assertEqual((service.listening, service.address), (False, None))

    async def test_no_connection_that_comes_at_the_moment_of_the_stop_is_reset(self) -> None:
        for _ in range(3):
            service = self.service()
            service.startService()
            assert service.address is not None
            heard: set[int] = set()
            clients = [deferToThread(_knock, service.address, heard) for _ in range(4)]
            await self.until(lambda heard=heard: len(heard) == 4)
            stopped = self.stop(service)
            for client in clients:
                self.assertGreater(await client, 0)
            await stopped

    async def test_a_client_that_spoke_unheard_before_its_time_was_up_is_answered(self) -> None:
        service = self.service()
        service.startService()
        client = self.connect(service)
        await self.until(lambda: self.site.channels)
        channel: Any = next(iter(self.site.channels))
        client.sendall(GET)
        # The reactor does not turn between the client's word and the deadline.
        select.select([channel.transport], [], [], 5)
        channel.expire()
        self.assertIn(b"Hello, world!", client.recv(65536))

    async def test_the_grace_ends_what_does_not_end_by_itself(self) -> None:
        service = self.service(self.waiting, grace=0.05)
        self.assertEqual(service.grace_left, 0.05)
        service.startService()
        client = self.connect(service)
        client.sendall(GET)
        await self.until(lambda: self.waiting.requests)
        await self.stop(service)
        self.assertEqual(service.grace_left, 0.0)
        self.assertRaises(ConnectionResetError, client.recv, 1)

    async def test_the_grace_can_be_ended_at_once(self) -> None:
        service = self.service(self.waiting, grace=60.0)
        service.startService()
        client = self.connect(service)
        client.sendall(GET)
        await self.until(lambda: self.waiting.requests)
        stopped = self.stop(service)
        self.assertGreater(service.grace_left, 50.0)
        service.stop_at_once()
        await stopped
        self.assertEqual(service.grace_left, 0.0)

    async def test_an_announced_stop_closes_connections_by_and_by_and_still_accepts(self) -> None:
        service = self.service()
        service.startService()
        service.announce_stop()
        for _ in range(2):
            client = self.connect(service)
            client.sendall(GET)
            self.assertIn(b"\r\nConnection: close\r\n", await self.all_of(client))

    async def test_it_starts_again_and_keeps_connections(self) -> None:
        service = self.service()
        for _ in range(2):
            service.startService()
            client = self.connect(service)
            client.sendall(GET)
            await self.until(lambda client=client: _has_data(client))
            self.assertNotIn(b"Connection: close", client.recv(65536))
            client.close()
            await self.stop(service)

    async def test_those_who_are_connected_can_be_let_go_while_others_come(self) -> None:
        service = self.service(self.waiting)
        self.site.last_word = 0.1
        service.startService()
        await Deferred.fromCoroutine(service.let_go())
        idle, busy = self.connect(service), self.connect(service)
        busy.sendall(GET)
        await self.until(lambda: self.waiting.requests and len(self.site.channels) == 2)
        gone = Deferred.fromCoroutine(service.let_go())
        self.assertEqual(await self.all_of(idle), b"")
        late = self.connect(service)
        late.sendall(GET)
        await self.until(lambda: len(self.waiting.requests) == 2)
        self.assertFalse(gone.called)
        for request, client in zip(self.waiting.requests, (busy, late), strict=True):
            request.write(b"done")
            request.finish()
            self.assertIn(b"\r\nConnection: close\r\n", await self.all_of(client))
            client.close()
            await gone
        self.assertTrue(service.listening)

    async def test_those_who_do_not_go_are_cut_and_nobody_else(self) -> None:
        service = self.service(self.waiting, grace=0.05)
        service.startService()
        old = self.connect(service)
        old.sendall(GET)
        await self.until(lambda: self.waiting.requests)
        gone = Deferred.fromCoroutine(service.let_go())
        new = self.connect(service)
        await self.until(lambda: len(self.site.channels) == 2)
        with logged_lines() as lines:
            await gone
        self.assertEqual(lines, ["1 connections were cut before their last response was out"])
        self.assertRaises(ConnectionResetError, old.recv, 1)
        self.assertEqual(len(self.site.channels), 1)
        new.close()

    async def test_a_socket_that_is_handed_on_is_not_closed_with_what_queues_on_it(self) -> None:
        service = self.service()
        self.assertIsNone(service.hand_on())
        service.startService()
        address = service.address
        assert address is not None
        kept = service.hand_on()
        assert kept is not None
        self.addCleanup(kept.close)
        await self.stop(service)
        client = socket.create_connection(address, 5)
        self.addCleanup(client.close)
        self.assertTrue(select.select([kept], [], [], 5)[0])

    async def test_then_nobody_is_waited_for_who_has_the_last_answer_and_stays(self) -> None:
        service = self.service(self.waiting)
        service.startService()
        clients = [self.connect(service) for _ in range(2)]
        for client in clients:
            client.sendall(GET)
        await self.until(lambda: len(self.waiting.requests) == 2)
        kept = service.hand_on()
        assert kept is not None
        self.addCleanup(kept.close)
        stopped = self.stop(service)
        first, second = self.waiting.requests
        first.finish()
        await self.all_of(clients[0])
        await deferLater(self.reactor, 0.6)
        self.assertFalse(stopped.called)
        second.finish()
        begun = self.reactor.seconds()
        await stopped
        self.assertLess(self.reactor.seconds() - begun, self.site.limits.linger_timeout)
        self.assertIn(b"\r\nConnection: close\r\n", await self.all_of(clients[1]))
        self.assertEqual(len(self.site.channels), 2)
        self.site.abort()

    async def test_stopping_what_never_started_does_nothing(self) -> None:
        service = self.service()
        await self.stop(service)
        await self.stop(service)
        self.assertFalse(service.listening)


class SharedSocketTests(_Case):
    def setUp(self) -> None:
        super().setUp()
        self.socket = bind("127.0.0.1", 0)
        self.addCleanup(self.socket.close)
        self.socket.listen()

    def shared(self, *, is_shared: bool = True) -> ServerService:
        """A server on a socket that somebody else holds too, and perhaps serves."""
        self.site = Site(Hello(), reactor=self.reactor)
        self.site.last_word = 0.05
        service = ServerService(
            self.reactor,
            self.site,
            self.socket.dup,
            lambda error, taken: explained(error, "127.0.0.1", taken),
            backlog=50,
            grace=5.0,
            is_shared=is_shared,
        )
        self.addCleanup(lambda: self.stop(service))
        return service

    async def test_a_socket_that_outlives_the_stop_is_served_again(self) -> None:
        service = self.shared(is_shared=False)
        for _ in range(2):
            service.startService()
            client = self.connect(service)
            client.sendall(GET)
            await self.until(lambda client=client: _has_data(client))
            client.close()
            await self.stop(service)

    async def test_what_comes_at_the_stop_and_after_it_is_served_by_the_next(self) -> None:
        first = self.shared()
        first.startService()
        client = self.connect(first)
        client.sendall(GET)
        await self.until(lambda: _has_data(client))
        # The reactor does not turn between here and the stop.
        waiting = [socket.create_connection(self.socket.getsockname(), 5) for _ in range(3)]
        await self.stop(first)
        waiting.append(socket.create_connection(self.socket.getsockname(), 5))
        self.shared().startService()
        for each in waiting:
            self.addCleanup(each.close)
            each.sendall(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            each.setblocking(False)
            self.assertIn(b"Hello, world!", await self.all_of(each))

    async def test_it_can_be_started_again(self) -> None:
        service = self.shared()
        for _ in range(2):
            service.startService()
            self.assertEqual(service.address, self.socket.getsockname())
            await self.stop(service)


def _knock(address: tuple[str, int], heard: set[int]) -> int:
    """Ask on one new connection after the other until none is made any more; how many answers came.

    :param heard: gets the number of this thread with the first answer.
    :raises OSError: if a connection was made and then lost.
    """
    answers = 0
    while True:
        client = socket.socket()
        client.settimeout(10)
        with client:
            try:
                client.connect(address)
            except ConnectionRefusedError:
                return answers
            client.sendall(GET)
            if not client.recv(65536).startswith(b"HTTP/1.1 200 "):
                raise ConnectionError("a connection was closed without an answer")
            answers += 1
            heard.add(threading.get_ident())


def _has_data(client: socket.socket) -> bool:
    try:
        return bool(client.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
