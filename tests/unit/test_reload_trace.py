"""Exceptions as values to be shown."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from duck_tx.errors import ApplicationError
from duck_tx.reload.trace import Trouble, troubles
from tests.case import UnitTestCase


class TraceTests(UnitTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).absolute()
        self.root.mkdir()
        sys.path.insert(0, str(self.root))
        self.addCleanup(sys.path.remove, str(self.root))

    def troubles(self, name: str, text: str) -> list[Trouble]:
        (self.root / f"{name}.py").write_text(text)
        self.addCleanup(sys.modules.pop, name, None)
        try:
            importlib.import_module(name)
        except Exception as error:
            return troubles(error, str(self.root))
        raise AssertionError("that could be imported")

    def test_the_innermost_place_comes_first_with_its_source(self) -> None:
        [trouble] = self.troubles("rt_deep", "def f():\n    secret = 1\n    return 1 / 0\n\nf()\n")
        self.assertEqual((trouble.kind, trouble.message), ("ZeroDivisionError", "division by zero"))
        inner, outer = trouble.frames[:2]
        self.assertEqual((inner.file, inner.number, inner.function, inner.is_own), ("rt_deep.py", 3, "f", True))
        self.assertEqual((outer.file, outer.number, outer.function), ("rt_deep.py", 5, ""))
        self.assertEqual([line.text for line in inner.lines if line.is_it], ["    return 1 / 0"])
        self.assertEqual([line.number for line in inner.lines], [1, 2, 3, 4, 5])
        self.assertFalse(any("importlib" in frame.file for frame in trouble.frames))
        self.assertFalse(trouble.frames[-1].is_own)

    def test_a_syntax_error_is_where_it_is(self) -> None:
        [trouble] = self.troubles("rt_syntax", "a = 1\nb = ]\n")
        self.assertEqual((trouble.kind, trouble.message), ("SyntaxError", "unmatched ']'"))
        [line] = [line for line in trouble.frames[0].lines if line.is_it]
        self.assertEqual((line.number, line.text, line.caret), (2, "b = ]", 5))

    def test_what_was_before_comes_after_and_an_explanation_is_left_out(self) -> None:
        error = ApplicationError("cannot be imported")
        error.__cause__ = ValueError("x")
        error.__cause__.__context__ = KeyError("y")
        self.assertEqual([each.kind for each in troubles(error, "/")], ["ValueError", "KeyError"])
        self.assertEqual([each.message for each in troubles(ApplicationError("alone"), "/")], ["alone"])

    def test_a_file_that_is_gone_has_no_source(self) -> None:
        try:
            exec(compile("1 / 0", "/nowhere/at/all.py", "exec"), {})
        except ZeroDivisionError as error:
            [trouble] = troubles(error, "/other")
        self.assertEqual((trouble.frames[0].file, trouble.frames[0].lines), ("/nowhere/at/all.py", ()))
