"""TLS on the socket, once hands are shaken: both directions, their pace and their ends."""

from __future__ import annotations

import contextlib
import random
import ssl
from hashlib import sha256
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from duck_tx.https.transport import TLSTransport
from tests.unit.logged import logged_lines
from tests.unit.tls_case import CLOSE, Client, TLSCase, client_context

_MANY = random.Random(4711).randbytes(1_000_003) * 50
"""50 MB, of which no two pieces of a record's size are the same for long."""

_BUFFERED = 16 * 1024 * 1024
"""Bytes that the systems of both sides may hold at most."""


class Recorder(Protocol):
    """Keeps what comes, and does what the test says."""

    transport: Any
    deadline = float("inf")
    is_lingering = False

    def __init__(self, case: _Case) -> None:
        self._case = case
        self.digest = sha256()
        self.received = b""
        self.count = 0
        self.lost: type[BaseException] | None = None

    def connectionMade(self) -> None:
        self._case.site.opened(self)
        self._case.recorders.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.digest.update(data)
        self.count += len(data)
        self.received = (self.received + data)[-1000:]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason.type
        self._case.site.closed(self)

    # As a channel of its site.

    def expire(self) -> None:
        raise AssertionError("it has no deadline")

    def drain(self, deadline: float) -> None:
        self.transport.loseConnection()

    def abort(self) -> None:
        self.transport.abortConnection()

    def getPeer(self) -> IAddress:
        peer: IAddress = self.transport.getPeer()
        return peer


class _Case(TLSCase):
    def setUp(self) -> None:
        super().setUp()
        self.recorders: list[Recorder] = []

    async def pair(self, small_buffer: bool = False, **how: Any) -> tuple[Client, Recorder]:
        """A client, and what serves it."""
        if not hasattr(self, "service"):
            self.serve(protocols={b"http/1.1": lambda: Recorder(self)}, **how)
        before = len(self.recorders)
        client = self.client(small_buffer=small_buffer)
        await client.shake_hands()
        await self.until(lambda: len(self.recorders) > before)
        return client, self.recorders[-1]

    async def lost(self, recorder: Recorder) -> type[BaseException]:
        """Why a connection is gone, once it is."""
        reason: type[BaseException] = await self.until(lambda: recorder.lost)
        return reason


class BothWaysTests(_Case):
    async def test_both_sides_hear_each_other(self) -> None:
        client, server = await self.pair()
        server.transport.write(b"who is there?")
        self.assertEqual(await client.receive(), b"who is there?")
        await client.send(b"a duck")
        await self.until(lambda: server.received == b"a duck")
        server.transport.writeSequence([b"a ", b"", b"pond"])
        self.assertEqual(await client.receive(), b"a pond")

    async def test_it_says_who_is_who(self) -> None:
        client, server = await self.pair()
        self.assertEqual(server.transport.getPeer(), IPv4Address("TCP", *client.socket.getsockname()))
        self.assertEqual(server.transport.getHost(), IPv4Address("TCP", *client.socket.getpeername()))
        self.assertEqual(server.transport.getHandle().get_servername(), b"duck.example")
        self.assertEqual(server.transport.getHandle().get_protocol_version_name(), "TLSv1.3")
        self.assertRegex(repr(server.transport), r"^<TLSTransport #\d+ from 127\.0\.0\.1>$")
        self.assertRegex(server.transport.logPrefix(), r"^TLS,\d+,127\.0\.0\.1$")

    async def test_fifty_megabytes_arrive_unharmed_in_both_directions_at_once(self) -> None:
        client, server = await self.pair()
        server.transport.write(_MANY)
        digest, count = sha256(), 0
        for start in range(0, len(_MANY), 262_144):
            await client.send(_MANY[start : start + 262_144])
            piece = await client.receive()
            digest.update(piece)
            count += len(piece)
        while count < len(_MANY):
            piece = await client.receive()
            digest.update(piece)
            count += len(piece)
        await self.until(lambda: server.count == len(_MANY))
        self.assertEqual([digest.digest(), server.digest.digest()], [sha256(_MANY).digest()] * 2)

    async def test_what_was_written_before_the_close_arrives_before_it(self) -> None:
        client, server = await self.pair()
        server.transport.write(_MANY[:3_000_000])
        server.transport.loseConnection()
        self.assertEqual(await client.receive_all(), _MANY[:3_000_000])
        self.assertIs(await self.lost(server), ConnectionDone)

    async def test_it_works_without_a_hub_as_well(self) -> None:
        self.serve(protocols={b"http/1.1": lambda: Recorder(self)})
        port = self.reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        port.transport = TLSTransport
        address = ("127.0.0.1", port.getHost().port)
        client = Client(self.reactor, address, client_context(), "duck.example", None, False)
        self.addCleanup(client.close)
        await client.shake_hands()
        await client.send(b"a duck")
        await self.until(lambda: self.recorders and self.recorders[0].received == b"a duck")
        self.recorders[0].transport.write(_MANY[:3_000_000])
        self.recorders[0].transport.loseConnection()
        self.assertEqual(await client.receive_all(), _MANY[:3_000_000])


