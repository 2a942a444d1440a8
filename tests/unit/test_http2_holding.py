"""What waits on a connection, and the windows that are given for what does not."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from duck_tx.http2.flow import Inflow
from duck_tx.http2.frames import window_update
from duck_tx.http2.holding import Holding, StreamWindow
from tests.case import UnitTestCase

MIB = 1024 * 1024


class Written:
    """What the sender is given."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.frames.append(data)


class Flow:
    """A stream, as far as its window knows it."""

    id = 1
    open = True
    arrival: Any = object()


class HoldingCase(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.written = Written()
        self.inflow = Inflow(MIB)
        self.holding = Holding(self.inflow, self.written, self.clock.seconds)

    def come(self, size: int) -> int:
        """So much comes and waits; the increment that is due at once."""
        self.assertTrue(self.inflow.take(size))
        increment = self.inflow.give_back(size)
        self.holding.hold(size)
        return increment


class HoldingTests(HoldingCase):
    def test_a_little_that_waits_changes_nothing(self) -> None:
        given = sum(self.come(MIB // 2) for _ in range(8))
        self.assertEqual(given, 4 * MIB)
        self.holding.let_go(4 * MIB)
        self.assertEqual(self.written.frames, [])

    def test_what_is_beyond_the_bound_makes_the_window_smaller(self) -> None:
        for _ in range(8):
            self.come(MIB // 2)
        self.assertEqual(self.come(MIB // 2), MIB // 2)
        self.assertEqual([self.come(MIB // 4) for _ in range(2)], [0, 0])
        self.assertFalse(self.inflow.take(MIB // 2 + 1))

    def test_it_grows_again_as_that_is_taken(self) -> None:
        for _ in range(9):
            self.come(MIB // 2)
        self.come(MIB // 2)
        self.holding.let_go(MIB // 4)
        self.assertEqual(self.written.frames, [])
        self.holding.let_go(MIB // 2)
        self.holding.let_go(3 * MIB + MIB // 4)
        self.assertEqual(b"".join(self.written.frames), window_update(0, MIB // 2))
        self.assertTrue(self.inflow.take(MIB))
        self.holding.let_go(MIB)
        self.assertEqual(len(self.written.frames), 1)

    def test_the_time_in_which_it_was_smaller_is_asked_for_once(self) -> None:
        self.assertEqual(self.holding.excuse(0.0), 0.0)
        for _ in range(9):
            self.come(MIB // 2)
        self.clock.advance(5.0)
        self.assertEqual((self.holding.excuse(5.0), self.holding.excuse(5.0)), (5.0, 0.0))
        self.clock.advance(3.0)
        self.holding.let_go(MIB)
        self.clock.advance(100.0)
        self.assertEqual((self.holding.excuse(108.0), self.holding.excuse(108.0)), (3.0, 0.0))


class WindowTests(HoldingCase):
    def setUp(self) -> None:
        super().setUp()
        stream: Any = Flow()
        self.window = StreamWindow(stream, self.written, 1000, self.holding)

    def test_it_is_given_back_as_content_is_taken(self) -> None:
        self.assertTrue(self.window.take(600, 600))
        self.assertEqual(self.written.frames, [])
        self.window.taken(400)
        self.assertEqual(self.written.frames, [])
        self.window.taken(200)
        self.assertEqual(self.written.frames, [window_update(1, 600)])

    def test_padding_waits_for_nobody(self) -> None:
        self.window.take(600, 50)
        self.assertEqual(self.written.frames, [window_update(1, 550)])

    def test_more_than_it_is_is_refused(self) -> None:
        self.assertTrue(self.window.take(1000, 900))
        self.assertFalse(self.window.take(200, 200))

    def test_who_has_said_all_or_is_not_heard_gets_none(self) -> None:
        for name, value in (("open", False), ("arrival", None)):
            stream: Any = Flow()
            window = StreamWindow(stream, self.written, 1000, self.holding)
            setattr(stream, name, value)
            window.take(1000, 1000)
            window.taken(1000)
        self.assertEqual(self.written.frames, [])
