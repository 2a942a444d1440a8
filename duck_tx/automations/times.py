"""When an automation runs, as it was said, and what follows from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from duck_tx.automations.options import is_number, seconds
from duck_tx.automations.schedule import At, AtStart, Schedule, at, at_start, every
from duck_tx.automations.trigger import AutomationTrigger, NoTrigger

__all__ = ["Times"]


@dataclass(slots=True)
class Times:
    """The schedules of an automation, and other ways to say when it runs.

    They may be anything until :meth:`problems` has been asked.

    :ivar said: its schedules.
    :ivar start: ``"immediate"``, or before when nothing runs.
    :ivar number: how many runs there are, -1 for no end.
    :ivar pause: from one run to the next.
    :ivar trigger: a condition.
    :ivar needs_one: to say nothing at all is a mistake, and does not mean the start.
    """

    said: tuple[Schedule, ...] = ()
    start: datetime | str = "immediate"
    number: int | None = None
    pause: float | timedelta | None = None
    trigger: AutomationTrigger | None = None
    needs_one: bool = False

    @property
    def start_time(self) -> float | None:
        """Seconds since the epoch."""
        return self.start.timestamp() if isinstance(self.start, datetime) else None

    @property
    def interval(self) -> float:
        """Seconds; 0 if there is none."""
        return 0.0 if self.pause is None else seconds(self.pause)

    @property
    def has_trigger(self) -> bool:
        """Whether there is a condition to look at."""
        return self.trigger is not None and not isinstance(self.trigger, NoTrigger)

    @property
    def _repeats(self) -> bool:
        return bool(self.said) or self.interval > 0 or self.has_trigger

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """All of them, those that follow from the start and the interval too."""
        if self.interval > 0:
            first = at(self.start.astimezone()) if isinstance(self.start, datetime) else at_start()
            return (*self.said, first, every(seconds=self.interval))
        if self._repeats or self.start_time is not None:
            return self.said
        return (at_start(),)

    @property
    def times(self) -> int:
        """How many runs there are, -1 for no end."""
        return self.number if self.number is not None else -1 if self._repeats else 1

    def add(self, schedules: Sequence[Schedule]) -> None:
        """Put these before the others; from now on, to say nothing at all is a mistake."""
        self.said = (*schedules, *self.said)
        self.needs_one = True

    def problems(self, now: float, *, forgives: bool) -> list[str]:
        """What is wrong with them, and how to mend it.

        :param now: seconds since the epoch.
        :param forgives: times that have passed are no mistake.
        """
        found = [problem for each in self.said if (problem := _problem(each, now))]
        if self.start != "immediate" and not isinstance(self.start, datetime):
            found.append(f"start_time={self.start!r} is unknown. Say 'immediate', or give a datetime")
        if self.trigger is not None and not isinstance(self.trigger, AutomationTrigger):
            found.append(f"trigger={self.trigger!r} is none. Give an AutomationTrigger")
        elif self.trigger is not None and not seconds(self.trigger.check_interval) > 0:
            found.append(f"check_interval={self.trigger.check_interval!r} is no time. Give seconds, more than 0")
        if self.pause is not None and not self.interval >= 0:
            found.append(f"interval={self.pause!r} is no time. Give seconds, 0 or more, or a timedelta")
        elif self.interval > 0 and (problem := every(seconds=self.interval).problem(now)):
            found.append(f"interval={self.pause!r}: {problem}")
        found += self._problems_with_number()
        if found or forgives:
            return found
        return self._problems_with_past(now)

    def _problems_with_number(self) -> list[str]:
        number = self.number
        if number is None:
            if self.needs_one and not self._repeats and self.start_time is None and self.pause is None:
                return ["nothing says when it runs. Give it a schedule, as in @automation(every(minutes=5))"]
            return []
        if not is_number(number) or number < -1 or number == 0:
            return [f"schedules={number!r} is no number of runs. Give 1 or more, or -1 for no end"]
        if number == 1 and self.interval > 0:
            return [f"it has an interval of {self.interval:g} s, but schedules=1 is a single run. Leave out one"]
        if number != 1 and not self._repeats:
            return [f"schedules={number}, but nothing says when the next run is. Give it an interval"]
        return []

    def _problems_with_past(self, now: float) -> list[str]:
        """With times that have passed, if no other is to come."""
        schedules = self.schedules
        if self.has_trigger or any(isinstance(each, AtStart) or each.next_after(now, now) for each in schedules):
            return []
        past = [str(each) for each in schedules if isinstance(each, At)]
        if not schedules and self.start_time is not None and self.start_time < now:
            past = [f"start_time {self.start}"]
        if not past:
            return []
        has = "has" if len(past) == 1 else "have"
        return [f"{' and '.join(past)} {has} passed. Give it a time to come, or catch_up='once', or remove it"]


def _problem(schedule: object, now: float) -> str:
    if isinstance(schedule, Schedule):
        return schedule.problem(now)
    return f"{schedule!r} is no schedule. Say every(), cron(), at() or at_start()"
