"""A run under way, its time and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from duck_tx import Automation
from duck_tx.automations.output import Output
from duck_tx.automations.process import GRACE, ProgramError
from duck_tx.automations.running import Running
from duck_tx.automations.work import Ending, Work
from tests.case import UnitTestCase


class _Work:
    def __init__(self, *, can_be_cancelled: bool = True) -> None:
        self.gone: Deferred[Ending] = Deferred()
        self.cancelled = 0
        self._can_be_cancelled = can_be_cancelled

    def when_gone(self, function: Callable[[Ending], object]) -> None:
        self.gone.addCallback(function)

    def cancel(self) -> bool:
        self.cancelled += 1
        return self._can_be_cancelled


class RunningTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.output = Output()
        self.alarms: list[str] = []
        self.alarm: Work | None = None

    def run_(self, work: _Work, **options: Any) -> Running:
        def sound(error: BaseException) -> Work | None:
            self.alarms.append(str(error))
            return self.alarm

        running = Running(self.clock, Automation(lambda: None, name="job", **options), self.output, sound)
        running.follow(work)
        return running

    def outcome(self, running: Running) -> tuple[str, str, int | None]:
        outcome = self.successResultOf(running.ended)
        return outcome.state, outcome.error, outcome.status

    def test_it_ends_with_its_work(self) -> None:
        work = _Work()
        running = self.run_(work)
        self.output.write("said")
        self.assertNoResult(running.ended)
        work.gone.callback(Ending(None, 0))
        self.assertEqual(self.successResultOf(running.ended).output, "said")
        self.successResultOf(running.gone)

    def test_it_has_ended_before_it_is_gone(self) -> None:
        work, order = _Work(), []
        running = self.run_(work)
        running.gone.addCallback(lambda _: order.append("gone"))
        running.ended.addCallback(lambda _: order.append("ended"))
        work.gone.callback(Ending())
        self.assertEqual(order, ["ended", "gone"])

    def test_work_that_is_over_at_once_is_all_right(self) -> None:
        work = _Work()
        work.gone.callback(Ending())
        self.assertEqual(self.outcome(self.run_(work, timeout=1)), ("done", "", None))

    def test_a_program_that_failed_has_no_traceback(self) -> None:
        work = _Work()
        running = self.run_(work)
        work.gone.callback(Ending(ProgramError("exit status 3"), 3))
        self.assertEqual(self.outcome(running), ("failed", "exit status 3", 3))

    def test_its_time_counts_from_its_begin(self) -> None:
        work = _Work()
        running = self.run_(work, timeout=5)
        self.clock.advance(60)
        running.has_begun()
        running.has_begun()
        self.clock.advance(4.9)
        self.assertEqual(work.cancelled, 0)
        self.clock.advance(0.1)
        self.assertEqual(work.cancelled, 1)
        self.assertEqual(self.alarms, ["it was not done after 5 s"])
        self.assertNoResult(running.ended)
        work.gone.callback(Ending(KeyboardInterrupt(), -2))
        self.assertEqual(self.outcome(running), ("timeout", "it was not done after 5 s", -2))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_is_done_in_time_has_no_alarm(self) -> None:
        work = _Work()
        running = self.run_(work, timeout=5)
        running.has_begun()
        work.gone.callback(Ending())
        self.assertEqual(self.outcome(running), ("done", "", None))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        running.has_begun()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_cannot_be_cancelled_goes_on_and_its_run_is_over(self) -> None:
        work = _Work(can_be_cancelled=False)
        running = self.run_(work, timeout=5)
        running.has_begun()
        self.clock.advance(5)
        self.assertEqual(self.outcome(running)[0], "timeout")
        self.assertNoResult(running.gone)
        work.gone.callback(Ending(LookupError("late")))
        self.successResultOf(running.gone)

    def test_what_does_not_heed_it_either(self) -> None:
        work = _Work()
        running = self.run_(work)
        running.cancel()
        self.clock.advance(GRACE)
        self.assertNoResult(running.ended)
        self.clock.advance(1)
        self.assertEqual(self.outcome(running), ("cancelled", "it was cancelled", None))
        self.assertNoResult(running.gone)
        work.gone.callback(Ending())
        self.successResultOf(running.gone)

    def test_it_is_cancelled_once(self) -> None:
        work = _Work()
        running = self.run_(work, timeout=5)
        running.has_begun()
        for _ in range(2):
            running.cancel()
        self.clock.advance(5)
        self.assertEqual((work.cancelled, self.alarms), (1, []))
        work.gone.callback(Ending())
        running.cancel()
        self.assertEqual(self.outcome(running)[0], "cancelled")
        self.assertEqual(work.cancelled, 1)

    def test_a_cancel_after_the_end_changes_nothing(self) -> None:
        work = _Work()
        running = self.run_(work)
        work.gone.callback(Ending())
        running.cancel()
        self.assertEqual((self.outcome(running)[0], work.cancelled), ("done", 0))

    def test_also_where_its_work_is_gone_as_soon_as_it_is_cancelled(self) -> None:
        class Prompt(_Work):
            def cancel(self) -> bool:
                self.gone.callback(Ending(LookupError("cancelled")))
                return super().cancel()

        self.alarm = alarm = _Work()
        running = self.run_(Prompt(), timeout=5)
        running.has_begun()
        self.clock.advance(5)
        self.assertEqual(self.outcome(running)[0], "timeout")
        self.assertNoResult(running.gone)
        alarm.gone.callback(Ending())
        self.successResultOf(running.gone)

    def test_it_is_gone_when_its_alarm_is_too(self) -> None:
        work, self.alarm = _Work(), _Work()
        running = self.run_(work, timeout=5)
        running.has_begun()
        self.clock.advance(5)
        work.gone.callback(Ending())
        self.assertEqual(self.outcome(running)[0], "timeout")
        self.assertNoResult(running.gone)
        self.alarm.gone.callback(Ending())
        self.successResultOf(running.gone)
