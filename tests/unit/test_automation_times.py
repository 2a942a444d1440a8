"""When automations run, as it was said."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from duck_tx import AutomationTrigger, NoTrigger, at, at_start, cron, every
from duck_tx.automations.times import Times
from tests.case import UnitTestCase

_NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
_NOW = _NEW_YEAR.timestamp()


class TimesTests(UnitTestCase):
    def follows(self, *said: Any, **others: Any) -> tuple[list[str], int]:
        times = Times(said, **others)
        return [str(each) for each in times.schedules], times.times

    def test_schedules_repeat_without_end(self) -> None:
        self.assertEqual(self.follows(every(minutes=5), cron("* * * * *")), (["every 5 min", "* * * * *"], -1))

    def test_nothing_at_all_is_one_run_at_the_start(self) -> None:
        self.assertEqual(self.follows(), (["at start"], 1))

    def test_an_interval_begins_at_the_start(self) -> None:
        self.assertEqual(self.follows(pause=60), (["at start", "every 1 min"], -1))
        self.assertEqual(self.follows(pause=timedelta(hours=1), number=3), (["at start", "every 1 h"], 3))

    def test_or_at_the_start_time(self) -> None:
        self.assertEqual(self.follows(pause=60, start=_NEW_YEAR), (["at 2027-01-01 00:00 UTC", "every 1 min"], -1))

    def test_a_start_time_alone_is_one_run(self) -> None:
        self.assertEqual(self.follows(start=_NEW_YEAR), ([], 1))
        self.assertEqual(Times(start=_NEW_YEAR).start_time, _NOW)

    def test_a_start_time_without_a_zone_is_local(self) -> None:
        naive = datetime(2027, 1, 1)
        self.assertEqual(Times(start=naive).start_time, naive.astimezone().timestamp())

    def test_a_trigger_fires_without_end(self) -> None:
        self.assertEqual(self.follows(trigger=AutomationTrigger()), ([], -1))

    def test_no_trigger_is_none(self) -> None:
        self.assertEqual(self.follows(trigger=NoTrigger()), (["at start"], 1))
        self.assertFalse(Times(trigger=NoTrigger()).has_trigger)


class ProblemTests(UnitTestCase):
    def problems(self, *said: Any, forgives: bool = False, **others: Any) -> list[str]:
        return Times(said, **others).problems(_NOW, forgives=forgives)

    def test_what_can_be_done_is_no_problem(self) -> None:
        for others in (
            {},
            {"pause": 0},
            {"pause": 60},
            {"pause": 60, "number": 2},
            {"pause": 60, "number": -1},
            {"number": 1},
            {"start": _NEW_YEAR + timedelta(days=1)},
            {"trigger": AutomationTrigger(), "number": 5},
        ):
            self.assertEqual(self.problems(**others), [], others)
        self.assertEqual(self.problems(every(minutes=1), cron("* * * * *"), number=5), [])

    def test_all_of_them_are_told(self) -> None:
        found = self.problems(every(), cron("61 * * * *"), 5, start="soon", number=0, trigger="x", pause="y")
        self.assertEqual(len(found), 7, found)
        self.assertIn("5 is no schedule. Say every(), cron(), at() or at_start()", found)
        self.assertIn("start_time='soon' is unknown. Say 'immediate', or give a datetime", found)
        self.assertIn("schedules=0 is no number of runs. Give 1 or more, or -1 for no end", found)

    def test_numbers_of_runs(self) -> None:
        for number in (0, -2, 1.5, True, "3"):
            self.assertIn("is no number of runs", self.problems(number=number, pause=60)[0])
        for number in (2, -1):
            self.assertIn("nothing says when the next run is", self.problems(number=number)[0])

    def test_looks_at_a_trigger(self) -> None:
        trigger = AutomationTrigger()
        for interval in (0, -1, "5", None, math.inf):
            trigger.check_interval = interval  # type: ignore[assignment]
            self.assertEqual(
                self.problems(trigger=trigger), [f"check_interval={interval!r} is no time. Give seconds, more than 0"]
            )

    def test_intervals(self) -> None:
        for pause in (-1, "5", math.nan, True):
            self.assertIn("is no time", self.problems(pause=pause)[0])
        self.assertIn("interval=0.0001: ", self.problems(pause=0.0001)[0])
        self.assertIn("schedules=1 is a single run", self.problems(pause=60, number=1)[0])

    def test_to_say_nothing_is_a_mistake_where_a_schedule_is_expected(self) -> None:
        times = Times()
        times.add([])
        [problem] = times.problems(_NOW, forgives=False)
        self.assertIn("nothing says when it runs", problem)
        times.add([at_start()])
        self.assertEqual(times.problems(_NOW, forgives=False), [])

    def test_what_has_passed_is_told(self) -> None:
        past = at("2026-12-31T23:59+00:00")
        cases: list[tuple[list[Any], dict[str, Any]]] = [
            ([past], {}),
            ([], {"start": _NEW_YEAR - timedelta(seconds=1)}),
        ]
        for said, others in cases:
            [problem] = self.problems(*said, **others)
            self.assertIn("has passed. Give it a time to come, or catch_up='once', or remove it", problem)
            self.assertEqual(self.problems(*said, forgives=True, **others), [])

    def test_unless_something_is_to_come(self) -> None:
        past = at("2026-12-31T23:59+00:00")
        for other in (at("2027-01-01T00:01+00:00"), every(days=1), at_start(), cron("0 0 * * *")):
            self.assertEqual(self.problems(past, other), [])
        self.assertEqual(self.problems(pause=60, start=_NEW_YEAR - timedelta(days=1)), [])
