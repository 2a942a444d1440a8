"""From times that have come to runs: what begins, what waits, what is left out, and what is tried again."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from duck_tx.automations.activity import Activity, Running, Start
from duck_tx.automations.agenda import Due, Memory
from duck_tx.automations.automation import Automation
from duck_tx.automations.outcome import Outcome
from duck_tx.automations.record import Begin, By, Run, RunState
from duck_tx.eventloop.inbox import TURN
from duck_tx.promise import follow

__all__ = ["SOON", "Dispatch", "Records", "Runs"]

_log = Logger()

_STOPPING = "the server was stopping"

SOON = 0.001
"""Seconds until who is behind is asked again."""

_MOST_AHEAD = 500
"""Runs that are written, or about to be, before those that came earlier have begun."""


class Runs(Protocol):
    """Who runs automations.

    ``is_behind`` for a moment while it has more to do than it comes to.
    """

    @property
    def is_behind(self) -> bool: ...
    def begin(self, automation: Automation) -> Running: ...


class Records(Protocol):
    """Where it is written what has been done."""

    def begin(self, runs: Sequence[Begin], memories: Mapping[str, Memory]) -> Deferred[list[int]]: ...
    def end(
        self,
        number: int,
        finished: float,
        *,
        state: RunState,
        error: str = "",
        output: str = "",
        status: int | None = None,
    ) -> None: ...
    def skipped(self, name: str, due: float, why: str) -> None: ...


class Dispatch:
    """Begins runs, and sees to what becomes of them.

    Each is written in the history before it begins, so that it never begins a second time, whatever happens to the
    process.

    :param clock: tells the time of day.
    :param automations: all that there are.
    :param runner: runs them.
    :param history: where it is written.
    :param memory: tells what is to be remembered of an automation now.
    :param rested: called when nothing of an automation runs or waits any more.
    :param monotonic: the time, for what is to be done in short turns.

    :ivar activities: what each automation does, by its name.
    """

    def __init__(
        self,
        clock: IReactorTime,
        automations: Iterable[Automation],
        runner: Runs,
        history: Records,
        memory: Callable[[str], Memory],
        rested: Callable[[Automation], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.activities = {each.name: Activity(each) for each in automations}
        self._clock = clock
        self._runner = runner
        self._history = history
        self._memory = memory
        self._rested = rested
        self._monotonic = monotonic
        self._launching: deque[tuple[int, Start]] = deque()
        self._launch_later: IDelayedCall | None = None
        self._ahead = 0
        self._is_held = False
        self._left: dict[str, Memory] = {}
        self._writing: set[Deferred[Any]] = set()

    # What is to begin.

    @property
    def is_behind(self) -> bool:
        """Whether there is enough to begin for now."""
        return self._ahead >= _MOST_AHEAD

    def offer(self, dues: Iterable[Due]) -> None:
        """Let these runs begin, unless the one before is in the way."""
        self._offer(Start(self.activities[each.name], each.due, _why(each)) for each in dues)

    def ask(self, name: str, by: By = "hand") -> Deferred[Outcome | None]:
        """Let a run begin now; fires when it is over, with ``None`` if it was left out.

        :raises KeyError: if there is no such automation.
        """
        over: Deferred[Outcome | None] = Deferred()
        self._offer([Start(self.activities[name], self._clock.seconds(), by, over=over)])
        return over

    def again(self, run: Run) -> bool:
        """A run was interrupted when its process ended: try again, if its automation says so, and nobody ran it by hand
        and has seen that it ended."""
        return self._again(run, self._clock.seconds())

    def go_on(self, run: Run, lateness: float) -> bool:
        """The last run of an automation failed in an earlier life: try again, if that was about to be done then.

        :param lateness: seconds ago that the time for it may have been, unless missed times are made up for.
        """
        activity = self.activities.get(run.name)
        if activity is None or run.state not in ("failed", "timeout") or run.finished is None:
            return False
        last_due, catch_up = self._memory(run.name).last_due, activity.automation.catch_up
        is_last = last_due is None or last_due <= run.due
        return is_last and self._again(run, run.finished, math.inf if catch_up != "none" else lateness)

    def _again(self, run: Run, ended: float, lateness: float = math.inf) -> bool:
        activity = self.activities.get(run.name)
        if activity is None or not activity.automation.enabled or self._memory(run.name).paused or run.by == "hand":
            return False
        delay = activity.delay_after(run.attempt)
        if delay is None:
            return False
        left = ended + delay - self._clock.seconds()
        if left < -lateness:
            return False
        self._retry(Start(activity, run.due, "retry", run.attempt), max(left, 0.0))
        return True

    def _offer(self, starts: Iterable[Start]) -> None:
        begins, seen = [], {}
        for start in starts:
            activity = start.activity
            name = activity.name
            if self._is_held:
                self._leave_to_next(start)
                self._leave_out(start, _STOPPING)
                continue
            # Also of those that are left out: their time has been seen to.
            seen[name] = self._memory(name)
            why = activity.admit(start)
            if why:
                self._leave_out(start, why)
            elif not (activity.waiting and activity.waiting[-1] is start):
                activity.forget_retry()
                activity.beginning += 1
                begins.append(start)
        if begins or seen:
            self._write(begins, seen)

    def _leave_out(self, start: Start, why: str) -> None:
        name = start.activity.name
        _log.info("automation {name}: a run is left out, {why}", name=name, why=why)
        self._history.skipped(name, start.due, why)
        start.tell(None)

    def _write(self, starts: Sequence[Start], memories: Mapping[str, Memory]) -> None:
        self._ahead += len(starts)
        now = self._clock.seconds()
        written = self._history.begin([_begin(each, now) for each in starts], memories)
        written.addCallback(self._launch, starts)
        written.addErrback(lambda failure: _log.failure("automations: runs could not begin", failure=failure))
        self._writing.add(written)
        written.addBoth(lambda _: self._writing.discard(written))

    # Runs.

    def _launch(self, numbers: Sequence[int], starts: Sequence[Start]) -> None:
        self._launching.extend(zip(numbers, starts, strict=True))
        if self._launch_later is None:
            self._launch_some()

    def _launch_some(self) -> None:
        """Begin what is written, for a short time; the rest follows when the reactor has had its turn."""
        self._launch_later = None
        launching, end = self._launching, self._monotonic() + TURN
        is_behind = self._runner.is_behind
        try:
            while launching and not is_behind:
                self._launch_one(*launching.popleft())
                if self._monotonic() >= end:
                    break
        finally:
            # Also after one that could not begin.
            if launching:
                self._launch_later = self._clock.callLater(SOON if is_behind else 0, self._launch_some)

    def _launch_one(self, number: int, start: Start) -> None:
        activity = start.activity
        activity.beginning -= 1
        self._ahead -= 1
        if self._is_held:
            self._leave_to_next(start)
            self._history.end(number, self._clock.seconds(), state="cancelled", error=_STOPPING)
            start.tell(None)
            return
        running = self._runner.begin(activity.automation)
        activity.running[running] = self._clock.seconds()
        running.when_ended(lambda outcome: self._ended(outcome, number, start))
        running.when_gone(lambda _: self._gone(activity, running))

    def _ended(self, outcome: Outcome, number: int, start: Start) -> None:
        now = self._clock.seconds()
        self._history.end(
            number,
            now,
            state=outcome.state,
            error=outcome.error,
            output=outcome.output,
            status=outcome.status,
        )
        name = start.activity.name
        if outcome.state in ("failed", "timeout"):
            delay = start.activity.delay_after(start.attempt) if start.by != "hand" and not self._is_held else None
            _log.warn(
                "automation {name} {what}{again}",
                name=name,
                what=f"{_WORDS[outcome.state]}: {outcome.error}" if outcome.error else _WORDS[outcome.state],
                again="" if delay is None else f"; tried again in {delay:g} s",
            )
            if delay is not None:
                self._retry(Start(start.activity, start.due, "retry", start.attempt), delay)
        elif outcome.state == "cancelled":
            _log.warn("automation {name} was cancelled", name=name)
        start.tell(outcome)

    def _retry(self, failed: Start, delay: float) -> None:
        activity = failed.activity
        activity.forget_retry()
        following = Start(activity, failed.due, "retry", failed.attempt + 1)
        activity.retry = self._clock.callLater(delay, self._offer, [following])

    def _gone(self, activity: Activity, running: Running) -> None:
        del activity.running[running]
        if activity.waiting and not activity.is_busy:
            following = activity.waiting.popleft()
            activity.beginning += 1
            self._write([following], {})
        elif not activity.is_busy and activity.retry is None:
            self._rested(activity.automation)

    # The end.

    def hold(self) -> None:
        """Let nothing begin any more: neither what is due nor what waits."""
        self._is_held = True
        for activity in self.activities.values():
            activity.forget_retry()
            for start in activity.waiting:
                self._leave_to_next(start)
            while activity.waiting:
                self._leave_out(activity.waiting.popleft(), _STOPPING)
        if self._launch_later is not None:
            self._launch_later.cancel()
            self._launch_later = None
        while self._launching:
            self._launch_one(*self._launching.popleft())

    def _leave_to_next(self, start: Start) -> None:
        """The time of a run that cannot begin any more was not seen to: the next life sees what becomes of it."""
        name = start.activity.name
        memory = self._left.get(name) or self._memory(name)
        if start.by not in ("schedule", "catch up") or memory.last_due is None:
            return
        before = math.nextafter(start.due, -math.inf)
        self._left[name] = replace(memory, last_due=min(memory.last_due, before), count=max(memory.count - 1, 0))
        self._history.begin((), {name: self._left[name]})

    def over(self) -> Deferred[None]:
        """Fires when nothing runs any more, nor is about to."""
        gone = [follow(running.gone) for each in self.activities.values() for running in each.running]
        # What becomes of those that are being written is to be written, too.
        writing = [follow(each) for each in self._writing]
        return DeferredList([*gone, *writing], consumeErrors=True).addCallback(lambda _: None)

    def running(self) -> list[str]:
        """The names of those that run, with how long they have."""
        now = self._clock.seconds()
        times = [(each.automation.name, each.seconds_for(now)) for each in self.activities.values()]
        return [f"{name} (for {seconds:.0f} s)" for name, seconds in times if seconds is not None]

    def cancel(self) -> None:
        """Let what runs end, as far as that is possible."""
        for activity in self.activities.values():
            for running in list(activity.running):
                running.cancel()


_WORDS = {"failed": "failed", "timeout": "took too long"}


def _why(due: Due) -> By:
    return "catch up" if due.missed else "schedule"


def _begin(start: Start, now: float) -> Begin:
    return Begin(start.activity.name, start.due, now, start.attempt, start.by)
