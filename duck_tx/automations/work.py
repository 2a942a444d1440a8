"""One run as the place where it happens sees it: what is called in which order, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.automations.automation import Automation
from duck_tx.automations.command import Command
from duck_tx.automations.moment import Moment
from duck_tx.automations.output import Output

__all__ = ["DONE", "Doing", "Ending", "Steps", "Unbegun", "Work", "failure_of", "overrides", "steps_of"]

_log = Logger()


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended.

    :ivar error: what it raised.
    :ivar status: the exit status of a program, if it has one; if a signal ended it, the negative number of that.
    """

    error: BaseException | None = None
    status: int | None = None


DONE = Ending()
"""The end of most."""


class Work(Protocol):
    """Something that is being done."""

    @property
    def gone(self) -> Deferred[Ending]:
        """Fires on the reactor thread, and never fails, when nothing of it is going on any more."""

    def when_gone(self, function: Callable[[Ending], object]) -> None:
        """Have this called then, which costs less."""

    def cancel(self) -> bool:
        """Have it end soon; ``False`` if nobody can, and it is left to itself."""


class Doing:
    """What tells that it is gone; see :class:`Work`."""

    def __init__(self) -> None:
        self._gone: Moment[Ending] = Moment()

    @property
    def gone(self) -> Deferred[Ending]:
        return self._gone.deferred

    def when_gone(self, function: Callable[[Ending], object]) -> None:
        self._gone.tell(function)


class Unbegun(Doing):
    """What could not begin, and is gone with the reason."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._gone.come(Ending(error))

    def cancel(self) -> bool:
        return True


@dataclass(slots=True)
class Steps:
    """What is called, one after the other, until one fails.

    :ivar name: of the automation.
    :ivar output: where they print.
    :ivar calls: in this order; each may be a coroutine function.
    :ivar failed: called with what one of them raised, where that was.
    :ivar begun: called on the reactor thread when the first begins.
    :ivar done: those that have been called without failing.
    """

    name: str
    output: Output
    calls: tuple[Callable[..., Any], ...]
    failed: Callable[[BaseException], Any] | None = None
    begun: Callable[[], object] | None = None
    done: list[Callable[..., Any]] = field(default_factory=list)

    def part(self, *calls: Callable[..., Any]) -> Steps:
        """Some of them alone."""
        return replace(self, calls=calls)

    def say_failed(self) -> None:
        """Log that :attr:`failed` has failed itself; to be called where it did."""
        _log.failure("automation {name}: its on_error failed", name=self.name)


def steps_of(automation: Automation, output: Output, *, is_first: bool) -> Steps:
    """What a run calls.  Hooks that nobody has overridden are left out.

    :param is_first: the hook for the start is called, too.
    """
    job = automation.function
    hooks = {name: getattr(automation, name) for name in _HOOKS if overrides(automation, name)}
    if not hooks and not isinstance(job, Command):
        return Steps(automation.name, output, (job,))
    if not is_first:
        hooks.pop("on_start", None)
    calls = (
        hooks.get("on_start"),
        hooks.get("on_pre_execute"),
        partial(job, output) if isinstance(job, Command) else job,
        hooks.get("on_post_execute"),
    )
    return Steps(automation.name, output, tuple(each for each in calls if each is not None), hooks.get("on_error"))


_HOOKS = ("on_start", "on_pre_execute", "on_post_execute", "on_error")


def overrides(automation: Automation, hook: str) -> bool:
    """Whether a class derived from ours, or the object itself, has its own idea of this hook."""
    return getattr(getattr(automation, hook), "__func__", None) is not getattr(Automation, hook)


def failure_of(error: BaseException) -> Failure:
    """What was raised elsewhere, for the log."""
    return Failure(error, type(error), error.__traceback__)
