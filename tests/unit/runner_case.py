"""A runner of automations, on the reactor that runs."""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path
from typing import Any

from duck_tx import automation, every
from duck_tx.automations.outcome import Outcome
from duck_tx.automations.process import Programs
from duck_tx.automations.runner import Runner
from duck_tx.automations.running import Running
from duck_tx.process.child import Child
from tests.case import AsyncTestCase
from tests.unit.logged import logged_lines
from tests.unit.spawning import until


class RunnerTestCase(AsyncTestCase):
    """A test with a runner of three threads."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.closed: list[str] = []
        within = logged_lines()
        self.log = within.__enter__()
        self.addCleanup(within.__exit__, None, None, None)
        programs = Programs(
            reactor, partial(Child, reactor, rate=20_000), directory=Path("/"), environ=lambda: os.environ
        )
        self.runner = Runner(
            reactor,
            threads=3,
            close_connections=lambda: self.closed.append(threading.current_thread().name),
            programs=programs,
        )
        self.runner.start()
        self.addCleanup(self.stop)

    async def stop(self) -> None:
        await self.runner.stop()
        await until(lambda: not [each for each in threading.enumerate() if each.name.startswith("duck-automation")])

    def begin(self, job: Any, **options: Any) -> Running:
        return self.runner.begin(automation(every(hours=1), **options)(job))

    async def outcome(self, job: Any, **options: Any) -> Outcome:
        running = self.begin(job, **options)
        outcome = await running.ended
        await running.gone
        return outcome

    def errors(self) -> list[BaseException]:
        """What was raised, and logged; a test that expects nothing has to ask for nothing."""
        return [failure.value for failure in self.flushLoggedErrors()]
