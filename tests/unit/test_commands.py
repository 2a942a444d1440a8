from __future__ import annotations

import os
from functools import cache
from tempfile import mkdtemp
from typing import Any

from duck_tx.gateway.commands import Lines
from tests.case import UnitTestCase
from tests.unit.child import ROOT, in_child


class LinesTests(UnitTestCase):
    def setUp(self) -> None:
        self.seen: list[str] = []
        self.lines = Lines(self.seen.append)

    def test_whole_lines_are_handed_on_when_they_are_whole(self) -> None:
        for text in ("one", " and", " a half\ntwo\nthr", "ee"):
            self.lines.write(text)
        self.assertEqual(self.seen, ["one and a half", "two"])

    def test_closing_hands_on_a_line_without_an_end(self) -> None:
        self.lines.write("last")
        self.lines.close()
        self.assertEqual(self.seen, ["last"])

    def test_closing_adds_no_empty_line(self) -> None:
        self.lines.write("last\n")
        self.lines.close()
        self.assertEqual(self.seen, ["last"])

    def test_a_carriage_return_is_no_part_of_a_line(self) -> None:
        self.lines.write("one\r\ntwo  \n")
        self.assertEqual(self.seen, ["one", "two"])


def many_commands(database: str) -> dict[str, Any]:
    """Runs in a child: each command with the lines it printed and the error it ended with."""
    from duck_tx.errors import ApplicationError
    from duck_tx.gateway.commands import run_commands
    from duck_tx.gateway.django import _set_up, activate
    from duck_tx.gateway.project import locate

    project = locate(project=str(ROOT / "tests" / "project"), environ={})
    activate(project)
    _set_up(project)

    def outcome(*commands: str) -> list[Any]:
        lines: list[str] = []

        def emit(line: str) -> None:
            # One that prints, as a log observer on the console does, must not hear itself.
            print(line)
            lines.append(line)

        try:
            run_commands(commands, emit)
        except ApplicationError as error:
            cause = type(error.__cause__).__name__
            return [lines, str(error), cause]
        return [lines, None, None]

    # Before the tables are there: the second command must not have run when the first has failed.
    order = outcome("behave fail", "migrate")
    absent = outcome("behave query")
    report = {
        "order": order,
        "absent": absent,
        "migrate": outcome("migrate --verbosity 0", "behave query"),
        "collectstatic": outcome("collectstatic"),
        "again": outcome("collectstatic --clear --verbosity 0"),
        "quotes": outcome("behave 'pri''nt'"),
        "own flag": outcome("behave --no-input print"),
        "unknown first": outcome("behave print", "migrat"),
        "broken quotes": outcome("migrate 'x"),
        "empty": outcome("  "),
        "bad option": outcome("migrate --nonsense"),
    }
    for how in ("print", "ask", "fail", "raise", "exit"):
        report[how] = outcome(f"behave {how}")
    from django.db import connection

    return report | {"left open": connection.connection is not None}


@cache
def _report() -> dict[str, Any]:
    data = mkdtemp(dir=os.getcwd())
    report: dict[str, Any] = in_child(many_commands, data, environ={"EXAMPLE_DATA": data})
    return report


class RunCommandsTests(UnitTestCase):
    def fails(self, case: str, message: str, cause: str) -> None:
        self.assertEqual(_report()[case][1:], [message, cause])

    def test_django_s_own_commands_run(self) -> None:
        self.assertEqual(_report()["migrate"], [["25 articles"], None, None])
        lines, error, _ = _report()["collectstatic"]
        self.assertEqual(error, None)
        self.assertIn("static files copied", lines[-1])

    def test_a_command_that_would_ask_first_just_runs(self) -> None:
        # collectstatic --clear asks before it deletes anything.
        self.assertEqual(_report()["again"], [[], None, None])

    def test_every_way_to_print_is_heard_line_by_line_without_colour(self) -> None:
        printed = [
            "by Django's stream",
            "by Django's other stream",
            "by print",
            "by the other stream",
            "asked not to ask: True",
        ]
        self.assertEqual(_report()["print"], [printed, None, None])
        self.assertEqual(_report()["quotes"], [printed, None, None])
        self.assertEqual(_report()["own flag"], [printed, None, None])

    def test_a_question_gets_no_answer(self) -> None:
        self.fails(
            "ask",
            "startup command 'behave ask': it asked a question, and nobody is there to answer.",
            "EOFError",
        )

    def test_the_message_of_a_failing_command_is_told_in_one_line(self) -> None:
        self.assertEqual(_report()["fail"][0], ["so far"])
        self.fails("fail", "startup command 'behave fail': it cannot be done.", "CommandError")

    def test_any_other_exception_is_told_with_its_kind(self) -> None:
        self.fails("raise", "startup command 'behave raise': LookupError: lost.", "LookupError")
        self.assertIn("OperationalError: no such table: pages_article", _report()["absent"][1])

    def test_a_command_that_exits_has_failed(self) -> None:
        self.fails("exit", "startup command 'behave exit': it ended with status 4.", "SystemExit")

    def test_an_option_that_the_command_does_not_know_is_named(self) -> None:
        self.assertIn("--nonsense", _report()["bad option"][1])

    def test_an_unknown_command_is_named_before_any_has_run(self) -> None:
        self.assertEqual(
            _report()["unknown first"],
            [
                [],
                "startup command 'migrat': the project has no command 'migrat' (did you mean migrate?).",
                "NoneType",
            ],
        )

    def test_the_rest_does_not_run_after_a_failure(self) -> None:
        self.assertEqual(_report()["order"][0], ["so far"])
        self.assertIn("no such table", _report()["absent"][1])

    def test_what_cannot_be_split_into_words_is_refused(self) -> None:
        self.assertEqual(_report()["broken quotes"][1], 'startup command "migrate \'x": No closing quotation.')
        self.assertEqual(_report()["empty"][1], "startup command '  ': there is nothing to run.")

    def test_no_database_connection_stays_open(self) -> None:
        self.assertFalse(_report()["left open"])
