"""Looking at workers again and again."""

from __future__ import annotations

from twisted.internet.task import Clock

from duck_tx.process.watch import Watch
from tests.case import UnitTestCase


class _Worker:
    def __init__(self) -> None:
        self.told: list[float] = []

    def passed(self, seconds: float) -> None:
        self.told.append(seconds)


class WatchTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limit = 60.0
        self.workers = [_Worker()]
        self.looks = 0
        self.watch = Watch(self.clock, lambda: self.limit, lambda: self.workers, self.looked)

    def looked(self) -> None:
        self.looks += 1

    def test_every_worker_is_told_what_time_has_passed(self) -> None:
        self.clock.advance(5)
        self.watch.begin()
        self.clock.pump([1, 3])
        self.workers.append(_Worker())
        self.clock.advance(1)
        self.assertEqual([worker.told for worker in self.workers], [[1, 3, 1], [1]])
        self.assertEqual(self.looks, 3)

    def test_looks_are_as_frequent_as_the_limit_asks_now(self) -> None:
        self.watch.begin()
        self.limit = 2.0
        self.clock.pump([1, 0.5, 0.5])
        self.assertEqual(self.workers[0].told, [1, 0.5, 0.5])

    def test_it_ends_and_begins_anew(self) -> None:
        self.watch.begin()
        self.watch.end()
        self.watch.end()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(100)
        self.watch.begin()
        self.clock.advance(1)
        self.assertEqual(self.workers[0].told, [1])

    def test_what_fails_in_a_look_does_not_end_it(self) -> None:
        watch = Watch(self.clock, lambda: self.limit, lambda: self.workers, lambda: 1 / 0)
        watch.begin()
        with self.assertRaises(ZeroDivisionError):
            self.clock.advance(1)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
