"""How an automation runs, apart from what and when."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Literal, get_args

from duck_tx.automations.course import CatchUp

__all__ = ["CatchUp", "Options", "Overlap", "is_number", "seconds"]

Overlap = Literal["skip", "queue", "allow"]


@dataclass(slots=True)
class Options:
    """What is said of an automation; :class:`duck_tx.automations.automation.Automation` says what each is.

    They may be anything until :meth:`problems` has been asked.
    """

    overlap: str = "skip"
    timeout: float | timedelta | None = None
    retries: int = 0
    backoff: float | timedelta = 10.0
    jitter: float | timedelta = 0.0
    catch_up: str = "none"
    enabled: bool = True
    threaded: bool | None = None

    def problems(self) -> list[str]:
        """What is wrong with them, and how to mend it."""
        found = []
        for name, words in (("overlap", Overlap), ("catch_up", CatchUp)):
            value = getattr(self, name)
            if value not in get_args(words):
                found.append(f"{name}={value!r} is unknown. Say one of {', '.join(map(repr, get_args(words)))}.")
        if self.timeout is not None and not seconds(self.timeout) > 0:
            found.append(f"timeout={self.timeout!r} is no time. Give seconds, more than 0, or a timedelta.")
        for name in ("backoff", "jitter"):
            value = getattr(self, name)
            if not seconds(value) >= 0:
                found.append(f"{name}={value!r} is no time. Give seconds, 0 or more, or a timedelta.")
        if not is_number(self.retries) or self.retries < 0:
            found.append(f"retries={self.retries!r} is no number of times. Give 0 or more.")
        if not isinstance(self.enabled, bool):
            found.append(f"enabled={self.enabled!r} is neither True nor False.")
        if self.threaded is not None and not isinstance(self.threaded, bool):
            found.append(f"threaded={self.threaded!r} is neither True nor False.")
        return found

    def joined(self, other: Options) -> tuple[Options, list[str]]:
        """Both, and what they contradict each other in.  Of what the other does not say, its default is no opinion."""
        both, found = Options(), []
        for field in fields(self):
            mine, its = getattr(self, field.name), getattr(other, field.name)
            if mine != field.default and its not in (field.default, mine):
                found.append(f"{field.name} is both {mine!r} and {its!r}. Say it once.")
            setattr(both, field.name, mine if its == field.default else its)
        return both, found


def seconds(value: object) -> float:
    """A time in seconds; what is no time, or has no end, is ``nan``, which is neither more nor less than anything."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    return float(value) if math.isfinite(value) else math.nan


def is_number(value: Any) -> bool:
    """Whether it is a whole number; the two truth values are none here."""
    return isinstance(value, int) and not isinstance(value, bool)
