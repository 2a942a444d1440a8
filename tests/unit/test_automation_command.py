"""Management commands as jobs."""

from __future__ import annotations

import os
from functools import cache
from tempfile import mkdtemp
from typing import Any

from duck_tx import command
from tests.case import UnitTestCase
from tests.unit.child import ROOT, in_child


def many_commands() -> dict[str, Any]:
    """Runs in a child: what each command printed, the error it ended with, and what was wrong with it before."""
    import sys

    sys.path.insert(0, str(ROOT / "tests" / "project"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "example.settings"
    import django

    from duck_tx.automations.output import Output, listening

    django.setup()

    def outcome(*given: str) -> list[Any]:
        output = Output()
        job = command(*given)
        error: BaseException | None = None
        try:
            output.context().run(job, output)
        except (Exception, SystemExit) as raised:
            error = raised
        return [output.text, None if error is None else f"{type(error).__name__}: {error}", job.problem()]

    with listening():
        return {
            "print": outcome("behave print"),
            "words": outcome("behave", "print"),
            "exit": outcome("behave exit"),
            "fail": outcome("behave fail"),
            "unknown": outcome("behav print"),
            "far": outcome("xyzzy"),
            "quotes": outcome("behave 'x"),
            "fine exit": outcome("check --help"),
        }


@cache
def _report() -> dict[str, Any]:
    report: dict[str, Any] = in_child(many_commands, environ={"EXAMPLE_DATA": mkdtemp(dir=os.getcwd())})
    return report


class CommandTests(UnitTestCase):
    def test_all_that_it_prints_is_its_output_without_colour_and_without_questions(self) -> None:
        printed, error, problem = _report()["print"]
        self.assertEqual((error, problem), (None, ""))
        self.assertEqual(
            sorted(printed.splitlines()),
            [
                "asked not to ask: True",
                "by Django's other stream",
                "by Django's stream",
                "by print",
                "by the other stream",
            ],
        )
        self.assertEqual(_report()["words"], _report()["print"])

    def test_its_errors_are_told(self) -> None:
        self.assertEqual(_report()["fail"], ["so far\n", "CommandError: it cannot\nbe done.", ""])
        self.assertEqual(_report()["exit"][1], "SystemExit: 4")

    def test_to_end_with_status_0_is_no_error(self) -> None:
        printed, error, _ = _report()["fine exit"]
        self.assertIn("--deploy", printed)
        self.assertEqual(error, None)

    def test_an_unknown_one_is_told_with_the_nearest(self) -> None:
        self.assertEqual(_report()["unknown"][2], "the project has no command 'behav'. Did you mean 'behave'?")
        self.assertIn("INSTALLED_APPS", _report()["far"][2])
        self.assertEqual(_report()["far"][1], "CommandError: the project has no command 'xyzzy'")

    def test_what_cannot_be_split_is_told(self) -> None:
        self.assertIn("cannot be split into words: No closing quotation. Mend its quotes", _report()["quotes"][2])

    def test_it_is_shown_as_it_would_be_typed(self) -> None:
        self.assertEqual(str(command("mail --to x", "a b")), "mail --to x 'a b'")

    def test_one_without_a_name_is_told(self) -> None:
        self.assertIn("without a name", command(" ").problem())
