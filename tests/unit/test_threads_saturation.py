"""How many of the gateway's threads are at work, by what a test says of the time that the process has to spare."""

from __future__ import annotations

import time

from duck_tx.gateway.saturation import Saturation
from duck_tx.gateway.threads import GatewayThreads
from tests.unit.threads_case import LONG, ThreadsTestCase


class Advice(Saturation):
    """Says what a test wants it to."""

    given = 0

    def advice(self) -> int:
        self.is_full = self.given < 0
        return self.given


class SaturationTests(ThreadsTestCase):
    """Calls that wait behind threads which get on: more of them, or fewer."""

    is_over = False

    def setUp(self) -> None:
        super().setUp()
        self.advice = Advice()

    def busy(self, size: int, at_work: int) -> GatewayThreads:
        """A pool with so many threads at work, and calls waiting that never end."""
        pool = GatewayThreads(size, self.clock, saturation=self.advice)
        pool.start()
        self.addCleanup(self.end, pool)
        for _ in range(at_work):
            pool.callInThread(self.again, pool)
            pool._wake()
        self.until(lambda: pool.working == at_work)
        for _ in range(size):
            pool.callInThread(self.again, pool)
        return pool

    def again(self, pool: GatewayThreads) -> None:
        time.sleep(0.0001)
        if not self.is_over:
            pool._queue.append((self.again, (pool,)))

    def end(self, pool: GatewayThreads) -> None:
        self.is_over = True
        super().end(pool)

    def test_where_there_is_time_to_spare_another_comes(self) -> None:
        pool = self.busy(4, 1)
        self.advice.given = 1
        for at_work in (2, 3, 4, 4):
            self.clock.advance(0.002)
            self.assertEqual(pool.working, at_work)

    def test_where_there_is_none_they_leave_down_to_one(self) -> None:
        pool = self.busy(4, 3)
        self.advice.given = -1
        for at_work in (2, 1):
            self.clock.advance(0.002)
            self.until(lambda at_work=at_work: pool.working == at_work)
        for _ in range(3):
            self.clock.advance(0.002)
        time.sleep(0.005)
        self.assertEqual(pool.working, 1)

    def test_one_that_has_left_comes_back_when_the_others_are_stuck(self) -> None:
        pool = self.busy(2, 2)
        self.advice.given = -1
        self.clock.advance(0.002)
        self.until(lambda: pool.working == 1)
        self.is_over = True
        self.until(lambda: pool.working == 0)
        self.block(pool)
        done = self.call(pool)
        end = time.monotonic() + LONG
        while not done.wait(0.005):
            self.assertLess(time.monotonic(), end)
            self.clock.advance(0.002)

    def test_a_pause_of_the_reactor_is_no_stall_where_there_is_no_time_to_spare(self) -> None:
        pool = self.pool()
        pool._saturation = self.advice
        self.advice.given = -1
        self.block(pool)
        waiting = self.call(pool)
        self.clock.advance(0.002)
        self.assertEqual(pool.working, 1)
        self.assertFalse(waiting.is_set())
