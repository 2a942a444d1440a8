"""The user's own functions, called last at the start and first at the stop."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from duck_tx.process.hook import HookService
from tests.case import UnitTestCase


def _nothing() -> None:
    return None


class HookTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.called: list[str] = []

    def service(self, up: Any = _nothing, down: Any = _nothing) -> HookService:
        return HookService(up, down, self.clock, 5.0)

    def start(self, service: HookService) -> Deferred[None]:
        return Deferred.fromCoroutine(service.startService())

    def stop(self, service: HookService) -> Deferred[None]:
        return Deferred.fromCoroutine(service.stopService())

    def test_a_plain_function_is_called(self) -> None:
        service = self.service(lambda: self.called.append("up"), lambda: self.called.append("down"))
        self.successResultOf(self.start(service))
        self.successResultOf(self.stop(service))
        self.assertEqual(self.called, ["up", "down"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_a_hook_returns_is_waited_for_if_that_can_be(self) -> None:
        up: Deferred[None] = Deferred()
        down: Deferred[None] = Deferred()

        async def going_down() -> None:
            await down

        service = self.service(lambda: up, going_down)
        started = self.start(service)
        self.assertNoResult(started)
        up.callback(None)
        self.successResultOf(started)
        stopped = self.stop(service)
        self.assertNoResult(stopped)
        down.callback(None)
        self.successResultOf(stopped)

    def test_a_failure_at_the_start_fails_the_start_and_nothing_is_called_at_the_stop(self) -> None:
        async def broken() -> None:
            raise LookupError("lost")

        service = self.service(broken, lambda: self.called.append("down"))
        self.failureResultOf(self.start(service), LookupError)
        self.successResultOf(self.stop(service))
        self.assertEqual(self.called, [])

    def test_a_failure_at_the_stop_is_logged(self) -> None:
        def broken() -> None:
            raise LookupError("lost")

        service = self.service(down=broken)
        self.start(service)
        self.successResultOf(self.stop(service))
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_a_stop_waits_so_long_and_no_longer(self) -> None:
        service = self.service(down=Deferred)
        self.start(service)
        stopped = self.stop(service)
        self.clock.advance(4.9)
        self.assertNoResult(stopped)
        self.clock.advance(0.2)
        self.successResultOf(stopped)

    def test_somebody_in_a_hurry_may_cancel_the_wait(self) -> None:
        service = self.service(down=Deferred)
        self.start(service)
        stopped = self.stop(service)
        stopped.cancel()
        self.failureResultOf(stopped, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_hook_of_the_stop_is_called_once(self) -> None:
        service = self.service(down=lambda: self.called.append("down"))
        self.start(service)
        self.stop(service)
        self.stop(service)
        self.assertEqual(self.called, ["down"])
