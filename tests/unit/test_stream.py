from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.gateway.spool import Spool
from duck_tx.gateway.stream import ClientGone, ResponseStream
from tests.unit.wsgi_case import TEXT, Environ, GatewayTestCase, HeldPool, StartResponse, dechunked, just, parsed

LONG = 20.0


class OnTheReactorThreadTests(GatewayTestCase):
    """The application is called on the reactor thread, so each piece can be looked at as it is made."""

    def stream(self, make: Callable[[], Iterator[bytes]], **options: Any) -> None:
        """Ask for a response of these pieces; they may look at ``self.peer`` while they are made."""

        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", TEXT)
            return make()

        self.serve(application, **options)
        self.peer = self.connect()
        self.peer.ask()

    @property
    def spool(self) -> Spool | None:
        assert self.peer.channel.request is not None
        stream = self.peer.channel.request.producer
        assert isinstance(stream, ResponseStream)
        return stream._spool

    def test_each_piece_is_on_its_way_before_the_next_is_asked_for(self) -> None:
        sent: list[int] = []

        def pieces() -> Iterator[bytes]:
            for number in range(5):
                sent.append(self.peer.raw.count(b"piece"))
                yield b"piece %d" % number

        self.stream(pieces)
        self.assertEqual(sent, [0, 1, 2, 3, 4])
        self.assertEqual(parsed(self.peer.raw).body, b"piece 0piece 1piece 2piece 3piece 4")
        self.assertTrue(parsed(self.peer.raw).whole)

    def test_a_client_that_does_not_read_gets_nothing_more_until_it_does(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"first"
            self.peer.stop_reading()
            yield b"second"
            yield b"third"

        self.stream(pieces)
        self.assertNotIn(b"second", self.peer.raw)
        self.assertIsNone(self.spool)
        self.peer.read_on()
        self.assertEqual(parsed(self.peer.raw)[2:], (b"firstsecondthird", True))

    def test_what_does_not_fit_the_memory_goes_through_a_file_in_order(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"begin,"
            self.peer.stop_reading()
            for number in range(100):
                yield b"%d," % number

        self.stream(pieces, response_memory=20)
        spool = self.spool
        assert spool is not None
        self.assertGreater(spool.waiting, 100)
        self.peer.read_on()
        expected = b"begin," + b"".join(b"%d," % number for number in range(100))
        self.assertEqual(parsed(self.peer.raw)[2:], (expected, True))
        self.assertTrue(spool._file.closed)

    def test_memory_is_used_again_when_the_file_is_read(self) -> None:
        def pieces() -> Iterator[bytes]:
            for turn in range(3):
                self.peer.stop_reading()
                yield b"%d-in-memory," % turn
                yield b"%d-in-the-file," % turn
                spool = self.spool
                assert spool is not None
                waiting.append(spool.waiting)
                self.peer.read_on()

        waiting: list[int] = []
        self.stream(pieces, response_memory=15)
        self.assertEqual(waiting, [14, 14, 14])
        expected = b"".join(b"%d-in-memory,%d-in-the-file," % (turn, turn) for turn in range(3))
        self.assertEqual(parsed(self.peer.raw).body, expected)

    def test_a_single_large_piece_needs_no_file(self) -> None:
        def pieces() -> Iterator[bytes]:
            self.peer.stop_reading()
            yield b"x" * 5000
            assert self.spool is None

        self.stream(pieces, response_memory=100)
        self.peer.read_on()
        self.assertEqual(parsed(self.peer.raw).body, b"x" * 5000)

    @given(
        st.lists(st.one_of(st.binary(max_size=300), st.booleans()), max_size=40),
        st.integers(0, 200),
    )
    def test_pauses_anywhere_change_nothing_in_what_arrives(self, steps: list[bytes | bool], memory: int) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"begun"
            for step in steps:
                if isinstance(step, bytes):
                    yield step
                elif step:
                    self.peer.read_on()
                else:
                    self.peer.stop_reading()

        self.stream(pieces, response_memory=memory)
        if self.peer.channel.request is not None:
            self.peer.read_on()
        self.reactor.turn()
        expected = b"begun" + b"".join(step for step in steps if isinstance(step, bytes))
        self.assertEqual(parsed(self.peer.raw)[2:], (expected, True))

    def test_a_long_spool_is_sent_in_several_turns_of_the_reactor(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"begun"
            self.peer.stop_reading()
            for _ in range(20):
                yield b"x" * 50_000

        self.stream(pieces, response_memory=1000)
        self.peer.read_on()
        self.assertLess(len(self.peer.raw), 400_000)
        self.reactor.turn()
        self.assertEqual(len(parsed(self.peer.raw).body), 1_000_005)

    def test_a_failure_half_way_cuts_the_connection_after_what_was_made(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"good"
            raise ValueError("half-way")

        self.stream(pieces)
        self.assertEqual(parsed(self.peer.raw)[2:], (b"good", False))
        self.assertTrue(self.peer.cut)
        self.assertOneFailureLogged(ValueError)

    def test_a_failure_is_told_to_a_slow_client_when_it_has_read_the_rest(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"good"
            self.peer.stop_reading()
            yield b"better"
            raise ValueError("half-way")

        self.stream(pieces)
        self.assertFalse(self.peer.cut)
        self.peer.read_on()
        self.assertEqual(parsed(self.peer.raw)[2:], (b"goodbetter", False))
        self.assertTrue(self.peer.cut)
        self.assertOneFailureLogged(ValueError)

    def test_a_client_that_leaves_ends_the_iteration(self) -> None:
        made: list[int] = []

        def pieces() -> Iterator[bytes]:
            try:
                for number in range(10):
                    made.append(number)
                    yield b"piece"
                    if number == 3:
                        self.peer.leave()
            finally:
                made.append(-1)

        self.stream(pieces)
        self.assertEqual(made, [0, 1, 2, 3, 4, -1])

    def test_a_client_that_leaves_ends_an_iteration_of_empty_pieces_too(self) -> None:
        made: list[int] = []

        def pieces() -> Iterator[bytes]:
            yield b"piece"
            self.peer.leave()
            while True:
                made.append(len(made))
                assert len(made) < 10
                yield b""

        self.stream(pieces)
        self.assertEqual(made, [0])

    def test_a_stream_of_events_ends_with_the_server(self) -> None:
        events = just(self.events, fields=[("content-type", "Text/Event-Stream")])
        self.ended: list[bool] = []
        for pieces in (1, 0):
            self.many = pieces
            self.serve(events)
            self.peer = self.connect()
            self.peer.ask()
            self.assertEqual(dechunked(self.peer.raw.partition(b"\r\n\r\n")[2]), (b"data: 1\n\n" * pieces, True))
            self.assertEqual((self.site.farewells, self.peer.cut), (set(), False))
        self.assertEqual(self.ended, [True, True])

    def events(self) -> Iterator[bytes]:
        """Events without end, of which the server stops after some."""
        try:
            yield b"data: 1\n\n" if self.many else b""
            self.site.drain()
            while True:
                yield b"" if self.many else b"data: late\n\n"
        finally:
            self.ended.append(True)

    def test_the_file_of_a_client_that_left_is_closed(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"begun"
            self.peer.stop_reading()
            yield b"x" * 50
            yield b"y" * 50
            spools.append(self.spool)

        spools: list[Spool | None] = []
        self.stream(pieces, response_memory=10)
        spool = spools[0]
        assert spool is not None
        self.assertFalse(spool._file.closed)
        self.peer.leave()
        self.assertTrue(spool._file.closed)

    def test_a_full_disk_cuts_the_connection_with_one_line_in_the_log(self) -> None:
        def full(spool: Spool, data: memoryview) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.patch(Spool, "write", full)
        events = self.log_events()
        made: list[int] = []

        def pieces() -> Iterator[bytes]:
            yield b"begun"
            self.peer.stop_reading()
            for number in range(10):
                made.append(number)
                yield b"x" * 50

        self.stream(pieces, response_memory=10)
        self.peer.read_on()
        self.assertEqual(made, [0, 1])
        self.assertTrue(self.peer.cut)
        self.assertEqual([event["error"].errno for event in events], [errno.ENOSPC])

    def test_no_place_for_a_temporary_file_cuts_the_connection(self) -> None:
        def nowhere(spool: Spool, limit: int) -> None:
            raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

        self.patch(Spool, "__init__", nowhere)
        events = self.log_events()

        def pieces() -> Iterator[bytes]:
            yield b"begun"
            self.peer.stop_reading()
            while True:
                yield b"x" * 50

        self.stream(pieces, response_memory=10)
        self.peer.read_on()
        self.assertTrue(self.peer.cut)
        self.assertEqual(len(events), 1)

    def test_a_spool_that_cannot_be_read_cuts_the_connection(self) -> None:
        def lost(spool: Spool, size: int) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

        self.patch(Spool, "read", lost)
        events = self.log_events()

        def pieces() -> Iterator[bytes]:
            yield b"begun"
            self.peer.stop_reading()
            yield b"x" * 50
            yield b"y" * 50

        self.stream(pieces, response_memory=10)
        self.peer.read_on()
        self.assertTrue(self.peer.cut)
        self.assertEqual([event["error"].errno for event in events], [errno.EIO])


class OnAThreadTests(GatewayTestCase):
    """The application is called on a thread, and the reactor turns when the test says so."""

    def setUp(self) -> None:
        self.put = 0
        self.ended = threading.Event()

    def stream(self, pieces: list[bytes], **options: Any) -> threading.Thread:
        """Have a thread make the pieces for a client that has stopped reading after the first."""

        def make() -> Iterator[bytes]:
            try:
                for piece in pieces:
                    yield piece
                    self.put += 1
            finally:
                self.ended.set()

        def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
            start_response("200 OK", TEXT)
            return make()

        pool = HeldPool()
        self.serve(application, pool, request_timeout=0, **options)
        self.peer = self.connect()
        self.peer.ask()
        self.peer.stop_reading()
        return pool.start_one()

    def until(self, fact: Callable[[], object]) -> None:
        """Turn the reactor until a fact is true that the thread makes."""
        end = time.monotonic() + LONG
        while not fact():
            self.assertLess(time.monotonic(), end)
            self.reactor.turn()
            time.sleep(0.0005)

    def test_a_thread_waits_when_memory_and_file_are_full_and_is_free_as_soon_as_the_rest_fits(self) -> None:
        # 100 in memory, 200 in the file, and the last piece of 10 too much.
        pieces = [b"a" * 100, b"b" * 100, b"c" * 100, b"d" * 10]
        thread = self.stream(pieces, response_memory=100, response_spool=200)
        self.until(lambda: self.put == 3)
        self.assertFalse(self.ended.wait(0.05))
        self.peer.read_on()
        self.until(self.ended.is_set)
        thread.join(LONG)
        self.until(lambda: self.done)
        self.assertEqual(parsed(self.peer.raw).body, b"".join(pieces))

    def test_a_response_that_fits_frees_the_thread_before_the_client_has_read_anything(self) -> None:
        thread = self.stream([b"a" * 100, b"b" * 150, b"c" * 50], response_memory=100, response_spool=200)
        thread.join(LONG)
        self.assertFalse(thread.is_alive())
        self.assertNotIn(b"a", self.peer.raw)
        self.peer.read_on()
        self.until(lambda: self.done)
        self.assertEqual(len(parsed(self.peer.raw).body), 300)

    def test_a_piece_larger_than_the_file_goes_through_it_bit_by_bit(self) -> None:
        piece = bytes(range(256)) * 40
        self.stream([b"first", piece], response_memory=10, response_spool=1000)
        self.until(lambda: self.put == 1)
        self.peer.read_on()
        self.until(lambda: self.done)
        self.assertEqual(parsed(self.peer.raw).body, b"first" + piece)

    def test_without_a_file_the_thread_waits_for_memory(self) -> None:
        self.stream([b"a" * 100, b"b", b"c"], response_memory=100, response_spool=0)
        self.until(lambda: self.put == 1)
        self.assertFalse(self.ended.wait(0.05))
        self.peer.read_on()
        self.until(lambda: self.done)
        self.assertEqual(parsed(self.peer.raw).body, b"a" * 100 + b"bc")

    def test_a_client_that_leaves_frees_a_thread_that_waits_for_it(self) -> None:
        for options in ({"response_spool": 100}, {"response_spool": 0}):
            self.setUp()
            thread = self.stream([b"a" * 100] * 10, response_memory=100, **options)
            self.until(lambda: self.put >= 1)
            self.peer.leave()
            self.assertTrue(self.ended.wait(LONG))
            thread.join(LONG)
            self.assertFalse(thread.is_alive())
            self.assertLess(self.put, 10)

    def test_no_wake_up_is_lost_between_a_quick_thread_and_a_quick_client(self) -> None:
        pieces = [b"%d," % number for number in range(20_000)]
        self.stream(pieces, response_memory=50, response_spool=100)
        self.peer.read_on()
        self.until(lambda: self.done)
        self.assertEqual(parsed(self.peer.raw)[2:], (b"".join(pieces), True))

    @property
    def done(self) -> bool:
        return self.peer.raw.endswith(b"\r\n0\r\n\r\n")

    def test_nobody_can_put_anything_into_a_stream_that_was_abandoned(self) -> None:
        self.stream([b"a"])
        request = self.peer.channel.request
        assert request is not None
        self.until(lambda: request.producer is not None)
        stream = request.producer
        assert isinstance(stream, ResponseStream)
        stream.abandon()
        self.assertRaises(ClientGone, stream.put, b"b")
