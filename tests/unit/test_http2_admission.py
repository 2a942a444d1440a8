"""Requests that wait for a client that does not take its responses."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.task import Clock

from duck_tx.http2.admission import Admission
from tests.case import UnitTestCase

MUCH = 4_194_305


class Stream:
    def __init__(self, sender: Sender, size: int = 0) -> None:
        self.request: Any = self
        self._sender = sender
        self._size = size
        self.answered = 0

    def process(self) -> None:
        self.answered += 1
        self._sender.waiting += self._size


class Sender:
    waiting = 0


class AdmissionTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.sender = cast(Any, Sender())
        self.admission = Admission(self.sender, self.clock)

    def admit(self, *sizes: int) -> list[Any]:
        streams: list[Any] = [Stream(self.sender, size) for size in sizes]
        for stream in streams:
            self.admission.admit(stream)
        return streams

    def test_requests_are_answered_at_once(self) -> None:
        self.assertEqual([each.answered for each in self.admit(10, 10)], [1, 1])

    def test_when_much_is_waiting_the_next_wait_in_their_order(self) -> None:
        first, second, third = self.admit(MUCH, MUCH, 10)
        self.assertEqual([each.answered for each in (first, second, third)], [1, 0, 0])
        self.sender.waiting = 0
        self.admission.unburdened()
        self.assertEqual([second.answered, third.answered], [1, 0])
        self.sender.waiting = 0
        self.admission.unburdened()
        self.assertEqual(third.answered, 1)

    def test_a_request_that_was_given_up_meanwhile_is_left_out(self) -> None:
        _, second, third = self.admit(MUCH, 10, 10)
        second.request = None
        self.sender.waiting = 0
        self.admission.unburdened()
        self.assertEqual([second.answered, third.answered], [0, 1])

    def test_room_that_a_lost_stream_leaves_is_used_in_a_turn_of_its_own(self) -> None:
        _, second = self.admit(MUCH, 10)
        self.sender.waiting = 0
        self.admission.stream_closed()
        self.admission.stream_closed()
        self.assertEqual(second.answered, 0)
        self.clock.advance(0)
        self.assertEqual(second.answered, 1)

    def test_nothing_is_left_when_the_connection_is_gone(self) -> None:
        _, second = self.admit(MUCH, 10)
        self.admission.stream_closed()
        self.admission.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.sender.waiting = 0
        self.admission.unburdened()
        self.assertEqual(second.answered, 0)
