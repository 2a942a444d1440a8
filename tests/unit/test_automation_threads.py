"""The threads of the automations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

from duck_tx.automations import threads as module
from duck_tx.automations.threads import Call, Threads
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines

_LONG = 20.0


class ThreadsTestCase(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.threads = Threads(2, self.clock, "test-automation")
        self.gates: list[threading.Event] = []
        self.addCleanup(self.end)

    def end(self) -> None:
        for gate in self.gates:
            gate.set()
        self.threads.stop()
        self.until(lambda: not self.names())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def names(self) -> list[str]:
        return sorted(each.name for each in threading.enumerate() if each.name.startswith("test-automation"))

    def until(self, fact: Callable[[], Any]) -> None:
        """Let time pass, on both clocks, until this is so."""
        end = time.monotonic() + _LONG
        while not fact():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.0005)
            self.clock.advance(0.0005)

    def block(self) -> tuple[Call, threading.Event]:
        """A call that a thread is busy with until the event is set."""
        gate, begun = threading.Event(), threading.Event()
        self.gates.append(gate)

        def wait() -> None:
            begun.set()
            gate.wait(_LONG)

        call = self.threads.call(wait)
        self.until(begun.is_set)
        return call, gate

    def called(self) -> None:
        """Wait for a call that is made now."""
        done = threading.Event()
        self.threads.call(done.set)
        self.until(done.is_set)

    def let_time_pass(self) -> None:
        """Long enough for a thread to be woken, if one was going to be."""
        for _ in range(5):
            time.sleep(module._STALLED)
            self.clock.advance(module._STALLED)


class CallTests(ThreadsTestCase):
    def test_threads_are_made_when_they_are_needed(self) -> None:
        self.assertEqual(self.names(), [])
        self.block()
        self.assertEqual(self.names(), ["test-automation-1"])
        self.block()
        self.assertEqual(self.names(), ["test-automation-1", "test-automation-2"])

    def test_an_idle_one_is_taken_first(self) -> None:
        for _ in range(5):
            self.called()
            self.until(lambda: self.threads._idle)
        self.assertEqual(self.names(), ["test-automation-1"])

    def test_short_calls_are_made_by_one_thread(self) -> None:
        # One that is at work, so that no other need be woken for those that follow.
        _, gate = self.block()
        names: set[str] = set()
        calls = [self.threads.call(lambda: names.add(threading.current_thread().name)) for _ in range(100)]
        gate.set()
        while not all(each.has_ended for each in calls):
            time.sleep(0.0005)
        self.assertEqual(names, {"test-automation-1"})

    def test_there_are_no_more_than_that(self) -> None:
        gates = [self.block()[1] for _ in range(2)]
        done = threading.Event()
        self.threads.call(done.set)
        # Nothing to look at, either: those at work take what waits by themselves.
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.let_time_pass()
        self.assertEqual(len(self.names()), 2)
        self.assertFalse(done.is_set())
        gates[0].set()
        self.assertTrue(done.wait(_LONG))

    def test_they_are_not_behind_where_one_call_holds_up_the_others(self) -> None:
        gates = [self.block()[1] for _ in range(2)]
        for _ in range(200):
            self.threads.call(lambda: None)
        self.until(lambda: not self.threads.is_behind)
        for gate in gates:
            gate.set()

    def test_while_the_process_computes_no_more_are_woken_at_once(self) -> None:
        used = 0.0

        def use() -> float:
            nonlocal used
            used += 1000.0
            return used

        self.threads = Threads(2, self.clock, "test-automation", use)
        self.block()
        begun = time.monotonic()
        self.called()
        self.assertGreaterEqual(time.monotonic() - begun, module._STALLED)
        self.assertEqual(len(self.names()), 2)

    def test_they_are_daemons(self) -> None:
        self.block()
        [thread] = [each for each in threading.enumerate() if each.name == "test-automation-1"]
        self.assertTrue(thread.daemon)

    def test_what_raises_ends_no_thread(self) -> None:
        def fail() -> None:
            raise SystemExit("lost")

        with logged_lines() as lines:
            self.threads.call(fail)
            self.called()
            self.until(lambda: lines)
        self.assertEqual(lines, ["a call on a thread of the automations failed"])
        self.assertEqual(len(self.flushLoggedErrors(SystemExit)), 1)

    def test_many_calls_are_all_made(self) -> None:
        lock, count = threading.Lock(), [0]

        def add() -> None:
            with lock:
                count[0] += 1

        for _ in range(2000):
            self.threads.call(add)
        self.until(lambda: count[0] == 2000)


class WithdrawTests(ThreadsTestCase):
    def test_what_has_not_begun_is_forgotten(self) -> None:
        for _ in range(2):
            self.block()
        call = self.threads.call(self.fail)
        self.assertTrue(self.threads.withdraw(call))

    def test_what_has_begun_is_not(self) -> None:
        self.assertFalse(self.threads.withdraw(self.block()[0]))


class LeaveTests(ThreadsTestCase):
    def test_another_takes_the_place_of_a_thread_that_is_left_to_itself(self) -> None:
        for _ in range(2):
            self.threads.leave(self.block()[0])
        self.called()
        self.assertEqual(len(self.names()), 3)

    def test_it_ends_with_what_it_does(self) -> None:
        call, gate = self.block()
        self.threads.leave(call)
        self.threads.leave(call)
        gate.set()
        self.until(lambda: not self.names())
        self.called()
        self.assertEqual(self.names(), ["test-automation-1"])

    def test_one_that_waits_begins_when_another_is_left(self) -> None:
        call, _ = self.block()
        self.block()
        done = threading.Event()
        self.threads.call(done.set)
        self.threads.leave(call)
        self.until(done.is_set)

    def test_there_are_no_more_of_these_than_of_the_others(self) -> None:
        for _ in range(4):
            self.threads.leave(self.block()[0])
        waiting = self.threads.call(self.fail)
        self.let_time_pass()
        self.assertEqual(len(self.names()), 4)
        self.assertTrue(self.threads.withdraw(waiting))

    def test_what_is_over_is_not_left(self) -> None:
        call, gate = self.block()
        gate.set()
        self.until(lambda: call.has_ended)
        self.threads.leave(call)
        self.called()
        self.assertEqual(self.names(), ["test-automation-1"])


class StopTests(ThreadsTestCase):
    def test_idle_threads_end_and_new_ones_are_made(self) -> None:
        for _ in range(2):
            self.called()
            self.threads.stop()
            self.until(lambda: not self.names())

    def test_what_waits_is_done_first(self) -> None:
        _, gate = self.block()
        self.block()
        done = threading.Event()
        self.threads.call(done.set)
        self.threads.stop()
        gate.set()
        self.assertTrue(done.wait(_LONG))

    def test_nothing_waits_for_one_that_is_busy(self) -> None:
        self.block()
        done = threading.Event()
        self.threads.call(done.set)
        self.threads.stop()
        self.assertTrue(done.wait(_LONG))


class FullTests(ThreadsTestCase):
    """A system that has no room for more threads."""

    def refuse(self) -> Any:
        def refuse(*_: Any, **__: Any) -> Any:
            raise RuntimeError("can't start new thread")

        return self.patch(module.threading, "Thread", refuse)

    def test_without_any_thread_a_call_fails(self) -> None:
        self.refuse()
        for _ in range(2):
            self.assertRaises(RuntimeError, self.threads.call, self.fail)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_those_there_are_do_the_work_and_one_more_is_tried_later(self) -> None:
        _, gate = self.block()
        patched = self.refuse()
        done = threading.Event()
        with logged_lines() as lines:
            self.threads.call(done.set)
            self.until(lambda: lines)
            self.let_time_pass()
        self.assertEqual(lines, ["a thread for automations could not be started"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        patched.restore()
        self.clock.advance(1)
        self.assertTrue(done.wait(_LONG))
        gate.set()
