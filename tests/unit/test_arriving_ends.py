"""A body of HTTP/1.1 that is malformed, too large or too slow, or whose response comes first."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.internet.error import ConnectionAborted

from duck_tx.http.arriving import DISCARDED_AT_MOST
from duck_tx.http.channel import Phase
from duck_tx.http.head import Rejected
from tests.unit.streaming_case import CHUNKED, ArrivingCase, begin, with_length
from tests.unit.wire_case import GET


class LimitTests(ArrivingCase):
    limits: ClassVar[dict[str, Any]] = {
        "max_body": 1000,
        "body_timeout": 5,
        "body_min_rate": 100,
        "linger_timeout": 2,
        "write_timeout": 6,
        "write_min_rate": 0,
    }

    def rejected(self, request: Any, status: int) -> None:
        """The taker and the request were told once, and the client was answered."""
        self.assertEqual([each and each.status for each in self.taker.failures], [status])
        self.assertIn(b"HTTP/1.1 %d " % status, self.connection.received)
        self.assertTrue(self.connection.wire.disconnecting)
        self.assertEqual(self.site.refused[status], 1)
        self.assertEqual(self.logged, [])
        request.write(b"late")
        self.assertNotIn(b"late", self.connection.received)
        self.assertRaises(RuntimeError, request.finish)

    def test_chunks_that_are_none_are_a_400(self) -> None:
        for bad in (b"x\r\n", b"1\r\nab\r\n", b"1\na\r\n", b"0\r\nno field\r\n\r\n"):
            self.setUp()
            request = self.ask(CHUNKED)
            finished = request.notifyFinish()
            self.connection.send(b"1\r\na\r\n", bad)
            self.rejected(request, 400)
            self.failureResultOf(finished, ConnectionAborted)

    def test_too_many_trailers_are_a_431(self) -> None:
        request = self.ask(CHUNKED)
        self.connection.send(b"0\r\n" + b"X-A: b\r\n" * 200 + b"\r\n")
        self.rejected(request, 431)

    def test_tiny_chunks_with_long_extensions_are_a_400(self) -> None:
        request = self.ask(CHUNKED)
        for _ in range(80):
            self.connection.send(b"1;" + b"x" * 1000 + b"\r\na\r\n")
        self.rejected(request, 400)

    def test_a_body_that_becomes_too_large_is_a_413(self) -> None:
        request = self.ask(CHUNKED)
        self.connection.send(b"1f4\r\n" + b"x" * 500 + b"\r\n", b"1f5\r\n" + b"x" * 501 + b"\r\n")
        self.rejected(request, 413)
        self.assertEqual(len(self.taker.body), 500)

    def test_a_length_that_is_too_large_is_refused_before_anybody_is_asked(self) -> None:
        self.connection.send(with_length(1001))
        self.assertIn(b"HTTP/1.1 413 ", self.connection.received)
        self.assertEqual(self.resource.asked, 0)

    def test_a_body_that_stops_is_a_408(self) -> None:
        request = self.ask(with_length(900), b"a" * 500)
        self.wait(4)
        self.connection.send(b"b")
        self.wait(4)
        self.assertEqual(self.taker.failures, [])
        self.wait(2)
        self.rejected(request, 408)

    def test_a_body_that_drips_is_a_408(self) -> None:
        request = self.ask(with_length(900))
        for _ in range(8):
            self.connection.send(b"a")
            self.wait(1)
        self.rejected(request, 408)

    def test_the_time_before_it_is_taken_and_while_it_is_paused_does_not_count(self) -> None:
        request = self.ask(with_length(900), b"a", start=False)
        self.wait(100)
        stream = request.body_stream()
        stream.start(self.taker)
        for _ in range(5):
            stream.pause()
            self.wait(100)
            stream.resume()
            self.wait(2)
            self.connection.send(b"a" * 150)
        self.assertEqual(self.taker.failures, [])
        self.wait(6)
        self.rejected(request, 408)

    def test_a_response_that_has_begun_is_cut(self) -> None:
        for head, bad in ((CHUNKED, b"x\r\n"), (CHUNKED, b"3e9\r\n" + b"x" * 1001), (with_length(10), b"")):
            self.setUp()
            request = self.ask(head)
            begin(request)
            request.write(b"begun")
            finished = request.notifyFinish()
            self.connection.send(*[bad] if bad else [])
            self.wait(0 if bad else 7)
            self.assertEqual(len(self.taker.failures), 1)
            self.assertIsInstance(self.taker.failures[0], Rejected)
            self.assertTrue(self.connection.wire.aborted)
            self.assertNotIn(b"HTTP/1.1 4", self.connection.received)
            self.connection.settle()
            self.failureResultOf(finished, ConnectionAborted)
            self.assertEqual(len(self.taker.failures), 1)

    def test_a_client_that_sends_need_not_read_meanwhile(self) -> None:
        request = self.ask(with_length(900))
        begin(request)
        request.write(b"x")
        assert self.connection.wire.producer is not None
        self.connection.wire.producer.pauseProducing()
        for _ in range(8):
            self.wait(1)
            self.connection.send(b"a" * 100)
        self.assertFalse(self.connection.wire.aborted)
        self.connection.send(b"a" * 100)
        self.assertEqual(self.taker.trailers, [])
        self.wait(8)
        self.assertTrue(self.connection.wire.aborted)

    def test_a_client_that_is_kept_waiting_must_read(self) -> None:
        request = self.ask(with_length(900))
        begin(request)
        request.write(b"x")
        request.body_stream().pause()
        assert self.connection.wire.producer is not None
        self.connection.wire.producer.pauseProducing()
        self.wait(5)
        self.assertFalse(self.connection.wire.aborted)
        self.wait(3)
        self.assertTrue(self.connection.wire.aborted)
        self.connection.settle()
        self.assertEqual(self.taker.failures, [None])


class EarlyAnswerTests(ArrivingCase):
    limits: ClassVar[dict[str, Any]] = {"linger_timeout": 4, "body_timeout": 5}

    def test_the_rest_is_read_away_and_the_connection_lives_on(self) -> None:
        for head, rest in ((with_length(1000), b"x" * 990), (CHUNKED, b"3\r\nabc\r\n0\r\nX: y\r\n\r\n")):
            self.setUp()
            request = self.ask(head)
            if b"Length" in head:
                self.connection.send(b"x" * 10)
            self.answer(request)
            self.assertIs(self.connection.channel.phase, Phase.TAKEN)
            taken = self.taker.body
            self.connection.send(rest[:2], rest[2:] + GET)
            self.assertEqual((self.taker.body, self.taker.is_over), (taken, False))
            self.answer(self.resource.requests[-1])
            self.assertEqual((self.responses, len(self.logged)), (2, 2))
            self.assertNotIn(b"Connection: close", self.connection.received)

    def test_what_has_come_already_is_read_away_at_once(self) -> None:
        request = self.ask(with_length(9), b"abc", start=False)
        self.connection.send(b"defghi")
        self.answer(request)
        self.assertIs(self.connection.channel.phase, Phase.IDLE)

    def test_a_long_rest_ends_the_connection_without_a_reset(self) -> None:
        request = self.ask(with_length(DISCARDED_AT_MOST + 100), start=False)
        self.answer(request)
        self.assertIs(self.connection.channel.phase, Phase.LINGER)
        self.assertTrue(self.connection.wire.disconnecting)
        self.assertFalse(self.connection.wire.aborted)
        self.connection.send(*[b"x" * 10_000] * 20)
        self.assertEqual(self.connection.held_back, 0)
        self.wait(6)
        self.assertTrue(self.connection.wire.aborted)
        self.assertEqual(self.responses, 1)

    def test_a_rest_that_turns_out_long_does_too(self) -> None:
        request = self.ask(CHUNKED, start=False)
        self.answer(request)
        chunk = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
        for _ in range(DISCARDED_AT_MOST // 10_000 + 2):
            self.connection.send(chunk)
        self.assertIs(self.connection.channel.phase, Phase.LINGER)
        self.assertEqual(self.connection.received.count(b"HTTP/1.1"), 1)

    def test_one_that_is_malformed_or_never_comes_gets_no_second_answer(self) -> None:
        for bad in (b"x\r\n", b""):
            self.setUp()
            request = self.ask(CHUNKED, start=False)
            self.answer(request)
            if bad:
                self.connection.send(bad)
            else:
                self.wait(4)
                self.assertFalse(self.connection.wire.closed)
                self.wait(3)
            self.assertIs(self.connection.channel.phase, Phase.LINGER)
            self.assertEqual(self.connection.received.count(b"HTTP/1.1"), 1)

    def test_a_taker_that_answers_and_goes_on_hears_no_more(self) -> None:
        request = self.ask(with_length(9))
        received = self.taker.body_received

        def answer(data: bytes) -> None:
            received(data)
            self.answer(request)

        self.taker.body_received = answer  # type: ignore[method-assign]
        self.connection.send(b"abc", b"def", b"ghi", GET)
        self.assertEqual(self.taker.pieces, [b"abc"])
        self.assertEqual((len(self.resource.requests), self.taker.is_over), (2, False))

    def test_what_is_not_wanted_is_read_away_before_the_response(self) -> None:
        request = self.ask(with_length(60_000), start=False)
        request.body_stream().discard()
        self.connection.send(*[b"x" * 10_000] * 6)
        self.assertEqual(self.connection.held_back, 0)
        self.assertIs(self.connection.channel.phase, Phase.RESPONSE)
        self.answer(request)
        self.assertNotIn(b"Connection: close", self.connection.received)

    def test_when_that_is_too_much_the_client_waits_and_the_connection_ends(self) -> None:
        request = self.ask(with_length(10_000_000), start=False)
        request.body_stream().discard()
        self.connection.send(*[b"x" * 10_000] * 20)
        self.assertGreater(self.connection.held_back, 0)
        self.answer(request)
        self.assertIn(b"Connection: close", self.connection.received)
        self.assertIs(self.connection.channel.phase, Phase.LINGER)
        self.assertEqual(self.connection.held_back, 0)

    def test_a_fault_in_what_is_not_wanted_does_not_take_the_response_away(self) -> None:
        request = self.ask(CHUNKED, start=False)
        request.body_stream().discard()
        self.connection.send(b"x\r\n")
        self.answer(request)
        self.assertEqual(self.responses, 1)
        self.assertIn(b"Connection: close", self.connection.received)

    def test_nor_does_a_client_that_is_slow_with_it(self) -> None:
        request = self.ask(CHUNKED, start=False)
        request.body_stream().discard()
        self.wait(100)
        self.assertFalse(self.connection.wire.closed)
        self.answer(request)
        self.assertIn(b"Connection: close", self.connection.received)

    def test_a_stop_does_not_wait_for_what_nobody_wants(self) -> None:
        request = self.ask(CHUNKED, start=False)
        self.answer(request)
        self.site.drain()
        self.assertIs(self.connection.channel.phase, Phase.LINGER)
        self.assertTrue(self.connection.channel.is_lingering)

    def test_a_client_that_closes_the_connection_is_not_kept(self) -> None:
        request = self.ask(with_length(100).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), start=False)
        self.answer(request)
        self.assertIs(self.connection.channel.phase, Phase.LINGER)