class PaceTests(_Case):
    async def test_who_does_not_read_is_not_read_from(self) -> None:
        client, server = await self.pair()
        server.transport.pauseProducing()
        client.tls.write(_MANY[:_BUFFERED])
        sending = Deferred.fromCoroutine(client.send_raw(client.flight()))
        # Not even what the system holds is taken.
        for _ in range(100):
            await client.turn()
        self.assertEqual((server.count, sending.called), (0, False))
        server.transport.resumeProducing()
        await sending
        await self.until(lambda: server.count == _BUFFERED)
        self.assertEqual(server.digest.digest(), sha256(_MANY[:_BUFFERED]).digest())

    async def test_pausing_at_any_moment_loses_nothing(self) -> None:
        client, server = await self.pair()
        chance = random.Random(42)
        keep = server.dataReceived
        paused: list[bool] = []

        def received(data: bytes) -> None:
            self.assertEqual(paused, [], "what is paused was read")
            keep(data)
            if chance.random() < 0.2:
                paused.append(True)
                server.transport.pauseProducing()
                self.reactor.callLater(chance.choice((0, 0.001)), resume)

        def resume() -> None:
            paused.clear()
            server.transport.resumeProducing()

        server.dataReceived = received  # type: ignore[method-assign]
        data = _MANY[:8_000_000]
        await client.send(data)
        await self.until(lambda: server.count == len(data))
        self.assertEqual(server.digest.digest(), sha256(data).digest())

    async def stalled(self, producer: _Producer, client: Client) -> None:
        """Wait until all buffers are full, and see that nothing more is made then."""
        made = -1
        while made != producer.made:
            made = producer.made
            for _ in range(50):
                await client.turn()
        self.assertTrue(producer.is_paused)
        self.assertLess(made, _BUFFERED)

    async def test_a_producer_is_stopped_while_the_client_does_not_read(self) -> None:
        client, server = await self.pair(small_buffer=True)
        producer = _Producer(server.transport)
        server.transport.registerProducer(producer, True)
        producer.resumeProducing()
        await self.stalled(producer, client)
        digest, count = sha256(), 0
        while count < len(_MANY):
            piece = await client.receive()
            digest.update(piece)
            count += len(piece)
        self.assertEqual(digest.digest(), sha256(_MANY).digest())
        self.assertEqual(producer.made, len(_MANY))

    async def test_a_large_answer_waits_for_a_slow_reader_without_filling_memory(self) -> None:
        pages = _Pages()
        self.serve(pages)
        client = self.client(small_buffer=True)
        await client.shake_hands()
        await client.send(CLOSE)
        await self.stalled(await self.until(lambda: pages.producer), client)
        answer = await client.receive_all()
        self.assertEqual(sha256(answer.partition(b"\r\n\r\n")[2]).digest(), sha256(_MANY).digest())


