"""The course of one job through its times.  Moments are seconds since the epoch."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from duck_tx.automations.schedule import At, AtStart, Every, Schedule

__all__ = ["MOST_OWED", "CatchUp", "Course", "Entry", "Memory", "latest", "recent"]

CatchUp = Literal["none", "once", "all"]
"""What becomes of times that were missed: nothing, one run for all of them, or a run for each."""

MOST_OWED = 1000
"""Runs that one job catches up with at most: the latest."""

_SET_BACK = 10800.0
"""Seconds that a clock may be set back and still be trusted to have been right, as Debian's cron has it."""

_FIRST_LOOK = 64.0
"""Seconds before a moment in which the latest times are looked for first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A job, as far as its times go.

    :ivar when: its schedules; a time that several of them name is one.  Intervals count from ``start_time`` if there is
        one, from the start if :class:`AtStart` is among them, and otherwise from when the job was first seen.
    :ivar catch_up: what becomes of times missed while nothing ran.
    :ivar jitter: seconds; each run begins up to so much later than it is due.
    :ivar times: how many runs there will be; -1: no end.  With :class:`AtStart` among the schedules they are counted
        from each start, otherwise from the first.
    :ivar start_time: nothing is due before it.  It is a time itself for intervals, and where nothing else says when.
    :ivar enabled: whether it is ever due.
    """

    name: str
    when: tuple[Schedule, ...] = ()
    catch_up: CatchUp = "none"
    jitter: float = 0.0
    times: int = -1
    start_time: float | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a job from one life of the service to the next.

    :ivar anchor: when it was first seen.
    :ivar last_due: the latest of its times that was seen to.
    :ivar paused: whether somebody told it to wait.
    :ivar count: runs that were due.
    """

    anchor: float
    last_due: float | None = None
    paused: bool = False
    count: int = 0


class Course:
    """Tells the times of one job, and counts them.

    :ivar starts: when the start itself is a time of it; ``None`` if it is none.
    :ivar due: the time that comes next.
    :ivar begins: when that comes, with its jitter; ``None`` if none does.
    :ivar paused: whether it waits.
    """

    __slots__ = (
        "_anchor",
        "_count",
        "_last",
        "_opens",
        "_schedules",
        "_seen",
        "_settled",
        "begins",
        "due",
        "entry",
        "paused",
        "starts",
    )

    def __init__(self, entry: Entry, memory: Memory, now: float) -> None:
        self.entry = entry
        self.begins: float | None = None
        self.due = -math.inf
        self.paused = memory.paused
        self._count = memory.count
        self._last = memory.last_due
        self._seen = min(memory.anchor, now)
        # Until then, what the clock shows has been seen to: it was set back since.
        self._settled = -math.inf
        self._anchor = self._seen
        if self._last is not None and self._last > now:
            self.set_back(now, self._last)
        start_time = entry.start_time
        self._opens = -math.inf if start_time is None else math.nextafter(start_time, -math.inf)
        if start_time is not None:
            self._anchor = start_time
        self.starts: float | None = None
        if any(isinstance(each, AtStart) for each in entry.when):
            self._anchor = self.starts = now if start_time is None else max(now, start_time)
            self._count = 0
        self._schedules = [(each.next_after, each.elapsing) for each in _said(entry)]

    @property
    def memory(self) -> Memory:
        """What is to be remembered of it now."""
        return Memory(self._seen, self._last, self.paused, self._count)

    @property
    def is_silent(self) -> bool:
        """Whether no time of it comes: it is paused, disabled, or has had its number of runs."""
        return self.paused or not self.entry.enabled or self._count >= self.entry.times >= 0

    def next_after(self, moment: float) -> float | None:
        """The first of its times that is later than ``moment``."""
        if moment < self._opens:
            moment = self._opens
        shown = max(moment, self._settled)
        anchor = self._anchor
        first = None
        for next_after, elapsing in self._schedules:
            due = next_after(moment if elapsing else shown, anchor)
            if due is not None and (first is None or due < first):
                first = due
        return first

    def saw(self, due: float) -> None:
        """This time was seen to."""
        if self._last is None or due > self._last:
            self._last = due
        self._count += 1

    def resume(self, now: float) -> None:
        """What has passed until now is not missed."""
        self.paused = False
        self._last = now if self._last is None else max(self._last, now)

    def owed(self, after: float, until: float) -> list[float]:
        """The times later than ``after``, and not later than ``until``, that it is to catch up with, in order."""
        catch_up = self.entry.catch_up
        if catch_up == "none" or self.is_silent:
            return []
        if catch_up == "once":
            last = latest(self.next_after, after, until)
            return [] if last is None else [last]
        left = self.entry.times - self._count
        return recent(self.next_after, after, until, min(left, MOST_OWED) if left >= 0 else MOST_OWED)

    def late_at_start(self, now: float, lateness: float) -> float | None:
        """The last time before the start that is not missed but late: so many seconds at most."""
        # One that begins at the start itself is not late for anything.
        if self.is_silent or self.starts is not None:
            return None
        seen = self._seen if self._last is None else self._last
        return latest(self.next_after, max(seen, now - lateness), now)

    def owed_at_start(self, now: float) -> list[float]:
        """The times before the start that it is to catch up with, in order."""
        if self._last is not None:
            return self.owed(self._last, now)
        found = self.owed(self._seen, now)
        if self.entry.catch_up == "none" or self.is_silent:
            return found
        # Nobody missed what was past already when the job was first seen, unless it was named.
        past = [each.moment for each in _said(self.entry) if isinstance(each, At) and each.moment is not None]
        found = sorted({*found, *(each for each in past if each <= self._seen)})
        return found[-1:] if self.entry.catch_up == "once" else found

    def set_back(self, now: float, before: float) -> None:
        """The clock shows ``now`` and had shown ``before``, which is later.

        Intervals go on from where they were.  Times of the clock wait until it is where it was, unless that is too
        long: then it had been wrong.
        """
        self._seen -= before - now
        self._anchor -= before - now
        self._settled = max(self._settled, before)
        if self._settled - now >= _SET_BACK:
            self._settled = -math.inf
            if self._last is not None:
                self._last = min(self._last, now)


def _said(entry: Entry) -> list[Schedule]:
    """What says when: the schedules that a clock knows, and the start time where that is a time itself."""
    found: list[Schedule] = [each for each in entry.when if not isinstance(each, AtStart)]
    if entry.start_time is not None and (not entry.when or any(isinstance(each, Every) for each in found)):
        found.append(At(entry.start_time))
    return found


def latest(next_after: Callable[[float], float | None], after: float, until: float) -> float | None:
    """The last time later than ``after``, and not later than ``until``, where ``next_after`` tells the next.

    It halves what is left to search, so that a year of minutes is no more work than an hour of them.
    """
    found = next_after(after)
    if found is None or found > until:
        return None
    low, high = found, until
    while True:
        following = next_after(low)
        if following is None or following > until:
            return low
        low = following
        middle = low + (high - low) / 2
        later = next_after(middle)
        if later is None or later > until:
            high = middle
        else:
            low = later


def recent(next_after: Callable[[float], float | None], after: float, until: float, most: int) -> list[float]:
    """The last times later than ``after``, and not later than ``until``, in order: all there are, or ``most``."""
    span = _FIRST_LOOK
    while True:
        begin = max(after, until - span)
        found = deque(_between(next_after, begin, until), most)
        if begin <= after or len(found) == most:
            return list(found)
        span *= 2.0


def _between(next_after: Callable[[float], float | None], after: float, until: float) -> Iterator[float]:
    due = next_after(after)
    while due is not None and due <= until:
        yield due
        due = next_after(due)
