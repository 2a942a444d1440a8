"""What became of a run."""

from __future__ import annotations

from duck_tx.automations.outcome import Outcome, outcome_of
from duck_tx.automations.process import ProgramError
from duck_tx.automations.work import Ending
from tests.case import UnitTestCase


class CommandError(Exception):
    """As Django's."""

    def __init__(self, message: str, returncode: int = 1) -> None:
        super().__init__(message)
        self.returncode = returncode


class OutcomeTests(UnitTestCase):
    def failed(self, error: BaseException, *, is_command: bool = False) -> tuple[str, int | None]:
        outcome = outcome_of(Ending(error), "printed", is_command=is_command)
        self.assertEqual((outcome.state, outcome.output), ("failed", "printed"))
        return outcome.error, outcome.status

    def test_what_did_not_fail_is_done(self) -> None:
        self.assertEqual(outcome_of(Ending(), "x", is_command=False), Outcome("done", "", "x", None))
        self.assertEqual(outcome_of(Ending(None, 0), "x", is_command=False), Outcome("done", "", "x", 0))
        self.assertEqual(outcome_of(Ending(), "x", is_command=True), Outcome("done", "", "x", 0))

    def test_errors_are_told_in_one_line(self) -> None:
        self.assertEqual(self.failed(LookupError("lost\n  again")), ("LookupError: lost again", None))
        self.assertEqual(self.failed(LookupError()), ("LookupError", None))
        self.assertEqual(self.failed(SystemExit(3)), ("it tried to end the process, with status 3", None))
        self.assertEqual(self.failed(ProgramError("exit status 3")), ("exit status 3", None))

    def test_commands_have_a_status(self) -> None:
        for error, expected in (
            (CommandError("it cannot\nbe done", 4), ("it cannot be done", 4)),
            (CommandError("", 4), ("CommandError", 4)),
            (SystemExit(3), ("it tried to end the process, with status 3", 3)),
            (SystemExit("no"), ("it tried to end the process, with status no", 1)),
            (LookupError("lost"), ("LookupError: lost", 1)),
        ):
            self.assertEqual(self.failed(error, is_command=True), expected)
