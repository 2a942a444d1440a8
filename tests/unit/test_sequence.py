"""Services in order: up from the top, down from the bottom, each waited for."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, maybeDeferred

from duck_tx.process.sequence import Sequence
from tests.case import UnitTestCase


class _Child(Service):
    """Notes what is done to it; what its methods return can be chosen."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.setName(name)
        self.log = log
        self.on_privileged: Callable[[], Any] = lambda: None
        self.on_start: Callable[[], Any] = lambda: None
        self.on_stop: Callable[[], Any] = lambda: None

    def privilegedStartService(self) -> None:
        self.log.append(f"privileged {self.name}")
        self.on_privileged()

    def startService(self) -> Any:
        super().startService()
        self.log.append(f"start {self.name}")
        return self.on_start()

    def stopService(self) -> Any:
        super().stopService()
        self.log.append(f"stop {self.name}")
        return self.on_stop()


class _HurriedChild(_Child):
    def stop_at_once(self) -> None:
        self.log.append(f"hurry {self.name}")


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.log: list[str] = []
        self.failures: list[BaseException] = []
        self.sequence = Sequence(self.failures.append)
        self.a, self.b, self.c = (_HurriedChild(name, self.log) for name in "abc")
        for child in (self.a, self.b, self.c):
            child.setServiceParent(self.sequence)

    def start(self) -> Deferred[None]:
        started = self.sequence.startService()
        del self.log[: self.log.index("privileged c") + 1 if "privileged c" in self.log else 0]
        return started


class StartTests(_Case):
    def test_every_child_may_use_privileges_before_any_child_starts(self) -> None:
        self.sequence.startService()
        self.assertEqual(self.log, ["privileged a", "privileged b", "privileged c", "start a", "start b", "start c"])

    def test_privileges_that_twistd_has_asked_for_are_not_asked_for_again(self) -> None:
        self.sequence.privilegedStartService()
        self.sequence.startService()
        self.assertEqual(self.log.count("privileged a"), 1)

    def test_the_next_child_waits_for_the_deferred_of_the_one_before(self) -> None:
        up: Deferred[None] = Deferred()
        self.b.on_start = lambda: up
        started = self.start()
        self.assertEqual(self.log, ["start a", "start b"])
        self.assertNoResult(started)
        up.callback(None)
        self.assertEqual(self.log, ["start a", "start b", "start c"])
        self.successResultOf(started)

    def test_a_child_may_start_with_a_coroutine(self) -> None:
        up: Deferred[None] = Deferred()

        async def start() -> None:
            await up

        self.a.on_start = start
        started = self.start()
        self.assertEqual(self.log, ["start a"])
        up.callback(None)
        self.successResultOf(started)

    def test_starting_twice_starts_once(self) -> None:
        up: Deferred[None] = Deferred()
        self.c.on_start = lambda: up
        first, second = self.start(), self.sequence.startService()
        self.assertNoResult(second)
        up.callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        self.successResultOf(self.sequence.startService())
        self.assertEqual(self.log.count("start c"), 1)

    def test_a_tree_that_is_dropped_on_its_way_up_goes_quietly(self) -> None:
        self.a.on_start = Deferred
        self.sequence.startService()
        del self.sequence, self.a, self.b, self.c
        gc.collect()
        self.assertEqual((self.log[3:], self.failures), (["start a"], []))


class FailingStartTests(_Case):
    def test_everything_is_stopped_before_the_failure_is_told(self) -> None:
        error = LookupError("lost")
        down: Deferred[None] = Deferred()
        self.b.on_start = lambda: fail(error)
        self.a.on_stop = lambda: down
        started = self.start()
        self.assertEqual(self.log, ["start a", "start b", "stop c", "stop b", "stop a"])
        self.assertEqual(self.failures, [])
        down.callback(None)
        self.assertEqual(self.failures, [error])
        self.successResultOf(started)

    def test_a_child_that_raises_is_no_different(self) -> None:
        def broken() -> None:
            raise LookupError("lost")

        self.b.on_start = broken
        self.start()
        self.assertIsInstance(self.failures[0], LookupError)

    def test_a_failure_with_privileges_is_told_when_the_others_are_down(self) -> None:
        def broken() -> None:
            raise LookupError("lost")

        self.b.on_privileged = broken
        self.sequence.privilegedStartService()
        self.assertEqual(self.failures, [])
        self.sequence.startService()
        self.assertIsInstance(self.failures[0], LookupError)
        self.assertEqual(self.log, ["privileged a", "privileged b", "stop c", "stop b", "stop a"])

    def test_it_can_be_started_again(self) -> None:
        self.b.on_start = lambda: fail(LookupError("lost"))
        self.start()
        self.b.on_start = lambda: None
        del self.log[:]
        self.successResultOf(self.start())
        self.assertEqual(self.log, ["start a", "start b", "start c"])
        self.assertEqual(len(self.failures), 1)


