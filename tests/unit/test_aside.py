"""Blocking work beside the reactor."""

from __future__ import annotations

import threading
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from duck_tx.gateway.aside import aside
from tests.case import AsyncTestCase, UnitTestCase
from tests.unit.reactor import HandedOver


class AsideTests(AsyncTestCase):
    def aside(self, *call: Any) -> Deferred[Any]:
        from twisted.internet import reactor

        return aside(reactor, "test-aside", *call)

    async def test_the_result_comes_back_to_the_reactor_thread(self) -> None:
        def where(word: str) -> tuple[str, str, bool]:
            thread = threading.current_thread()
            return word, thread.name, thread.daemon

        self.assertEqual(await self.aside(where, "done"), ("done", "test-aside", True))
        self.assertIs(threading.current_thread(), threading.main_thread())

    async def test_a_failure_comes_back_too(self) -> None:
        def fail() -> None:
            raise SystemExit("even this")

        with self.assertRaises(SystemExit):
            await self.aside(fail)

    async def test_cancelling_leaves_the_thread_to_itself(self) -> None:
        begun, go, done = threading.Event(), threading.Event(), threading.Event()

        def work() -> None:
            begun.set()
            go.wait(30)
            done.set()

        # By then the reactor runs, which it need not when a test begins.
        await self.aside(lambda: None)
        outcome = self.aside(work)
        self.assertTrue(begun.wait(30))
        outcome.cancel()
        go.set()
        with self.assertRaises(CancelledError):
            await outcome
        self.assertTrue(done.wait(30))
        # What the thread hands over now finds nobody who waits.
        await self.aside(lambda: None)


class BeforeTests(UnitTestCase):
    def test_nothing_begins_before_the_reactor_runs(self) -> None:
        reactor = HandedOver()
        called = threading.Event()
        outcome = aside(reactor, "test-aside", called.set)
        self.assertFalse(called.is_set())
        reactor.run()
        self.assertTrue(called.wait(30))
        while not reactor.waiting:
            pass
        reactor.turn()
        self.successResultOf(outcome)

    def test_what_was_cancelled_before_that_never_begins(self) -> None:
        reactor = HandedOver()
        outcome = aside(reactor, "test-aside", self.fail)
        outcome.cancel()
        threads = threading.active_count()
        reactor.run()
        self.assertEqual(threading.active_count(), threads)
        self.failureResultOf(outcome, CancelledError)
