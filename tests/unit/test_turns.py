from __future__ import annotations

import time
from typing import Any

from twisted.internet.task import Clock

from duck_tx.gateway import turns
from duck_tx.gateway.turns import _CALLS_AT_ONCE, _SECONDS_AT_ONCE, ReactorTurns
from tests.case import UnitTestCase


class OneTurn(Clock):
    """A clock whose turns are taken one by one, as those of a reactor."""

    def turn(self) -> None:
        """Make the calls that are due now, without those they schedule."""
        due: list[Any] = list(self.getDelayedCalls())
        self.calls = []
        for call in due:
            call.called = 1
            call.func(*call.args, **call.kw)


class ReactorTurnsTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = OneTurn()
        self.turns = ReactorTurns(self.clock)
        self.made: list[object] = []

    def work(self, number: int) -> None:
        """What an application does: compute, and leave its response."""
        self.made.append(("call", number))
        self.turns.post(self.made.append, ("response", number))

    def test_calls_are_made_in_a_row_in_the_next_turn_and_responses_leave_after_it(self) -> None:
        self.take_time()
        for number in range(3):
            self.turns.callInThread(self.work, number)
        self.assertEqual((self.made, self.turns.waiting), ([], 3))
        self.clock.turn()
        kinds = [("call", 0), ("call", 1), ("call", 2), ("response", 0), ("response", 1), ("response", 2)]
        self.assertEqual(self.made, kinds)
        self.assertEqual((self.turns.waiting, self.clock.getDelayedCalls()), (0, []))

    def take_time(self) -> None:
        """However slow the machine is, it is not the time that ends a row."""
        self.patch(turns, "_SECONDS_AT_ONCE", 60.0)

    def test_a_row_is_no_longer_than_allowed(self) -> None:
        self.take_time()
        for number in range(_CALLS_AT_ONCE + 5):
            self.turns.callInThread(self.work, number)
        self.clock.turn()
        self.assertEqual((len(self.made), self.turns.waiting), (2 * _CALLS_AT_ONCE, 5))
        self.clock.turn()
        self.assertEqual(self.turns.waiting, 0)

    def test_a_row_of_slow_calls_ends_early(self) -> None:
        for _ in range(3):
            self.turns.callInThread(time.sleep, _SECONDS_AT_ONCE)
        self.clock.turn()
        self.assertEqual(self.turns.waiting, 2)

    def test_a_call_added_by_a_call_waits_for_the_next_turn(self) -> None:
        self.turns.callInThread(self.turns.callInThread, self.made.append, 1)
        self.clock.turn()
        self.assertEqual(self.made, [])
        self.clock.turn()
        self.assertEqual(self.made, [1])

    def test_what_is_posted_outside_a_row_has_a_turn_of_its_own(self) -> None:
        self.turns.later(self.made.append, 1)
        self.assertEqual(self.made, [])
        self.clock.turn()
        self.assertEqual(self.made, [1])

    def test_what_is_posted_by_a_message_waits_for_the_next_turn(self) -> None:
        self.turns.post(self.turns.later, self.made.append, 1)
        self.clock.turn()
        self.assertEqual(self.made, [])
        self.clock.turn()
        self.assertEqual(self.made, [1])

    def test_what_cannot_wait_does_not(self) -> None:
        self.turns.now(self.made.append, 1)
        self.assertEqual(self.made, [1])

    def test_one_that_fails_is_logged_and_the_rest_are_made(self) -> None:
        self.take_time()
        for add in (self.turns.callInThread, self.turns.post):
            add(int, "no number")
            add(self.made.append, 1)
        self.clock.turn()
        self.assertEqual(self.made, [1, 1])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_an_interrupt_does_not_end_the_turns(self) -> None:
        def interrupt() -> None:
            raise KeyboardInterrupt

        self.turns.callInThread(interrupt)
        self.turns.callInThread(self.made.append, 1)
        self.assertRaises(KeyboardInterrupt, self.clock.turn)
        self.clock.turn()
        self.turns.post(self.made.append, 2)
        self.clock.turn()
        self.assertEqual(self.made, [1, 2])