class InsertTests(_Case):
    def test_it_has_its_place_and_is_not_started_by_that(self) -> None:
        self.successResultOf(self.start())
        before = [child.name for child in self.sequence]
        self.log.clear()
        child = _Child("late", self.log)
        self.sequence.insert(child, "late", before=before[1])
        self.assertEqual([each.name for each in self.sequence], [before[0], "late", *before[1:]])
        self.assertEqual(self.log, [])
        self.successResultOf(self.sequence.start_child("late"))
        self.assertIn("start late", self.log)

    def test_names_are_for_one(self) -> None:
        name = next(iter(self.sequence)).name
        self.assertRaises(RuntimeError, self.sequence.insert, _Child("x", self.log), name, before=name)
        self.assertRaises(KeyError, self.sequence.insert, _Child("x", self.log), "x", before="nobody")


class StopTests(_Case):
    def setUp(self) -> None:
        super().setUp()
        self.start()
        del self.log[:]

    def test_children_stop_from_the_last_to_the_first_each_waited_for(self) -> None:
        down: Deferred[None] = Deferred()
        self.c.on_stop = lambda: down
        stopped = self.sequence.stopService()
        self.assertEqual(self.log, ["stop c"])
        self.assertNoResult(stopped)
        down.callback(None)
        self.assertEqual(self.log, ["stop c", "stop b", "stop a"])
        self.successResultOf(stopped)

    def test_a_child_that_cannot_stop_is_logged_and_the_rest_stops(self) -> None:
        self.b.on_stop = lambda: fail(LookupError("lost"))
        self.successResultOf(self.sequence.stopService())
        self.assertEqual(self.log, ["stop c", "stop b", "stop a"])
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_a_second_stop_waits_for_the_first(self) -> None:
        down: Deferred[None] = Deferred()
        self.c.on_stop = lambda: down
        first, second = self.sequence.stopService(), self.sequence.stopService()
        self.assertNoResult(second)
        down.callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(self.log.count("stop c"), 1)

    def test_nothing_happens_when_it_is_down(self) -> None:
        self.sequence.stopService()
        del self.log[:]
        self.successResultOf(self.sequence.stopService())
        self.assertEqual(self.log, [])

    def test_twisted_waits_for_it(self) -> None:
        down: Deferred[None] = Deferred()
        self.a.on_stop = lambda: down
        stopped = maybeDeferred(self.sequence.stopService)
        self.assertNoResult(stopped)
        down.callback(None)
        self.successResultOf(stopped)

    def test_a_start_while_it_stops_comes_after_that(self) -> None:
        down: Deferred[None] = Deferred()
        self.b.on_stop = lambda: down
        self.sequence.stopService()
        started = self.sequence.startService()
        self.assertEqual(self.log, ["stop c", "stop b"])
        down.callback(None)
        self.successResultOf(started)
        self.assertEqual(self.log[-3:], ["start a", "start b", "start c"])
        self.assertTrue(self.sequence.running)


class StopOnTheWayUpTests(_Case):
    def test_what_is_on_its_way_is_cancelled_and_stopped(self) -> None:
        cancelled: list[str] = []
        self.b.on_start = lambda: Deferred(lambda _: cancelled.append("b"))
        started = self.start()
        stopped = self.sequence.stopService()
        self.assertEqual(cancelled, ["b"])
        self.assertEqual(self.log, ["start a", "start b", "stop c", "stop b", "stop a"])
        self.successResultOf(stopped)
        self.successResultOf(started)

    def test_it_is_no_failure(self) -> None:
        self.b.on_start = Deferred
        self.start()
        self.sequence.stopService()
        self.assertEqual(self.failures, [])

    def test_a_child_that_comes_up_meanwhile_does_not_start_the_next(self) -> None:
        up: Deferred[None] = Deferred()
        down: Deferred[None] = Deferred()
        self.a.on_start = lambda: up
        self.c.on_stop = lambda: down
        self.start()
        self.sequence.stopService()
        up.callback(None)
        down.callback(None)
        self.assertEqual(self.log, ["start a", "stop c", "stop b", "stop a"])


