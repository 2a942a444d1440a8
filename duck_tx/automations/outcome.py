"""How a run ended, for its history and for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from duck_tx.automations.process import ProgramError
from duck_tx.automations.work import Ending

__all__ = ["Outcome", "outcome_of"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    :ivar error: what went wrong, in one line; else empty.
    :ivar output: the end of what it printed.
    :ivar status: the exit status of a program or a command; of a program that a signal ended, its number, negative.
    """

    state: Literal["done", "failed", "timeout", "cancelled"]
    error: str = ""
    output: str = ""
    status: int | None = None


_DONE = Outcome("done")


def outcome_of(ending: Ending, output: str, *, is_command: bool) -> Outcome:
    """What became of a run that ended by itself.

    :param is_command: it was a management command, whose errors are for people and whose status is like a program's.
    """
    error = ending.error
    status = ending.status
    if is_command:
        status = 0 if error is None else _status(error)
    if error is None:
        return Outcome("done", "", output, status) if output or status is not None else _DONE
    return Outcome("failed", _in_a_line(error), output, status)


def _status(error: BaseException) -> int:
    code = error.code if isinstance(error, SystemExit) else getattr(error, "returncode", 1)
    return code if isinstance(code, int) else 1


def _in_a_line(error: BaseException) -> str:
    message = _one_line(error)
    if isinstance(error, SystemExit):
        return f"it tried to end the process, with status {_one_line(error.code)}"
    if isinstance(error, ProgramError) or (type(error).__name__ == "CommandError" and message):
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
