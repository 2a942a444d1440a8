"""Whose turn it is to accept, among processes that share a socket."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from twisted.internet.task import Clock

from duck_tx.http.turns import Board, InTurn, Turns, counted
from tests.case import UnitTestCase


class _BoardCase(UnitTestCase):
    def setUp(self) -> None:
        self.board = Board.make()
        self.addCleanup(self.board.close)

    def turns(self, cell: int, connections: int | None = None) -> Turns:
        self.board.use(cell)
        turns = Turns(self.board, cell)
        turns.count(connections or 0)
        if connections is not None:
            turns.join()
        return turns


class BoardTests(UnitTestCase):
    def made(self) -> Board:
        board = Board.make()
        self.addCleanup(board.close)
        return board

    def test_it_needs_no_disk(self) -> None:
        self.patch(tempfile, "tempdir", os.path.abspath(self.mktemp()))
        self.assertRaises(OSError, tempfile.TemporaryFile)
        self.made()

    def test_where_there_is_no_memory_without_a_file_it_is_in_one(self) -> None:
        self.patch(os, "memfd_create", None)
        del os.memfd_create
        board = self.made()
        elsewhere = Board(os.dup(board.descriptor))
        self.addCleanup(elsewhere.close)
        board.use(3)
        self.assertEqual(elsewhere.cells[0], 3)


class TurnsTests(_BoardCase):
    def test_whoever_has_clearly_more_leaves_the_next_to_others(self) -> None:
        mine = self.turns(1, 0)
        other = self.turns(2, 0)
        for own, wanted in ((0, True), (1, True), (2, False), (10, False)):
            mine.count(own - self.board.cells[1] + 1)
            self.assertEqual(mine.is_ours(), wanted, own)
        other.count(9)
        self.assertTrue(mine.is_ours())
        self.assertTrue(other.is_ours())

    def test_of_many_a_few_more_make_no_difference(self) -> None:
        mine = self.turns(1, 160)
        self.turns(2, 150)
        self.assertTrue(mine.is_ours())
        mine.count(10)
        self.assertFalse(mine.is_ours())

    def test_those_who_are_not_there_do_not_count(self) -> None:
        mine = self.turns(1, 50)
        self.turns(3)
        leaving = self.turns(2, 0)
        self.assertFalse(mine.is_ours())
        leaving.leave()
        leaving.count(1)
        self.assertTrue(mine.is_ours())

    def test_another_process_sees_the_same(self) -> None:
        mine = self.turns(1, 50)
        elsewhere = Board(os.dup(self.board.descriptor))
        self.addCleanup(elsewhere.close)
        Turns(elsewhere, 2).join()
        self.assertTrue(mine.is_ours())
        self.board.cells[0] = 2
        self.assertFalse(mine.is_ours())


class _Port:
    """A listening port with so many connections that queue."""

    def __init__(self, turns: Turns) -> None:
        self.queue = self.sessionno = 0
        self.numberAccepts = 100
        self.reads = True
        self._turns = turns

    def doRead(self) -> None:
        for _ in range(min(self.queue, self.numberAccepts)):
            self.queue -= 1
            self.sessionno += 1
            self._turns.count(1)

    def startReading(self) -> None:
        self.reads = True

    def stopReading(self) -> None:
        self.reads = False


class InTurnTests(_BoardCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.mine, self.other = self.turns(1, 0), self.turns(2, 0)
        self.port: Any = _Port(self.mine)
        self.in_turn = InTurn(self.clock, self.port, self.mine)

    def test_it_takes_one_at_a_time(self) -> None:
        self.port.queue = 5
        self.port.doRead()
        self.assertEqual(self.port.queue, 4)

    def test_what_another_takes_meanwhile_is_not_missed(self) -> None:
        self.mine.count(10)
        self.port.queue = 1
        self.port.doRead()
        self.assertEqual((self.port.queue, self.port.reads), (1, False))
        self.port.queue = 0
        self.clock.advance(0.002)
        self.assertEqual((self.port.sessionno, self.port.reads), (0, True))

    def test_what_nobody_takes_it_takes_more_and_more_boldly(self) -> None:
        self.mine.count(10)
        self.port.queue = 10_000
        self.port.sessionno = 10
        taken = []
        for _ in range(10):
            before = self.port.sessionno
            while self.port.reads:
                self.port.doRead()
            self.clock.advance(0.002)
            taken.append(self.port.sessionno - before)
        self.assertEqual(taken, [1, 2, 4, 8, 16, 32, 64, 65, 65, 65])

    def test_boldness_ends_when_the_others_are_back(self) -> None:
        self.test_what_nobody_takes_it_takes_more_and_more_boldly()
        self.other.count(10_000)
        self.port.doRead()
        self.other.count(-10_000)
        before = self.port.sessionno
        self.port.doRead()
        self.assertEqual((self.port.sessionno, self.port.reads), (before, False))

    def test_after_a_stop_it_takes_whatever_queues(self) -> None:
        self.mine.count(10)
        self.port.queue = 1
        self.port.doRead()
        self.in_turn.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.port.numberAccepts = 100
        self.port.doRead()
        self.assertEqual(self.port.queue, 0)


class CountedTests(_BoardCase):
    def test_a_connection_counts_from_its_beginning_to_its_end_and_once(self) -> None:
        turns = self.turns(1, 0)
        lost: list[object] = []

        class Transport:
            def __init__(self, number: int) -> None:
                self.number = number

            def connectionLost(self, reason: object) -> None:
                lost.append(reason)

        kind: Any = Transport
        made: Any = counted(kind, turns)
        one, two = made(1), made(2)
        self.assertEqual((one.number, self.board.cells[1]), (1, 3))
        for _ in range(2):
            two.connectionLost("gone")
        self.assertEqual((self.board.cells[1], lost), (2, ["gone", "gone"]))
