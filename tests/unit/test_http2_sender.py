"""What goes out: gathered, in turns, and within the windows."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

from hyperframe.frame import DataFrame, Frame
from twisted.internet.task import Clock

from duck_tx.http.limits import Limits
from duck_tx.http2.frames import MAX_WINDOW
from duck_tx.http2.limits import Budget, Http2Limits
from duck_tx.http2.sender import Sender
from tests.case import UnitTestCase

FRAME = 16_384
HEAD = b"\x88"


class Tap:
    """Takes what is sent; after ``room`` bytes it is full."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.room = 10**9

    @property
    def backlogged(self) -> bool:
        return sum(map(len, self.sent)) >= self.room

    def send(self, data: bytes) -> None:
        self.sent.append(data)


class Owner:
    """Notes what the sender tells."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.seconds
        self.budget = Budget(Http2Limits(), clock.seconds)
        self.woken: list[float] = []
        self.lighter = 0

    def wake_at(self, deadline: float) -> None:
        self.woken.append(deadline)

    def unburdened(self) -> None:
        self.lighter += 1


class Flow:
    """A stream, as far as its sender knows it; ``more`` is what it adds when it is asked."""

    def __init__(self, stream_id: int, sender: Sender) -> None:
        self.id = stream_id
        self.window = sender.first_window
        self.pieces: Any = ()
        self.waiting = self.taken = 0
        self.trailers = b""
        self.ending = self.queued = False
        self.patience: Any = None
        self.over = False
        self.more: list[bytes] = []
        self._sender: Any = sender

    def keep(self, data: bytes) -> None:
        self.pieces = self.pieces or deque()
        self.pieces.append(memoryview(data))
        self.waiting += len(data)

    def sent(self) -> None:
        self.over = True

    def refill(self) -> None:
        if self.more:
            self._sender.put(self, self.more.pop(0))


class SenderCase(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.tap = cast(Any, Tap())
        self.owner = Owner(self.clock)
        self.sender = Sender(self.owner, self.tap, self.clock, Limits(write_timeout=30.0))

    def stream(self, stream_id: int) -> Any:
        return Flow(stream_id, self.sender)

    def frames(self) -> list[tuple[int, int, bool]]:
        """Stream, bytes and whether it ends, of each DATA frame that came since the last time."""
        data = b"".join(self.tap.sent)
        self.tap.sent.clear()
        found = []
        while data:
            each, length = Frame.parse_frame_header(memoryview(data[:9]))
            each.parse_body(memoryview(data[9 : 9 + length]))
            data = data[9 + length :]
            if isinstance(each, DataFrame):
                found.append((each.stream_id, len(each.data), "END_STREAM" in each.flags))
        return found


class GatheringTests(SenderCase):
    def test_what_is_written_leaves_at_once(self) -> None:
        self.sender.write(b"a")
        self.sender.write(b"b")
        self.assertEqual(self.tap.sent, [b"a", b"b"])

    def test_what_is_gathered_leaves_together(self) -> None:
        self.sender.gather()
        self.sender.write(b"a")
        self.sender.respond(self.stream(1), HEAD, b"quack")
        self.assertEqual(self.tap.sent, [])
        self.sender.release()
        self.assertEqual(len(self.tap.sent), 1)

    def test_not_too_much_is_gathered(self) -> None:
        self.sender.gather()
        for _ in range(100):
            self.sender.write(bytes(1000))
        self.assertEqual(list(map(len, self.tap.sent)), [66_000])


class ResponseTests(SenderCase):
    def test_a_small_response_is_two_frames_in_one_piece(self) -> None:
        stream = self.stream(1)
        self.sender.respond(stream, HEAD, b"quack")
        self.assertEqual(len(self.tap.sent), 1)
        self.assertEqual(self.frames(), [(1, 5, True)])
        self.assertEqual((stream.over, stream.window, self.sender.window), (True, 65_530, 65_530))

    def test_a_response_without_a_body_is_one_frame(self) -> None:
        stream = self.stream(1)
        self.sender.respond(stream, HEAD, b"")
        self.assertEqual(self.tap.sent, [b"\0\0\1\1\5\0\0\0\1" + HEAD])
        self.assertTrue(stream.over)

    def test_a_large_response_is_cut_into_frames(self) -> None:
        stream = self.stream(1)
        self.sender.respond(stream, HEAD, bytes(2 * FRAME + 5))
        self.assertEqual(self.frames(), [(1, FRAME, False), (1, FRAME, False), (1, 5, True)])
        self.assertTrue(stream.over)

    def test_small_pieces_share_a_frame(self) -> None:
        stream = self.stream(1)
        self.sender.gather()
        for _ in range(10):
            self.sender.put(stream, b"quack")
        self.sender.end(stream)
        self.sender.release()
        self.assertEqual(self.frames(), [(1, 50, True)])

    def test_the_end_may_come_later(self) -> None:
        stream = self.stream(1)
        self.sender.begin(stream, HEAD)
        self.sender.put(stream, b"quack")
        self.assertFalse(stream.over)
        self.sender.end(stream)
        self.assertEqual(self.frames(), [(1, 5, False), (1, 0, True)])
        self.assertTrue(stream.over)

    def test_a_smaller_table_is_acknowledged_at_the_next_block_once(self) -> None:
        self.sender.set_table_size(8192)
        self.sender.set_table_size(100)
        self.sender.set_table_size(50)
        for stream_id in (1, 3):
            self.sender.respond(self.stream(stream_id), HEAD, b"")
        self.assertEqual([sent[9:] for sent in self.tap.sent], [b"\x20" + HEAD, HEAD])


class TurnTests(SenderCase):
    def test_streams_take_turns(self) -> None:
        self.sender.gather()
        for stream_id in (1, 3):
            self.sender.respond(self.stream(stream_id), HEAD, bytes(2 * FRAME - 9_000))
        self.sender.respond(self.stream(5), HEAD, b"quack")
        self.sender.release()
        rest = FRAME - 9_000
        self.assertEqual(
            self.frames(),
            [(1, FRAME, False), (3, FRAME, False), (5, 5, True), (1, rest, True), (3, rest, True)],
        )

    def test_nothing_is_sent_while_the_connection_is_full(self) -> None:
        self.tap.room = 20_000
        self.sender.widen(10**6)
        stream = self.stream(1)
        stream.window = 10**6
        self.sender.respond(stream, HEAD, bytes(500_000))
        self.assertLess(sum(map(len, self.tap.sent)), 120_000)
        self.assertGreater(self.sender.waiting, 380_000)
        self.tap.room = 10**9
        self.tap.sent.clear()
        self.sender.pump()
        self.clock.advance(0)
        self.clock.advance(0)
        self.assertEqual((self.sender.waiting, stream.over), (0, True))

    def test_a_long_body_leaves_other_connections_their_turn(self) -> None:
        self.sender.widen(10**7)
        stream = self.stream(1)
        stream.window = 10**7
        self.sender.respond(stream, HEAD, bytes(10**6))
        self.assertEqual(sum(size for _, size, _ in self.frames()), 262_144)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(0)
        self.assertTrue(stream.over)

    def test_a_stream_is_filled_again_before_its_frames_become_small(self) -> None:
        stream = self.stream(1)
        stream.more = [bytes(FRAME)] * 3
        self.sender.put(stream, bytes(FRAME + 1))
        self.assertEqual([size for _, size, _ in self.frames()], [FRAME, FRAME, FRAME, FRAME - 1])

    def test_what_is_forgotten_is_not_sent(self) -> None:
        first, second = self.stream(1), self.stream(3)
        self.sender.gather()
        for stream in (first, second):
            self.sender.respond(stream, HEAD, bytes(FRAME + 1))
        self.sender.forget(first)
        self.assertEqual(self.sender.waiting, FRAME + 1)
        self.sender.release()
        self.assertEqual({stream_id for stream_id, _, _ in self.frames()}, {3})

    def test_nothing_is_left_for_later_when_the_connection_is_gone(self) -> None:
        self.sender.widen(10**7)
        stream = self.stream(1)
        stream.window = 10**7
        self.sender.respond(stream, HEAD, bytes(10**6))
        self.sender.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class WindowTests(SenderCase):
    def test_no_more_is_sent_than_the_window_of_a_stream(self) -> None:
        stream = self.stream(1)
        stream.window = 10
        self.sender.respond(stream, HEAD, b"quack" * 3)
        self.assertEqual(self.frames(), [(1, 10, False)])
        self.sender.widen_stream(stream, 3)
        self.sender.pump()
        self.assertEqual(self.frames(), [(1, 3, False)])
        self.sender.widen_stream(stream, 100)
        self.sender.pump()
        self.assertEqual(self.frames(), [(1, 2, True)])

    def test_no_more_is_sent_than_the_window_of_the_connection(self) -> None:
        first, second = self.stream(1), self.stream(3)
        self.sender.respond(first, HEAD, bytes(65_535))
        self.frames()
        self.sender.respond(second, HEAD, b"quack")
        self.assertEqual(self.frames(), [])
        self.sender.widen(3)
        self.sender.widen(100)
        self.assertEqual(self.frames(), [(3, 3, False), (3, 2, True)])

    def test_a_window_that_is_too_large_is_told(self) -> None:
        stream = self.stream(1)
        self.assertTrue(self.sender.widen(MAX_WINDOW - 65_535))
        self.assertFalse(self.sender.widen(1))
        self.assertTrue(self.sender.widen_stream(stream, MAX_WINDOW - 65_535))
        self.assertFalse(self.sender.widen_stream(stream, 1))

    def test_the_first_window_holds_for_open_streams_too(self) -> None:
        stream = self.stream(1)
        self.sender.respond(stream, HEAD, bytes(65_535 + 5))
        self.sender.widen(1000)
        self.frames()
        self.assertTrue(self.sender.set_first_window(65_530, [stream]))
        self.assertEqual((stream.window, self.stream(3).window), (-5, 65_530))
        self.sender.widen_stream(stream, 5)
        self.assertEqual(self.frames(), [])
        self.assertTrue(self.sender.set_first_window(65_540, [stream]))
        self.sender.pump()
        self.assertEqual(self.frames(), [(1, 5, True)])

    def test_a_first_window_that_makes_another_too_large_is_told(self) -> None:
        stream = self.stream(1)
        self.sender.widen_stream(stream, 10)
        self.assertFalse(self.sender.set_first_window(MAX_WINDOW, [stream]))

    def test_a_window_taken_back_while_a_stream_waits_for_its_turn_is_kept_to(self) -> None:
        self.tap.room = 0
        stream = self.stream(1)
        self.sender.respond(stream, HEAD, b"quack")
        self.sender.put(stream, b"quack")
        self.sender.set_first_window(0, [stream])
        self.tap.room = 10**9
        self.tap.sent.clear()
        stream.window = 0
        self.sender.pump()
        self.assertEqual(self.frames(), [])
        self.assertEqual(stream.patience.deadline, 30.0)


class PatienceTests(SenderCase):
    def test_a_stream_without_a_window_is_not_waited_for_for_ever(self) -> None:
        stream = self.stream(1)
        stream.window = 2
        self.sender.respond(stream, HEAD, b"quack")
        self.assertEqual((stream.patience.deadline, self.owner.woken), (30.0, [30.0]))
        self.clock.advance(10)
        self.sender.widen_stream(stream, 2)
        self.sender.pump()
        # Ten seconds are gone, for four bytes at a thousand a second.
        self.assertEqual(stream.patience.deadline, 10.0 + 30.0 - 10.0 + 0.004)

    def test_nor_is_a_connection_without_one(self) -> None:
        self.sender.respond(self.stream(1), HEAD, bytes(65_535))
        stream = self.stream(3)
        self.sender.respond(stream, HEAD, b"quack")
        self.assertEqual((self.sender.patience.deadline, self.owner.woken), (30.0, [30.0]))
        self.assertEqual(self.sender.starved(29.0), [])
        self.assertEqual(self.sender.starved(30.0), [stream])
        self.sender.forget(stream)
        self.assertEqual(self.sender.starved(31.0), [])
        self.assertEqual(self.sender.patience.deadline, float("inf"))
