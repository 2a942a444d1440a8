"""A body handed over piece by piece, whatever the wire."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.error import ConnectionAborted

from duck_tx.http.streaming import BodyStream, ReplayedBody, aborted
from tests.unit.streaming_case import Recorder, Streaming
from tests.unit.wire_case import POST, WireCase

_MEGABYTE = 1_048_576


class Plain(BodyStream):
    """Remembers what the wire would have had to do."""

    def __init__(self, request: Any) -> None:
        super().__init__(request, None)
        self.asked: list[str] = []
        self.taken = 0

    def _paused(self) -> None:
        self.asked.append("pause")

    def _resumed(self) -> None:
        self.asked.append("resume")

    def _discarded(self) -> None:
        self.asked.append("discard")

    def _taken(self, size: int) -> None:
        self.taken += size


class StreamingCase(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.resource = Streaming()
        self.connection = self.connect(self.site_of(self.resource))
        self.connection.send(POST + b"Content-Length: 3\r\n\r\n")
        self.request = self.resource.requests[0]
        self.taker = Recorder()
        self.stream = Plain(self.request)


class BodyStreamTests(StreamingCase):
    def test_what_comes_before_the_taker_waits_for_it(self) -> None:
        self.stream.put(b"ab")
        self.stream.put(b"c")
        self.stream.end([(b"x", b"y")])
        self.assertEqual((self.stream.taken, self.stream.is_flowing), (0, False))
        self.stream.start(self.taker)
        self.assertEqual((self.taker.pieces, self.taker.trailers), ([b"ab", b"c"], [(b"x", b"y")]))
        self.assertEqual(self.stream.taken, 3)

    def test_what_comes_after_is_handed_over_at_once(self) -> None:
        self.stream.start(self.taker)
        self.assertTrue(self.stream.is_flowing)
        self.stream.put(b"ab")
        self.assertEqual(self.taker.pieces, [b"ab"])
        self.stream.end([])
        self.assertFalse(self.stream.is_flowing)

    def test_the_wire_hears_of_a_change_only(self) -> None:
        self.stream.pause()
        self.stream.resume()
        self.stream.start(self.taker)
        for each in (self.stream.pause, self.stream.resume, self.stream.discard):
            each()
            each()
        self.assertEqual(self.stream.asked, ["pause", "resume", "discard"])

    def test_what_is_thrown_away_is_counted_as_taken(self) -> None:
        self.stream.put(b"abc")
        self.stream.discard()
        self.stream.put(b"de")
        self.assertEqual(self.stream.taken, 5)
        self.stream.start(self.taker)
        self.assertEqual((self.taker.pieces, self.taker.failures), ([], [None]))

    def test_a_failure_is_told_once_and_takes_what_waits_with_it(self) -> None:
        self.stream.start(self.taker)
        self.stream.pause()
        self.stream.put(b"abc")
        self.stream.fail(None)
        self.stream.fail(None)
        self.stream.end([])
        self.stream.resume()
        self.assertEqual((self.taker.pieces, self.taker.failures, self.taker.trailers), ([], [None], None))
        self.assertEqual(self.stream.taken, 3)

    def test_pieces_that_come_from_within_a_piece_keep_their_order(self) -> None:
        received = self.taker.body_received

        def more(data: bytes) -> None:
            if data == b"a":
                self.stream.put(b"b")
                self.stream.put(b"c")
                self.stream.end([])
            received(data)

        self.taker.body_received = more  # type: ignore[method-assign]
        self.stream.start(self.taker)
        self.stream.put(b"a")
        self.assertEqual((self.taker.pieces, self.taker.trailers), ([b"a", b"b", b"c"], []))

    def test_a_taker_that_discards_within_a_piece_hears_no_more(self) -> None:
        self.taker.body_received = lambda data: self.stream.discard()  # type: ignore[method-assign]
        self.stream.put(b"a")
        self.stream.put(b"b")
        self.stream.end([])
        self.stream.start(self.taker)
        self.assertFalse(self.taker.is_over)
        self.assertEqual(self.stream.taken, 2)

    def test_a_taker_that_fails_fails_the_request(self) -> None:
        for name in ("body_received", "body_ended", "body_failed"):
            self.setUp()
            setattr(self.taker, name, lambda *given: 1 / 0)
            self.stream.start(self.taker)
            if name == "body_failed":
                self.stream.fail(None)
            else:
                self.stream.put(b"a")
                self.stream.end([])
            self.assertTrue(self.request.finished)
            self.assertIn(b"HTTP/1.1 500 ", self.connection.received)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_request_that_the_wire_has_ended_is_aborted(self) -> None:
        self.assertIs(aborted().type, ConnectionAborted)


class ReplayedBodyTests(StreamingCase):
    def replay(self, body: bytes, trailers: Any = ()) -> ReplayedBody:
        return ReplayedBody(self.request, BytesIO(body), len(body), list(trailers))

    def test_what_fits_into_memory_is_there_before_start_returns(self) -> None:
        body = b"0123456789abcdef" * 60_000
        self.replay(body, [(b"x", b"y")]).start(self.taker)
        self.assertEqual((self.taker.body, self.taker.trailers), (body, [(b"x", b"y")]))
        self.assertLessEqual(max(map(len, self.taker.pieces)), 65_536)

    def test_others_have_their_turn_within_a_long_one(self) -> None:
        stream = self.replay(b"x" * (2 * _MEGABYTE + 5))
        stream.start(self.taker)
        stream.pause()
        self.clock.advance(0)
        self.assertEqual(len(self.taker.body), _MEGABYTE)
        stream.resume()
        self.assertEqual(len(self.taker.body), 2 * _MEGABYTE)
        self.clock.advance(0)
        self.assertEqual((len(self.taker.body), self.taker.trailers), (2 * _MEGABYTE + 5, []))

    def test_it_waits_while_it_is_paused(self) -> None:
        stream = self.replay(b"x" * 200_000)
        received = self.taker.body_received

        def pause(data: bytes) -> None:
            received(data)
            stream.pause()

        self.taker.body_received = pause  # type: ignore[method-assign]
        stream.start(self.taker)
        self.assertEqual(len(self.taker.body), 65_536)
        for _ in range(4):
            stream.resume()
        self.assertEqual((len(self.taker.body), self.taker.trailers), (200_000, []))

    def test_it_has_a_length_and_may_be_none(self) -> None:
        stream = ReplayedBody(self.request, None, 0, [])
        stream.start(self.taker)
        self.assertEqual((stream.length, self.taker.pieces, self.taker.trailers), (0, [], []))

    def test_it_can_be_read_as_a_file_before(self) -> None:
        self.connection.send(b"abc")
        connection = self.connect(self.site_of(self.resource))
        connection.send(POST + b"Content-Length: 3\r\n\r\nabc")
        request = self.resource.requests[-1]
        self.assertEqual(request.content.read(), b"abc")
        request.body_stream().start(self.taker)
        self.assertEqual(self.taker.body, b"abc")

    def test_it_ends_with_the_response_and_with_the_client(self) -> None:
        stream = self.replay(b"x" * (2 * _MEGABYTE))
        self.request.arriving = stream
        stream.start(self.taker)
        self.request.finish()
        self.clock.advance(0)
        self.assertEqual((len(self.taker.body), self.taker.is_over), (_MEGABYTE, False))
        self.setUp()
        stream = self.replay(b"x" * (2 * _MEGABYTE))
        self.request.arriving = stream
        stream.start(self.taker)
        self.connection.lose()
        self.clock.advance(0)
        self.assertEqual((len(self.taker.body), self.taker.failures), (_MEGABYTE, [None]))
