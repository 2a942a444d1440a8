"""The course of one job through its times."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.automations.course import MOST_OWED, Course, Entry, Memory, latest, recent
from duck_tx.automations.schedule import at, at_start, cron, every
from tests.case import UnitTestCase

_NOW = 1.8e9
"""15 January 2027, 08:00:00 UTC."""

_HOUR, _DAY = 3600.0, 86400.0
_MOMENT = at("2027-01-15T09:00Z")
_NINE = _NOW + _HOUR


def _course(entry: Entry, memory: Memory | None = None, now: float = _NOW) -> Course:
    return Course(entry, memory or Memory(now), now)


class NextTests(UnitTestCase):
    def test_the_first_of_several_schedules_comes(self) -> None:
        course = _course(Entry("a", (every(hours=2), cron("30 9 * * *"), _MOMENT)))
        self.assertEqual(course.next_after(_NOW), _NINE)
        self.assertEqual(course.next_after(_NINE), _NINE + 1800.0)
        self.assertEqual(course.next_after(_NINE + 1800.0), _NOW + 2 * _HOUR)

    def test_intervals_count_from_when_the_job_was_first_seen(self) -> None:
        course = _course(Entry("a", (every(hours=1),)), Memory(_NOW - 1.5 * _HOUR))
        self.assertEqual(course.next_after(_NOW), _NOW + 0.5 * _HOUR)

    def test_with_a_start_among_its_schedules_all_begins_anew(self) -> None:
        course = _course(Entry("a", (at_start(), every(hours=1)), times=3), Memory(_NOW - 1.5 * _HOUR, None, False, 3))
        self.assertEqual(course.starts, _NOW)
        self.assertEqual(course.next_after(_NOW), _NOW + _HOUR)
        self.assertFalse(course.is_silent)

    def test_nothing_comes_before_the_start_time(self) -> None:
        begin = _NOW + 2.25 * _HOUR
        by_clock = _course(Entry("a", (cron("0 * * * *"),), start_time=begin))
        self.assertEqual(by_clock.next_after(_NOW), _NOW + 3 * _HOUR)
        started = _course(Entry("a", (at_start(),), start_time=begin))
        self.assertEqual((started.starts, started.next_after(_NOW)), (begin, None))

    def test_the_start_time_is_a_time_for_intervals_and_where_nothing_else_says_when(self) -> None:
        begin = _NOW + 2.25 * _HOUR
        course = _course(Entry("a", (every(hours=1),), start_time=begin))
        self.assertEqual(course.next_after(_NOW), begin)
        self.assertEqual(course.next_after(begin), begin + _HOUR)
        alone = _course(Entry("a", start_time=begin, times=1))
        self.assertEqual((alone.next_after(_NOW), alone.next_after(begin)), (begin, None))

    def test_without_any_schedule_nothing_comes(self) -> None:
        self.assertIsNone(_course(Entry("a")).next_after(_NOW))


class MemoryTests(UnitTestCase):
    def test_it_is_silent_when_it_has_had_its_times_is_paused_or_disabled(self) -> None:
        course = _course(Entry("a", (every(hours=1),), times=2))
        course.saw(_NINE)
        self.assertFalse(course.is_silent)
        course.saw(_NINE + _HOUR)
        self.assertTrue(course.is_silent)
        self.assertEqual(course.memory, Memory(_NOW, _NINE + _HOUR, False, 2))
        self.assertTrue(_course(Entry("a", (every(hours=1),), times=2), course.memory).is_silent)
        self.assertFalse(_course(Entry("a", (every(hours=1),), times=-1), course.memory).is_silent)
        self.assertTrue(_course(Entry("a", enabled=False)).is_silent)
        self.assertTrue(_course(Entry("a"), Memory(_NOW, None, True)).is_silent)

    def test_what_passed_while_it_was_paused_is_not_missed(self) -> None:
        course = _course(Entry("a", (every(hours=1),), catch_up="all"), Memory(_NOW - _DAY, _NOW - _DAY, True))
        course.resume(_NOW)
        self.assertEqual(course.owed_at_start(_NOW), [])
        self.assertEqual(course.memory, Memory(_NOW - _DAY, _NOW))


class OwedTests(UnitTestCase):
    def test_none_one_or_all_of_what_was_missed_is_owed(self) -> None:
        memory = Memory(_NOW - _DAY, _NOW - 2.5 * _HOUR)
        hourly = (cron("30 * * * *"),)
        missed = [_NOW - 1.5 * _HOUR, _NOW - 0.5 * _HOUR]
        self.assertEqual(_course(Entry("a", hourly), memory).owed_at_start(_NOW), [])
        self.assertEqual(_course(Entry("a", hourly, "once"), memory).owed_at_start(_NOW), missed[-1:])
        self.assertEqual(_course(Entry("a", hourly, "all"), memory).owed_at_start(_NOW), missed)

    def test_a_job_seen_for_the_first_time_owes_nothing_but_a_named_moment(self) -> None:
        self.assertEqual(_course(Entry("a", (every(hours=1),), "all")).owed_at_start(_NOW), [])
        for entry in (
            Entry("a", (_MOMENT, cron("0 * * * *")), "once"),
            Entry("a", (_MOMENT,), "all"),
            Entry("a", start_time=_NINE, times=1, catch_up="once"),
        ):
            self.assertEqual(_course(entry, now=_NOW + _DAY).owed_at_start(_NOW + _DAY), [_NINE])
        self.assertEqual(_course(Entry("a", (_MOMENT,)), now=_NOW + _DAY).owed_at_start(_NOW + _DAY), [])

    def test_a_moment_that_was_seen_to_is_owed_no_more(self) -> None:
        course = _course(Entry("a", (_MOMENT,), "once"), Memory(_NOW, _NINE, False, 1), now=_NOW + _DAY)
        self.assertEqual(course.owed_at_start(_NOW + _DAY), [])

    def test_a_moment_missed_since_the_job_was_first_seen_is_owed(self) -> None:
        course = _course(Entry("a", (_MOMENT,), "all"), Memory(_NOW), now=_NOW + _DAY)
        self.assertEqual(course.owed_at_start(_NOW + _DAY), [_NINE])

    def test_no_more_is_owed_than_its_times(self) -> None:
        memory = Memory(_NOW - _DAY, _NOW - 5.5 * _HOUR, False, 1)
        course = _course(Entry("a", (cron("0 * * * *"),), "all", times=3), memory)
        self.assertEqual(course.owed_at_start(_NOW), [_NOW - _HOUR, _NOW])

    def test_a_year_of_seconds_is_neither_owed_nor_gone_through(self) -> None:
        course = _course(Entry("a", (every(seconds=1),), "all"), Memory(_NOW - 365 * _DAY))
        owed = course.owed_at_start(_NOW)
        self.assertEqual((len(owed), owed[-1], owed[0]), (MOST_OWED, _NOW, _NOW - MOST_OWED + 1))

    def test_a_time_that_passed_a_moment_ago_is_late(self) -> None:
        memory = Memory(_NOW - _DAY, _NOW - 2.5 * _HOUR)
        hourly = (cron("30 * * * *"),)
        half = 0.5 * _HOUR
        for catch_up in ("none", "once", "all"):
            course = _course(Entry("a", hourly, catch_up), memory)
            self.assertEqual(course.late_at_start(_NOW, half + 1), _NOW - half)
            self.assertIsNone(course.late_at_start(_NOW, half - 1))
        seen = Memory(_NOW - _DAY, _NOW - half)
        self.assertIsNone(_course(Entry("a", hourly), seen).late_at_start(_NOW, half + 1))
        self.assertIsNone(_course(Entry("a", hourly, enabled=False), memory).late_at_start(_NOW, half + 1))
        self.assertIsNone(_course(Entry("a", hourly)).late_at_start(_NOW, half + 1))

    def test_what_begins_at_the_start_is_not_late_as_well(self) -> None:
        memory = Memory(_NOW - _DAY, _NOW - 2.5 * _HOUR)
        course = _course(Entry("a", (at_start(), cron("30 * * * *"))), memory)
        self.assertIsNone(course.late_at_start(_NOW, _HOUR))

    def test_a_paused_job_owes_nothing(self) -> None:
        course = _course(Entry("a", (_MOMENT,), "once"), Memory(_NOW, None, True), now=_NOW + _DAY)
        self.assertEqual(course.owed_at_start(_NOW + _DAY), [])


class SetBackTests(UnitTestCase):
    def test_a_time_of_the_clock_does_not_come_twice_and_an_interval_goes_on(self) -> None:
        clock = _course(Entry("a", (cron("30 7,8,9 * * *"),)))
        interval = _course(Entry("b", (every(hours=24),)))
        for course in (clock, interval):
            course.set_back(_NOW - 2 * _HOUR, _NOW)
        self.assertEqual(clock.next_after(_NOW - 2 * _HOUR), _NOW + 0.5 * _HOUR)
        self.assertEqual(interval.next_after(_NOW - 2 * _HOUR), _NOW + 22 * _HOUR)

    def test_a_clock_set_back_by_hours_had_been_wrong(self) -> None:
        course = _course(Entry("a", (cron("30 7,8,9 * * *"),)))
        course.saw(_NOW)
        course.set_back(_NOW - _DAY, _NOW)
        self.assertEqual(course.next_after(_NOW - _DAY), _NOW - _DAY + 0.5 * _HOUR)
        self.assertEqual(course.memory.last_due, _NOW - _DAY)

    def test_it_is_noticed_at_start_too(self) -> None:
        before = Memory(_NOW - _DAY, _NOW + 2 * _HOUR)
        clock = _course(Entry("a", (cron("30 * 15 * *"), cron("30 8-12 * * *"))), before)
        self.assertEqual(clock.next_after(_NOW), _NOW + 0.5 * _HOUR)
        by_clock = _course(Entry("a", (cron("30 8-12 * * *"),)), before)
        self.assertEqual(by_clock.next_after(_NOW), _NOW + 2.5 * _HOUR)
        interval = _course(Entry("a", (every(hours=26),)), before)
        self.assertEqual(interval.next_after(_NOW), _NOW + 26 * _HOUR)
        unseen = _course(Entry("a", (every(hours=1),)), Memory(_NOW + 365 * _DAY))
        self.assertEqual(unseen.next_after(_NOW), _NOW + _HOUR)


class SearchTests(UnitTestCase):
    @given(st.lists(st.integers(0, 2000), max_size=60), st.integers(-5, 2005), st.integers(0, 2010), st.integers(1, 30))
    def test_the_last_times_are_found(self, moments: list[int], after: int, until: int, most: int) -> None:
        times = sorted({float(each) for each in moments})

        def next_after(moment: float) -> float | None:
            return next((each for each in times if each > moment), None)

        expected = [each for each in times if after < each <= until]
        self.assertEqual(latest(next_after, after, until), expected[-1] if expected else None)
        self.assertEqual(recent(next_after, after, until, most), expected[-most:])

    def test_a_century_is_searched_in_few_steps(self) -> None:
        asked = []

        def next_after(moment: float) -> float:
            asked.append(moment)
            return math.floor(moment / 60.0) * 60.0 + 60.0

        self.assertEqual(latest(next_after, _NOW - 36525 * _DAY, _NOW + 1.0), _NOW)
        self.assertLess(len(asked), 150)
