"""The sending half of a connection."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from duck_tx.http.outlet import Outlet, SocketOutlet, TransportOutlet, outlet_for
from tests.case import AsyncTestCase, UnitTestCase
from tests.unit.wire_case import Wire

MUCH = bytes(range(256)) * 32_768


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor


class Owner(Protocol):
    """Notes what its outlet tells it."""

    outlet: Outlet

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.told: list[str] = []
        self.ready: Deferred[None] = Deferred()
        self.all_sent: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.outlet = outlet_for(self, self.transport, self._reactor)
        self.ready.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.outlet.stop()
        self.lost.callback(None)

    def blocked(self) -> None:
        self.told.append("blocked")

    def progressed(self) -> None:
        self.told.append("progressed")

    def drained(self) -> None:
        self.told.append("drained")
        self.all_sent.callback(None)

    def producer_failed(self, reason: Failure) -> None:
        self.told.append(f"failed: {reason.type}")


@implementer(IPushProducer, IPullProducer)
class Told:
    """Notes what it was told; fails where it should."""

    def __init__(self, failing: str = "") -> None:
        self.told: list[str] = []
        self._failing = failing

    def pauseProducing(self) -> None:
        self._note("pause")

    def resumeProducing(self) -> None:
        self._note("resume")

    def stopProducing(self) -> None:
        self._note("stop")

    def _note(self, word: str) -> None:
        self.told.append(word)
        if word == self._failing:
            raise ZeroDivisionError


class TransportOutletTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.owner = Owner(self.clock)
        self.wire: Any = Wire()
        self.owner.makeConnection(self.wire)
        self.outlet = self.owner.outlet

    def test_it_is_for_every_transport_that_is_no_plain_socket(self) -> None:
        self.assertIs(type(self.outlet), TransportOutlet)
        self.assertFalse(self.outlet.sendfile_works)

    def test_what_is_sent_is_counted(self) -> None:
        self.outlet.send(b"abc")
        self.assertEqual((self.wire.value(), self.outlet.sent), (b"abc", 3))

    def test_a_push_producer_is_paused_and_resumed_with_the_transport(self) -> None:
        producer = Told()
        self.outlet.registerProducer(producer, True)
        self.wire.producer.pauseProducing()
        self.assertTrue(self.outlet.backlogged)
        self.wire.producer.resumeProducing()
        self.assertEqual(producer.told, ["pause", "resume"])
        self.assertEqual(self.owner.told, ["blocked", "drained"])

    def test_a_push_producer_that_comes_late_is_paused_at_once(self) -> None:
        self.wire.producer.pauseProducing()
        producer = Told()
        self.outlet.registerProducer(producer, True)
        self.assertEqual(producer.told, ["pause"])

    def test_a_pull_producer_is_asked_while_there_is_room(self) -> None:
        # The clock would go on asking for ever, so the transport is full after each third piece.
        producer = Told()
        ask = producer.resumeProducing

        def resume() -> None:
            ask()
            if len(producer.told) % 3 == 0:
                self.wire.producer.pauseProducing()

        producer.resumeProducing = resume  # type: ignore[method-assign]
        self.outlet.registerProducer(producer, False)
        self.assertEqual(len(producer.told), 1)
        for pieces in (3, 6):
            self.clock.advance(0)
            self.clock.advance(0)
            self.assertEqual(producer.told, ["resume"] * pieces)
            self.owner.all_sent = Deferred()
            self.wire.producer.resumeProducing()
        self.outlet.unregisterProducer()
        self.clock.advance(0)
        self.assertEqual(len(producer.told), 7)

    def test_a_producer_that_fails_is_stopped_and_the_owner_told(self) -> None:
        for streaming, failing in ((False, "resume"), (True, "pause")):
            producer = Told(failing)
            self.outlet.registerProducer(producer, streaming)
            self.wire.producer.pauseProducing()
            self.assertEqual(producer.told, [failing, "stop"])
            self.assertIn("failed: <class 'ZeroDivisionError'>", self.owner.told)
            self.clock.advance(0)
            self.wire.producer.resumeProducing()
            self.owner.all_sent = Deferred()
            self.assertEqual(producer.told, [failing, "stop"])

    def test_a_producer_is_stopped_when_the_connection_is_gone(self) -> None:
        producer = Told()
        self.outlet.registerProducer(producer, True)
        self.outlet.stop()
        self.outlet.stop()
        self.assertEqual(producer.told, ["stop"])

    def test_closing_half_is_closing(self) -> None:
        self.outlet.half_close()
        self.assertTrue(self.wire.disconnecting)
        self.assertIs(self.wire.producer, None)


class SocketOutletTests(AsyncTestCase):
    """A plain socket whose other end reads when the test does."""

    timeout = 20

    def setUp(self) -> Any:
        self.reactor = _reactor()
        self.owner = Owner(self.reactor)
        factory = Factory.forProtocol(lambda: self.owner)
        port = self.reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.client = socket.create_connection(("127.0.0.1", port.getHost().port))
        self.client.setblocking(False)
        self.addCleanup(self.hang_up)
        return self.owner.ready

    def hang_up(self) -> Deferred[None]:
        self.client.close()
        transport: Any = self.owner.transport
        transport.abortConnection()
        return self.owner.lost

    async def read(self, count: int) -> bytes:
        """Read ``count`` bytes, or up to the end, while the reactor runs on."""
        received = b""
        while len(received) < count:
            try:
                data = self.client.recv(min(count - len(received), 65_536))
                if not data:
                    break
                received += data
            except BlockingIOError:
                turn: Deferred[None] = Deferred()
                self.reactor.callLater(0, turn.callback, None)
                await turn
        return received

    async def test_a_small_send_leaves_at_once(self) -> None:
        self.assertIs(type(self.owner.outlet), SocketOutlet)
        self.owner.outlet.send(b"abc")
        self.assertFalse(self.owner.outlet.backlogged)
        self.assertEqual(await self.read(3), b"abc")

    async def test_a_big_send_waits_for_the_client_and_arrives_whole(self) -> None:
        outlet = self.owner.outlet
        producer = Told()
        outlet.registerProducer(producer, True)
        outlet.send(MUCH)
        outlet.send(b"the end")
        self.assertTrue(outlet.backlogged)
        self.assertEqual(await self.read(len(MUCH) + 7), MUCH + b"the end")
        await self.owner.all_sent
        self.assertFalse(outlet.backlogged)
        self.assertEqual(outlet.sent, len(MUCH) + 7)
        self.assertEqual(producer.told, ["pause", "resume"])
        self.assertEqual(self.owner.told[0], "blocked")
        self.assertEqual(self.owner.told[-1], "drained")
        self.assertIn("progressed", self.owner.told)

    async def test_a_send_for_which_there_is_no_room_at_all_waits(self) -> None:
        outlet = self.owner.outlet
        transport: Any = self.owner.transport
        filled = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                filled += transport.getHandle().send(b"x" * 65_536)
        outlet.send(b"abc")
        self.assertEqual((outlet.backlogged, outlet.sent), (True, 0))
        self.assertEqual(await self.read(filled + 3), b"x" * filled + b"abc")

    async def test_it_can_wait_for_the_client_again_and_again(self) -> None:
        outlet = self.owner.outlet
        for _ in range(3):
            outlet.send(MUCH)
            self.assertEqual(await self.read(len(MUCH)), MUCH)
            await self.owner.all_sent
            self.owner.all_sent = Deferred()
        self.assertEqual(outlet.sent, 3 * len(MUCH))

    async def test_a_file_is_sent_as_far_as_there_is_room(self) -> None:
        outlet = self.owner.outlet
        path = self.mktemp()
        with open(path, "wb") as out:
            out.write(MUCH)
        with open(path, "rb") as file:
            sent = outlet.sendfile(file, 0, len(MUCH))
            while not outlet.backlogged:
                sent += outlet.sendfile(file, sent, len(MUCH) - sent)
            self.assertGreater(sent, 0)
            self.assertEqual(await self.read(sent), MUCH[:sent])
            await self.owner.all_sent
            self.assertRaises(EOFError, outlet.sendfile, file, len(MUCH), 1)
        self.assertEqual(os.path.getsize(path), len(MUCH))

    async def test_a_client_that_reset_the_connection_is_noticed_in_sending(self) -> None:
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.client.close()
        for _ in range(3):
            self.owner.outlet.send(b"abc")
        await self.owner.lost
        self.assertTrue(self.owner.outlet.backlogged)

    async def test_half_a_connection_is_closed_and_the_other_read(self) -> None:
        self.owner.outlet.send(b"abc")
        self.owner.outlet.half_close()
        self.assertEqual(await self.read(4), b"abc")
        self.assertFalse(self.owner.lost.called)


class UnixSocketTests(AsyncTestCase):
    async def test_a_unix_socket_is_a_plain_socket_too(self) -> None:
        listening = _reactor()
        owner = Owner(listening)
        path = os.path.relpath(self.mktemp() + ".sock")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        factory = Factory.forProtocol(lambda: owner)
        port = listening.listenUNIX(path, factory)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            await owner.ready
            self.assertIs(type(owner.outlet), SocketOutlet)
            owner.outlet.send(b"abc")
            self.assertEqual(client.recv(3), b"abc")
        await owner.lost
        await port.stopListening()
