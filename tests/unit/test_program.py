"""What a program hands to its worker processes."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from duck_tx.errors import ApplicationError
from duck_tx.process import program
from duck_tx.process.program import packed, refuse_import, unpacked
from tests.case import UnitTestCase
from tests.unit.child import ROOT

_PROGRAM = """
import sys
sys.path.insert(0, {root!r})
from duck_tx.process.program import packed, refuse_import

class Thing:
    def __init__(self, word):
        self.word = word

    def say(self):
        return self.word + "!"

{more}
if __name__ == "__main__":
    sys.stdout.buffer.write(packed([Thing("quack").say], "the thing"))
"""

_WORKER = """
import sys
from duck_tx.errors import ApplicationError
from duck_tx.process.program import unpacked
try:
    for each in unpacked(sys.stdin.buffer.read(), "the thing"):
        print(each(), each.__self__.__module__, sys.modules["__main__"] is sys.modules["__mp_main__"])
except ApplicationError as error:
    print(error)
"""


def say() -> str:
    return "quack"


class ProgramTests(UnitTestCase):
    def run_(self, *command: str, given: bytes = b"", directory: Path | None = None) -> bytes:
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        run = subprocess.run(
            [sys.executable, *command],
            input=given,
            capture_output=True,
            cwd=directory,
            env=environ,
            timeout=60,
            check=False,
        )
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        return run.stdout

    def outcome(self, *, more: str = "", later: str | None = None, by_module: bool = False) -> str:
        """What a worker says of what a program hands to it.

        :param more: lines of the program.
        :param later: the same when the worker starts.
        """
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        path = directory / "thing_site.py"
        path.write_text(_PROGRAM.format(root=str(ROOT), more=more))
        data = self.run_(*(["-m", "thing_site"] if by_module else [str(path)]), directory=directory)
        if later is not None:
            path.write_text(_PROGRAM.format(root=str(ROOT), more=later))
        return self.run_("-c", _WORKER, given=data, directory=ROOT).decode().strip()

    def test_a_worker_imports_the_program_again_and_has_the_same(self) -> None:
        for by_module in (False, True):
            self.assertEqual(self.outcome(by_module=by_module), "quack! __mp_main__ True")

    def test_the_code_is_that_of_when_the_worker_starts(self) -> None:
        later = "Thing.say = lambda self: self.word.upper()"
        self.assertEqual(self.outcome(later=later), "QUACK __mp_main__ True")

    def test_a_program_that_starts_something_when_it_is_imported_is_told_what_to_do(self) -> None:
        said = self.outcome(more="refuse_import()")
        self.assertEqual(
            said,
            'worker processes import this program: what starts the server has to be below if __name__ == "__main__".',
        )

    def test_a_program_that_cannot_be_imported_says_why(self) -> None:
        said = self.outcome(later="raise LookupError('lost')")
        self.assertIn("thing_site.py cannot be imported by worker processes: LookupError: lost. What starts", said)

    def test_what_is_not_there_any_more_is_named(self) -> None:
        said = self.outcome(later="del Thing")
        self.assertIn("the thing cannot be served by this worker: AttributeError: ", said)

    def test_what_is_in_a_module_needs_no_program(self) -> None:
        self.patch(program, "_import", lambda _: self.fail("nothing is imported"))
        self.assertEqual([each() for each in unpacked(packed([say], "it"), "it")], ["quack"])

    def test_modules_are_looked_for_where_the_program_does(self) -> None:
        self.patch(sys, "path", ["/first", *sys.path])
        data = packed(say, "it")
        self.patch(sys, "path", ["/second"])
        unpacked(data, "it")
        self.assertEqual(sys.path[:2], ["/second", "/first"])

    def test_what_cannot_be_handed_over_is_named_with_the_reason(self) -> None:
        def inner() -> None:
            """Not to be found by its name."""

        with self.assertRaisesRegex(ApplicationError, "^it cannot be served by worker processes: .*inner.* top level"):
            packed(inner, "it")

    def test_a_program_without_a_file_cannot_hand_over_what_is_its_own(self) -> None:
        class Main:
            __spec__ = None

        main: Any = Main()
        self.patch(sys, "modules", {**sys.modules, "__main__": main})
        self.patch(pickle, "dumps", lambda _: b"c__main__\nsay\n.")
        with self.assertRaisesRegex(ApplicationError, "^it cannot be served by worker processes: the program"):
            packed(say, "it")

    def test_nothing_is_refused_otherwise(self) -> None:
        act: Callable[[], None] = refuse_import
        act()
