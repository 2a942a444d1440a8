from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from duck_tx.gateway.outbox import Outbox
from duck_tx.gateway.threads import GatewayThreads
from tests.case import AsyncTestCase
from tests.unit.threads_case import LONG, ThreadsTestCase, stall


class PolicyTests(ThreadsTestCase):
    def test_no_thread_is_started_before_it_is_needed(self) -> None:
        before = threading.active_count()
        self.pool(8)
        self.assertEqual(threading.active_count(), before)

    def test_calls_one_after_the_other_stay_on_one_thread(self) -> None:
        pool = self.pool(8)
        names = set()
        for _ in range(50):
            pool.callInThread(lambda: names.add(threading.current_thread().name))
            self.until(lambda: pool.working == 0)
        self.assertEqual(len(names), 1)

    def test_calls_at_once_go_to_a_thread_that_gets_on(self) -> None:
        pool = self.pool(8)
        names: list[str] = []
        for _ in range(200):
            pool.callInThread(lambda: names.append(threading.current_thread().name))
        self.until(lambda: len(names) == 200)
        # The clock did not move, so only a pause of the test itself could have made the queue look stalled.
        self.assertLessEqual(len(set(names)), 2)

    def test_a_thread_that_has_been_blocked_for_long_does_not_hold_up_a_call(self) -> None:
        pool = self.pool()
        self.block(pool)
        stall()
        self.assertTrue(self.call(pool).wait(LONG))

    def test_a_thread_blocked_just_now_holds_up_a_call_until_the_look_at_the_queue(self) -> None:
        pool = self.pool()
        self.block(pool)
        done = self.call(pool)
        end = time.monotonic() + LONG
        while not done.wait(0.0005):
            self.assertLess(time.monotonic(), end)
            self.clock.advance(0.002)

    def test_a_quick_thread_beside_a_blocked_one_needs_no_look_at_the_queue(self) -> None:
        pool = self.pool()
        self.block(pool)
        stall()
        for _ in range(20):
            self.assertTrue(self.call(pool).wait(LONG))
            self.until(lambda: pool.working == 1)
        self.assertEqual(len(pool._threads), 2)

    def test_there_are_never_more_threads_than_allowed(self) -> None:
        pool = self.pool(3)
        for _ in range(3):
            self.block(pool)
            stall()
        waiting = [self.call(pool) for _ in range(10)]
        for _ in range(10):
            self.clock.advance(0.003)
            stall()
        self.assertEqual((pool.working, pool.waiting, len(pool._threads)), (3, 10, 3))
        self.gates[1].set()
        for done in waiting:
            self.assertTrue(done.wait(LONG))

    def test_all_that_wait_are_served_when_every_thread_at_work_is_blocked(self) -> None:
        pool = self.pool(8)
        self.block(pool)
        waiting = [self.call(pool) for _ in range(30)]
        stall()
        self.clock.advance(0.003)
        for done in waiting:
            self.assertTrue(done.wait(LONG))

    def test_a_pool_of_no_threads_is_refused(self) -> None:
        self.assertRaises(ValueError, GatewayThreads, 0, self.clock)

    def test_a_thread_that_cannot_be_started_leaves_the_work_to_the_others(self) -> None:
        pool = self.pool()
        gate = self.block(pool)
        stall()

        def no_room(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        self.patch(threading.Thread, "start", no_room)
        done = self.call(pool)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(pool.working, 1)
        gate.set()
        self.assertTrue(done.wait(LONG))


class CollectTests(ThreadsTestCase):
    """Somebody collects what calls leave behind, instead of being woken for each."""

    def setUp(self) -> None:
        super().setUp()
        self.collected = 0

    def collecting(self, size: int = 1) -> GatewayThreads:
        pool = self.pool(size)
        pool.collect(self.collect)
        return pool

    def collect(self) -> None:
        self.collected += 1

    def test_it_is_done_while_calls_wait_and_once_more_after_that(self) -> None:
        pool = self.collecting()
        gate = self.block(pool)
        self.assertFalse(pool.collecting)
        done = self.call(pool)
        for turn in range(1, 4):
            self.assertTrue(pool.collecting)
            self.clock.advance(0.002)
            self.assertEqual(self.collected, turn)
        gate.set()
        self.assertTrue(done.wait(LONG))
        self.assertFalse(pool.collecting)
        self.clock.advance(0.002)
        self.assertEqual((self.collected, self.clock.getDelayedCalls()), (4, []))

    def test_all_who_asked_are_called(self) -> None:
        pool = self.collecting()
        pool.collect(self.collect)
        self.block(pool)
        self.call(pool)
        self.clock.advance(0.002)
        self.assertEqual(self.collected, 2)

    def test_it_is_done_at_the_stop_and_not_promised_after_it(self) -> None:
        pool = self.collecting()
        self.block(pool)
        self.call(pool)
        self.assertTrue(pool.collecting)
        pool.stop()
        self.assertEqual(self.collected, 1)
        self.assertFalse(pool.collecting)


class FailureTests(ThreadsTestCase):
    def test_a_call_that_raises_is_logged_and_its_thread_lives_on(self) -> None:
        pool = self.pool(1)
        for error in (ValueError, SystemExit):
            pool.callInThread(self.raise_it, error)
        self.assertTrue(self.call(pool).wait(LONG))
        self.assertEqual([failure.type for failure in self.flushLoggedErrors()], [ValueError, SystemExit])
        self.assertEqual(len(pool._threads), 1)

    def raise_it(self, error: type[BaseException]) -> None:
        raise error

    def test_a_failure_at_the_end_of_a_thread_is_logged(self) -> None:
        pool = GatewayThreads(1, self.clock, at_exit=lambda: self.raise_it(OSError))
        pool.start()
        self.call(pool).wait(LONG)
        pool.stop()
        self.assertEqual(pool.join(LONG), [])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


class EndTests(ThreadsTestCase):
    def test_each_thread_is_told_once_before_it_ends(self) -> None:
        pool = self.pool()
        for _ in range(3):
            self.block(pool)
            stall()
        for gate in self.gates:
            gate.set()
        pool.stop()
        self.assertEqual(pool.join(LONG), [])
        self.assertEqual(sorted(self.ended), ["duck-gateway-1", "duck-gateway-2", "duck-gateway-3"])

    def test_what_waits_is_done_before_the_threads_end(self) -> None:
        pool = self.pool(1)
        gate = self.block(pool)
        waiting = [self.call(pool) for _ in range(20)]
        pool.stop()
        gate.set()
        self.assertEqual(pool.join(LONG), [])
        self.assertTrue(all(done.is_set() for done in waiting))

    def test_stopping_wakes_threads_for_what_waits_behind_a_blocked_one(self) -> None:
        pool = self.pool(2)
        self.block(pool)
        done = self.call(pool)
        pool.stop()
        self.assertTrue(done.wait(LONG))

    def test_a_stuck_thread_is_named_when_the_time_is_up(self) -> None:
        pool = self.pool(1)
        gate = self.block(pool)
        pool.stop()
        self.assertEqual(pool.join(0.01), ["duck-gateway-1"])
        gate.set()
        self.assertEqual(pool.join(LONG), [])

    def test_a_call_after_the_stop_waits_for_a_new_start(self) -> None:
        pool = self.pool(1)
        self.assertTrue(self.call(pool).wait(LONG))
        pool.stop()
        self.assertEqual(pool.join(LONG), [])
        done = self.call(pool)
        self.assertEqual((pool.waiting, pool.working), (1, 0))
        pool.start()
        self.assertTrue(done.wait(LONG))

    def test_a_pool_started_again_before_its_threads_ended_serves_on(self) -> None:
        pool = self.pool(1)
        for _ in range(200):
            self.assertTrue(self.call(pool).wait(LONG))
            pool.stop()
            pool.start()
        self.assertTrue(self.call(pool).wait(LONG))

    def test_no_look_at_the_queue_outlives_the_stop(self) -> None:
        pool = self.pool()
        self.block(pool)
        self.call(pool)
        pool.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class StressTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor

    async def test_no_call_is_lost_while_threads_block_at_random(self) -> None:
        pool = GatewayThreads(6, self.reactor)
        pool.start()
        chance = random.Random(7)
        ran: Counter[int] = Counter()
        finished: Deferred[None] = Deferred()
        count = 6000

        def work(number: int, pause: float) -> None:
            if pause:
                time.sleep(pause)
            ran[number] += 1
            if number == count - 1:
                self.reactor.callFromThread(look)

        def look() -> None:
            if len(ran) == count:
                finished.callback(None)
            else:
                self.reactor.callLater(0.01, look)

        def feed(start: int) -> None:
            stop = min(count, start + chance.randrange(1, 60))
            for number in range(start, stop):
                pause = chance.choice((0.0001, 0.001, 0.02)) if chance.random() < 0.03 else 0.0
                pool.callInThread(work, number, pause)
            if stop < count:
                self.reactor.callLater(chance.choice((0, 0, 0, 0.002)), feed, stop)

        feed(0)
        await finished.addTimeout(LONG, self.reactor)
        pool.stop()
        self.assertEqual(await deferToThread(pool.join, LONG), [])
        self.assertEqual(set(ran.values()), {1})
        self.assertEqual((pool.waiting, pool.working), (0, 0))

    async def test_nothing_that_is_posted_while_others_wait_is_left_behind(self) -> None:
        pool = GatewayThreads(3, self.reactor)
        outbox = Outbox(self.reactor, lambda: pool.collecting)
        pool.collect(outbox.flush)
        pool.start()
        chance = random.Random(11)
        for _ in range(300):
            count = chance.randrange(1, 20)
            arrived: list[int] = []
            all_arrived: Deferred[None] = Deferred()

            def arrive(
                number: int, arrived: list[int] = arrived, count: int = count, done: Deferred[None] = all_arrived
            ) -> None:
                arrived.append(number)
                if len(arrived) == count:
                    done.callback(None)

            for number in range(count):
                pool.callInThread(outbox.post, arrive, number)
            # Like a request whose client left, the last one leaves nothing behind that would wake the reactor.
            pool.callInThread(int)
            await all_arrived.addTimeout(LONG, self.reactor)
            self.assertEqual(sorted(arrived), list(range(count)))
        pool.stop()
        self.assertEqual(await deferToThread(pool.join, LONG), [])

    async def test_single_calls_at_random_moments_are_always_taken(self) -> None:
        pool = GatewayThreads(2, self.reactor)
        pool.start()
        for _ in range(2000):
            done: Deferred[None] = Deferred()
            pool.callInThread(self.reactor.callFromThread, done.callback, None)
            await done.addTimeout(LONG, self.reactor)
        pool.stop()
        self.assertEqual(await deferToThread(pool.join, LONG), [])
