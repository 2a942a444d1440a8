"""What can be asked of the automations, and told them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred

from duck_tx.automations.automation import Automation
from duck_tx.automations.desk import Desk
from duck_tx.automations.outcome import Outcome
from duck_tx.automations.schedule import cron, every
from duck_tx.automations.trigger import AutomationTrigger
from duck_tx.errors import ApplicationError
from tests.unit.automation_case import MORNING, AutomationTestCase, Running


def _job() -> None:
    """Do it.

    At length.
    """


class _Full(AutomationTrigger):
    def check_trigger(self) -> bool:
        return False


class DeskTests(AutomationTestCase):
    def desk(self, *automations: Automation, leads: bool = True) -> Desk:
        """One for a service with these."""
        self.leader = self.lead(*automations) if leads else None
        self.lock = SimpleNamespace(is_ours=leads, holder=4711)
        service: Any = SimpleNamespace(automations=automations, leader=self.leader, lock=self.lock, come=self.come)
        return Desk(service, self.clock)

    async def come(self, seconds: float, *, waits: bool) -> None:
        """They run, or do not."""
        self.waited = (seconds, waits)

    def ask(self, desk: Desk, verb: str, **given: object) -> Any:
        """An answer that comes at once."""
        return self.successResultOf(Deferred.fromCoroutine(desk.answer(verb, given)))

    def refusal(self, desk: Desk, verb: str, **given: object) -> str:
        """Why there is none."""
        failure = self.failureResultOf(Deferred.fromCoroutine(desk.answer(verb, given)), ApplicationError)
        return str(failure.value)

    def listed(self, desk: Desk) -> Sequence[Any]:
        """What there is."""
        found: Sequence[Any] = self.ask(desk, "list")["automations"]
        return found

    def test_one_that_has_not_run_yet(self) -> None:
        desk = self.desk(Automation(_job, "a", when=(every(minutes=5), cron("0 12 * * *", "UTC"))))
        (about,) = self.listed(desk)
        place = about.pop("place")
        self.assertIn("test_automation_desk.py:", place)
        self.assertEqual(
            about,
            {
                "name": "a",
                "description": "Do it.",
                "kind": "thread",
                "schedule": "every 5 min, 0 12 * * * UTC",
                "enabled": True,
                "paused": False,
                "running": None,
                "last": None,
                "next": MORNING + 300.0,
            },
        )

    def test_one_that_runs_and_one_that_has_failed(self) -> None:
        def behave(name: str, running: Running) -> None:
            if name == "failing":
                running.end(Outcome("failed", "ValueError: no"))

        self.runner.behave = behave
        desk = self.desk(*(Automation(_job, name, when=every(minutes=1)) for name in ("failing", "slow")))
        self.clock.live(72.0)
        failing, slow = self.listed(desk)
        self.assertEqual((slow["running"], slow["last"]), (12.0, None))
        self.assertEqual((failing["running"], failing["last"]["error"]), (None, "ValueError: no"))

    def test_a_condition_is_a_schedule(self) -> None:
        (about,) = self.listed(self.desk(Automation(_job, "a", trigger=_Full)))
        self.assertEqual((about["schedule"], about["next"]), ("when _Full", None))

    def test_its_runs(self) -> None:
        self.runner.behave = lambda name, running: running.end(Outcome("done", output="12 removed\n"))
        desk = self.desk(Automation(_job, "a", when=every(minutes=1)))
        self.clock.live(180.0)
        answer = self.ask(desk, "history", name="a", limit=2)
        self.assertEqual([each["due"] - MORNING for each in answer["runs"]], [180.0, 120.0])
        self.assertNotIn("output", answer["runs"][0])
        answer = self.ask(desk, "history", name="a", limit=2, output=True)
        self.assertEqual(answer["runs"][0]["output"], "12 removed\n")

    def test_a_number_of_runs_that_is_none(self) -> None:
        desk = self.desk(Automation(_job, "a", when=every(minutes=1)))
        self.assertIn("ask for 1 to 10000", self.refusal(desk, "history", name="a", limit=0))

    def test_a_run_by_hand_is_waited_for(self) -> None:
        self.runner.behave = lambda name, running: self.clock.callLater(
            3.0, running.end, Outcome("failed", "exit status 3", "so far\n", 3)
        )
        desk = self.desk(Automation(_job, "a", when=every(hours=1), retries=5))
        answer = Deferred.fromCoroutine(desk.answer("run", {"name": "a"}))
        self.assertNoResult(answer)
        self.clock.live(3.0)
        self.assertEqual(
            self.successResultOf(answer),
            {
                "name": "a",
                "state": "failed",
                "error": "exit status 3",
                "output": "so far\n",
                "status": 3,
                "duration": 3.0,
            },
        )
        self.clock.live(600.0)
        # Whoever asks for one gets one.
        self.assertEqual([each.by for each in self.records.kept.values()], ["hand"])

    def test_whoever_waits_may_leave(self) -> None:
        self.runner.behave = lambda name, running: None
        desk = self.desk(Automation(_job, "a", when=every(hours=1)))
        Deferred.fromCoroutine(desk.answer("run", {"name": "a"})).addErrback(lambda failure: None).cancel()
        self.assertEqual(self.records.states("a"), ["running"])
        self.runner.runs[0].end()
        self.assertEqual(self.records.states("a"), ["done"])

    def test_one_that_runs_already(self) -> None:
        self.runner.behave = lambda name, running: None
        desk = self.desk(Automation(_job, "a", when=every(minutes=1)))
        self.clock.live(80.0)
        self.assertIn("a has been running for 20 s", self.refusal(desk, "run", name="a"))

    def test_pause_and_resume(self) -> None:
        desk = self.desk(Automation(_job, "a", when=every(minutes=5)))
        self.assertEqual(self.ask(desk, "pause", name="a"), {"name": "a", "paused": True, "next": None})
        self.clock.live(700.0)
        self.assertEqual(self.runner.begun, [])
        self.assertEqual(self.ask(desk, "resume", name="a")["next"], MORNING + 900.0)

    def test_a_name_that_is_none(self) -> None:
        desk = self.desk(Automation(_job, "shop.clean", when=every(minutes=5)))
        self.assertEqual(
            self.refusal(desk, "run", name="clean"), "there is no automation 'clean': did you mean shop.clean?"
        )
        self.assertEqual(self.refusal(desk, "run", name="x"), "there is no automation 'x': there are shop.clean.")
        self.assertIn("there are no automations", self.refusal(self.desk(), "run", name="x"))

    def test_another_process_runs_them(self) -> None:
        desk = self.desk(Automation(_job, "a", when=every(minutes=5)), leads=False)
        answer = self.ask(desk, "list")
        note = "pid 4711 runs the automations of this state directory."
        self.assertEqual((answer["leader"], answer["note"]), (False, note))
        self.assertEqual(self.refusal(desk, "run", name="a"), note)
        self.lock.is_ours = True
        self.assertEqual(self.refusal(desk, "run", name="a"), "the automations are not up yet.")
