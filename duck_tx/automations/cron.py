"""Cron times: which of them comes next, by the local time of a zone and through its changes.

The five fields are those of crontab(5), or six with the seconds first.  The library cronsim knows what they mean and
finds the days; it is given local time without a zone, and when that is, is decided here:

- A time that the clock skips runs right after the gap, once, however many were in it.
- A time that the clock shows twice runs at the first of them.
- Where the hour is ``*`` or a step over all hours (``*/2``), times follow each other as they would on a clock that is
  not changed: what the clock shows twice runs twice.  With ``*`` nothing is made up for after a gap, since the hours
  before and after it are neighbours.
"""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache

from cronsim import CronSim, CronSimError

__all__ = ["CronTimes", "cron_problem"]

_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_TAKES = {
    "second": "0-59",
    "minute": "0-59",
    "hour": "0-23",
    "day of month": "1-31, L (the last) or LW (the last from Monday to Friday)",
    "month": "1-12 or jan-dec",
    "day of week": "0-7 (0 and 7 are Sunday) or sun-sat, 1#2 (the second Monday) or 5L (the last Friday)",
}
_NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_UP_TO_SUNDAY = re.compile(r"(?<![A-Z0-9])(MON|TUE|WED|THU|FRI|SAT|[1-6])-SUN(?![A-Z0-9])")
"""cronsim takes the name for 0 and finds the range to run backwards."""

_ALL_HOURS = ("*", "0-23")
_DAY = 86400
_SECOND = timedelta(seconds=1)
_SOME_YEAR = datetime(2001, 1, 1)


class CronTimes:
    """The times of one cron expression in one zone.

    :raises CronSimError: if the expression cannot be understood; :func:`cron_problem` says why.

    :ivar elapsing: whether the times follow each other as hours elapse, whatever the clock shows.
    """

    def __init__(self, expression: str, zone: tzinfo) -> None:
        self._sim = _understood(_written_out(expression))
        self._zone = zone
        hour = self._sim.parts[2]
        hours = self._sim.hours
        self._makes_up = len(hours) < 24
        self.elapsing = not self._makes_up or (hour.partition("/")[0] in _ALL_HOURS and len(hours) > 1)
        # No time lies between the first and the second.
        self._quiet: tuple[float, float | None] = (0.0, 0.0)

    def next_after(self, moment: float) -> float | None:
        """The first time later than ``moment``, in seconds since the epoch; ``None`` if there is none in 50 years."""
        since, until = self._quiet
        if until is not None and since <= moment < until:
            return until
        try:
            until = self._next_after(int(moment // 1))
        except (StopIteration, OverflowError, ValueError, OSError):
            # None in sight, or beyond the years that a datetime can hold.
            return None
        self._quiet = moment, until
        return until

    def _next_after(self, moment: int) -> float:
        local = datetime.fromtimestamp(moment, self._zone)
        wall = local.replace(tzinfo=None, fold=0)
        if self.elapsing:
            before = self._offset(moment)
            if self._offset(moment + _DAY) < before:
                change = self._change(moment, moment + _DAY)
                found = _seconds(self._match(wall)) - before
                if found < change:
                    return float(found)
                moment, wall = change - 1, self._wall(change) - _SECOND
        elif local.fold:
            # What is shown for the second time has run: on to the end of it.
            first, second = self._offsets(wall)
            change = self._change(moment - (first - second), moment)
            wall = datetime.fromtimestamp(change + first, UTC).replace(tzinfo=None) - _SECOND
        while True:
            match = self._match(wall)
            first, second = self._offsets(match)
            if first >= second:
                found = _seconds(match) - first
                return float(found if found > moment else _seconds(match) - second)
            change = self._change(_seconds(match) - second, _seconds(match) - first)
            if self._makes_up:
                return float(change)
            wall = self._wall(change) - _SECOND

    def _match(self, wall: datetime) -> datetime:
        """The first local time later than ``wall`` that the expression means."""
        sim = copy.copy(self._sim)
        sim.dt = wall
        return next(sim)

    def _wall(self, moment: int) -> datetime:
        return datetime.fromtimestamp(moment, self._zone).replace(tzinfo=None, fold=0)

    def _offset(self, moment: int) -> int:
        return _whole(datetime.fromtimestamp(moment, self._zone).utcoffset())

    def _offsets(self, wall: datetime) -> tuple[int, int]:
        """Seconds to UTC: when the clock shows this first, and when it does again.  The first is the smaller in a gap,
        where the clock never shows it (PEP 495)."""
        aware = wall.replace(tzinfo=self._zone)
        return _whole(aware.utcoffset()), _whole(aware.replace(fold=1).utcoffset())

    def _change(self, low: int, high: int) -> int:
        """The first second after ``low``, and not after ``high``, with another offset than ``low`` has."""
        before = self._offset(low)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(middle) == before:
                low = middle
            else:
                high = middle
        return high


@cache
def cron_problem(expression: str) -> str:
    """What is wrong with an expression, and what would be right; ``""`` if nothing is."""
    if expression.strip().lower() == "@reboot":
        return "'@reboot' is no time of a clock: use at_start()"
    text = _written_out(expression)
    fields = text.split()
    if len(fields) not in (5, 6):
        five = ", ".join(_FIELDS)
        return f"{len(fields)} fields in {expression!r:.80}: it takes five ({five}), or six with the seconds first"
    names = _FIELDS if len(fields) == 5 else ("second", *_FIELDS)
    wrong = [
        f"{name} {field.lower()!r:.30} (it takes {_TAKES[name]}, and lists, ranges and steps of them)"
        for position, (name, field) in enumerate(zip(names, fields, strict=True))
        if not _is_understood(" ".join("*" if other != position else field for other in range(len(fields))))
    ]
    if wrong:
        return f"{expression!r:.80} is not understood: {'; '.join(wrong)}"
    try:
        next(_understood(text))
    except (CronSimError, StopIteration):
        return f"{expression!r:.80} never comes: no day is all of that"
    return ""


def _written_out(expression: str) -> str:
    text = expression.strip()
    return _UP_TO_SUNDAY.sub(r"\1-7", _NAMED.get(text.lower(), text).upper())


def _understood(text: str) -> CronSim:
    try:
        return CronSim(text, _SOME_YEAR)
    except ValueError as error:
        # A number too long for int().
        raise CronSimError(str(error)) from None


def _is_understood(text: str) -> bool:
    try:
        _understood(text)
    except CronSimError:
        return False
    return True


def _seconds(wall: datetime) -> int:
    """Seconds from the epoch to a local time, as if it were UTC."""
    return int(wall.replace(tzinfo=UTC).timestamp())


def _whole(offset: timedelta | None) -> int:
    assert offset is not None, "a zone says how far it is from UTC"
    return offset.days * _DAY + offset.seconds
