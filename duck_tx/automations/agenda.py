"""What is due, given what has been.

An agenda is told the time and answers which jobs have theirs; it holds no timer and runs nothing.  Moments are seconds
since the epoch, as the clock of the machine has them, and that clock may be set: see :meth:`Agenda.jumped`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush

from duck_tx.automations.course import MOST_OWED, CatchUp, Course, Entry, Memory

__all__ = ["MOST_OWED", "Agenda", "CatchUp", "Due", "Entry", "Memory"]

_A_LITTLE_LATE = 60.0
"""Seconds that a clock may be set forward without anything having been missed: it is late, and runs."""


@dataclass(slots=True)
class Due:
    """A run whose time has come.

    :ivar due: the time that its schedule names.
    :ivar begins: that and the jitter.
    :ivar missed: whether it is made up for.
    """

    name: str
    due: float
    begins: float
    missed: bool = False


class Agenda:
    """The times of all jobs, in order.

    Jobs that begin at the same time are kept together, so that thousands of them cost one step each and not a search.

    :param memories: of the jobs that were seen before.
    :param now: the time.
    :param draw: gives numbers from 0 up to 1, for the jitter.
    """

    def __init__(
        self, entries: Iterable[Entry], memories: Mapping[str, Memory], now: float, draw: Callable[[], float]
    ) -> None:
        self._draw = draw
        self._times: list[float] = []
        self._at: dict[float, list[Course]] = {}
        self._courses = {each.name: Course(each, memories.get(each.name) or Memory(now), now) for each in entries}
        for course in self._courses.values():
            if course.starts is None or course.is_silent:
                self._put(course, now)
            else:
                self._put_at(course, course.starts)

    def first(self, now: float) -> float | None:
        """When the next run begins, and not before ``now``; ``None`` if none ever will."""
        while self._times:
            begins = self._times[0]
            if any(course.begins == begins for course in self._at[begins]):
                return max(begins, now)
            del self._at[heappop(self._times)]
        return None

    def due(self, now: float, limit: int | None = None) -> list[Due]:
        """The runs that begin by ``now``, in order, each job once.  Times that have passed meanwhile are left out.

        :param limit: how many at most; the others come with the next call.
        """
        taken: list[Course] = []
        found: list[Due] = []
        while self._times and self._times[0] <= now and (limit is None or len(found) < limit):
            begins = self._times[0]
            here = self._at[begins]
            if limit is not None and len(here) > limit - len(found):
                self._at[begins] = here[limit - len(found) :]
                here = here[: limit - len(found)]
            else:
                del self._at[heappop(self._times)]
            for course in here:
                if course.begins == begins:
                    found.append(Due(course.entry.name, course.due, begins))
                    course.begins = None
                    taken.append(course)
        for course in taken:
            course.saw(course.due)
            # A time that its jitter may still hold back has not passed.
            self._put(course, max(course.due, now - course.entry.jitter))
        return found

    def missed(self, now: float, lateness: float = 0.0) -> list[Due]:
        """What is owed for the time before the start, in order.  To be asked once, before anything else.

        :param lateness: seconds that a time may have passed and still be merely late: it runs, whether or not missed
            ones are made up for.
        """
        found = self._caught_up((course, course.owed_at_start(now)) for course in self._courses.values())
        for course in self._courses.values():
            # A job that has caught up with its times owes none any more.
            due = course.late_at_start(now, lateness) if lateness > 0.0 else None
            if due is not None:
                course.saw(due)
                found.append(Due(course.entry.name, due, due))
                if course.is_silent:
                    course.begins = None
        return found

    def jumped(self, now: float, by: float) -> list[Due]:
        """The clock was set: what is owed for the times that it went past.

        Set forward, times that were jumped over are missed, but for a minute or less: they are merely late.  Set back
        by less than three hours, no time of the clock comes twice, while what goes by elapsed time goes on: intervals,
        and cron expressions for every hour.  Set back by more, the clock was wrong: all times are computed anew.

        :param now: the time that it shows.
        :param by: seconds that it was set forward; back, if negative.
        """
        before = now - by
        if by < 0.0:
            for course in self._courses.values():
                course.set_back(now, before)
                if course.begins is not None and course.due <= before:
                    # It waits for the end of its jitter.
                    self._begin_at(course, course.begins + by)
                else:
                    self._put(course, now)
            return []
        if by <= _A_LITTLE_LATE:
            return []
        passed = [each for each in self._courses.values() if each.begins is not None and before < each.due <= now]
        owed = self._caught_up((course, course.owed(math.nextafter(course.due, -math.inf), now)) for course in passed)
        for course in passed:
            self._put(course, now)
        return owed

    def pause(self, name: str) -> None:
        """Let no time of this job come.

        :raises KeyError: if there is no such job.
        """
        course = self._courses[name]
        course.paused, course.begins = True, None

    def resume(self, name: str, now: float) -> None:
        """Let the times of this job come again, from now on; those that have passed are not missed.

        :raises KeyError: if there is no such job.
        """
        course = self._courses[name]
        if course.paused:
            course.resume(now)
            self._put(course, now)

    def memory(self, name: str) -> Memory:
        """What is to be remembered of this job now.

        :raises KeyError: if there is no such job.
        """
        return self._courses[name].memory

    def next_of(self, name: str) -> float | None:
        """When the next run of this job begins; ``None`` if none will: it is paused, disabled, or has had its times.

        :raises KeyError: if there is no such job.
        """
        return self._courses[name].begins

    def _caught_up(self, owed: Iterable[tuple[Course, list[float]]]) -> list[Due]:
        found = []
        for course, dues in owed:
            for due in dues:
                course.saw(due)
                found.append(Due(course.entry.name, due, due, True))
            if course.is_silent:
                course.begins = None
        found.sort(key=lambda each: each.due)
        return found

    def _put(self, course: Course, after: float) -> None:
        """Let the first time of a job that is later than ``after`` come."""
        due = None if course.is_silent else course.next_after(after)
        if due is None:
            course.begins = None
        else:
            self._put_at(course, due)

    def _put_at(self, course: Course, due: float) -> None:
        course.due = due
        jitter = course.entry.jitter
        self._begin_at(course, due + jitter * self._draw() if jitter else due)

    def _begin_at(self, course: Course, begins: float) -> None:
        course.begins = begins
        here = self._at.get(begins)
        if here is None:
            self._at[begins] = [course]
            heappush(self._times, begins)
        else:
            here.append(course)
