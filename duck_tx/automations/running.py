"""A run under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from duck_tx.automations.automation import Automation
from duck_tx.automations.moment import Moment
from duck_tx.automations.outcome import Outcome, outcome_of
from duck_tx.automations.output import Output
from duck_tx.automations.process import GRACE, ProgramError
from duck_tx.automations.work import DONE, Ending, Work, failure_of

__all__ = ["Running"]

_log = Logger()

_PATIENCE = GRACE + 1.0
"""Seconds that what was cancelled may take until its run is over without it: longer than a program can need."""


class Running:
    """A run of an automation, from its begin until nothing of it is left.

    :param reactor: for its timeout.
    :param output: where it prints.
    :param alarm: begins what is done about a timeout, if anything is.
    """

    def __init__(
        self,
        reactor: Any,
        automation: Automation,
        output: Output,
        alarm: Callable[[BaseException], Work | None] = lambda error: None,
    ) -> None:
        self.automation = automation
        self._ended: Moment[Outcome] = Moment()
        self._gone: Moment[None] = Moment()
        self._reactor = reactor
        self._output = output
        self._alarm = alarm
        self._work: Work | None = None
        self._parts = 0
        self._late: IDelayedCall | None = None
        self._decided: Outcome | None = None

    @property
    def ended(self) -> Deferred[Outcome]:
        """Fires when it is known how it ended, and never fails."""
        return self._ended.deferred

    @property
    def gone(self) -> Deferred[None]:
        """Fires when nothing of it runs any more: a thread that has timed out goes on until it ends by itself."""
        return self._gone.deferred

    def when_ended(self, function: Callable[[Outcome], object]) -> None:
        """Have this called then."""
        self._ended.tell(function)

    def when_gone(self, function: Callable[[None], object]) -> None:
        """Have this called then."""
        self._gone.tell(function)

    def follow(self, work: Work) -> None:
        """This is what is being done."""
        self._work = work
        self._parts += 1
        work.when_gone(self._over)

    def has_begun(self) -> None:
        """It does begin: the time that it may take counts from now.  For the reactor thread."""
        timeout = self.automation.timeout
        if timeout is not None and self._late is None and self._decided is None:
            self._late = self._reactor.callLater(timeout, self._time_out, timeout)

    def cancel(self) -> None:
        """Have it end as soon as it can; what nobody can end is left to itself."""
        self._stop("cancelled", "it was cancelled")

    def _time_out(self, timeout: float) -> None:
        what = f"it was not done after {timeout:g} s"
        # First: work that is gone as soon as it is cancelled is not all there is.
        self._parts += 1
        self._stop("timeout", what)
        alarm = self._alarm(TimeoutError(what))
        if alarm is None:
            self._part_gone(DONE)
        else:
            alarm.when_gone(self._part_gone)

    def _stop(self, state: Literal["timeout", "cancelled"], error: str) -> None:
        if self._decided is not None or self._ended.has_come:
            return
        self._forget_late()
        self._decided = Outcome(state, error)
        if self._work is not None and self._work.cancel():
            if not self._ended.has_come:
                self._late = self._reactor.callLater(_PATIENCE, self._end)
        else:
            self._end()

    def _over(self, ending: Ending) -> None:
        if self._decided is None:
            self._decided = outcome_of(ending, "", is_command=self.automation.kind == "command")
            if ending.error is not None and not isinstance(ending.error, ProgramError):
                _log.failure("automation {name} failed", failure=failure_of(ending.error), name=self.automation.name)
        elif ending.status is not None:
            self._decided = Outcome(self._decided.state, self._decided.error, status=ending.status)
        self._end()
        self._part_gone(ending)

    def _part_gone(self, _: Ending) -> None:
        self._parts -= 1
        if not self._parts:
            self._gone.come(None)

    def _end(self) -> None:
        self._forget_late()
        decided, printed = self._decided, self._output.text
        if not self._ended.has_come and decided is not None:
            self._ended.come(Outcome(decided.state, decided.error, printed, decided.status) if printed else decided)

    def _forget_late(self) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()
        self._late = None
