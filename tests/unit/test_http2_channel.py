"""One connection: its beginning, its end, and how long everything may take."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from duck_tx.http.site import Site
from duck_tx.http2.channel import Http2Channel, Phase
from duck_tx.http2.limits import Http2Limits
from tests.case import AsyncTestCase
from tests.unit.http2_case import Flow, Http2Case, Http2Site, live
from tests.unit.http2_client import Client
from tests.unit.http2_frames import (
    PREFACE,
    Code,
    Setting,
    continuation,
    data,
    headers,
    ping,
    post,
    request,
    settings,
    window_update,
)
from tests.unit.http2_reader import Reader


class BeginningTests(Http2Case):
    def test_the_server_speaks_first(self) -> None:
        self.site.http2 = Http2Limits(max_streams=7, stream_window=100_000, connection_window=200_000)
        client = self.client()
        client.settle()
        self.assertEqual(
            client.theirs,
            {
                Setting.MAX_CONCURRENT_STREAMS: 7,
                Setting.INITIAL_WINDOW_SIZE: 100_000,
                Setting.MAX_HEADER_LIST_SIZE: 65_536,
                Setting.ENABLE_CONNECT_PROTOCOL: 1,
                9: 1,
            },
        )
        self.assertEqual((client.granted(0), client.granted(1)), (200_000, 100_000))

    def test_a_window_that_needs_no_widening_is_not_widened(self) -> None:
        self.site.http2 = Http2Limits(connection_window=65_535)
        client = self.client()
        client.settle()
        self.assertEqual(client.granted(0), 65_535)

    def test_everything_may_come_at_once(self) -> None:
        client = self.client()
        client.changes()
        client.send(PREFACE + settings() + post(1) + data(1, b"quack", end=True) + settings(ack=True))
        self.assertTrue(client.response(1).body.endswith(b"quack"))


class TimeTests(Http2Case):
    limits: ClassVar[dict[str, Any]] = {
        "first_byte_timeout": 10.0, "header_timeout": 20.0, "keepalive_timeout": 60.0, "body_timeout": 15.0,
        "body_min_rate": 100, "write_timeout": 30.0, "linger_timeout": 2.0,
    }  # fmt: skip

    def closes(self, client: Client, after: float, *codes: int) -> None:
        """The connection is over then and not before."""
        client.wait(after - 1.1)
        self.assertEqual((client.wire.closed, client.goaways), (False, []))
        client.wait(2.2)
        self.assertTrue(client.wire.closed)
        self.assertEqual([code for _, code in client.goaways], list(codes))
        self.leaves_nothing(client)

    def test_a_client_that_never_speaks_is_let_go(self) -> None:
        self.closes(self.client(), 10, Code.NO_ERROR)

    def test_so_is_one_that_never_comes_to_the_point(self) -> None:
        client = self.client()
        for at in range(8):
            client.send(PREFACE[at : at + 1])
            client.wait(1)
        self.closes(client, 2, Code.NO_ERROR)

    def test_settings_have_to_be_acknowledged(self) -> None:
        client = self.client()
        client.wait(5)
        client.changes()
        client.send(PREFACE + settings())
        self.closes(client, 10, Code.SETTINGS_TIMEOUT)

    def test_a_frame_has_to_be_whole(self) -> None:
        client = self.started()
        client.send(ping()[:12])
        self.closes(client, 20, Code.NO_ERROR)

    def test_a_header_block_has_to_end(self) -> None:
        client = self.started()
        client.send(headers(1, b"", whole=False))
        for _ in range(10):
            client.wait(1)
            client.send(continuation(1, whole=False))
        self.closes(client, 10, Code.NO_ERROR)

    def test_a_body_may_come_in_pieces_of_frames(self) -> None:
        client = self.started()
        client.send(post(1))
        sent = data(1, bytes(10_000), end=True)
        for at in range(0, len(sent), 3000):
            client.wait(10)
            client.send(sent[at : at + 3000])
        self.assertEqual(client.response(1).status, 200)

    def test_a_body_that_stops_does_not_stop_the_connection(self) -> None:
        client = self.started()
        client.send(post(1), data(1, b"qu"), request(3, b"/wait"))
        client.wait(16)
        self.assertEqual(client.response(1).status, 408)
        self.waiting.requests[0].finish()
        self.proves_alive(client)

    def test_time_in_which_the_client_read_nothing_does_not_count_against_its_body(self) -> None:
        client = self.started()
        client.send(post(1), data(1, b"qu"))
        producer: Any = client.wire.producer
        client.wait(10)
        producer.pauseProducing()
        client.wait(20)
        producer.resumeProducing()
        client.send(data(1, b"ack", end=True))
        self.assertTrue(client.response(1).body.endswith(b"quack"))

    def test_a_client_that_does_not_read_is_cut(self) -> None:
        client = self.started()
        client.send(request(1, b"/flow"))
        producer: Any = client.wire.producer
        producer.pauseProducing()
        client.wait(28)
        self.assertFalse(client.wire.aborted)
        client.wait(4)
        self.assertTrue(client.wire.aborted)
        self.leaves_nothing(client)

    def test_a_client_that_reads_slowly_is_not_cut_and_its_body_may_wait(self) -> None:
        client = self.started()
        client.send(post(1), data(1, b"qu"))
        channel = client.protocol
        producer: Any = client.wire.producer
        producer.pauseProducing()
        for _ in range(5):
            client.wait(20)
            channel.outlet.sent += 100_000
            channel.progressed()
        self.assertFalse(client.wire.closed)
        producer.resumeProducing()
        client.send(data(1, b"ack", end=True))
        self.assertEqual(client.response(1).status, 200)

    def test_whoever_reads_in_time_is_idle_from_then_on(self) -> None:
        client = self.started()
        client.send(request(1))
        producer: Any = client.wire.producer
        producer.pauseProducing()
        client.wait(25)
        producer.resumeProducing()
        self.closes(client, 60, Code.NO_ERROR)

    def test_a_client_that_does_not_hang_up_after_the_goodbye_is_cut(self) -> None:
        client = self.started()
        client.wait(62)
        self.assertEqual((client.wire.disconnecting, client.wire.aborted), (True, False))
        client.wait(3)
        self.assertTrue(client.wire.aborted)

    def test_the_goodbye_waits_for_what_is_to_be_read_before_it(self) -> None:
        client = self.started()
        producer: Any = client.wire.producer
        producer.pauseProducing()
        client.protocol._close()
        self.assertFalse(client.wire.disconnecting)
        producer.resumeProducing()
        self.assertTrue(client.wire.disconnecting)

    def test_whoever_does_not_read_the_goodbye_is_cut(self) -> None:
        client = self.started()
        producer: Any = client.wire.producer
        producer.pauseProducing()
        client.protocol._close()
        client.wait(32)
        self.assertTrue(client.wire.aborted)

    def test_the_deadline_is_never_later_than_what_is_due(self) -> None:
        client = self.client()
        now = self.clock.seconds()
        self.assertEqual(client.protocol.deadline, now + 10)
        client.start()
        client.send(post(1))
        self.assertLessEqual(client.protocol.deadline, now + 15)
        client.protocol.expire()
        self.assertEqual(client.protocol.deadline, now + 15)


class PaceTests(Http2Case):
    def test_a_client_that_does_not_read_is_not_read_from(self) -> None:
        client = self.started()
        producer: Any = client.wire.producer
        producer.pauseProducing()
        for _ in range(100):
            client.send(ping())
        self.assertEqual(client.wire.producerState, "paused")
        self.assertEqual(client.held_back, 99 * 17)
        self.assertEqual(client.pongs, [])
        producer.resumeProducing()
        client.settle()
        self.assertEqual((client.wire.producerState, len(client.pongs)), ("producing", 100))

    def test_it_is_read_from_again_for_the_end(self) -> None:
        client = self.started()
        producer: Any = client.wire.producer
        producer.pauseProducing()
        client.send(ping())
        client.protocol._close()
        self.assertEqual(client.wire.producerState, "producing")
        client.lose()

    def test_a_connection_that_is_always_full_is_read_from_all_the_same(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, 2**30))
        client.grant(0, 2**30)
        outlet = client.protocol.outlet
        send = outlet.send

        def full(data: bytes) -> None:
            send(data)
            if not outlet.backlogged:
                outlet.pauseProducing()

        outlet.send = full
        client.send(request(1, b"/flow"), request(3))
        for _ in range(10):
            outlet.resumeProducing()
            client.settle()
        self.assertTrue(client.response(3).complete)
        self.assertFalse(client.response(1).complete)

    def test_many_frames_in_one_piece_are_answered_in_one(self) -> None:
        client = self.started()
        written: list[bytes] = []
        client.protocol.outlet.send = written.append
        client.send(b"".join(request(stream) + ping() for stream in range(1, 41, 2)))
        self.assertEqual(len(written), 1)


class EndTests(Http2Case):
    def test_a_client_that_leaves_ends_its_requests(self) -> None:
        client = self.started()
        lost: list[Failure] = []
        client.send(request(1, b"/wait"), post(3), data(3, b"quack"))
        self.waiting.requests[0].notifyFinish().addErrback(lost.append)
        client.lose()
        self.assertEqual((len(lost), client.protocol.phase), (1, Phase.CLOSED))
        self.leaves_nothing(client)

    def test_nothing_of_a_connection_is_left(self) -> None:
        def visit() -> None:
            client = self.started()
            client.send(request(1), post(3), data(3, b"qu"), request(5, b"/flow"), request(7, b"/wait"))
            client.lose()
            self.waiting.requests.clear()

        visit()
        before = sum(live().values())
        for _ in range(20):
            visit()
        self.assertLess(sum(live().values()) - before, 10)

    def test_an_answer_during_the_last_minutes_of_a_site_announces_the_end(self) -> None:
        client = self.started()
        self.site.draining = True
        client.send(request(1))
        self.assertTrue(client.response(1).complete)
        self.assertEqual(client.goaways, [(2**31 - 1, 0), (1, 0)])
        self.assertTrue(client.wire.closed)

    def test_who_does_not_answer_is_given_a_moment(self) -> None:
        client = self.started()
        client.send(request(1, b"/wait"))
        self.site.drain()
        client.settle = lambda: None  # type: ignore[method-assign]
        channel = client.protocol
        self.assertEqual(channel.identifiers.last_accepted, 2**31 - 1)
        self.wait(1.2)
        self.assertEqual(channel.identifiers.last_accepted, 1)
        channel.dataReceived(request(3))
        self.assertEqual(list(channel.streams), [1])


class SlowClient(Protocol, Reader):
    """Reads when it is told to, and gives the window back for what it reads."""

    def __init__(self) -> None:
        Reader.__init__(self)
        self.generous = True
        self.whole: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.feed(data)
        assert self.transport is not None
        self.transport.write(b"".join(self.owed))
        self.owed.clear()
        if self.response(1).complete and not self.whole.called:
            self.whole.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class SocketTests(AsyncTestCase):
    """A real connection, which fills up."""

    async def test_a_large_body_arrives_at_the_pace_of_its_reader(self) -> None:
        from twisted.internet import reactor

        flow = Flow()
        flow.size = 20_000_000
        site: Any = Http2Site(flow, reactor=reactor)
        port: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(site)
        client = SlowClient()
        await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port.getHost().port), client)
        transport: Any = client.transport
        client.changes((Setting.INITIAL_WINDOW_SIZE, 2**30))
        client.grants(0, 2**30)
        transport.write(PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, 2**30)) + window_update(0, 2**30))
        transport.write(request(1, b"/"))
        transport.pauseProducing()
        (channel,) = await _until(reactor, lambda: [each for each in site.channels if each.outlet.backlogged])
        self.assertLess(channel.sender.waiting, 200_000)
        self.assertLess(flow.produced, flow.size)
        transport.resumeProducing()
        await client.whole
        self.assertEqual(len(client.response(1).body), flow.size)
        transport.loseConnection()
        await client.lost
        await _until(reactor, lambda: not site.channels)
        await port.stopListening()


async def _until(reactor: Any, fact: Any) -> Any:
    """What ``fact`` returns, when that is something; the test's own time limit ends the wait."""
    while not (found := fact()):
        turn: Deferred[None] = Deferred()
        reactor.callLater(0.01, turn.callback, None)
        await turn
    return found


class SiteTests(Http2Case):
    def test_it_is_a_channel_as_its_site_knows_it(self) -> None:
        site: Site = self.site
        channel = self.client().protocol
        self.assertIsInstance(channel, Http2Channel)
        self.assertEqual(site.channels, {channel})
        self.assertEqual(site.abort(), 1)
        self.assertEqual(channel.deadline, float("inf"))
