"""A world for automations: a clock that can be set, runs that end when the test says, and a history in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from duck_tx.automations.agenda import Memory
from duck_tx.automations.automation import Automation
from duck_tx.automations.leader import Leader
from duck_tx.automations.outcome import Outcome
from duck_tx.automations.record import Begin, Run, RunState
from duck_tx.automations.trigger import AutomationTrigger
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines

__all__ = ["MORNING", "AutomationTestCase", "Records", "Runner", "Running", "SetClock"]

MORNING = 1_767_254_400.0
"""The first of January 2026, 08:00 UTC."""


class SetClock(Clock):
    """A clock that somebody may set; timers go by what it shows, as those of Twisted's reactors do."""

    def __init__(self, now: float = MORNING) -> None:
        super().__init__()
        self.rightNow = now
        self._set_by = 0.0

    def put(self, by: float) -> None:
        """Set it."""
        self.rightNow += by
        self._set_by += by

    def monotonic(self) -> float:
        """Seconds that have really gone by."""
        return self.seconds() - self._set_by

    def live(self, seconds: float) -> None:
        """Let time pass, from timer to timer."""
        end = self.seconds() + seconds
        while self.calls and self.calls[0].getTime() <= end:
            self.advance(max(self.calls[0].getTime() - self.seconds(), 0.0))
        self.advance(max(end - self.seconds(), 0.0))


class Running:
    """A run that ends when somebody says so."""

    def __init__(self) -> None:
        self.ended: Deferred[Outcome] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self.is_cancelled = False

    def end(self, outcome: Outcome | None = None, *, goes: bool = True) -> None:
        """It ends; it may go on nevertheless, as a thread does."""
        self.ended.callback(Outcome("done") if outcome is None else outcome)
        if goes:
            self.gone.callback(None)

    def when_ended(self, function: Callable[[Outcome], object]) -> None:
        """As the real one."""
        self.ended.addCallback(function)

    def when_gone(self, function: Callable[[None], object]) -> None:
        """As the real one."""
        self.gone.addCallback(function)

    def cancel(self) -> None:
        """As the real one."""
        self.is_cancelled = True


class Runner:
    """Runs nothing.

    :ivar begun: what would run, with the time it began.
    :ivar finished: what has had its last run.
    :ivar behave: called with each run, to end it at once, or later.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.begun: list[tuple[str, float]] = []
        self.runs: list[Running] = []
        self.finished: list[str] = []
        self.is_behind = False
        self.behave: Callable[[str, Running], object] = lambda name, running: running.end()

    def begin(self, automation: Automation) -> Running:
        """As the real one."""
        running = Running()
        self.begun.append((automation.name, self._clock.seconds()))
        self.runs.append(running)
        self.behave(automation.name, running)
        return running

    def check(self, trigger: AutomationTrigger) -> Deferred[bool]:
        """As the real one, but in this thread."""
        answer: Deferred[bool] = Deferred()
        try:
            answer.callback(trigger.check_trigger())
        except Exception:
            answer.errback()
        return answer

    def finish(self, automation: Automation) -> None:
        """As the real one."""
        self.finished.append(automation.name)

    def times(self, name: str) -> list[float]:
        """When this one began, in seconds since the morning."""
        return [begun - MORNING for each, begun in self.begun if each == name]


class Records:
    """A history that outlives the leader, as the real one does.

    :ivar at_once: how many runs began with each call.
    """

    def __init__(self) -> None:
        self.kept: dict[int, Run] = {}
        self.remembered: dict[str, Memory] = {}
        self.left_out: list[tuple[str, float, str]] = []
        self.pruned: list[float] = []
        self.at_once: list[int] = []
        self._numbers = count(1)
        self.written: Callable[[], Deferred[None]] = lambda: succeed(None)

    def begin(self, runs: Sequence[Begin], memories: Mapping[str, Memory]) -> Deferred[list[int]]:
        """As the real one."""
        self.at_once += [len(runs)] if runs else []
        numbers = [next(self._numbers) for _ in runs]
        for number, each in zip(numbers, runs, strict=True):
            self.kept[number] = Run(number, each.name, each.due, each.started, attempt=each.attempt, by=each.by)
        self.remembered.update(memories)
        return self.written().addCallback(lambda _: numbers)

    def end(
        self,
        number: int,
        finished: float,
        *,
        state: RunState,
        error: str = "",
        output: str = "",
        status: int | None = None,
    ) -> None:
        """As the real one."""
        run = self.kept[number]
        self.kept[number] = replace(run, finished=finished, state=state, error=error, output=output, status=status)

    def skipped(self, name: str, due: float, why: str) -> None:
        """As the real one."""
        self.left_out.append((name, due - MORNING, why))

    def memories(self) -> Deferred[dict[str, Memory]]:
        """As the real one."""
        return succeed(dict(self.remembered))

    def interrupted(self) -> Deferred[list[Run]]:
        """As the real one."""
        found = [each for each in self.kept.values() if each.state == "running"]
        for each in found:
            self.kept[each.number] = replace(each, state="interrupted")
        return succeed(found)

    def latest(self) -> Deferred[dict[str, Run]]:
        """As the real one."""
        return succeed({each.name: each for each in self.kept.values() if each.state != "running"})

    def runs(self, name: str, limit: int) -> Deferred[list[Run]]:
        """As the real one."""
        return succeed([each for each in reversed(self.kept.values()) if each.name == name][:limit])

    def pause(self, name: str, paused: bool) -> Deferred[None]:
        """As the real one."""
        self.remembered[name] = replace(self.remembered.get(name, Memory(MORNING)), paused=paused)
        return succeed(None)

    def prune(self, now: float) -> Deferred[None]:
        """As the real one."""
        self.pruned.append(now)
        return succeed(None)

    def states(self, name: str) -> list[str]:
        """What became of the runs of this one."""
        return [each.state for each in self.kept.values() if each.name == name]


class AutomationTestCase(UnitTestCase):
    """A test with a clock, a history and a runner; :meth:`lead` starts a life with them."""

    def setUp(self) -> None:
        self.clock = SetClock()
        self.records = Records()
        self.runner = Runner(self.clock)
        lines = logged_lines()
        self.log = lines.__enter__()
        self.addCleanup(lines.__exit__, None, None, None)

    def lead(self, *automations: Automation, zone: str = "UTC") -> Leader:
        """One who runs these."""
        leader = Leader(
            self.clock,
            automations,
            zone,
            history=self.records,
            runner=self.runner,
            monotonic=self.clock.monotonic,
            draw=lambda: 0.5,
            lateness=90.0,
        )
        self.successResultOf(Deferred.fromCoroutine(leader.start()))
        return leader
