"""Checks before a start: all are run, all that they find is said."""

from __future__ import annotations

from duck_tx.errors import ApplicationError, PortError, SettingsError
from duck_tx.process.check import CheckService, run_checks, tell
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines


def _finds(error: Exception) -> None:
    raise error


class CheckTests(UnitTestCase):
    def test_nothing_is_raised_if_nothing_is_found(self) -> None:
        called: list[int] = []
        run_checks([lambda: called.append(1), lambda: called.append(2)])
        self.assertEqual(called, [1, 2])

    def test_the_first_problem_is_raised_and_the_others_are_logged(self) -> None:
        problems = [PortError("the port"), ApplicationError("the directory"), ApplicationError("the log")]
        with logged_lines() as lines, self.assertRaises(PortError):
            run_checks([lambda problem=problem: _finds(problem) for problem in problems])  # type: ignore[misc]
        self.assertEqual(lines, ["duck: the directory", "duck: the log"])

    def test_a_bug_in_a_check_is_no_finding(self) -> None:
        self.assertRaises(ZeroDivisionError, run_checks, [lambda: _finds(ZeroDivisionError())])

    def test_each_problem_is_a_line(self) -> None:
        with logged_lines() as lines:
            tell(SettingsError(["one", "two"]))
        self.assertEqual(lines, ["duck: one", "duck: two"])

    def test_the_service_runs_them_where_privileges_are_asked_for(self) -> None:
        service = CheckService([lambda: _finds(PortError("taken"))])
        self.assertRaises(PortError, service.privilegedStartService)
