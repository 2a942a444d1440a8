"""A body of HTTP/1.1 that a resource takes while it arrives."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone

from duck_tx.http.channel import Phase
from tests.unit.streaming_case import CHUNKED, ArrivingCase, Recorder, begin, with_length
from tests.unit.wire_case import GET, POST

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_EXPECT = POST + b"Expect: 100-continue\r\n"
_UNREAD = 65_536


class TakingTests(ArrivingCase):
    def test_a_body_with_a_length_comes_piece_by_piece(self) -> None:
        request = self.ask(with_length(9))
        self.assertEqual(request.body_stream().length, 9)
        self.connection.send(b"abc", b"def")
        self.assertEqual(self.taker.pieces, [b"abc", b"def"])
        self.assertIsNone(self.taker.trailers)
        self.connection.send(b"ghi")
        self.assertEqual((self.taker.body, self.taker.trailers), (b"abcdefghi", []))

    def test_what_came_with_the_head_is_the_first_piece(self) -> None:
        self.ask(with_length(6) + b"abc")
        self.assertEqual(self.taker.pieces, [b"abc"])

    def test_chunks_are_taken_out_of_their_frames(self) -> None:
        request = self.ask(CHUNKED + b"3\r\nabc\r\n1", b";x=y\r\nd", b"\r\n2\r\nef\r\n1\r\ng\r\n")
        self.assertIsNone(request.body_stream().length)
        self.assertEqual(self.taker.body, b"abcdefg")
        self.connection.send(b"0\r\n\r\n")
        self.assertEqual(self.taker.trailers, [])

    def test_trailers_are_handed_over_without_those_that_mean_nothing_there(self) -> None:
        self.ask(CHUNKED, b"1\r\na\r\n0\r\nX-Sum: 1\r\nTE: x\r\nHost: evil\r\nX-Forwarded-For: me\r\n\r\n")
        self.assertEqual(self.taker.trailers, [(b"X-Sum", b"1")])

    def test_a_body_that_came_with_its_head_is_not_asked_about_and_replayed(self) -> None:
        for sent in (GET, with_length(3) + b"abc", CHUNKED + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\nHost: x\r\n\r\n"):
            taker = Recorder()
            connection = self.connect()
            connection.send(sent)
            stream = self.resource.requests[-1].body_stream()
            stream.start(taker)
            self.assertEqual(taker.body, b"" if sent == GET else b"abc")
            self.assertEqual(stream.length, len(taker.body))
            self.assertEqual(taker.trailers, [(b"X-Sum", b"1")] if b"X-Sum" in sent else [])
        self.assertEqual(self.resource.asked, 0)

    def test_it_is_asked_once(self) -> None:
        self.ask(with_length(9), b"abc", b"def", b"ghi")
        self.assertEqual(self.resource.asked, 1)

    def test_there_is_one_stream_and_one_taker(self) -> None:
        request = self.ask(with_length(9))
        self.assertIs(request.body_stream(), request.body_stream())
        self.assertRaises(RuntimeError, request.body_stream().start, Recorder())

    def test_the_response_may_begin_and_go_on_while_the_body_comes(self) -> None:
        request = self.ask(CHUNKED)
        begin(request)
        for letter in (b"a", b"b"):
            self.connection.send(b"1\r\n" + letter + b"\r\n")
            request.write(self.taker.pieces[-1].upper())
        self.connection.send(b"0\r\n\r\n")
        request.finish()
        self.assertTrue(self.connection.received.endswith(b"\r\n\r\n1\r\nA\r\n1\r\nB\r\n0\r\n\r\n"))

    def test_the_connection_serves_the_next_requests_pipelined_or_not(self) -> None:
        request = self.ask(with_length(3), b"ab", b"c" + GET + with_length(2) + b"xy" + with_length(2) + b"z")
        self.answer(request)
        for _ in range(3):
            self.answer(self.resource.requests[-1])
            if len(self.resource.requests) == 4:
                self.connection.send(b"z")
        self.assertEqual(self.responses, 4)
        self.assertEqual(len(self.logged), 4)
        self.assertEqual(len(self.site.parsers), 1)
        self.assertFalse(self.connection.wire.closed)

    def test_the_idle_time_counts_after_it(self) -> None:
        request = self.ask(with_length(3), b"abc")
        self.answer(request)
        self.assertIs(self.connection.channel.phase, Phase.IDLE)
        self.wait(59)
        self.assertFalse(self.connection.wire.closed)
        self.wait(3)
        self.assertTrue(self.connection.wire.closed)

    def test_http_1_0_has_it_too(self) -> None:
        request = self.ask(b"POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\n", b"abcd")
        self.assertEqual((self.taker.body, self.taker.trailers), (b"abcd", []))
        self.answer(request)
        self.assertTrue(self.connection.wire.disconnecting)

    def test_a_taker_that_fails_is_a_500_and_hears_no_more(self) -> None:
        self.taker.body_received = lambda data: 1 / 0  # type: ignore[assignment]
        request = self.ask(with_length(4))
        self.connection.send(b"ab", b"cd")
        self.assertIn(b"HTTP/1.1 500 ", self.connection.received)
        self.assertFalse(self.taker.is_over)
        self.assertTrue(request.finished)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_resource_that_cannot_say_whether_it_streams_gets_the_body_whole(self) -> None:
        self.resource.streams = lambda request: 1 / 0  # type: ignore[assignment, return-value]
        self.connection.send(with_length(4), b"ab")
        self.assertEqual(self.resource.requests, [])
        self.connection.send(b"cd")
        self.assertEqual(self.resource.requests[0].content.read(), b"abcd")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class PaceTests(ArrivingCase):
    def test_nothing_is_read_before_there_is_a_taker(self) -> None:
        request = self.ask(with_length(1_000_000), *[b"x" * 10_000] * 50, start=False)
        self.assertEqual(self.connection.wire.producerState, "paused")
        self.assertLess(500_000 - self.connection.held_back, _UNREAD + 20_000)
        request.body_stream().start(self.taker)
        self.connection.settle()
        self.assertEqual(len(self.taker.body), 500_000)

    def test_the_connection_is_read_again_when_a_body_that_filled_the_buffer_is_taken(self) -> None:
        request = self.ask(with_length(80_000), b"x" * 80_000, start=False)
        self.assertEqual(self.connection.wire.producerState, "paused")
        self.connection.send(GET)
        request.body_stream().start(self.taker)
        self.assertEqual(len(self.taker.body), 80_000)
        self.answer(request)
        self.answer(self.resource.requests[1])
        self.assertEqual(self.responses, 2)

    def test_what_waits_when_the_response_ends_is_not_handed_over(self) -> None:
        request = self.ask(CHUNKED)
        stream = request.body_stream()
        stream.pause()
        self.connection.send(b"3\r\nabc\r\n0\r\n\r\n")
        self.answer(request)
        stream.resume()
        self.assertEqual((self.taker.pieces, self.taker.is_over), ([], False))
        self.setUp()
        request = self.ask(with_length(3))
        self.taker.body_received = lambda data: request.body_stream().pause()  # type: ignore[method-assign]
        self.connection.send(b"abc")
        self.assertIs(self.connection.channel.phase, Phase.RESPONSE)
        self.answer(request)
        request.body_stream().resume()
        self.assertFalse(self.taker.is_over)

    def test_whatever_the_taker_does_little_is_kept(self) -> None:
        stream = self.ask(with_length(10_000_000)).body_stream()
        for _ in range(100):
            stream.pause()
            taken, ahead = len(self.taker.body), self.connection.held_back
            self.connection.send(*[b"x" * 10_000] * 50)
            self.assertEqual(len(self.taker.body), taken)
            self.assertLess(500_000 - (self.connection.held_back - ahead), _UNREAD + 20_000)
            stream.resume()
            if len(self.taker.body) < 9_000_000:
                self.connection.settle()
                self.assertEqual(self.connection.held_back, 0)
            if self.taker.is_over or len(self.taker.body) >= 9_000_000:
                break
        self.assertLessEqual(max(map(len, self.taker.pieces)), _UNREAD + 20_000)

    def test_a_taker_that_pauses_within_a_piece_gets_the_rest_later(self) -> None:
        stream = self.ask(CHUNKED).body_stream()
        received = self.taker.body_received

        def pause_after(data: bytes) -> None:
            received(data)
            stream.pause()

        self.taker.body_received = pause_after  # type: ignore[method-assign]
        self.connection.send(b"1\r\na\r\n", b"1\r\nb\r\n", b"1\r\nc\r\n0\r\n\r\n")
        self.assertEqual(self.taker.pieces, [b"a"])
        stream.resume()
        self.assertEqual(self.taker.body, b"abc")
        self.assertIsNone(self.taker.trailers)
        stream.resume()
        self.assertEqual(self.taker.trailers, [])

    def test_pausing_twice_and_resuming_within_a_piece_is_harmless(self) -> None:
        stream = self.ask(with_length(4)).body_stream()
        received = self.taker.body_received

        def fidget(data: bytes) -> None:
            stream.pause()
            stream.pause()
            stream.resume()
            received(data)

        self.taker.body_received = fidget  # type: ignore[method-assign]
        self.connection.send(b"a", b"b", b"cd")
        self.assertEqual((self.taker.body, self.taker.trailers), (b"abcd", []))

    def test_the_body_is_read_while_the_client_does_not_read_the_response(self) -> None:
        request = self.ask(with_length(200_000))
        begin(request)
        request.write(b"x" * 1000)
        assert self.connection.wire.producer is not None
        self.connection.wire.producer.pauseProducing()
        self.connection.send(b"a" * 100_000, b"b" * 100_000)
        self.assertEqual((len(self.taker.body), self.taker.trailers), (200_000, []))


class ContinueTests(ArrivingCase):
    def test_the_client_is_told_to_go_on_when_somebody_takes_the_body(self) -> None:
        request = self.ask(_EXPECT + b"Content-Length: 3\r\n\r\n", start=False)
        self.assertEqual(self.connection.received, b"")
        request.body_stream().start(self.taker)
        self.assertEqual(self.connection.take(), _CONTINUE)
        self.connection.send(b"abc")
        self.answer(request)
        self.assertNotIn(b"Connection: close", self.connection.received)
        self.assertFalse(self.connection.wire.closed)

    def test_it_is_told_once(self) -> None:
        request = self.ask(_EXPECT + b"Content-Length: 3\r\n\r\n", start=False)
        request.send_interim(100, [])
        request.send_interim(100, [])
        request.body_stream().start(self.taker)
        self.assertEqual(self.connection.take(), _CONTINUE)

    def test_nobody_who_has_not_asked_is_told(self) -> None:
        request = self.ask(with_length(3))
        request.send_interim(100, [])
        self.assertEqual(self.connection.received, b"")

    def test_one_that_has_begun_to_send_is_not_told(self) -> None:
        request = self.ask(_EXPECT + b"Content-Length: 3\r\n\r\n", b"a", start=False)
        request.body_stream().start(self.taker)
        self.assertEqual(self.connection.received, b"")
        self.connection.send(b"bc")
        self.answer(request)
        self.assertEqual(self.taker.body, b"abc")
        self.assertFalse(self.connection.wire.closed)

    def test_after_a_response_that_comes_first_the_connection_closes(self) -> None:
        request = self.ask(_EXPECT + b"Content-Length: 3\r\n\r\n", start=False)
        self.answer(request)
        self.assertIn(b"\r\nConnection: close\r\n", self.connection.received)
        self.assertNotIn(b"100 Continue", self.connection.received)
        self.assertTrue(self.connection.wire.disconnecting)

    def test_a_body_that_is_taken_after_the_response_has_begun_is_not_asked_for(self) -> None:
        request = self.ask(_EXPECT + b"Content-Length: 3\r\n\r\n", start=False)
        begin(request)
        request.body_stream().start(self.taker)
        request.write(b"x")
        self.assertNotIn(b"100 Continue", self.connection.received)
        self.connection.send(b"abc")
        self.assertEqual(self.taker.body, b"abc")
        request.finish()
        self.connection.settle()
        self.assertTrue(self.connection.wire.disconnecting)


class GoneTests(ArrivingCase):
    def test_a_client_that_leaves_is_told_once_to_everybody(self) -> None:
        request = self.ask(with_length(9), b"abc")
        finished = request.notifyFinish()
        self.connection.lose()
        self.assertEqual(self.taker.failures, [None])
        self.failureResultOf(finished, ConnectionDone)
        self.assertEqual(self.site.channels, set())

    def test_one_that_leaves_after_its_body_is_not(self) -> None:
        self.ask(with_length(3), b"abc")
        self.connection.lose()
        self.assertEqual(self.taker.failures, [])

    def test_a_taker_that_comes_too_late_hears_of_it(self) -> None:
        request = self.ask(with_length(9), b"abc", start=False)
        self.connection.lose()
        request.body_stream().start(self.taker)
        self.assertEqual((self.taker.body, self.taker.failures), (b"", [None]))

    def test_pausing_resuming_and_discarding_after_it_are_harmless(self) -> None:
        stream = self.ask(with_length(9), b"abc").body_stream()
        self.connection.lose()
        stream.pause()
        stream.resume()
        stream.discard()
        self.assertEqual(self.taker.body, b"abc")

    def test_a_resource_may_close_the_connection(self) -> None:
        request = self.ask(with_length(9), b"abc")
        begin(request)
        request.write(b"x")
        request.loseConnection()
        self.assertIs(self.connection.channel.phase, Phase.LINGER)
        self.assertFalse(self.connection.wire.aborted)
        self.connection.lose()
        self.assertEqual(self.taker.failures, [None])

    def test_a_stop_waits_for_what_is_in_flight(self) -> None:
        request = self.ask(with_length(3))
        down = self.site.drain()
        self.wait(5)
        self.connection.send(b"abc")
        self.answer(request)
        self.assertIn(b"Connection: close", self.connection.received)
        self.connection.lose()
        self.successResultOf(down)


class AnyOrderTests(ArrivingCase):
    @settings(max_examples=200)
    @given(
        st.binary(max_size=400),
        st.booleans(),
        st.integers(1, 100),
        st.booleans(),
        st.lists(st.sampled_from(["send", "send", "send", "start", "pause", "resume", "discard", "begin", "finish"])),
    )
    def test_whatever_comes_when_nothing_is_lost_or_said_twice(
        self, body: bytes, is_chunked: bool, size: int, expects: bool, steps: list[str]
    ) -> None:
        self.setUp()
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        sent = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n" if is_chunked else body
        head = CHUNKED if is_chunked else with_length(len(body) or 1)
        sent = sent or b"x"
        if expects:
            head = head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
        request = self.ask(head, start=False)
        stream = request.body_stream()
        waiting = [sent[at : at + size] for at in range(0, len(sent), size)]
        do = {
            "send": lambda: self.connection.send(waiting.pop(0)) if waiting else None,
            "start": lambda: stream.start(self.taker),
            "pause": stream.pause,
            "resume": stream.resume,
            "discard": stream.discard,
            "begin": lambda: begin(request),
            "finish": request.finish,
        }
        done: set[str] = set()
        for step in steps:
            if step not in ("start", "begin", "finish") or (step not in done and "finish" not in done):
                done.add(step)
                if step == "finish" and "begin" not in done:
                    begin(request)
                do[step]()
        self.connection.send(*waiting)
        if not {"discard", "finish"} & done:
            if "start" not in done:
                stream.start(self.taker)
            stream.resume()
            self.assertEqual((self.taker.body, self.taker.trailers), (body if is_chunked else sent, []))
        self.assertTrue((body or sent).startswith(self.taker.body))
        self.assertEqual([each for each in self.taker.failures if each is not None], [])
        if "finish" not in done:
            if "begin" not in done:
                begin(request)
            request.finish()
        self.connection.send(GET)
        if self.connection.channel.phase == Phase.RESPONSE:
            self.resource.requests[1].finish()
            self.assertEqual(self.responses, 2)
        else:
            self.assertTrue(expects)
            self.assertIn(self.connection.channel.phase, (Phase.CLOSING, Phase.LINGER))
            self.assertEqual(self.responses, 1)
