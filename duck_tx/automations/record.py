"""What the history knows: runs, as they are kept and as they are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

__all__ = [
    "LONGEST_ERROR",
    "LONGEST_OUTPUT",
    "LONGEST_TOLD",
    "Begin",
    "By",
    "Run",
    "RunState",
    "answers",
    "ended",
    "kept",
    "newest",
]

By = Literal["schedule", "catch up", "retry", "hand"]
"""Why a run began."""

RunState = Literal["running", "done", "failed", "timeout", "cancelled", "interrupted", "skipped"]
"""What became of a run; one that was ``interrupted`` ended with its process, nobody knows when or how far it got."""

LONGEST_OUTPUT = 16 * 1024
"""Characters of a run's output that are kept, from its end: histories have thousands of runs."""

LONGEST_ERROR = 1000
"""Characters of what went wrong that are kept, from its beginning."""

LONGEST_TOLD = 1024**2
"""Characters of output that one answer has, of all its runs together; the newest are told first."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A run that is about to begin.

    :ivar due: when it was to begin, in seconds since the epoch.
    :ivar started: when it does.
    :ivar attempt: counted from 1.
    """

    name: str
    due: float
    started: float
    attempt: int = 1
    by: By = "schedule"


@dataclass(frozen=True, slots=True)
class Run:
    """A run, or several in a row that were skipped for the same reason.

    :ivar number: its own, and greater than that of any run that began before it.
    :ivar due: when it was to begin, in seconds since the epoch.
    :ivar started: when it did; of one that was skipped, when it was to.
    :ivar finished: when it ended; ``None`` if it runs, or was interrupted.  Of those that were skipped, when the last
        was to begin.
    :ivar attempt: counted from 1.
    :ivar error: what went wrong, in a line, or why it was skipped; else empty.
    :ivar output: the end of what it printed.
    :ivar status: the exit status of a program or a command; of a program that a signal ended, its number, negative.
    :ivar count: how many in a row this stands for.
    """

    number: int
    name: str
    due: float
    started: float
    finished: float | None = None
    attempt: int = 1
    by: By = "schedule"
    state: RunState = "running"
    error: str = ""
    output: str = ""
    status: int | None = None
    count: int = 1

    def ended(self, finished: float, state: RunState, error: str, output: str, status: int | None) -> Run:
        """It when it has ended."""
        # ``replace`` takes several times as long, and thousands may end in a second.
        return Run(
            self.number,
            self.name,
            self.due,
            self.started,
            finished,
            self.attempt,
            self.by,
            state,
            error,
            output,
            status,
        )

    @property
    def duration(self) -> float | None:
        """Seconds that it took, if that is known."""
        if self.finished is None or self.state == "skipped":
            return None
        # The clock may have been set in between.
        return max(self.finished - self.started, 0.0)

    def as_last(self) -> dict[str, object]:
        """It as the last result of its automation, for whoever asks."""
        return {
            "state": self.state,
            "started": self.started,
            "duration": self.duration,
            "error": self.error,
            "status": self.status,
        }

    def as_answer(self, *, output: bool) -> dict[str, object]:
        """It as a part of the history, for whoever asks.

        :param output: with what it printed.
        """
        about = {
            "number": self.number,
            "due": self.due,
            "attempt": self.attempt,
            "by": self.by,
            "count": self.count,
            **self.as_last(),
        }
        return {**about, "output": self.output} if output else about


def ended(run: Run) -> bool:
    """Whether it is a result: it began, and ended."""
    return run.state not in ("running", "skipped")


def kept(run: Run) -> Run:
    """A run as it is kept: its output and error shortened, and nothing in them that has no bytes."""
    if not run.error and not run.output:
        return run
    error, output = run.error[:LONGEST_ERROR], run.output[-LONGEST_OUTPUT:]
    return replace(run, error=_encodable(error), output=_encodable(output))


def _encodable(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def newest(runs: Iterable[Run]) -> list[Run]:
    """In the order in which they are told."""
    return sorted(runs, key=lambda run: -run.number)


def answers(runs: Iterable[Run], *, output: bool) -> list[dict[str, object]]:
    """Runs for whoever asks.

    :param runs: the newest first.
    :param output: with what they printed, as far as there is room for it.
    """
    left = LONGEST_TOLD if output else -1
    told = []
    for run in runs:
        left -= len(run.output)
        told.append(run.as_answer(output=left >= 0))
    return told
