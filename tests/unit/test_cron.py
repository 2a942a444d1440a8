"""Cron times, on all days and on those when the clock is changed."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from croniter import croniter
from cronsim import CronSimError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from duck_tx.automations.cron import CronTimes, cron_problem
from tests.case import UnitTestCase
from tests.unit.cron_case import ZONES, Expression, change, changes, expressions, minute_by_minute

_DAY = 86400.0
_BERLIN = ZoneInfo("Europe/Berlin")


def _times(expression: str, zone: str, begin: str, end: str) -> list[str]:
    """The times in a span of local time, each with its offset where that is not the first one's."""
    place = ZoneInfo(zone)
    times = CronTimes(expression, place)
    at = datetime.fromisoformat(begin).replace(tzinfo=place).timestamp() - 1.0
    last = datetime.fromisoformat(end).replace(tzinfo=place).timestamp()
    found = []
    while (due := times.next_after(at)) is not None and due < last:
        assert due > at, "time goes on"
        found.append(f"{datetime.fromtimestamp(due, place):%d %H:%M %Z}")
        at = due
    return found


class CronTimesTests(UnitTestCase):
    def test_the_next_time_is_later_than_the_moment(self) -> None:
        times = CronTimes("*/15 8-18 * * mon-fri", UTC)
        friday = datetime(2026, 11, 20, 18, 45, tzinfo=UTC).timestamp()
        monday = datetime(2026, 11, 23, 8, 0, tzinfo=UTC).timestamp()
        self.assertEqual(times.next_after(friday - 0.5), friday)
        self.assertEqual(times.next_after(friday), monday)

    def test_six_fields_have_the_seconds_first(self) -> None:
        times = CronTimes("30 0 12 * * *", UTC)
        noon = datetime(2026, 11, 20, 12, 0, tzinfo=UTC).timestamp()
        self.assertEqual(times.next_after(noon), noon + 30.0)

    def test_common_times_have_names(self) -> None:
        for name, expression in {"@daily": "0 0 * * *", "@Hourly": "0 * * * *", "@weekly": "0 0 * * 0"}.items():
            self.assertEqual(
                _times(name, "UTC", "2026-11-20", "2026-11-29"), _times(expression, "UTC", "2026-11-20", "2026-11-29")
            )

    def test_a_week_ends_with_sunday_or_begins_with_it(self) -> None:
        def days(field: str) -> list[str]:
            return [each[:2] for each in _times(f"0 0 * * {field}", "UTC", "2026-11-15", "2026-11-22")]

        self.assertEqual(days("0"), ["15"])
        self.assertEqual(days("7"), ["15"])
        self.assertEqual(days("fri-sun"), ["15", "20", "21"])
        self.assertEqual(days("sun-tue"), ["15", "16", "17"])
        self.assertEqual(len(days("mon-sun")), 7)

    def test_last_and_numbered_days_of_a_month(self) -> None:
        self.assertEqual(_times("0 0 L * *", "UTC", "2027-02-01", "2027-03-01"), ["28 00:00 UTC"])
        self.assertEqual(_times("0 0 * * mon#2", "UTC", "2026-11-01", "2026-12-01"), ["09 00:00 UTC"])

    def test_a_rare_day_is_found(self) -> None:
        times = CronTimes("0 0 * 2 mon#5", UTC)
        found = times.next_after(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
        self.assertEqual(found, datetime(2044, 2, 29, tzinfo=UTC).timestamp())

    def test_what_never_comes_and_what_is_beyond_all_years_is_none(self) -> None:
        self.assertIsNone(CronTimes("0 0 LW * */6", UTC).next_after(0.0))
        for moment in (1e12, 1e300):
            self.assertIsNone(CronTimes("* * * * *", _BERLIN).next_after(moment))

    def test_what_is_asked_before_does_not_change_the_answer(self) -> None:
        asked = CronTimes("0 12 * * *", _BERLIN)
        moments = [1.8e9 + step * 7919.5 for step in (*range(0, 60, 3), *range(60, 0, -7))]
        for moment in moments:
            self.assertEqual(asked.next_after(moment), CronTimes("0 12 * * *", _BERLIN).next_after(moment))

    def test_what_cannot_be_understood_is_an_error(self) -> None:
        for expression in ("", "61 * * * *", "9" * 5000 + " * * * *"):
            self.assertRaises(CronSimError, CronTimes, expression, UTC)


class ChangedClockTests(UnitTestCase):
    def test_a_skipped_time_runs_once_right_after_the_gap(self) -> None:
        self.assertEqual(
            _times("30 2 * * *", "Europe/Berlin", "2026-03-28", "2026-03-31"),
            ["28 02:30 CET", "29 03:00 CEST", "30 02:30 CEST"],
        )

    def test_several_skipped_times_are_made_up_for_by_one(self) -> None:
        self.assertEqual(
            _times("*/20 2-3 * * *", "Europe/Berlin", "2026-03-29", "2026-03-30"),
            ["29 03:00 CEST", "29 03:20 CEST", "29 03:40 CEST"],
        )

    def test_a_doubled_time_runs_once_at_the_first(self) -> None:
        self.assertEqual(
            _times("*/30 2 * * *", "Europe/Berlin", "2026-10-25", "2026-10-26"), ["25 02:00 CEST", "25 02:30 CEST"]
        )

    def test_within_the_doubled_hour_what_has_run_does_not_run_again(self) -> None:
        times = CronTimes("45 2 * * *", _BERLIN)
        first = datetime(2026, 10, 25, 2, 45, tzinfo=_BERLIN).timestamp()
        following = datetime(2026, 10, 26, 2, 45, tzinfo=_BERLIN).timestamp()
        # At half past two for the second time, when a quarter to three was once already.
        self.assertEqual(times.next_after(first + 2700.0), following)

    def test_times_of_each_hour_follow_the_hours_as_they_elapse(self) -> None:
        self.assertEqual(
            _times("30 * * * *", "Europe/Berlin", "2026-03-29T01:00", "2026-03-29T05:00"),
            ["29 01:30 CET", "29 03:30 CEST", "29 04:30 CEST"],
        )
        self.assertEqual(
            _times("30 * * * *", "Europe/Berlin", "2026-10-25T01:00", "2026-10-25T04:00"),
            ["25 01:30 CEST", "25 02:30 CEST", "25 02:30 CET", "25 03:30 CET"],
        )

    def test_a_step_over_all_hours_runs_in_both_of_a_doubled_one_and_leaves_none_out(self) -> None:
        self.assertEqual(
            _times("0 */2 * * *", "Europe/Berlin", "2026-10-25", "2026-10-25T06:00"),
            ["25 00:00 CEST", "25 02:00 CEST", "25 02:00 CET", "25 04:00 CET"],
        )
        self.assertEqual(
            _times("0 */2 * * *", "Europe/Berlin", "2026-03-29", "2026-03-29T06:00"),
            ["29 00:00 CET", "29 03:00 CEST", "29 04:00 CEST"],
        )

    def test_a_time_that_the_change_comes_before_is_one_of_the_changed_clock(self) -> None:
        # Three hours after midnight it is two o'clock for the second time.
        self.assertEqual(
            _times("0 */3 * * *", "Europe/Berlin", "2026-10-25", "2026-10-25T07:00"),
            ["25 00:00 CEST", "25 03:00 CET", "25 06:00 CET"],
        )

    def test_a_change_by_half_an_hour(self) -> None:
        self.assertEqual(
            _times("15 2 * * *", "Australia/Lord_Howe", "2026-10-03", "2026-10-06"),
            ["03 02:15 +1030", "04 02:30 +11", "05 02:15 +11"],
        )

    def test_a_skipped_midnight(self) -> None:
        self.assertEqual(
            _times("@daily", "Africa/Cairo", "2026-04-23", "2026-04-26"),
            ["23 00:00 EET", "24 01:00 EEST", "25 00:00 EEST"],
        )

    def test_a_day_that_was_left_out(self) -> None:
        self.assertEqual(
            _times("0 12 * * *", "Pacific/Apia", "2011-12-29", "2012-01-01"),
            ["29 12:00 -10", "31 00:00 +14", "31 12:00 +14"],
        )

    @settings(max_examples=40)
    @given(expressions(), st.deferred(lambda: st.sampled_from(changes())), st.data())
    def test_they_are_those_that_a_look_at_each_minute_finds(
        self, expression: Expression, changed: tuple[str, float], data: st.DataObject
    ) -> None:
        assume(not cron_problem(expression.text))
        zone, week = changed
        place = ZoneInfo(zone)
        begin = change(place, week) - data.draw(st.integers(0, 1440)) * 60.0
        end = begin + 2.0 * _DAY
        expected = minute_by_minute(expression, place, begin, end)
        times, found, at = CronTimes(expression.text, place), [], begin - 1.0
        while (due := times.next_after(at)) is not None and due < end:
            self.assertGreater(due, at)
            found.append(due)
            at = due
        self.assertEqual(found, expected)
        moment = begin + data.draw(st.floats(0.0, 2.0 * _DAY))
        later = [each for each in expected if each > moment]
        following = CronTimes(expression.text, place).next_after(moment)
        if later:
            self.assertEqual(following, later[0])
        else:
            self.assertTrue(following is None or following >= end)


class OtherImplementationTests(UnitTestCase):
    @given(expressions(), st.integers(631152000, 4102444800))
    def test_they_are_croniter_s_in_utc(self, expression: Expression, moment: int) -> None:
        assume(not cron_problem(expression.text))
        # That of Debian's cron, too: a day of the month and one of the week must both match if one begins with a star.
        other = croniter(expression.text, moment, implement_cron_bug=True)
        times, at = CronTimes(expression.text, UTC), float(moment)
        for _ in range(4):
            due = times.next_after(at)
            self.assertEqual(due, other.get_next(float))
            assert due is not None
            at = due

    @given(expressions(), st.sampled_from(ZONES), st.integers(631152000, 4102444800))
    def test_they_are_croniter_s_in_a_zone_but_for_the_days_of_a_change(
        self, expression: Expression, zone: str, moment: int
    ) -> None:
        assume(not cron_problem(expression.text))
        place = ZoneInfo(zone)
        wall = datetime.fromtimestamp(moment, place).replace(tzinfo=None)
        other = croniter(expression.text, wall, ret_type=datetime, implement_cron_bug=True).get_next()
        expected = other.replace(tzinfo=place).timestamp()
        due = CronTimes(expression.text, place).next_after(moment)
        assert due is not None
        # As a span rather than at the ends: a time that is made up for lies between them.
        assume(not any(_changes_about(place, each) for each in (moment, due, expected)))
        self.assertEqual(due, expected)


def _changes_about(zone: ZoneInfo, moment: float) -> bool:
    offsets = [datetime.fromtimestamp(moment + day * _DAY, zone).utcoffset() for day in (-1.0, 0.0, 1.0)]
    return any(one != other for one, other in pairwise(offsets))


class ProblemTests(UnitTestCase):
    def test_what_is_right_has_none(self) -> None:
        for expression in ("* * * * *", "@daily", "0 0 29 2 *", " 5 4 * * sun ", "*/10 * * * * *", "0 0 31 2 mon"):
            self.assertEqual(cron_problem(expression), "", expression)

    def test_each_wrong_field_is_named_with_what_it_takes(self) -> None:
        problem = cron_problem("61 25 * * someday")
        self.assertIn("minute '61' (it takes 0-59", problem)
        self.assertIn("hour '25' (it takes 0-23", problem)
        self.assertIn("day of week 'someday' (it takes 0-7", problem)
        self.assertNotIn("month '", problem)

    def test_seconds_are_a_field_of_six(self) -> None:
        self.assertIn("second '75' (it takes 0-59", cron_problem("75 * * * * *"))

    def test_the_number_of_fields_is_told(self) -> None:
        self.assertIn("4 fields in '* * * *': it takes five", cron_problem("* * * *"))
        self.assertIn("0 fields", cron_problem(""))

    def test_a_start_is_no_time(self) -> None:
        self.assertIn("at_start()", cron_problem("@reboot"))

    def test_a_day_that_never_comes_is_found_soon(self) -> None:
        begin = time.process_time()
        for expression in ("0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 LW * */6", "0 0 */5 2 mon#5"):
            self.assertIn("never comes", cron_problem(expression), expression)
        self.assertLess(time.process_time() - begin, 2.0)

    def test_a_long_mistake_is_shortened(self) -> None:
        self.assertLess(len(cron_problem("9" * 5000 + " * * * *")), 300)

    @given(st.text())
    def test_any_text_is_either_right_or_wrong(self, text: str) -> None:
        if not cron_problem(text):
            CronTimes(text, UTC)

    @given(st.lists(st.text(alphabet="0123456789*/-,#LWmonsun", min_size=1, max_size=6), min_size=5, max_size=6))
    def test_what_looks_like_fields_is_either_right_or_wrong(self, fields: list[str]) -> None:
        text = " ".join(fields)
        if not cron_problem(text):
            self.assertIsNotNone(CronTimes(text, UTC).next_after(0.0))
