"""``duckctl workers``: what may be asked, and what is told."""

from __future__ import annotations

import io
import sys
from typing import Any

from duck_tx.cli.command import Parser
from duck_tx.cli.workers import WORKERS, as_text
from tests.case import UnitTestCase


def _worker(number: int, state: str = "ready", **changes: object) -> dict[str, Any]:
    worker = {"number": number, "pid": 4710 + number, "state": state, "requests": 12, "memory": 66_000_000, "age": 61.5}
    return worker | changes


class ChangeTests(UnitTestCase):
    def change(self, *arguments: str) -> Any:
        return Parser(WORKERS).parse_args(arguments).change

    def test_a_number_or_a_difference_is_understood(self) -> None:
        self.assertEqual(self.change("4"), {"count": 4})
        self.assertEqual(self.change("+1"), {"by": 1})
        self.assertEqual(self.change("-1"), {"by": -1})
        self.assertEqual(self.change("-2", "--json"), {"by": -2})
        self.assertIsNone(self.change())

    def test_anything_else_is_a_line_and_2(self) -> None:
        for wrong in ("four", "1.5", "+", "", "--", "1e3", "9" * 10, "²"):
            err = io.StringIO()
            self.patch(sys, "stderr", err)
            if wrong == "--":
                self.assertIsNone(self.change(wrong))
                continue
            with self.assertRaises(SystemExit) as caught:
                self.change(wrong)
            self.assertEqual(caught.exception.code, 2)
            said = err.getvalue()
            self.assertEqual(len(said.splitlines()), 1)
            self.assertIn(f"{wrong!r} is no number of workers", said)


class WorkersTextTests(UnitTestCase):
    def text(self, *workers: dict[str, Any], count: int | None = None, colour: bool = False) -> list[str]:
        found = {"count": len(workers) if count is None else count, "threads": 10, "workers": list(workers)}
        return as_text(found, colour=colour).splitlines()

    def test_they_are_a_table(self) -> None:
        self.assertEqual(
            self.text(_worker(1), _worker(2, "starting", requests=0, memory=None, age=0.2)),
            [
                "WORKER  PID   STATE     REQUESTS  MEMORY    AGE",
                "1       4711  ready     12        62.9 MiB  1 minute 1 second",
                "2       4712  starting  0         -         less than a second",
            ],
        )

    def test_one_that_waits_to_be_started_has_no_process(self) -> None:
        lines = self.text({"number": 1, "pid": None, "state": "waiting", "requests": 0, "memory": 0, "age": None})
        self.assertEqual(lines[1].split(), ["1", "-", "waiting", "0", "-", "-"])

    def test_how_many_are_wanted_is_told_while_it_is_another_number(self) -> None:
        self.assertEqual(self.text(_worker(1), count=3)[-1], "3 are wanted.")
        self.assertEqual(len(self.text(_worker(1), _worker(1, "leaving"), count=1)), 3)

    def test_those_that_do_not_serve_are_in_colour(self) -> None:
        lines = self.text(_worker(1), _worker(2, "leaving"), count=1, colour=True)
        self.assertEqual([line.startswith("\x1b[33m") for line in lines], [False, False, True])

    def test_one_process_says_what_it_has_instead(self) -> None:
        for threads, text in (
            (10, "no workers: the server is one process, with 10 gateway threads."),
            (0, "no workers: the server is one process, which does all on its reactor thread."),
            (None, "no workers: the server is one process, which calls the application on an event loop."),
        ):
            self.assertEqual(as_text({"count": None, "threads": threads, "workers": []}, colour=False), text)
