"""Random cron expressions, and what they mean, worked out by trying every minute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

WEEK = 7 * 86400.0

_MINUTE = timedelta(minutes=1)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

ZONES = (
    "UTC",
    "Africa/Cairo",  # skips midnight
    "Africa/Casablanca",  # is set back for a month of each year
    "America/New_York",
    "America/Sao_Paulo",  # has ended it
    "America/St_Johns",  # half an hour off; changed one minute past midnight once
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "Australia/Lord_Howe",  # changes by half an hour
    "Europe/Berlin",
    "Europe/Dublin",  # is set back in winter
    "Pacific/Apia",  # left out a day
    "Pacific/Auckland",
)


class Field(NamedTuple):
    """One field of an expression, and the numbers that it means."""

    text: str
    means: frozenset[int]


class Expression(NamedTuple):
    """An expression with the numbers that its fields mean, Sunday being 0."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    both_days: bool

    def matches(self, wall: datetime) -> bool:
        """Whether a local time is one of its own."""
        by_day = wall.day in self.days
        by_weekday = wall.isoweekday() % 7 in self.weekdays
        return (
            wall.minute in self.minutes
            and wall.hour in self.hours
            and wall.month in self.months
            and (by_day and by_weekday if self.both_days else by_day or by_weekday)
        )


@st.composite
def _fields(draw: st.DrawFn, first: int, last: int) -> Field:
    low = draw(st.integers(first, last - 1))
    # Of a range of one, as 5-5, croniter makes all.
    high = draw(st.integers(low + 1, last))
    step = draw(st.integers(1, last))
    return draw(
        st.sampled_from(
            [
                Field("*", frozenset(range(first, last + 1))),
                Field(f"*/{step}", frozenset(range(first, last + 1, step))),
                Field(f"{low}", frozenset([low])),
                Field(f"{low}-{high}", frozenset(range(low, high + 1))),
                Field(f"{low}-{high}/{step}", frozenset(range(low, high + 1, step))),
            ]
        )
    )


@st.composite
def _lists(draw: st.DrawFn, first: int, last: int) -> Field:
    fields = draw(st.lists(_fields(first, last), min_size=1, max_size=3))
    plain = [each for each in fields if not each.text.startswith("*")]
    fields = plain or fields[:1]
    return Field(",".join(each.text for each in fields), frozenset().union(*(each.means for each in fields)))


@st.composite
def _weekdays(draw: st.DrawFn) -> Field:
    if draw(st.booleans()):
        return draw(_lists(0, 6))
    low = draw(st.integers(0, 5))
    high = draw(st.integers(low + 1, 6))
    return Field(f"{_DAYS[low]}-{_DAYS[high]}", frozenset(range(low, high + 1)))


@st.composite
def expressions(draw: st.DrawFn) -> Expression:
    """Expressions of five fields, with stars, steps, ranges and lists."""
    minute, hour = draw(_lists(0, 59)), draw(_lists(0, 23))
    day = draw(st.one_of(st.just(Field("*", frozenset(range(1, 32)))), _lists(1, 31)))
    month = draw(st.one_of(st.just(Field("*", frozenset(range(1, 13)))), _lists(1, 12)))
    weekday = draw(st.one_of(st.just(Field("*", frozenset(range(7)))), _weekdays()))
    return Expression(
        " ".join(each.text for each in (minute, hour, day, month, weekday)),
        minute.means,
        hour.means,
        day.means,
        month.means,
        weekday.means,
        day.text.startswith("*") or weekday.text.startswith("*"),
    )


def minute_by_minute(expression: Expression, zone: tzinfo, begin: float, end: float) -> list[float]:
    """The times of an expression from ``begin`` up to ``end``, by looking at a clock of the zone each minute."""
    hour = expression.text.split()[1].partition("/")[0]
    repeats = len(expression.hours) == 24 or (hour in ("*", "0-23") and len(expression.hours) > 1)
    makes_up = len(expression.hours) < 24
    found = []
    # A day before, to know what was shown already.
    moment = begin - 86400.0
    latest = _wall(moment, zone)
    while moment < end:
        moment += 60.0
        wall = _wall(moment, zone)
        is_made_up = makes_up and any(expression.matches(each) for each in _between(latest, wall))
        is_due = expression.matches(wall) and (repeats or wall > latest)
        latest = max(latest, wall)
        if (is_due or is_made_up) and begin <= moment < end:
            found.append(moment)
    return found


def changes() -> list[tuple[str, float]]:
    """The weeks, by their begin, in which the clock of a zone is changed, of all zones and 70 years."""
    first = datetime(1990, 1, 1, tzinfo=UTC).timestamp()
    weeks = [first + WEEK * number for number in range(70 * 52)]
    found = []
    for name in ZONES:
        offsets = [_offset(each, ZoneInfo(name)) for each in weeks]
        found += [(name, week) for week, (one, other) in zip(weeks, pairwise(offsets), strict=False) if one != other]
    return found


def change(zone: tzinfo, begin: float) -> float:
    """The day, by its begin, of the first change in a week that has one."""
    day = begin
    while _offset(day + 86400.0, zone) == _offset(begin, zone):
        day += 86400.0
    return day


def _offset(moment: float, zone: tzinfo) -> timedelta | None:
    return datetime.fromtimestamp(moment, zone).utcoffset()


def _wall(moment: float, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(moment, zone).replace(tzinfo=None, fold=0)


def _between(earlier: datetime, later: datetime) -> Iterator[datetime]:
    earlier += _MINUTE
    while earlier < later:
        yield earlier
        earlier += _MINUTE
