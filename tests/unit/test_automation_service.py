"""The automations service: when it starts, when it does not, and who waits until it has."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duck_tx import automation, every
from duck_tx.automations.automation import Automation
from duck_tx.automations.service import AutomationService, Found
from duck_tx.errors import AutomationError
from duck_tx.settings import AutomationSettings
from tests.case import UnitTestCase


class ServiceTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.led: Deferred[None] = Deferred()
        self.begun = 0

    def service(self, *found: Automation) -> AutomationService:
        """One for these, which runs them when :attr:`led` fires."""

        async def find() -> Found:
            return Found(found, "")

        async def lead(service: AutomationService, found: Found) -> None:
            self.begun += 1
            await self.led

        self.patch(AutomationService, "_lead", lead)
        unused: Any = None
        return AutomationService(
            self.clock,
            AutomationSettings(),
            find=find,
            directory=Path,
            runner=unused,
            patience=lambda: 1.0,
            lateness=90.0,
        )

    def start(self, service: AutomationService) -> Deferred[None]:
        return Deferred.fromCoroutine(service.startService())

    def come(self, service: AutomationService, *, waits: bool = True) -> Deferred[None]:
        return Deferred.fromCoroutine(service.come(5.0, waits=waits))

    def job(self, **when: float) -> Automation:
        return automation(every(**when), name="job")(print)

    def test_where_there_are_none_nothing_begins(self) -> None:
        service = self.service()
        self.successResultOf(self.start(service))
        self.successResultOf(self.come(service))
        self.assertEqual(self.begun, 0)
        self.successResultOf(Deferred.fromCoroutine(service.stopService()))

    def test_mistakes_fail_the_start_or_are_told_and_it_goes_on(self) -> None:
        for told in (False, True):
            service = self.service(self.job(seconds=0.0))
            errors: list[Exception] = []
            if told:
                service.failed = errors.append
                self.successResultOf(self.start(service))
                self.assertEqual([type(error) for error in errors], [AutomationError])
            else:
                self.failureResultOf(self.start(service), AutomationError)
            self.assertEqual((self.begun, len(service.automations)), (0, 0))

    def test_a_start_does_not_wait_until_they_run_and_others_can(self) -> None:
        service = self.service(self.job(seconds=9.0))
        self.successResultOf(self.start(service))
        self.successResultOf(self.start(service))
        self.assertEqual(self.begun, 1)
        waiting = self.come(service)
        self.assertNoResult(waiting)
        self.led.callback(None)
        self.successResultOf(waiting)
        self.successResultOf(self.come(service))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody_waits_for_ever(self) -> None:
        service = self.service(self.job(seconds=9.0))
        self.successResultOf(self.start(service))
        waiting, leaving = self.come(service), self.come(service)
        leaving.cancel()
        self.failureResultOf(leaving)
        self.clock.advance(4.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.1)
        self.successResultOf(waiting)

    def test_whoever_only_looks_does_not_wait_for_another_process(self) -> None:
        service = self.service(self.job(seconds=9.0))
        self.successResultOf(self.start(service))
        lock: Any = SimpleNamespace(is_ours=False)
        service.lock = lock
        self.successResultOf(self.come(service, waits=False))
        self.assertNoResult(self.come(service))
        lock.is_ours = True
        self.assertNoResult(self.come(service, waits=False))
