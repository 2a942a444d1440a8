"""Runs as they are kept and told."""

from __future__ import annotations

from typing import get_args

from duck_tx.automations import record
from duck_tx.automations.record import LONGEST_ERROR, LONGEST_OUTPUT, Run, RunState, answers, ended, kept, newest
from tests.case import UnitTestCase


class RunTests(UnitTestCase):
    def test_the_duration_is_known_of_what_has_run(self) -> None:
        run = Run(1, "a", due=5.0, started=10.0)
        self.assertIsNone(run.duration)
        self.assertEqual(Run(1, "a", 5.0, 10.0, 12.5, state="done").duration, 2.5)
        self.assertIsNone(Run(1, "a", 5.0, 10.0, None, state="interrupted").duration)
        self.assertIsNone(Run(1, "a", 5.0, 5.0, 9.0, state="skipped").duration)

    def test_a_clock_set_back_makes_no_time_negative(self) -> None:
        self.assertEqual(Run(1, "a", 5.0, 10.0, 3.0, state="done").duration, 0.0)

    def test_results_are_runs_that_began_and_ended(self) -> None:
        results = [state for state in get_args(RunState) if ended(Run(1, "a", 1.0, 1.0, state=state))]
        self.assertEqual(results, ["done", "failed", "timeout", "cancelled", "interrupted"])

    def test_of_long_output_the_end_is_kept(self) -> None:
        run = kept(Run(1, "a", 1.0, 1.0, output="x" * LONGEST_OUTPUT + "the end"))
        self.assertEqual(len(run.output), LONGEST_OUTPUT)
        self.assertTrue(run.output.endswith("the end"))

    def test_of_a_long_error_the_beginning_is_kept(self) -> None:
        self.assertEqual(kept(Run(1, "a", 1.0, 1.0, error="KeyError" + "x" * 9999)).error[:9], "KeyErrorx")
        self.assertEqual(len(kept(Run(1, "a", 1.0, 1.0, error="x" * 9999)).error), LONGEST_ERROR)

    def test_an_answer_has_the_output_of_as_many_as_there_is_room_for(self) -> None:
        self.patch(record, "LONGEST_TOLD", 10)
        runs = [Run(number, "a", 1.0, 1.0, output="12345") for number in (3, 2, 1)]
        self.assertEqual(["output" in each for each in answers(runs, output=True)], [True, True, False])
        self.assertEqual(["output" in each for each in answers(runs, output=False)], [False] * 3)
        runs = [Run(1, "a", 1.0, 1.0)]
        self.assertEqual(answers(runs, output=False), [runs[0].as_answer(output=False)])

    def test_text_that_has_no_bytes_is_escaped(self) -> None:
        run = kept(Run(1, "a", 1.0, 1.0, error="caf\udce9", output="né\udcff"))
        self.assertEqual((run.error, run.output), ("caf\\udce9", "né\\udcff"))

    def test_the_newest_come_first(self) -> None:
        runs = [Run(number, "a", 1.0, 1.0) for number in (2, 10, 1)]
        self.assertEqual([run.number for run in newest(runs)], [10, 2, 1])

    def test_an_answer_has_the_output_only_if_asked_for(self) -> None:
        run = Run(7, "a", 5.0, 10.0, 12.5, 2, "retry", "failed", "KeyError: 1", "text", 1)
        about = {
            "number": 7,
            "due": 5.0,
            "attempt": 2,
            "by": "retry",
            "count": 1,
            "state": "failed",
            "started": 10.0,
            "duration": 2.5,
            "error": "KeyError: 1",
            "status": 1,
        }
        self.assertEqual(run.as_answer(output=False), about)
        self.assertEqual(run.as_answer(output=True), {**about, "output": "text"})
