"""Who runs the automations: begins what is due when its time has come, and knows when it is over."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from duck_tx.automations.agenda import Agenda, Due, Entry, Memory
from duck_tx.automations.automation import Automation
from duck_tx.automations.condition import ConditionWatch
from duck_tx.automations.dispatch import SOON, Dispatch, Records, Runs
from duck_tx.automations.jump import Jumps
from duck_tx.automations.record import Run
from duck_tx.automations.trigger import AutomationTrigger
from duck_tx.eventloop.inbox import TURN

__all__ = ["History", "Leader", "Runner"]

_log = Logger()

_AT_ONCE = 20
"""Runs that are taken from the agenda between two looks at how long that has taken."""

_MANY = 1000

_AFTER_FAILURE = 1.0
"""Seconds until what failed is tried again."""

_NOTICED = 1.0
"""Seconds that a clock has to be set by to be worth a line."""

_BETWEEN_PRUNINGS = 6 * 3600.0


class Runner(Runs, Protocol):
    """Who runs automations, and asks their triggers."""

    def check(self, trigger: AutomationTrigger) -> Deferred[bool]: ...
    def finish(self, automation: Automation) -> object: ...


class History(Records, Protocol):
    """What has been done, and what is remembered."""

    def memories(self) -> Deferred[dict[str, Memory]]: ...
    def interrupted(self) -> Deferred[list[Run]]: ...
    def latest(self) -> Deferred[dict[str, Run]]: ...
    def runs(self, name: str, limit: int) -> Deferred[list[Run]]: ...
    def pause(self, name: str, paused: bool) -> Deferred[None]: ...
    def prune(self, now: float) -> Deferred[None]: ...


class Leader:
    """Runs automations, from :meth:`start` to :meth:`stop`.

    :param clock: the time of day, and timers by it.
    :param automations: all that there are.
    :param zone: the time zone of schedules that name none.
    :param history: what has been done; it is open.
    :param runner: runs them; it is started.
    :param monotonic: seconds since some moment, whatever becomes of the clock.
    :param draw: gives numbers from 0 up to 1, for jitter.
    :param lateness: seconds from the end of one who ran them to when the next can.  Times in between are late, and not
        missed.

    :ivar automations: as given.
    :ivar history: as given.
    :ivar agenda: what is due when.
    :ivar dispatch: what is done about it.
    """

    agenda: Agenda
    dispatch: Dispatch

    def __init__(
        self,
        clock: Any,
        automations: Sequence[Automation],
        zone: str,
        *,
        history: History,
        runner: Runner,
        monotonic: Callable[[], float],
        draw: Callable[[], float],
        lateness: float,
    ) -> None:
        self.automations = automations
        self.history = history
        self._clock = clock
        self._zone = zone
        self._runner = runner
        self._draw = draw
        self._lateness = lateness
        self._monotonic = monotonic
        self._jumps = Jumps(clock.seconds, monotonic)
        self._loop = self._looping(self._turn)
        self._pruning = self._looping(lambda: history.prune(clock.seconds()))
        self._conditions: list[ConditionWatch] = []
        self._wait: tuple[Deferred[None], IDelayedCall | None] | None = None

    def _looping(self, function: Callable[[], object]) -> LoopingCall:
        loop = LoopingCall(function)
        loop.clock = self._clock
        return loop

    async def start(self) -> None:
        """Begin with what was missed; the rest follows when it is due."""
        memories = await self.history.memories()
        interrupted = await self.history.interrupted()
        latest = await self.history.latest()
        now = self._clock.seconds()
        entries = [self._entry(each) for each in self.automations]
        self.agenda = Agenda(entries, memories, now, self._draw)
        # When a job was first seen is what its intervals count from, in lives to come too.
        names = [each.name for each in entries if each.name not in memories]
        self.history.begin((), {name: self.agenda.memory(name) for name in names})
        self.dispatch = Dispatch(
            self._clock,
            self.automations,
            self._runner,
            self.history,
            self.agenda.memory,
            self._rested,
            self._monotonic,
        )
        for run in interrupted:
            again = self.dispatch.again(run)
            _log.warn(
                "automation {name}: a run was interrupted when its process ended{again}",
                name=run.name,
                again=", and is tried again" if again else "",
            )
        for run in latest.values():
            self.dispatch.go_on(run, self._lateness)
        self.dispatch.offer(self.agenda.missed(now, self._lateness))
        for automation in self.automations:
            if automation.has_trigger and automation.enabled:
                self._conditions.append(self._condition(automation))
        self._go(self._loop, 0)
        self._go(self._pruning, _BETWEEN_PRUNINGS)
        for each in self._conditions:
            each.start()
        if len(self.automations) >= _MANY:
            # The garbage collector stops everything for a tenth of a second where it looks at all of them.
            gc.freeze()

    def _go(self, loop: LoopingCall, interval: float) -> None:
        loop.start(interval).addErrback(lambda failure: _log.failure("the automations have stopped", failure=failure))

    def _entry(self, automation: Automation) -> Entry:
        return Entry(
            automation.name,
            tuple(each.in_zone(self._zone) for each in automation.when),
            catch_up=automation.catch_up,
            jitter=automation.jitter,
            times=automation.times,
            start_time=automation.start_time,
            enabled=automation.enabled,
        )

    def _condition(self, automation: Automation) -> ConditionWatch:
        return ConditionWatch(
            self._clock,
            automation,
            self._runner.check,
            lambda name: self.dispatch.ask(name, "schedule"),
            lambda name: self.agenda.memory(name).paused,
        )

    def _rested(self, automation: Automation) -> None:
        """Nothing of it runs: if that was the last of its runs, it is told."""
        name = automation.name
        is_over = self.agenda.next_of(name) is None and not self.agenda.memory(name).paused
        if is_over and not any(each.watches(automation) for each in self._conditions):
            self._runner.finish(automation)

    # Time.

    def _turn(self) -> Deferred[None] | None:
        """Begin what is due, and wait for what is next: the loop goes on when this has fired."""
        try:
            return self._begin_due()
        except Exception:
            # The loop would end with it, and with the loop all automations.
            _log.failure("automations: not all that is due could begin")
            return self._until(self._clock.seconds() + _AFTER_FAILURE)

    def _begin_due(self) -> Deferred[None] | None:
        now = self._clock.seconds()
        by = self._jumps.since()
        if abs(by) >= _NOTICED:
            _log.warn("automations: the clock was set by {by:+.0f} s", by=by)
            self.dispatch.offer(self.agenda.jumped(now, by))
        if not self.dispatch.is_behind:
            self.dispatch.offer(self._dues(now))
        following = self.agenda.first(now)
        if following is not None and following <= now:
            if not self.dispatch.is_behind:
                return None
            following = now + SOON
        return self._until(following)

    def _until(self, moment: float | None) -> Deferred[None]:
        """Fires when that has come, or somebody calls :meth:`wake`."""
        waiting: Deferred[None] = Deferred()
        delay = None if moment is None else max(moment - self._clock.seconds(), 0.0)
        call = None if delay is None else self._clock.callLater(delay, self.wake)
        self._wait = (waiting, call)
        return waiting

    def _dues(self, now: float) -> Iterator[Due]:
        """What is due, as much of it as can be begun in a short time."""
        end = self._monotonic() + TURN
        while dues := self.agenda.due(now, _AT_ONCE):
            yield from dues
            if self._monotonic() >= end:
                return

    def wake(self) -> None:
        """Look again at what is due: something has changed, such as the clock."""
        wait, self._wait = self._wait, None
        if wait is None:
            return
        waiting, call = wait
        if call is not None and call.active():
            call.cancel()
        waiting.callback(None)

    def pause(self, name: str, paused: bool) -> Deferred[None]:
        """Let no time of an automation come, or let them come again; fires when it is written.

        :raises KeyError: if there is no such automation.
        """
        if paused:
            self.agenda.pause(name)
        else:
            self.agenda.resume(name, self._clock.seconds())
            # Without it, the next life would take what passed until now for missed.
            self.history.begin((), {name: self.agenda.memory(name)})
        self.wake()
        return self.history.pause(name, paused)

    # The end.

    def stop(self) -> None:
        """Begin nothing any more; what runs goes on."""
        for each in self._conditions:
            each.stop()
        for loop in (self._loop, self._pruning):
            if loop.running:
                loop.stop()
        self.wake()
        self.dispatch.hold()
        if len(self.automations) >= _MANY:
            gc.unfreeze()

    async def over(self, seconds: float) -> bool:
        """Wait until nothing runs any more, for so many seconds at most; whether that is so."""
        with suppress(TimeoutError):
            await self.dispatch.over().addTimeout(seconds, self._clock)
        return not self.dispatch.running()
