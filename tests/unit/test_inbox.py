"""Calls that threads leave for another."""

from __future__ import annotations

import time
from collections.abc import Callable

from duck_tx.eventloop.inbox import TURN, Inbox
from tests.case import UnitTestCase


class InboxTests(UnitTestCase):
    def setUp(self) -> None:
        self.woken: list[Callable[[], None]] = []
        self.inbox = Inbox(self.woken.append)
        self.seen: list[int] = []

    def turn(self) -> None:
        self.woken.pop(0)()

    def test_calls_are_made_in_order_and_the_first_one_wakes(self) -> None:
        for number in range(3):
            self.inbox.put(self.seen.append, number)
        self.assertEqual(len(self.woken), 1)
        self.turn()
        self.assertEqual((self.seen, self.woken), ([0, 1, 2], []))

    def test_what_comes_later_wakes_again(self) -> None:
        self.inbox.put(self.inbox.put, self.seen.append, 1)
        self.turn()
        self.assertEqual((self.seen, len(self.woken)), ([1], 1))
        self.turn()
        self.inbox.put(self.seen.append, 2)
        self.assertEqual(len(self.woken), 1)

    def test_turns_are_short(self) -> None:
        def slow() -> None:
            time.sleep(TURN)
            self.seen.append(0)

        for _ in range(3):
            self.inbox.put(slow)
        for number in range(1, 4):
            self.turn()
            self.assertEqual(len(self.seen), number)
        self.assertEqual(self.woken, [])

    def test_turns_are_short_while_more_and_more_comes(self) -> None:
        def slow() -> None:
            time.sleep(TURN)
            self.seen.append(0)
            if len(self.seen) < 20:
                self.inbox.put(slow)

        self.inbox.put(slow)
        self.inbox.put(slow)
        for number in range(1, 4):
            self.turn()
            self.assertEqual((len(self.seen), len(self.woken)), (number, 1))

    def test_it_is_behind_while_many_wait_and_some_have_been_made(self) -> None:
        self.assertFalse(self.inbox.is_behind)
        for _ in range(200):
            self.inbox.put(lambda: self.seen.append(int(self.inbox.is_behind)))
        # Nobody knows yet whether they will be made soon.
        self.assertFalse(self.inbox.is_behind)
        while self.woken:
            self.turn()
        self.assertEqual((len(self.seen), self.seen[0], self.seen[-1]), (200, 1, 0))

    def test_one_that_fails_harms_no_other(self) -> None:
        self.inbox.put(lambda: 1 // 0)
        self.inbox.put(self.seen.append, 1)
        # What fails is logged, which may take as long as a turn.
        while self.woken:
            self.turn()
        self.assertEqual(self.seen, [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_thread_that_cannot_be_woken_is_told(self) -> None:
        def refuse(_: object) -> None:
            raise RuntimeError("closed")

        inbox = Inbox(refuse)
        for _ in range(2):
            self.assertRaises(RuntimeError, inbox.put, self.fail)
