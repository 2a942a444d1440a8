from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp

from duck_tx.errors import ApplicationError
from duck_tx.gateway.failure import explained, one_line, unreadable
from tests.case import UnitTestCase
from tests.unit.nobody import as_nobody


class ExplainedTests(UnitTestCase):
    def setUp(self) -> None:
        self.site = Path(self.mktemp()).absolute()
        self.site.mkdir()

    def message(self, source: str, filename: str = "app.py", directory: str | None = None) -> str:
        """What is said about running ``source`` as that file of the project."""
        try:
            exec(compile(source, str(self.site / filename), "exec"), {})
        except BaseException as error:
            explanation = explained("the site", error, directory or str(self.site))
            self.assertNotIn("\n", str(explanation))
            return str(explanation)
        raise AssertionError("it did not fail")

    def test_an_exception_is_told_with_the_line_of_the_project(self) -> None:
        self.assertEqual(self.message("\n{}['KEY']"), "the site: KeyError: 'KEY', at app.py line 2.")

    def test_the_innermost_line_of_the_project_counts_not_the_library_below(self) -> None:
        self.assertEqual(
            self.message("import json\njson.loads('x')"),
            "the site: JSONDecodeError: Expecting value: line 1 column 1 (char 0), at app.py line 2.",
        )

    def test_no_line_is_told_where_none_is_the_projects(self) -> None:
        self.assertEqual(
            self.message("1 / 0", directory="/elsewhere"), "the site: ZeroDivisionError: division by zero."
        )

    def test_a_directory_with_the_same_beginning_is_not_the_project(self) -> None:
        self.assertNotIn("line", self.message("1 / 0", directory=str(self.site)[:-1]))

    def test_a_missing_module_is_named_with_where_it_was_looked_for(self) -> None:
        self.assertEqual(
            self.message("import duck_tx_no_such.thing"),
            "the site: no module named 'duck_tx_no_such', at app.py line 1 "
            f"(looked in {self.site} and in the Python at {sys.prefix}).",
        )

    def test_a_missing_name_is_told_without_its_kind(self) -> None:
        message = self.message("from os import no_such_name")
        self.assertTrue(message.startswith("the site: cannot import name 'no_such_name' from 'os'"), message)

    def test_a_syntax_error_is_told_with_file_and_line(self) -> None:
        self.assertEqual(self.message("x = 1\nx = = 2"), "the site: app.py line 2: invalid syntax.")

    def test_an_exit_is_told_with_its_status(self) -> None:
        self.assertEqual(
            self.message("raise SystemExit(3)"),
            "the site: the project's code ended the process with status 3, at app.py line 1.",
        )
        self.assertEqual(
            self.message("raise SystemExit"),
            "the site: the project's code ended the process with status 0, at app.py line 1.",
        )

    def test_an_exit_is_told_with_its_last_words(self) -> None:
        self.assertEqual(
            self.message("raise SystemExit('no SECRET in the\\nenvironment.')"),
            "the site: the project's code ended the process: no SECRET in the environment, at app.py line 1.",
        )

    def test_a_message_of_many_lines_becomes_one(self) -> None:
        self.assertEqual(
            self.message("raise ValueError('first\\n  second.\\n')"),
            "the site: ValueError: first second, at app.py line 1.",
        )

    def test_an_exception_without_a_message_is_its_kind(self) -> None:
        self.assertEqual(self.message("raise ValueError"), "the site: ValueError, at app.py line 1.")

    def test_an_error_that_is_explained_already_stays_as_it_is(self) -> None:
        error = ApplicationError("all is said.")
        self.assertIs(explained("the site", error, os.sep), error)


class OneLineTests(UnitTestCase):
    def test_white_space_is_one_space_and_the_last_full_stop_is_gone(self) -> None:
        self.assertEqual(one_line(" a\r\n\tb. "), "a b")
        self.assertEqual(one_line(None), "None")


class UnreadableTests(UnitTestCase):
    def setUp(self) -> None:
        # Not below the temporary directory, which is perhaps one that nobody else may enter.
        self.root = Path(mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        self.root.chmod(0o755)
        self.place = self.root / "site-packages"
        self.package = self.place / "quack"
        self.package.mkdir(parents=True)
        self.addCleanup(self.package.chmod, 0o755)
        self.addCleanup(self.place.chmod, 0o755)
        self.patch(sys, "path", [str(self.root / "nowhere"), str(self.place)])

    def test_a_place_that_can_be_read_is_none(self) -> None:
        with as_nobody():
            self.assertEqual(unreadable("quack"), "")

    def test_a_closed_place_is_named(self) -> None:
        for closed in (self.package, self.place, self.root):
            closed.chmod(0)
            with as_nobody():
                self.assertEqual(unreadable("quack"), str(closed))
        self.root.chmod(0o755)

    def test_it_is_told_where_a_module_is_not_found(self) -> None:
        self.place.chmod(0)
        with as_nobody():
            error = explained("the site", ModuleNotFoundError("no", name="quack.duck"), "/site")
        self.assertIn(f"; this user may not read {self.place}).", str(error))
