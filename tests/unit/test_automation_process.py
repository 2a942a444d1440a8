"""Programs as child processes; those here are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from duck_tx import program
from duck_tx.automations.output import Output
from duck_tx.automations.process import GRACE, InProcess, ProgramError, Programs
from duck_tx.automations.work import Ending, Steps
from duck_tx.process.child import Ending as ChildEnding
from tests.case import UnitTestCase


class _Child:
    """A child that ends when it is told to by the test."""

    refusal: OSError | None = None

    def __init__(self, *, output: Callable[[str, str], object], ended: Callable[[Any], object]) -> None:
        self.output = output
        self.ended = ended
        self.started: list[Any] = []
        self.signals: list[str] = []

    def start(self, command: Sequence[str], *, directory: Path, environ: Mapping[str, str], grace: float) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.started += [list(command), directory, dict(environ), grace]

    def terminate(self) -> None:
        self.signals.append("terminate")

    def kill(self) -> None:
        self.signals.append("kill")


class ProcessTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.children: list[_Child] = []
        self.output = Output()

    def begin(self, refusal: OSError | None = None, **options: Any) -> InProcess:
        def make(**told: Any) -> _Child:
            child = _Child(**told)
            child.refusal = refusal
            self.children.append(child)
            return child

        programs = Programs(self.clock, make, directory=Path("/srv"), environ=lambda: {"ONE": "1", "TWO": "2"})
        return programs.begin(program(["dump", Path("x")], **options), Steps("dump", self.output, ()))

    def test_it_runs_in_the_project_with_its_variables(self) -> None:
        self.begin()
        self.begin(directory="data", env={"TWO": "two"})
        self.begin(directory="/var")
        self.assertEqual(self.children[0].started, [["dump", "x"], Path("/srv"), {"ONE": "1", "TWO": "2"}, GRACE])
        self.assertEqual(self.children[1].started[1:3], [Path("/srv/data"), {"ONE": "1", "TWO": "two"}])
        self.assertEqual(self.children[2].started[1], Path("/var"))

    def test_what_it_writes_is_kept(self) -> None:
        run = self.begin()
        self.children[0].output("stdout", "one")
        self.children[0].output("stderr", "two")
        self.assertEqual(self.output.text, "one\ntwo\n")
        self.assertNoResult(run.gone)

    def test_its_end_is_told(self) -> None:
        run = self.begin()
        self.children[0].ended(ChildEnding(0))
        self.assertEqual(self.successResultOf(run.gone), Ending(None, 0))

    def test_a_bad_end_is_told_in_words(self) -> None:
        for ending, said, words, status in (
            (ChildEnding(3), "", "exit status 3", 3),
            (ChildEnding(3), "no room\n\n", "exit status 3: no room", 3),
            (ChildEnding(None, 9), "", "ended by SIGKILL: no room", -9),
            (ChildEnding(None), "", "ended, and nobody saw how: no room", None),
        ):
            run = self.begin()
            self.output.write(said)
            self.children[-1].ended(ending)
            found = self.successResultOf(run.gone)
            self.assertIsInstance(found.error, ProgramError)
            self.assertEqual((str(found.error), found.status), (words, status))

    def test_one_that_cannot_be_started_has_ended(self) -> None:
        run = self.begin(OSError(11, "Resource temporarily unavailable"))
        self.assertEqual(
            str(self.successResultOf(run.gone).error), "it could not be started: Resource temporarily unavailable"
        )
        self.assertTrue(run.cancel())
        self.assertEqual(self.children[0].signals, [])

    def test_it_is_asked_to_end_and_killed_if_it_does_not(self) -> None:
        self.assertTrue(self.begin().cancel())
        [child] = self.children
        self.clock.advance(GRACE - 0.1)
        self.assertEqual(child.signals, ["terminate"])
        self.clock.advance(0.1)
        self.assertEqual(child.signals, ["terminate", "kill"])
        child.ended(ChildEnding(None, 9))

    def test_one_that_ends_in_time_is_not_killed(self) -> None:
        self.begin().cancel()
        self.children[0].ended(ChildEnding(0))
        self.assertEqual(self.clock.getDelayedCalls(), [])