class HurryTests(_Case):
    def test_a_stop_under_way_ends_without_waiting(self) -> None:
        self.start()
        self.c.on_stop = Deferred
        self.a.on_stop = Deferred
        stopped = self.sequence.stopService()
        del self.log[:]
        self.sequence.stop_at_once()
        self.assertEqual(self.log, ["hurry c", "hurry b", "hurry a", "stop b", "stop a"])
        self.successResultOf(stopped)

    def test_a_child_that_does_not_know_of_hurry_is_left_behind_as_well(self) -> None:
        slow = _Child("slow", self.log)
        slow.on_stop = Deferred
        slow.setServiceParent(self.sequence)
        self.start()
        stopped = self.sequence.stopService()
        self.assertNoResult(stopped)
        self.sequence.stop_at_once()
        self.successResultOf(stopped)

    def test_the_next_stop_takes_its_time_again(self) -> None:
        self.start()
        self.c.on_stop = Deferred
        self.sequence.stopService()
        self.sequence.stop_at_once()
        self.start()
        self.assertNoResult(self.sequence.stopService())


class OneChildTests(_Case):
    def test_one_child_starts_alone(self) -> None:
        self.successResultOf(self.sequence.start_child("b"))
        self.assertEqual(self.log, ["start b"])

    def test_asking_twice_is_harmless_and_waits_for_the_same(self) -> None:
        up: Deferred[None] = Deferred()
        self.b.on_start = lambda: up
        first, second = self.sequence.start_child("b"), self.sequence.start_child("b")
        self.assertNoResult(second)
        up.callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        self.successResultOf(self.sequence.start_child("b"))
        self.assertEqual(self.log, ["start b"])

    def test_a_failure_reaches_everyone_who_waits(self) -> None:
        up: Deferred[None] = Deferred()
        self.b.on_start = lambda: up
        first, second = self.sequence.start_child("b"), self.sequence.start_child("b")
        up.errback(LookupError("lost"))
        self.failureResultOf(first, LookupError)
        self.failureResultOf(second, LookupError)

    def test_after_a_failure_it_can_be_tried_again(self) -> None:
        self.b.on_start = lambda: fail(LookupError("lost"))
        self.failureResultOf(self.sequence.start_child("b"), LookupError)
        self.b.on_start = lambda: None
        self.successResultOf(self.sequence.start_child("b"))
        self.assertEqual(self.log.count("start b"), 2)

    def test_a_full_start_leaves_it_as_it_is(self) -> None:
        self.sequence.start_child("b")
        self.start()
        self.assertEqual(self.log, ["start a", "start c"])

    def test_one_child_stops_alone_and_starts_again(self) -> None:
        self.start()
        del self.log[:]
        self.successResultOf(self.sequence.stop_child("b"))
        self.successResultOf(self.sequence.stop_child("b"))
        self.successResultOf(self.sequence.start_child("b"))
        self.assertEqual(self.log, ["stop b", "start b"])

    def test_a_start_while_it_stops_comes_after_that(self) -> None:
        down: Deferred[None] = Deferred()
        self.start()
        self.b.on_stop = lambda: down
        self.sequence.stop_child("b")
        started = self.sequence.start_child("b")
        self.assertNoResult(started)
        down.callback(None)
        self.successResultOf(started)
        self.assertEqual(self.log[-2:], ["stop b", "start b"])

    def test_a_full_stop_takes_it_along(self) -> None:
        self.sequence.start_child("b")
        self.successResultOf(self.sequence.stopService())
        self.assertEqual(self.log, ["start b", "stop b"])

    def test_there_is_no_child_of_another_name(self) -> None:
        self.assertRaises(KeyError, self.sequence.start_child, "x")


class EndTests(_Case):
    def test_there_is_no_future_of_what_was_never_started(self) -> None:
        self.assertIsNone(self.sequence.ended("a"))

    def test_the_future_ends_when_the_child_is_down(self) -> None:
        self.start()
        future = self.sequence.ended("a")
        assert future is not None
        self.assertFalse(future.done())
        self.sequence.stopService()
        self.assertTrue(future.done())

    def test_another_start_has_another_future(self) -> None:
        self.start()
        first = self.sequence.ended("a")
        self.sequence.stopService()
        self.start()
        second = self.sequence.ended("a")
        assert first is not None and second is not None
        self.assertTrue(first.done())
        self.assertFalse(second.done())
