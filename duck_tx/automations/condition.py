"""Automations that run when a condition holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from duck_tx.automations.automation import Automation
from duck_tx.automations.options import seconds
from duck_tx.automations.trigger import AutomationTrigger

__all__ = ["ConditionWatch"]

_log = Logger()


class ConditionWatch:
    """Looks at the trigger of one automation again and again; while the automation runs, it does not.

    :param clock: for the time between two looks.
    :param automation: it has a trigger.
    :param check: asks the trigger, beside the reactor thread.
    :param run: has the automation run; fires when that is over.
    :param is_paused: whether nothing is to be done at present.
    """

    def __init__(
        self,
        clock: IReactorTime,
        automation: Automation,
        check: Callable[[AutomationTrigger], Awaitable[bool]],
        run: Callable[[str], Awaitable[object]],
        is_paused: Callable[[str], bool],
    ) -> None:
        assert automation.trigger is not None
        self._trigger = automation.trigger
        self._automation = automation
        self._check = check
        self._run = run
        self._is_paused = is_paused
        self._left = automation.times
        self._has_failed = False
        self._loop = LoopingCall(lambda: Deferred.fromCoroutine(self._look()))
        self._loop.clock = clock

    def start(self) -> None:
        """Begin to look."""
        self._loop.start(seconds(self._trigger.check_interval), now=True)

    def stop(self) -> None:
        """Look no more."""
        if self._loop.running:
            self._loop.stop()

    def watches(self, automation: Automation) -> bool:
        """Whether this may still have that automation run."""
        return automation is self._automation and self._left != 0

    async def _look(self) -> None:
        if self._is_paused(self._automation.name):
            return
        try:
            holds = await self._check(self._trigger)
        except Exception:
            # Once, and not each second, until it works again.
            if not self._has_failed:
                self._has_failed = True
                _log.failure("automation {name}: its trigger failed", name=self._automation.name)
            return
        self._has_failed = False
        if holds and self._loop.running:
            self._left -= 1
            await self._run(self._automation.name)
            if self._left == 0:
                self.stop()
