"""How it ends: after the last run of an automation, and when the server stops."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from duck_tx.automations.automation import Automation
from duck_tx.automations.outcome import Outcome
from duck_tx.automations.schedule import at_start, every
from tests.unit.automation_case import AutomationTestCase, Running

_HOUR = 3600.0


def _job() -> None: ...


class LastRunTests(AutomationTestCase):
    def test_who_has_had_the_last_of_its_runs_is_told(self) -> None:
        self.lead(Automation(_job, "a", interval=60.0, schedules=3), Automation(_job, "b", when=every(minutes=1)))
        self.clock.live(90.0)
        self.assertEqual(self.runner.finished, [])
        self.clock.live(90.0)
        self.assertEqual((self.runner.times("a"), self.runner.finished), ([0.0, 60.0, 120.0], ["a"]))

    def test_but_not_while_it_may_be_tried_again(self) -> None:
        outcomes = [Outcome("failed"), Outcome("done")]
        self.runner.behave = lambda name, running: running.end(outcomes.pop(0))
        self.lead(Automation(_job, "a", when=at_start(), retries=1))
        self.clock.live(5.0)
        self.assertEqual(self.runner.finished, [])
        self.clock.live(5.0)
        self.assertEqual(self.runner.finished, ["a"])

    def test_a_paused_one_has_others_to_come(self) -> None:
        leader = self.lead(Automation(_job, "a", when=every(hours=1)))
        leader.pause("a", True)
        leader.dispatch.ask("a")
        self.assertEqual(self.runner.finished, [])


class EndTests(AutomationTestCase):
    def test_nothing_begins_after_a_stop(self) -> None:
        running: list[Running] = []
        self.runner.behave = lambda name, run: running.append(run)
        leader = self.lead(
            Automation(_job, "a", when=every(minutes=1), overlap="queue"), Automation(_job, "b", when=at_start())
        )
        self.clock.live(130.0)
        leader.stop()
        over = Deferred.fromCoroutine(leader.over(30.0))
        self.assertNoResult(over)
        for each in running:
            each.end()
        self.assertTrue(self.successResultOf(over))
        self.assertEqual(self.records.left_out, [("a", 120.0, "the server was stopping")])
        self.clock.live(_HOUR)
        self.assertEqual(self.runner.times("a"), [60.0])
        self.assertEqual(self.clock.calls, [])

    def test_what_takes_longer_than_the_grace_is_named(self) -> None:
        self.runner.behave = lambda name, run: None
        leader = self.lead(Automation(_job, "a", when=at_start()))
        self.clock.live(5.0)
        leader.stop()
        over = Deferred.fromCoroutine(leader.over(30.0))
        self.clock.live(30.0)
        self.assertFalse(self.successResultOf(over))
        self.assertEqual(leader.dispatch.running(), ["a (for 35 s)"])
        leader.dispatch.cancel()
        self.assertTrue(self.runner.runs[0].is_cancelled)

    def test_what_is_being_written_is_waited_for_and_does_not_begin(self) -> None:
        leader = self.lead(Automation(_job, "a", when=every(minutes=1)))
        written: Deferred[None] = Deferred()
        self.records.written = lambda: written
        self.clock.live(60.5)
        leader.stop()
        over = Deferred.fromCoroutine(leader.over(30.0))
        self.assertNoResult(over)
        written.callback(None)
        self.assertTrue(self.successResultOf(over))
        self.assertEqual((self.runner.begun, self.records.states("a")), ([], ["cancelled"]))

    def test_nobody_is_tried_again_after_a_stop(self) -> None:
        self.runner.behave = lambda name, running: running.end(Outcome("failed", "no"))
        leader = self.lead(Automation(_job, "a", when=at_start(), retries=5))
        self.clock.live(1.0)
        leader.stop()
        self.clock.live(_HOUR)
        self.assertEqual(len(self.runner.begun), 1)
