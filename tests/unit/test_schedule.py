"""When jobs are due."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.automations.schedule import Every, Schedule, at, at_start, cron, every
from tests.case import UnitTestCase

_NOW = 1.8e9
_MOMENTS = st.floats(1e9, 4e9)
_INTERVALS = st.floats(0.001, 1e8)


class EveryTests(UnitTestCase):
    def test_its_parts_add_up(self) -> None:
        schedule = every(weeks=1, days=1, hours=1, minutes=1, seconds=0.5)
        self.assertEqual(schedule, Every(604800 + 86400 + 3600 + 60 + 0.5))

    def test_times_are_whole_intervals_after_the_anchor_and_one_at_least(self) -> None:
        schedule = every(minutes=5)
        self.assertEqual(schedule.next_after(_NOW, _NOW), _NOW + 300.0)
        self.assertEqual(schedule.next_after(_NOW + 299.9, _NOW), _NOW + 300.0)
        self.assertEqual(schedule.next_after(_NOW + 300.0, _NOW), _NOW + 600.0)
        self.assertEqual(schedule.next_after(_NOW - 1e6, _NOW), _NOW + 300.0)

    @given(_INTERVALS, _MOMENTS, st.integers(1, 10**6))
    def test_they_do_not_drift(self, interval: float, anchor: float, number: int) -> None:
        due = anchor + number * interval
        self.assertEqual(Every(interval).next_after(math.nextafter(due, 0.0), anchor), due)

    @given(_INTERVALS, _MOMENTS, _MOMENTS)
    def test_the_next_is_later_and_none_is_between(self, interval: float, anchor: float, moment: float) -> None:
        due = Every(interval).next_after(moment, anchor)
        assert due is not None
        self.assertGreater(due, moment)
        self.assertEqual(Every(interval).next_after(math.nextafter(due, 0.0), anchor), due)
        number = round((due - anchor) / interval)
        self.assertTrue(number == 1 or anchor + (number - 1) * interval <= moment)

    def test_an_interval_that_is_none_is_a_problem_and_never_due(self) -> None:
        for schedule in (
            every(),
            every(seconds=0.0001),
            every(days=-1),
            every(seconds=math.nan),
            every(weeks=math.inf),
        ):
            self.assertIn("1 ms or more, as in every(minutes=5)", schedule.problem(_NOW), schedule)
            self.assertIsNone(schedule.next_after(_NOW, _NOW), schedule)

    def test_what_is_no_number_is_told_with_its_name(self) -> None:
        self.assertIn("every(minutes=None): minutes are counted", every(minutes=cast(Any, None)).problem(_NOW))
        huge = every(hours=10**400)
        self.assertLess(len(huge.problem(_NOW)), 150)
        self.assertIsNone(huge.next_after(_NOW, _NOW))

    def test_no_moment_is_too_far(self) -> None:
        for moment in (1e17, 1e300, math.inf):
            due = every(seconds=1).next_after(moment, _NOW)
            self.assertTrue(due is None or due > moment)

    def test_in_words(self) -> None:
        for schedule, words in {
            every(minutes=5): "every 5 min",
            every(days=1, hours=12): "every 1 day 12 h",
            every(weeks=2): "every 2 weeks",
            every(seconds=90): "every 1 min 30 s",
            every(seconds=0.25): "every 0.25 s",
            every(hours=1.1): "every 1 h 6 min",
            every(seconds=-1): "every -1 s",
        }.items():
            self.assertEqual(str(schedule), words)


class CronTests(UnitTestCase):
    def test_it_follows_the_clock_of_its_zone(self) -> None:
        noon = datetime(2026, 7, 1, 12, 0, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
        self.assertEqual(cron("0 12 * * *", timezone="Europe/Berlin").next_after(noon - 1.0, 0.0), noon)
        self.assertEqual(cron("0 12 * * *", ZoneInfo("Europe/Berlin")), cron("0 12 * * *", "Europe/Berlin"))

    def test_without_a_zone_it_takes_the_one_it_is_put_in(self) -> None:
        self.assertEqual(cron("0 12 * * *").in_zone("Asia/Tokyo"), cron("0 12 * * *", "Asia/Tokyo"))
        self.assertEqual(cron("0 12 * * *", "UTC").in_zone("Asia/Tokyo"), cron("0 12 * * *", "UTC"))
        noon = datetime(2026, 7, 1, 12, 0, tzinfo=UTC).timestamp()
        self.assertEqual(cron("0 12 * * *", timezone=None).next_after(noon - 1.0, 0.0), noon)

    def test_all_that_is_wrong_is_told_and_never_due(self) -> None:
        schedule = cron("61 * * * *", timezone="Europe/Berln")
        problem = schedule.problem(_NOW)
        self.assertIn("minute '61'", problem)
        self.assertIn("did you mean 'Europe/Berlin'?", problem)
        for wrong in (schedule, cron("61 * * * *"), cron("* * * * *", "Mars"), cron(cast(Any, 5)), cron("0 0 31 2 *")):
            self.assertNotEqual(wrong.problem(_NOW), "", wrong)
            self.assertIsNone(wrong.next_after(_NOW, 0.0), wrong)
        self.assertEqual(cron("0 4 * * *", "Europe/Berlin").problem(_NOW), "")

    def test_times_of_each_hour_elapse(self) -> None:
        for field, elapses in {
            "*": True,
            "*/2": True,
            "0-23": True,
            "0-23/6": True,
            "0-22": False,
            "*/24": False,
        }.items():
            self.assertEqual(cron(f"0 {field} * * *").elapsing, elapses, field)

    def test_in_words(self) -> None:
        self.assertEqual(str(cron("*/15 8-18 * * mon-fri", "Europe/Berlin")), "*/15 8-18 * * mon-fri Europe/Berlin")
        self.assertEqual(str(cron("@daily")), "@daily")


class AtTests(UnitTestCase):
    def test_a_moment_comes_once(self) -> None:
        schedule = at("2027-01-01T00:00+01:00")
        moment = datetime(2026, 12, 31, 23, 0, tzinfo=UTC).timestamp()
        self.assertEqual(schedule.moment, moment)
        self.assertEqual(schedule.next_after(moment - 1e-3, 0.0), moment)
        self.assertIsNone(schedule.next_after(moment, 0.0))

    def test_a_datetime_is_taken_as_well(self) -> None:
        when = datetime(2027, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))
        self.assertEqual(at(when).moment, when.timestamp())

    def test_to_be_past_is_no_problem(self) -> None:
        self.assertEqual(at("1999-01-01T00:00Z").problem(_NOW), "")

    def test_a_moment_without_a_timezone_is_one(self) -> None:
        for when in ("2027-01-01", "2027-01-01T00:00", datetime(2027, 1, 1)):
            self.assertEqual(
                at(when).problem(_NOW),
                'at("2027-01-01 00:00") has no timezone: say which, as in at("2027-01-01 00:00+00:00")',
            )

    def test_what_is_no_moment_is_a_problem_and_never_due(self) -> None:
        for when in ("", "tomorrow", "x" * 9999, 5, None, timedelta(1)):
            schedule = at(cast(Any, when))
            self.assertIn("it takes a moment, as in at(", schedule.problem(_NOW))
            self.assertLess(len(schedule.problem(_NOW)), 150)
            self.assertIsNone(schedule.next_after(0.0, 0.0))

    @given(st.text())
    def test_any_text_is_either_right_or_wrong(self, text: str) -> None:
        schedule = at(text)
        self.assertEqual(schedule.moment is None, schedule.problem(_NOW) != "")

    def test_in_words(self) -> None:
        for when, words in {
            "2027-01-01T00:00Z": "at 2027-01-01 00:00 UTC",
            "2027-01-01T00:00:07+05:30": "at 2027-01-01 00:00:07 UTC+05:30",
        }.items():
            self.assertEqual(str(at(when)), words)
        zoned = datetime(2027, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))
        self.assertEqual(str(at(zoned)), "at 2027-01-01 00:00 Europe/Berlin")


class ScheduleTests(UnitTestCase):
    def test_the_start_is_no_time_of_a_clock(self) -> None:
        self.assertIsNone(at_start().next_after(0.0, 0.0))
        self.assertEqual((at_start().problem(_NOW), str(at_start())), ("", "at start"))

    def test_only_cron_depends_on_where_it_is(self) -> None:
        for schedule in (every(minutes=5), at("2027-01-01T00:00Z"), at_start()):
            self.assertIs(schedule.in_zone("Asia/Tokyo"), schedule)

    def test_only_what_elapses_goes_on_when_a_clock_is_set_back(self) -> None:
        self.assertTrue(every(minutes=5).elapsing)
        self.assertFalse(at("2027-01-01T00:00Z").elapsing or at_start().elapsing)

    def test_they_are_values(self) -> None:
        self.assertEqual(len({every(minutes=5), every(seconds=300), at_start(), at_start()}), 2)
        for each in (every(), cron(""), at(""), at_start()):
            self.assertIsInstance(each, Schedule)
        self.assertNotIsInstance("* * * * *", Schedule)
