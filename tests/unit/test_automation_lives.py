"""What becomes of times and runs from one life of the server to the next."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

from duck_tx.automations.automation import Automation
from duck_tx.automations.outcome import Outcome
from duck_tx.automations.schedule import every
from tests.unit.automation_case import MORNING, AutomationTestCase

_HOUR = 3600.0
_DAY = 24 * _HOUR


def _job() -> None: ...


class LivesTests(AutomationTestCase):
    """From one life of the process to the next."""

    def _away(self, seconds: float, **options: str) -> list[float]:
        """Run one each hour, be away for so long, and run it again for an hour."""
        for _ in range(2):
            job = Automation(_job, "a", when=every(hours=1), **options)  # type: ignore[arg-type]
            leader = self.lead(job)
            self.clock.live(_HOUR + 60.0)
            leader.stop()
            self.clock.live(seconds)
        return [each / _HOUR for each in self.runner.times("a")]

    def test_times_go_on_where_they_were(self) -> None:
        self.assertEqual(self._away(60.0), [1.0, 2.0])

    def test_what_was_missed_is_left_out(self) -> None:
        self.assertEqual(self._away(3.5 * _HOUR), [1.0, 5.0])

    def test_but_not_the_last_if_it_was_a_moment_ago(self) -> None:
        for catch_up in ("none", "once"):
            self.assertEqual(self._away(3 * _HOUR, catch_up=catch_up)[-3:], [1.0, 4 + 1 / 60, 5.0])
            self.setUp()

    def test_all_times_around_a_restart_come_once(self) -> None:
        for seconds in range(1, 90):
            leader = self.lead(Automation(_job, "a", when=every(seconds=90)))
            self.clock.live(300.0)
            leader.stop()
            self.clock.live(float(seconds))
        leader = self.lead(Automation(_job, "a", when=every(seconds=90)))
        self.clock.live(90.0)
        dues = [each.due - MORNING for each in self.records.kept.values()]
        self.assertEqual(dues, [90.0 * n for n in range(1, len(dues) + 1)])
        self.assertGreater(len(dues), 300)
        self.assertEqual({each.by for each in self.records.kept.values()}, {"schedule"})

    def test_or_made_up_for_once(self) -> None:
        times = self._away(3.5 * _HOUR, catch_up="once")
        self.assertEqual(times, [1.0, 4.5 + 1 / 60, 5.0])
        self.assertEqual([each.by for each in self.records.kept.values()], ["schedule", "catch up", "schedule"])

    def test_or_every_time_one_after_the_other(self) -> None:
        self.runner.behave = lambda name, running: self.clock.callLater(60.0, running.end)
        times = self._away(3.5 * _HOUR, catch_up="all")
        back = 4.5 + 1 / 60
        self.assertEqual([round(each, 6) for each in times], [1.0, *(round(back + n / 60, 6) for n in range(3)), 5.0])

    def test_what_had_begun_is_not_begun_again(self) -> None:
        self.runner.behave = lambda name, running: None
        self.lead(Automation(_job, "a", when=every(hours=1), catch_up="once"))
        self.clock.live(_HOUR + 1.0)
        # The process is killed.
        self.clock.calls.clear()
        self.lead(Automation(_job, "a", when=every(hours=1), catch_up="once"))
        self.clock.live(60.0)
        self.assertEqual(self.records.states("a"), ["interrupted"])
        self.assertIn("automation a: a run was interrupted when its process ended", self.log)

    def test_unless_it_may_be_tried_again(self) -> None:
        self.runner.behave = lambda name, running: None
        self.lead(Automation(_job, "a", when=every(hours=1), retries=1))
        self.clock.live(_HOUR + 1.0)
        self.clock.calls.clear()
        self.lead(Automation(_job, "a", when=every(hours=1), retries=1))
        self.clock.live(60.0)
        self.assertEqual(self.records.states("a"), ["interrupted", "running"])

    def _fails_before_a_stop(self, seconds: float, **options: object) -> list[tuple[float, str, int]]:
        """The runs of an hour and more, where the server stops after the first has failed, for so many seconds."""
        outcomes = [Outcome("failed")]
        self.runner.behave = lambda name, running: running.end(outcomes.pop() if outcomes else None)
        for _ in range(2):
            job = Automation(_job, "a", when=every(hours=1), retries=1, backoff=60.0, **options)  # type: ignore[arg-type]
            leader = self.lead(job)
            self.clock.live(_HOUR + 10.0)
            leader.stop()
            self.clock.live(seconds)
        return [(run.started - MORNING, run.by, run.attempt) for run in self.records.kept.values()]

    def test_another_attempt_comes_in_the_next_life(self) -> None:
        first, following = (_HOUR, "schedule", 1), (2 * _HOUR, "schedule", 1)
        self.assertEqual(self._fails_before_a_stop(20.0), [first, (_HOUR + 60.0, "retry", 2), following])

    def test_and_at_once_where_its_time_is_a_little_past(self) -> None:
        self.assertEqual(self._fails_before_a_stop(120.0)[1], (_HOUR + 130.0, "retry", 2))

    def test_but_not_long_after(self) -> None:
        self.assertEqual(self._fails_before_a_stop(600.0)[1], (2 * _HOUR, "schedule", 1))

    def test_unless_missed_times_are_made_up_for(self) -> None:
        self.assertEqual(self._fails_before_a_stop(600.0, catch_up="once")[1], (_HOUR + 610.0, "retry", 2))

    def test_and_not_in_place_of_a_time_that_came_since(self) -> None:
        runs = self._fails_before_a_stop(_HOUR, catch_up="once")
        self.assertEqual(runs[1], (2 * _HOUR + 10.0, "catch up", 1))
        self.assertEqual([attempt for _, _, attempt in runs], [1] * len(runs))

    def test_a_run_that_waits_when_it_stops_is_left_to_the_next_life(self) -> None:
        self.runner.behave = lambda name, running: self.clock.callLater(150.0, running.end)
        job = Automation(_job, "a", when=every(seconds=60), overlap="queue", catch_up="all")
        leader = self.lead(job)
        self.clock.live(200.0)
        leader.stop()
        self.clock.live(20.0)
        self.lead(job)
        self.clock.live(1000.0)
        dues = [each.due - MORNING for each in self.records.kept.values()]
        self.assertEqual(dues[:4], [60.0, 120.0, 180.0, 240.0])

    def test_and_so_is_one_that_is_written_and_has_not_begun(self) -> None:
        written: Deferred[None] = Deferred()
        job = Automation(_job, "a", when=every(seconds=60), schedules=2)
        leader = self.lead(job)
        self.records.written = lambda: written
        self.clock.live(60.0)
        leader.stop()
        self.records.written = lambda: succeed(None)
        written.callback(None)
        self.assertEqual((self.runner.begun, self.records.states("a")), ([], ["cancelled"]))
        self.lead(job)
        self.clock.live(200.0)
        self.assertEqual(self.runner.times("a"), [60.0, 120.0])

    def test_an_interval_longer_than_any_life_comes(self) -> None:
        for _ in range(3):
            leader = self.lead(Automation(_job, "a", when=every(hours=24)))
            self.clock.live(11 * _HOUR)
            leader.stop()
        self.assertEqual(self.runner.times("a"), [24 * _HOUR])

    def test_what_passed_while_one_was_paused_is_not_missed_later(self) -> None:
        leader = self.lead(Automation(_job, "a", when=every(hours=1), catch_up="all"))
        self.successResultOf(leader.pause("a", True))
        self.clock.live(3.5 * _HOUR)
        self.successResultOf(leader.pause("a", False))
        leader.stop()
        self.lead(Automation(_job, "a", when=every(hours=1), catch_up="all"))
        self.clock.live(_HOUR)
        self.assertEqual(self.runner.times("a"), [4 * _HOUR])

    def test_a_paused_one_stays_so(self) -> None:
        leader = self.lead(Automation(_job, "a", when=every(hours=1)))
        self.successResultOf(leader.pause("a", True))
        self.clock.live(2 * _HOUR)
        leader.stop()
        leader = self.lead(Automation(_job, "a", when=every(hours=1), catch_up="all"))
        self.clock.live(2 * _HOUR)
        self.assertEqual(self.runner.begun, [])
        self.successResultOf(leader.pause("a", False))
        self.clock.live(_HOUR)
        self.assertEqual(self.runner.times("a"), [5 * _HOUR])
