"""When a job is due: each so often, by cron, at a moment, at start.

Schedules are values.  Making one never fails, whatever it is given: what is wrong with it is told by ``problem``, so
that the mistakes in all of them are found together.  Moments are seconds since the epoch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import cache

from cronsim import CronSimError

from duck_tx.automations.cron import CronTimes, cron_problem
from duck_tx.automations.zone import unknown, zone

__all__ = ["At", "AtStart", "Cron", "Every", "Schedule", "at", "at_start", "cron", "every"]

_SHORTEST = 0.001
"""Seconds of the shortest interval."""

_SECONDS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}
_UNITS = (("week", "weeks", 604800), ("day", "days", 86400), ("h", "h", 3600), ("min", "min", 60))


@dataclass(frozen=True, slots=True)
class Every:
    """An interval, counted from when the job was first seen.

    :ivar interval: seconds.
    :ivar fault: why there is no interval.
    """

    interval: float
    fault: str = ""

    @property
    def elapsing(self) -> bool:
        """Whether it is about time that elapses rather than about what the clock shows."""
        return True

    def in_zone(self, name: str) -> Every:
        """The same: intervals are alike everywhere."""
        return self

    def problem(self, now: float) -> str:
        """What is wrong with it, and how to mend it; ``""`` if nothing is."""
        if self.fault:
            return self.fault
        if not math.isfinite(self.interval) or self.interval < _SHORTEST:
            return f"every() comes to {self.interval:g} s: give it 1 ms or more, as in every(minutes=5)"
        return ""

    def next_after(self, moment: float, anchor: float) -> float | None:
        """The first time later than ``moment``, an exact number of intervals after ``anchor``, and one at least."""
        interval = self.interval
        if self.fault or not _SHORTEST <= interval < math.inf:
            return None
        count = (moment - anchor) // interval
        if count < 1.0:
            count = 1.0
        # The difference and the product are rounded: the time may be one further on than the quotient says.
        for number in (count, count + 1.0, count + 2.0):
            due = anchor + number * interval
            if due > moment:
                return due
        return None

    def __str__(self) -> str:
        return f"every {_in_words(self.interval)}"


@dataclass(frozen=True, slots=True)
class Cron:
    """Times by the clock and the calendar of a zone; :mod:`duck_tx.automations.cron` has the rules.

    :ivar timezone: its IANA name; empty until :meth:`in_zone` fills it in, and UTC as long as it is.
    :ivar fault: why there is no expression.
    """

    expression: str
    timezone: str = ""
    fault: str = ""

    @property
    def elapsing(self) -> bool:
        """Whether it is about time that elapses rather than about what the clock shows."""
        times = _times(self.expression, self.timezone)
        return times is not None and times.elapsing

    def in_zone(self, name: str) -> Cron:
        """The same in this zone, if it names none itself."""
        return self if self.timezone else replace(self, timezone=name)

    def problem(self, now: float) -> str:
        """What is wrong with it, and how to mend it; ``""`` if nothing is."""
        if self.fault:
            return self.fault
        found = [cron_problem(self.expression)]
        if zone(self.timezone) is None:
            found.append(unknown(self.timezone))
        return "cron: " + "; ".join(filter(None, found)) if any(found) else ""

    def next_after(self, moment: float, anchor: float) -> float | None:
        """The first time later than ``moment``; ``None`` if it never comes."""
        times = None if self.fault else _times(self.expression, self.timezone)
        return None if times is None else times.next_after(moment)

    def __str__(self) -> str:
        return f"{self.expression} {self.timezone}".rstrip()


@dataclass(frozen=True, slots=True)
class At:
    """One moment.

    :ivar moment: of it; ``None`` if none was understood.
    :ivar words: the same for people.
    :ivar fault: why there is no moment.
    """

    moment: float | None
    words: str = ""
    fault: str = ""

    @property
    def elapsing(self) -> bool:
        """Whether it is about time that elapses rather than about what the clock shows."""
        return False

    def in_zone(self, name: str) -> At:
        """The same: a moment is one everywhere."""
        return self

    def problem(self, now: float) -> str:
        """What is wrong with it, and how to mend it; ``""`` if nothing is.  To be past is not."""
        return self.fault

    def next_after(self, moment: float, anchor: float) -> float | None:
        """The moment, if it is later than this one."""
        return self.moment if self.moment is not None and self.moment > moment else None

    def __str__(self) -> str:
        return f"at {self.words}"


@dataclass(frozen=True, slots=True)
class AtStart:
    """Whenever the automations start.  No clock says when that is: the agenda does."""

    @property
    def elapsing(self) -> bool:
        """Whether it is about time that elapses rather than about what the clock shows."""
        return False

    def in_zone(self, name: str) -> AtStart:
        """The same."""
        return self

    def problem(self, now: float) -> str:
        """Nothing."""
        return ""

    def next_after(self, moment: float, anchor: float) -> float | None:
        """Never."""
        return None

    def __str__(self) -> str:
        return "at start"


Schedule = Every | Cron | At | AtStart
"""When a job is due."""


def every(*, weeks: float = 0, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> Every:
    """Each so often: ``every(minutes=5)``, ``every(hours=1, minutes=30)``."""
    given = {"weeks": weeks, "days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
    interval = 0.0
    for name, count in given.items():
        try:
            interval += float(count) * _SECONDS[name]
        except (TypeError, ValueError, OverflowError):
            return Every(0.0, f"every({name}={count!r:.40}): {name} are counted in a number, as in every({name}=5)")
    # What a product such as 1.1 * 3600 has too much of would be read in every table.
    return Every(round(interval, 6))


def cron(expression: str, timezone: str | tzinfo | None = "") -> Cron:
    """At the times of a cron expression: ``cron("*/15 8-18 * * mon-fri", timezone="Europe/Berlin")``.

    :param timezone: its IANA name; ``TIME_ZONE`` of Django's settings if there is none, or else UTC.
    """
    if not isinstance(expression, str):
        return Cron("", "", f'cron({expression!r:.40}): it takes the fields in a text, as in cron("0 4 * * *")')
    # A zone of the database is written as its name.
    return Cron(expression, str(timezone or ""))


def at(when: str | datetime) -> At:
    """Once, at a moment with its offset from UTC: ``at("2027-01-01T00:00+00:00")``."""
    if isinstance(when, str):
        try:
            moment = datetime.fromisoformat(when.strip())
        except ValueError:
            return At(None, when, f'at({when!r:.40}): it takes a moment, as in at("2027-01-01T00:00+00:00")')
    elif isinstance(when, datetime):
        moment = when
    else:
        return At(None, str(when), f'at({when!r:.40}): it takes a moment, as in at("2027-01-01T00:00+00:00")')
    shown = f"{moment:%Y-%m-%d %H:%M:%S}".removesuffix(":00")
    if moment.utcoffset() is None:
        return At(None, shown, f'at("{shown}") has no timezone: say which, as in at("{shown}+00:00")')
    return At(moment.timestamp(), f"{shown} {moment.tzinfo}")


def at_start() -> AtStart:
    """Whenever the automations start."""
    return AtStart()


@cache
def _times(expression: str, timezone: str) -> CronTimes | None:
    """The times of an expression, worked out once; ``None`` if there are none."""
    place = zone(timezone)
    try:
        return None if place is None else CronTimes(expression, place)
    except CronSimError:
        return None


def _in_words(seconds: float) -> str:
    """An interval for a table: ``5 min``, ``1 day 12 h``, ``1.5 s``."""
    if not 0.0 < seconds < math.inf:
        return f"{seconds:g} s"
    words = []
    left = seconds
    for one, several, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            words.append(f"{count:.0f} {one if count == 1 else several}")
    if left:
        words.append(f"{left:g} s")
    return " ".join(words)
