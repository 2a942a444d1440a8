"""How automations run, as it was said."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from duck_tx.automations.options import Options, seconds
from tests.case import UnitTestCase


class SecondsTests(UnitTestCase):
    def test_numbers_and_timedeltas_are_times(self) -> None:
        self.assertEqual([seconds(value) for value in (0, 1.5, -1, timedelta(minutes=2))], [0.0, 1.5, -1.0, 120.0])

    def test_nothing_else_is(self) -> None:
        for value in ("5", None, True, math.inf, math.nan, [1]):
            self.assertTrue(math.isnan(seconds(value)))


class OptionsTests(UnitTestCase):
    def problems(self, **said: Any) -> list[str]:
        return Options(**said).problems()

    def test_what_can_be_done_is_no_problem(self) -> None:
        self.assertEqual(self.problems(), [])
        said = {"overlap": "queue", "timeout": 0.1, "retries": 3, "backoff": 0, "jitter": timedelta(seconds=5)}
        self.assertEqual(self.problems(**said, catch_up="all", enabled=False, threaded=False), [])

    def test_unknown_words_are_told_with_those_that_are_known(self) -> None:
        self.assertEqual(
            self.problems(overlap="wait", catch_up=True),
            [
                "overlap='wait' is unknown. Say one of 'skip', 'queue', 'allow'.",
                "catch_up=True is unknown. Say one of 'none', 'once', 'all'.",
            ],
        )

    def test_what_is_no_number_or_too_small_is_told(self) -> None:
        for name, values in (
            ("timeout", (0, -1, "5", math.nan, timedelta())),
            ("backoff", (-0.1, None, math.inf)),
            ("jitter", (-1, "x")),
            ("retries", (-1, 1.5, True)),
            ("enabled", (None, 1)),
            ("threaded", ("yes",)),
        ):
            for value in values:
                [problem] = self.problems(**{name: value})
                self.assertTrue(problem.startswith(f"{name}={value!r} is "), problem)

    def test_two_add_up(self) -> None:
        both, problems = Options(overlap="queue", timeout=5).joined(Options(retries=2, timeout=5))
        self.assertEqual((both, problems), (Options(overlap="queue", timeout=5, retries=2), []))

    def test_two_that_contradict_each_other_are_told(self) -> None:
        _, problems = Options(overlap="queue").joined(Options(overlap="allow"))
        self.assertEqual(problems, ["overlap is both 'queue' and 'allow'. Say it once."])
