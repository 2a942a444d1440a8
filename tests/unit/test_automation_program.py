"""Programs as they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duck_tx import program
from tests.case import UnitTestCase


class ProgramTests(UnitTestCase):
    def problem(self, *given: Any, **said: Any) -> str:
        return program(*given, **said).problem()

    def test_words_may_be_paths(self) -> None:
        job = program(["sh", Path("/tmp")])
        self.assertEqual((job.command, str(job), job.problem()), (["sh", "/tmp"], "sh /tmp", ""))
        self.assertEqual(self.problem(["/bin/sh"]), "")

    def test_it_is_sought_in_its_path(self) -> None:
        self.assertEqual(
            self.problem(["sh"], env={"PATH": "/nowhere"}), "there is no program sh in PATH. Mend it, or install it"
        )
        self.assertEqual(self.problem(["/no/sh"]), "there is no program /no/sh. Mend it, or install it")

    def test_what_is_relative_is_seen_when_it_runs(self) -> None:
        self.assertEqual(self.problem(["./backup"], directory="scripts"), "")

    def test_a_directory_that_is_not_there(self) -> None:
        self.assertEqual(
            self.problem(["sh"], directory="/nowhere"), "program sh: there is no directory /nowhere. Mend its directory"
        )

    def test_variables_are_text_and_are_not_shown(self) -> None:
        for value in (8000, None, "a\0b"):
            self.assertEqual(
                self.problem(["sh"], env={"PORT": value}),
                "program sh: its variable 'PORT' is no text. Make it one with str()",
            )
        self.assertEqual(self.problem(["sh"], env={"PORT": "8000", "DATA": Path("/srv")}), "")

    def test_a_line_is_no_list_of_words(self) -> None:
        self.assertEqual(
            self.problem("pg_dump shop"),
            "program 'pg_dump shop' is not a list of words. Give its words one by one: ['pg_dump', 'shop']",
        )
        self.assertEqual(str(program("pg_dump shop")), "pg_dump shop")

    def test_words_that_are_none(self) -> None:
        self.assertEqual(
            self.problem(["nice", 5]), "program ['nice', 5] has a word that is no text. Make it one with str()"
        )
        for word in ("a\0b", "\ud800"):
            self.assertEqual(
                self.problem(["sh", word]), f"program {['sh', word]} has a character that no word may have. Remove it"
            )
        for nothing in ([], [""]):
            self.assertIn("a program without a name", self.problem(nothing))
        self.assertIn("no text", self.problem(5))
