"""Who runs the automations: what begins when, through failures, slow jobs, restarts and clocks that are set."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count, pairwise
from typing import Any

from twisted.internet.defer import Deferred

from duck_tx.automations.automation import Automation
from duck_tx.automations.leader import _AT_ONCE
from duck_tx.automations.outcome import Outcome
from duck_tx.automations.schedule import at, at_start, cron, every
from duck_tx.automations.trigger import AutomationTrigger
from duck_tx.eventloop.inbox import TURN
from tests.unit.automation_case import MORNING, AutomationTestCase

_HOUR = 3600.0
_DAY = 24 * _HOUR


def _job() -> None: ...


class TimeTests(AutomationTestCase):
    def test_an_interval_does_not_drift(self) -> None:
        self.lead(Automation(_job, "a", when=every(seconds=0.1)))
        self.clock.live(1000.0)
        times = self.runner.times("a")
        self.assertEqual(len(times), 10000)
        self.assertLess(max(abs(each - 0.1 * number) for number, each in enumerate(times, 1)), 1e-6)

    def test_nothing_is_looked_at_before_its_time(self) -> None:
        self.lead(Automation(_job, "a", when=cron("0 12 * * *")))
        self.clock.advance(0)
        # One timer for the next run, one for removing what is old.
        self.assertEqual(sorted(call.getTime() - MORNING for call in self.clock.calls), [4 * _HOUR, 6 * _HOUR])

    def test_several_schedules_are_one_automation(self) -> None:
        moment = datetime.fromtimestamp(MORNING + 90.0, UTC)
        self.lead(Automation(_job, "a", when=(at_start(), at(moment), every(minutes=1))))
        self.clock.live(125.0)
        self.assertEqual(self.runner.times("a"), [0.0, 60.0, 90.0, 120.0])

    def test_the_zone_is_that_of_the_project_where_none_is_named(self) -> None:
        job = Automation(_job, "a", when=cron("0 12 * * *"))
        self.lead(job, Automation(_job, "b", when=cron("0 12 * * *", timezone="UTC")), zone="Europe/Berlin")
        self.clock.live(5 * _HOUR)
        self.assertEqual(self.runner.times("a"), [3 * _HOUR])
        self.assertEqual(self.runner.times("b"), [4 * _HOUR])

    def test_jitter_delays(self) -> None:
        self.lead(Automation(_job, "a", when=every(minutes=1), jitter=10.0))
        self.clock.live(130.0)
        self.assertEqual(self.runner.times("a"), [65.0, 125.0])

    def cost(self, seconds: float) -> None:
        """Have each look at the clock cost so much time."""
        spent, monotonic = count(0.0, seconds), self.clock.monotonic
        self.patch(self.clock, "monotonic", lambda: monotonic() + next(spent))

    def test_many_at_the_same_time_leave_the_reactor_its_turns(self) -> None:
        self.cost(TURN / 3)
        begun: list[int] = []

        def look() -> None:
            begun.append(len(self.runner.begun))
            if begun[-1] < 300:
                self.clock.callLater(0, look)

        self.lead(*(Automation(_job, f"a{number}", when=every(minutes=1)) for number in range(300)))
        self.clock.callLater(60.0, look)
        self.clock.advance(60.0)
        self.assertEqual(begun[-1], 300)
        self.assertLessEqual(max(self.records.at_once), 4 * _AT_ONCE)
        # In each turn what was just written begins, and what was written before.
        self.assertLessEqual(max(after - before for before, after in pairwise(begun)), 8)

    def test_no_more_are_written_than_can_begin(self) -> None:
        self.cost(TURN / 3)
        self.runner.is_behind = True
        self.lead(*(Automation(_job, f"a{number}", when=every(minutes=1)) for number in range(2000)))
        self.clock.live(60.5)
        self.assertEqual(self.runner.begun, [])
        self.assertLess(len(self.records.kept), 2000)
        self.runner.is_behind = False
        self.clock.live(5.0)
        self.assertEqual(len(self.runner.begun), 2000)
        self.assertEqual({each.state for each in self.records.kept.values()}, {"done"})

    def test_one_that_cannot_begin_keeps_no_other_from_it(self) -> None:
        def behave(name: str, running: object) -> None:
            if name == "a":
                raise LookupError("lost")

        self.runner.behave = behave
        self.lead(*(Automation(_job, name, when=every(minutes=1)) for name in "abc"))
        self.clock.live(61.0)
        self.assertEqual([name for name, _ in self.runner.begun], ["a", "b", "c"])
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    def test_what_is_written_and_has_not_begun_in_the_end_never_does(self) -> None:
        self.runner.is_behind = True
        leader = self.lead(Automation(_job, "a", when=every(minutes=1)))
        self.clock.live(60.5)
        leader.stop()
        self.assertEqual((self.runner.begun, self.records.states("a")), ([], ["cancelled"]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_disabled_one_is_never_due(self) -> None:
        self.lead(Automation(_job, "a", when=every(minutes=1), enabled=False))
        self.clock.live(_HOUR)
        self.assertEqual(self.runner.begun, [])

    def test_what_is_old_is_removed_four_times_a_day(self) -> None:
        self.lead(Automation(_job, "a", when=every(days=1)))
        self.clock.live(_DAY)
        self.assertEqual(len(self.records.pruned), 5)


class RobustTests(AutomationTestCase):
    def test_a_failure_among_ourselves_is_told_and_ends_nothing(self) -> None:
        leader = self.lead(Automation(_job, "a", when=every(minutes=1)))
        due, failures = leader.agenda.due, [OSError("no"), ValueError("no")]

        def fail(*args: Any) -> Any:
            if failures:
                raise failures.pop()
            return due(*args)

        self.patch(leader.agenda, "due", fail)
        self.clock.live(130.0)
        self.assertEqual(self.runner.times("a"), [62.0, 120.0])
        self.assertEqual(len(self.flushLoggedErrors(OSError, ValueError)), 2)


class OverlapTests(AutomationTestCase):
    def _slow(self, overlap: str) -> None:
        self.runner.behave = lambda name, running: self.clock.callLater(90.0, running.end)
        self.lead(Automation(_job, "a", when=every(minutes=1), overlap=overlap))

    def test_a_run_is_skipped_while_the_one_before_it_goes_on(self) -> None:
        self._slow("skip")
        self.clock.live(250.0)
        self.assertEqual(self.runner.times("a"), [60.0, 180.0])
        self.assertEqual(
            self.records.left_out,
            [("a", 120.0, "the run before it had not ended"), ("a", 240.0, "the run before it had not ended")],
        )

    def test_or_waits_for_its_end(self) -> None:
        self._slow("queue")
        self.clock.live(250.0)
        self.assertEqual(self.runner.times("a"), [60.0, 150.0, 240.0])

    def test_but_not_in_a_queue_without_end(self) -> None:
        self.runner.behave = lambda name, running: None
        self.lead(Automation(_job, "a", when=every(seconds=1), overlap="queue"))
        self.clock.live(105.0)
        self.assertEqual({why for _, _, why in self.records.left_out}, {"100 runs were waiting already"})
        self.assertEqual(len(self.records.left_out), 4)

    def test_or_runs_beside_it(self) -> None:
        self._slow("allow")
        self.clock.live(190.0)
        self.assertEqual(self.runner.times("a"), [60.0, 120.0, 180.0])

    def test_a_thread_that_took_too_long_is_in_the_way_until_it_ends(self) -> None:
        self.runner.behave = lambda name, running: running.end(Outcome("timeout", "30 s"), goes=False)
        self.lead(Automation(_job, "a", when=every(minutes=1)))
        self.clock.live(130.0)
        self.assertEqual(self.runner.times("a"), [60.0])
        self.runner.runs[0].gone.callback(None)
        self.clock.live(60.0)
        self.assertEqual(self.runner.times("a"), [60.0, 180.0])


class FailureTests(AutomationTestCase):
    def test_a_failure_ends_no_schedule(self) -> None:
        self.runner.behave = lambda name, running: running.end(Outcome("failed", "ValueError: no"))
        self.lead(Automation(_job, "a", when=every(minutes=1)))
        self.clock.live(180.0)
        self.assertEqual(self.records.states("a"), ["failed"] * 3)
        self.assertIn("automation a failed: ValueError: no", self.log)

    def test_it_is_tried_again_later_and_later(self) -> None:
        self.runner.behave = lambda name, running: running.end(Outcome("failed", "no"))
        self.lead(Automation(_job, "a", when=every(hours=1), retries=3, backoff=10.0))
        self.clock.live(_HOUR + 600.0)
        self.assertEqual([each - _HOUR for each in self.runner.times("a")], [0.0, 10.0, 30.0, 70.0])
        self.assertEqual([each.by for each in self.records.kept.values()], ["schedule", "retry", "retry", "retry"])
        self.assertEqual([each.attempt for each in self.records.kept.values()], [1, 2, 3, 4])
        self.assertIn("automation a failed: no; tried again in 40 s", self.log)

    def test_until_it_succeeds(self) -> None:
        outcomes = [Outcome("timeout"), Outcome("done")]
        self.runner.behave = lambda name, running: running.end(outcomes.pop(0))
        self.lead(Automation(_job, "a", when=every(hours=1), retries=3))
        self.clock.live(_HOUR + 600.0)
        self.assertEqual(self.records.states("a"), ["timeout", "done"])

    def test_the_next_time_takes_the_place_of_another_attempt(self) -> None:
        outcomes = [Outcome("failed"), Outcome("done"), Outcome("done")]
        self.runner.behave = lambda name, running: running.end(outcomes.pop(0))
        self.lead(Automation(_job, "a", when=every(minutes=1), retries=1, backoff=90.0))
        self.clock.live(185.0)
        self.assertEqual(self.runner.times("a"), [60.0, 120.0, 180.0])

    def test_runs_begin_when_it_is_written(self) -> None:
        written: Deferred[None] = Deferred()
        self.records.written = lambda: written
        self.lead(Automation(_job, "a", when=every(minutes=1)))
        self.clock.live(70.0)
        self.assertEqual(self.runner.begun, [])
        written.callback(None)
        self.assertEqual(self.runner.times("a"), [70.0])


class SetClockTests(AutomationTestCase):
    def test_what_was_jumped_over_is_missed(self) -> None:
        leader = self.lead(
            Automation(_job, "none", when=cron("0 * * * *")),
            Automation(_job, "once", when=cron("0 * * * *"), catch_up="once"),
        )
        self.clock.live(60.0)
        self.clock.put(3.5 * _HOUR)
        leader.wake()
        self.clock.live(60.0)
        self.assertEqual(self.runner.times("none"), [])
        self.assertEqual(self.runner.times("once"), [3.5 * _HOUR + 60.0])
        self.assertIn("automations: the clock was set by +12600 s", self.log)

    def test_no_time_comes_twice_where_it_is_put_back_a_little(self) -> None:
        leader = self.lead(Automation(_job, "a", when=cron("30 8 * * *")))
        self.clock.live(_HOUR)
        self.clock.put(-_HOUR)
        leader.wake()
        self.clock.live(_HOUR)
        self.assertEqual(self.runner.times("a"), [0.5 * _HOUR])

    def test_an_interval_goes_on_as_time_does(self) -> None:
        leader = self.lead(Automation(_job, "a", when=every(minutes=10)))
        self.clock.live(_HOUR)
        self.clock.put(-_HOUR)
        leader.wake()
        self.clock.live(_HOUR)
        self.assertEqual(len(self.runner.begun), 12)

    def test_a_clock_that_was_wrong_by_far_is_right_now(self) -> None:
        leader = self.lead(Automation(_job, "a", when=cron("30 8 * * *")))
        self.clock.live(_HOUR)
        self.clock.put(-30 * _DAY)
        leader.wake()
        self.clock.live(_DAY)
        self.assertEqual(len(self.runner.begun), 2)


class _Ready(AutomationTrigger):
    check_interval = 5.0

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[bool | Exception] = []

    def check_trigger(self) -> bool:
        answer = self.answers.pop(0) if self.answers else False
        if isinstance(answer, Exception):
            raise answer
        return answer


class TriggerTests(AutomationTestCase):
    def test_it_runs_when_its_condition_holds_and_again_when_it_does_again(self) -> None:
        trigger = _Ready()
        trigger.answers = [False, True, False, True]
        self.lead(Automation(_job, "a", trigger=trigger))
        self.clock.live(60.0)
        self.assertEqual(self.runner.times("a"), [5.0, 15.0])

    def test_it_is_not_looked_at_while_it_runs(self) -> None:
        self.runner.behave = lambda name, running: self.clock.callLater(20.0, running.end)
        trigger = _Ready()
        trigger.answers = [True, True]
        self.lead(Automation(_job, "a", trigger=trigger))
        self.clock.live(60.0)
        self.assertEqual(self.runner.times("a"), [0.0, 25.0])

    def test_a_condition_that_fails_is_looked_at_again_and_told_once(self) -> None:
        trigger = _Ready()
        trigger.answers = [ValueError("no"), ValueError("no"), True]
        self.lead(Automation(_job, "a", trigger=trigger))
        self.clock.live(60.0)
        self.assertEqual(self.runner.times("a"), [10.0])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_it_runs_as_often_as_it_may(self) -> None:
        trigger = _Ready()
        trigger.answers = [True] * 10
        self.lead(Automation(_job, "a", trigger=trigger, schedules=2))
        self.clock.live(60.0)
        self.assertEqual(len(self.runner.begun), 2)
        self.assertEqual(self.runner.finished, ["a"])

    def test_a_paused_one_is_not_looked_at(self) -> None:
        trigger = _Ready()
        trigger.answers = [False, True]
        leader = self.lead(Automation(_job, "a", trigger=trigger))
        leader.pause("a", True)
        self.clock.live(60.0)
        self.assertEqual(trigger.answers, [True])
