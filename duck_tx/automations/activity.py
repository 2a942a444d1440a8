"""What one automation is doing: its runs, those that wait for them, and another attempt after a failure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall

from duck_tx.automations.agenda import MOST_OWED
from duck_tx.automations.automation import Automation
from duck_tx.automations.outcome import Outcome
from duck_tx.automations.record import By

__all__ = ["Activity", "Running", "Start"]

MOST_WAITING = 100
"""Runs of one automation that wait for the one before; more are left out."""

_MOST_DOUBLINGS = 20


class Running(Protocol):
    """A run under way.

    ``when_ended`` has something called when it is known how it ended, ``when_gone`` when nothing of it runs any more,
    which ``gone`` also tells.
    """

    @property
    def gone(self) -> Deferred[None]: ...

    def when_ended(self, function: Callable[[Outcome], object]) -> None: ...
    def when_gone(self, function: Callable[[None], object]) -> None: ...
    def cancel(self) -> None: ...


@dataclass(slots=True)
class Start:
    """A run that is to begin.

    :ivar due: when it was to, in seconds since the epoch.
    :ivar over: fires when nothing of it runs any more, with how it ended; ``None`` if it was left out.
    """

    activity: Activity
    due: float
    by: By
    attempt: int = 1
    over: Deferred[Outcome | None] | None = None

    def tell(self, outcome: Outcome | None) -> None:
        """Whoever waits for it."""
        if self.over is not None and not self.over.called:
            self.over.callback(outcome)


class Activity:
    """The runs of one automation.

    :ivar name: of the automation.
    :ivar running: those under way, each with the moment it began.
    :ivar beginning: how many are about to.
    :ivar waiting: those that wait for them.
    :ivar retry: begins the next attempt.
    """

    __slots__ = ("automation", "beginning", "name", "retry", "running", "waiting")

    def __init__(self, automation: Automation) -> None:
        self.automation = automation
        self.name = automation.name
        self.running: dict[Running, float] = {}
        self.beginning = 0
        self.waiting: deque[Start] = deque()
        self.retry: IDelayedCall | None = None

    @property
    def is_busy(self) -> bool:
        """Whether there is a run, or about to be one."""
        return bool(self.running or self.beginning)

    def admit(self, start: Start) -> str:
        """Let a run begin (empty), or wait (empty, too, and it is in :attr:`waiting`); else why it is left out."""
        if not self.is_busy or self.automation.overlap == "allow":
            return ""
        # What was missed is owed, one run after the other.
        is_owed = start.by == "catch up"
        if self.automation.overlap == "skip" and not is_owed:
            return "the run before it had not ended"
        most = MOST_OWED if is_owed else MOST_WAITING
        if len(self.waiting) >= most:
            return f"{most} runs were waiting already"
        self.waiting.append(start)
        return ""

    def seconds_for(self, now: float) -> float | None:
        """Seconds that the oldest run has been under way; ``None`` if there is none."""
        return max(now - min(self.running.values()), 0.0) if self.running else None

    def delay_after(self, attempt: int) -> float | None:
        """Seconds from the failure of an attempt to the next; ``None`` if there is no next."""
        if attempt > self.automation.retries:
            return None
        return self.automation.backoff * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS)

    def forget_retry(self) -> None:
        """There is no other attempt."""
        retry, self.retry = self.retry, None
        if retry is not None and retry.active():
            retry.cancel()
