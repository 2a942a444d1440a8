"""A month of automations: failures, slow jobs, ends of the process, a change of daylight-saving time and set clocks."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from duck_tx.automations.automation import Automation
from duck_tx.automations.leader import Leader
from duck_tx.automations.outcome import Outcome
from duck_tx.automations.schedule import cron, every
from tests.unit.automation_case import AutomationTestCase, Runner, Running, SetClock

_BERLIN = ZoneInfo("Europe/Berlin")
_FIRST = datetime(2026, 3, 1, tzinfo=UTC)
"""Clocks there are put forward on the 29th."""

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
_MONTH = 31 * _DAY


def _job() -> None: ...


def _minutes() -> list[datetime]:
    """Every minute of the month, by the clocks of Berlin."""
    return [(_FIRST + timedelta(minutes=number)).astimezone(_BERLIN) for number in range(31 * 24 * 60)]


class MonthTests(AutomationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start = _FIRST.timestamp()
        self.clock = SetClock(self.start)
        self.runner = Runner(self.clock)
        self.runner.behave = self.behave
        self.draw = random.Random(29)

    def behave(self, name: str, running: Running) -> None:
        """The slow one takes fifty minutes, every fifth run of the others fails."""
        if name == "slow":
            self.clock.callLater(50 * _MINUTE, running.end)
        elif self.draw.random() < 0.2:
            running.end(Outcome("failed", "no luck"))
        else:
            self.clock.callLater(self.draw.random() * _MINUTE, running.end)

    def life(self) -> Leader:
        """A life of the server."""
        return self.lead(
            Automation(_job, "hourly", when=every(hours=1), retries=2, backoff=30.0),
            Automation(_job, "nightly", when=cron("30 2 * * *", timezone="Europe/Berlin"), catch_up="once"),
            Automation(_job, "office", when=cron("*/15 8-18 * * mon-fri", timezone="Europe/Berlin")),
            Automation(_job, "slow", when=every(minutes=30)),
        )

    def kill(self) -> None:
        """What runs is gone, and no timer is left."""
        self.clock.calls.clear()

    def dues(self, name: str, by: str = "schedule") -> list[float]:
        """The times of its runs."""
        return [run.due for run in self.records.kept.values() if run.name == name and run.by == by]

    def test_each_time_comes_once(self) -> None:
        self.life()
        self.clock.live(_MONTH)
        self.assertEqual(self.dues("hourly"), [self.start + number * _HOUR for number in range(1, 31 * 24 + 1)])
        office = [
            each.timestamp()
            for each in _minutes()
            if each.minute % 15 == 0 and 8 <= each.hour <= 18 and each.isoweekday() <= 5
        ]
        self.assertEqual(self.dues("office"), office)
        # 02:30 of the 29th is not there: three o'clock comes first.
        nights = [each for each in _minutes() if (each.hour, each.minute) == (2, 30)]
        skipped = datetime(2026, 3, 29, 3, 0, tzinfo=_BERLIN)
        expected = sorted(each.timestamp() for each in [*nights, skipped])
        self.assertEqual((len(expected), self.dues("nightly")), (31, expected))

    def test_a_slow_one_is_left_out_as_often_as_it_is_in_its_own_way(self) -> None:
        self.life()
        self.clock.live(_MONTH)
        left_out = [name for name, _, _ in self.records.left_out]
        self.assertEqual(Counter(left_out), {"slow": 31 * 24})
        self.assertEqual(len(self.dues("slow")), 31 * 24)

    def test_what_fails_is_tried_again_and_never_ends_a_schedule(self) -> None:
        self.life()
        self.clock.live(_MONTH + _HOUR / 2)
        runs = [run for run in self.records.kept.values() if run.name == "hourly"]
        failed = Counter(run.attempt for run in runs if run.state == "failed")
        self.assertGreater(failed[3], 0)
        attempts = Counter(run.attempt for run in runs)
        self.assertEqual((attempts[2], attempts[3], attempts[4]), (failed[1], failed[2], 0))

    def test_neither_an_end_of_the_process_nor_its_next_life_doubles_or_forgets_a_time(self) -> None:
        gone = 0.0
        for _ in range(20):
            self.life()
            lived = self.draw.random() * 2 * _DAY
            self.clock.live(lived)
            self.kill()
            away = self.draw.random() * 6 * _HOUR
            self.clock.advance(away)
            gone += lived + away
        for name in ("hourly", "nightly", "office", "slow"):
            dues = self.dues(name)
            self.assertEqual(len(dues), len(set(dues)), name)
            # Intervals stay where they were.
            if name in ("hourly", "slow"):
                self.assertEqual({(due - self.start) % (_HOUR / 2) for due in dues}, {0.0})
        self.assertEqual(len({*self.dues("nightly"), *self.dues("nightly", "catch up")}), self.nights(gone))
        self.assertNotIn("running", self.records.states("hourly"))

    def nights(self, until: float) -> int:
        """How many times of the nightly one lie in so many seconds."""
        days = [_FIRST.astimezone(_BERLIN) + timedelta(days=number) for number in range(60)]
        times = [day.replace(hour=2, minute=30).timestamp() for day in days]
        return sum(self.start < each <= self.start + until for each in times)

    def test_nor_does_a_clock_that_is_set(self) -> None:
        leader = self.life()
        for by in (2 * _HOUR, -_HOUR, 5.0, -5.0, 90.0, -2 * _HOUR):
            self.clock.live(4 * _DAY + 17 * _MINUTE)
            self.clock.put(by)
            leader.wake()
        self.clock.live(4 * _DAY)
        for name in ("nightly", "office"):
            dues = [*self.dues(name), *self.dues(name, "catch up")]
            self.assertEqual(len(dues), len(set(dues)), name)
        # Each hour that really went by, whatever the clock showed.
        real = self.clock.monotonic() - self.start
        self.assertLess(abs(len(self.dues("hourly")) - real / _HOUR), 4)
        nights = {*self.dues("nightly"), *self.dues("nightly", "catch up")}
        self.assertEqual(len(nights), self.nights(self.clock.seconds() - self.start))