class _Producer:
    """Writes :data:`_MANY`, as long as it may."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.made = 0
        self.is_paused = False

    def resumeProducing(self) -> None:
        self.is_paused = False
        while not self.is_paused and self.made < len(_MANY):
            # Of odd sizes, so that what is tried again is not always a whole record.
            piece = _MANY[self.made : self.made + 70_001]
            self.made += len(piece)
            self._consumer.write(piece)
        if self.made == len(_MANY) and not self.is_paused:
            self._consumer.unregisterProducer()
            self.finished()

    def finished(self) -> None:
        """All is written."""

    def pauseProducing(self) -> None:
        self.is_paused = True

    def stopProducing(self) -> None:
        self.pauseProducing()


class _Pages(Resource):
    isLeaf = True
    producer: _Producer | None = None

    def render(self, request: Any) -> int:
        request.setHeader(b"Content-Length", b"%d" % len(_MANY))
        self.producer = _Producer(request)
        self.producer.finished = request.finish  # type: ignore[method-assign]
        request.registerProducer(self.producer, True)
        request.channel.site.clock.callLater(0, self.producer.resumeProducing)
        return NOT_DONE_YET


class EndTests(_Case):
    async def test_the_server_says_goodbye(self) -> None:
        client, server = await self.pair()
        server.transport.loseConnection()
        self.assertEqual(await client.receive(), b"")
        self.assertEqual(await client.receive_raw(), b"")
        self.assertIs(await self.lost(server), ConnectionDone)

    async def test_the_server_answers_the_clients_goodbye(self) -> None:
        client, server = await self.pair()
        await client.send(b"bye")
        with contextlib.suppress(ssl.SSLWantReadError):
            client.tls.unwrap()
        await client.send_raw(client.flight())
        await client.do(client.tls.unwrap)
        self.assertIs(await self.lost(server), ConnectionDone)
        self.assertEqual(server.received, b"bye")

    async def test_a_half_closed_connection_is_still_read(self) -> None:
        client, server = await self.pair()
        server.transport.write(b"the last")
        server.transport.loseWriteConnection()
        self.assertEqual(await client.receive_all(), b"the last")
        await client.send(b"one more thing")
        await self.until(lambda: server.received == b"one more thing")
        self.assertIsNone(server.lost)
        client.close()
        self.assertIs(await self.lost(server), ConnectionLost)

    async def test_an_answer_that_closes_is_whole_for_a_client_that_is_still_sending(self) -> None:
        self.serve()
        client = self.client()
        await client.shake_hands()
        # More than fits the request that was announced.
        await client.send(CLOSE + bytes(300_000))
        answer = await client.receive_all()
        self.assertTrue(answer.endswith(b"Hello, world!"), answer)
        client.close()
        await self.no_connection()

    async def test_a_client_that_leaves_without_a_word_is_noticed(self) -> None:
        for leave in (Client.close, Client.reset):
            client, server = await self.pair()
            leave(client)
            self.assertIs(await self.lost(server), ConnectionLost)

    async def test_a_client_that_leaves_in_the_middle_of_a_record_is_noticed(self) -> None:
        client, server = await self.pair()
        client.tls.write(b"half")
        await client.send_raw(client.flight()[:-3])
        await client.turn()
        client.close()
        self.assertIs(await self.lost(server), ConnectionLost)
        self.assertEqual(server.received, b"")

    async def test_a_client_that_leaves_while_much_is_being_sent_is_noticed(self) -> None:
        for leave in (Client.close, Client.reset):
            client, server = await self.pair()
            server.transport.write(_MANY)
            await client.receive()
            with logged_lines() as lines:
                leave(client)
                self.assertIs(await self.lost(server), ConnectionLost)
            self.assertEqual(lines, [])

    async def test_a_client_that_leaves_in_the_middle_of_a_large_answer_is_noticed(self) -> None:
        pages = _Pages()
        self.serve(pages)
        with logged_lines() as lines:
            client = self.client(small_buffer=True)
            await client.shake_hands()
            await client.send(CLOSE)
            await client.receive()
            client.reset()
            await self.no_connection()
        self.assertEqual(lines, [])

    async def test_an_aborted_connection_is_reset_without_goodbye(self) -> None:
        client, server = await self.pair()
        server.transport.write(b"never sent")
        server.transport.abortConnection()
        with self.assertRaises((ConnectionResetError, ssl.SSLEOFError)):
            await client.receive_all()
        self.assertIs(await self.lost(server), ConnectionAborted)

    async def test_a_damaged_record_is_answered_with_an_alert(self) -> None:
        client, server = await self.pair()
        with logged_lines() as lines:
            await client.send(b"fine")
            client.tls.write(b"damaged")
            flight = client.flight()
            await client.send_raw(flight[:-1] + bytes([flight[-1] ^ 1]))
            with self.assertRaisesRegex(ssl.SSLError, "ALERT_BAD_RECORD_MAC"):
                await client.receive()
            self.assertIs(await self.lost(server), ConnectionLost)
        self.assertEqual(server.received, b"fine")
        self.assertEqual(lines, [])

    async def test_writing_to_what_is_gone_does_no_harm(self) -> None:
        client, server = await self.pair()
        client.reset()
        await self.lost(server)
        with logged_lines() as lines:
            server.transport.close_next()
            server.transport.write(b"too late")
            server.transport.loseConnection()
            server.transport.abortConnection()
            with self.assertRaises(OSError):
                server.transport.send_now(b"too late")
            await client.turn()
        self.assertEqual(lines, [])
