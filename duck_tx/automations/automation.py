"""An automation: a named job, and what is said of when and how it runs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import update_wrapper
from typing import Any, Literal, cast, get_origin

from twisted.internet.defer import Deferred

from duck_tx.automations.command import Command
from duck_tx.automations.options import CatchUp, Options, Overlap, seconds
from duck_tx.automations.place import written
from duck_tx.automations.program import Program
from duck_tx.automations.schedule import Schedule
from duck_tx.automations.times import Times
from duck_tx.automations.trigger import AutomationTrigger

__all__ = ["Automation", "Kind"]

Kind = Literal["thread", "coroutine", "reactor", "command", "program"]

_DEFERRED = re.compile(r"(\w+\.)*Deferred(\[.*)?")


class Automation:
    """A job that runs by itself.

    It is made at the top level of a module that is looked through for automations, by the decorator
    :func:`~duck_tx.automations.decorator.automation` or from this class.  Making one never fails, so that the mistakes
    in all of them can be told together: see :meth:`problems`.

    :param callback: the job, where :meth:`execute` is not overridden; called without arguments.  A coroutine function
        runs on an event loop, one that returns a Deferred on the reactor thread, any other on a thread of a pool.
    :param name: what people call it; by default it has its module's and its own.
    :param threaded: ``False``: on the reactor thread, which it must not hold up.
    :param async_: the job is a coroutine function, which is seen without it.
    :param start_time: nothing runs before this; ``"immediate"``, or a time (local if it has no zone).
    :param schedules: how many runs there are, -1 for no end.  By default 1, or no end where there is a schedule,
        an interval or a trigger.
    :param interval: seconds from one run to the next, or a ``timedelta``.
    :param description: for people; by default the first line of the docstring.
    :param when: its schedules.
    :param trigger: runs it when its condition holds, beside the schedules.
    :param overlap: when a run is due and the one before has not ended: ``"skip"`` it, ``"queue"`` it until then, or
        ``"allow"`` both.
    :param timeout: seconds that a run may take, or a ``timedelta``.  A thread cannot be stopped: it goes on until it
        ends by itself, and counts as running until then.
    :param retries: how often a run that has failed is tried again.
    :param backoff: seconds before the first of these, twice as many before each that follows.
    :param jitter: seconds that a run may begin later, by chance.
    :param catch_up: of the runs missed while the server was down: ``"none"``, ``"once"`` for all of them, or ``"all"``.
    :param enabled: ``False`` leaves it out.

    :ivar when: every schedule, those that follow from ``interval`` and ``start_time`` too.
    :ivar times: how many runs there are, -1 for no end.
    :ivar start_time: in seconds since the epoch, or ``None``.
    :ivar place: the file and line where it was written.
    """

    def __init__(
        self,
        callback: Callable[..., Any] | Command | Program | None = None,
        name: str | None = None,
        threaded: bool | None = None,
        async_: bool = False,
        start_time: datetime | str = "immediate",
        schedules: int | None = None,
        interval: float | timedelta | None = None,
        description: str | None = None,
        *,
        when: Schedule | Sequence[Schedule] = (),
        trigger: AutomationTrigger | type[AutomationTrigger] | None = None,
        overlap: str = "skip",
        timeout: float | timedelta | None = None,
        retries: int = 0,
        backoff: float | timedelta = 10.0,
        jitter: float | timedelta = 0.0,
        catch_up: str = "none",
        enabled: bool = True,
    ) -> None:
        self.callback = callback
        self.place = written(self)
        self._name = name
        self._called = ""
        self._description = description
        self._is_async = async_
        said = tuple(when) if isinstance(when, (tuple, list)) else (when,)
        self._times = Times(said, start_time, schedules, interval, trigger() if isinstance(trigger, type) else trigger)
        self._options = Options(overlap, timeout, retries, backoff, jitter, catch_up, enabled, threaded)
        self._contradictions: list[str] = []
        self._kind: Kind | None = None
        if callable(callback) and not isinstance(callback, (Command, Program)):
            # Not what it carries: those names are ours here.
            update_wrapper(self, callback, updated=())

    # What to override.

    def execute(self) -> Any:
        """The job.  To be overridden where there is no callback; it may be a coroutine function."""
        if self.callback is None:
            raise NotImplementedError(f"{self.name} has nothing to run: give it a callback, or override execute.")
        return self.callback()

    def on_start(self) -> Any:
        """Called before the first run since the server started."""

    def on_pre_execute(self) -> Any:
        """Called before each run."""

    def on_post_execute(self) -> Any:
        """Called after each run that did not fail."""

    def on_finish(self) -> Any:
        """Called after the last run, or when the server stops; not if there was none."""

    def on_error(self, error: BaseException) -> Any:
        """Called with what a run raised, or with a ``TimeoutError``; that has been logged by itself."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the job here and now, with arguments if it takes some."""
        return self.function(*args, **kwargs)

    # What is known of it.

    @property
    def function(self) -> Callable[..., Any]:
        """What a run calls."""
        if self.callback is None or type(self).execute is not Automation.execute:
            return self.execute
        return self.callback

    @property
    def name(self) -> str:
        own: str = getattr(self.callback, "__name__", type(self).__name__)
        return str(self._name or self._called or own)

    def call_it(self, name: str) -> None:
        """Give it this name, if it was given none."""
        self._called = name

    @property
    def description(self) -> str:
        if self._description is not None:
            return str(self._description)
        job = self.callback if self.callback is not None else type(self)
        if isinstance(job, (Command, Program)) or job is Automation:
            return str(job) if job is not Automation else ""
        return (inspect.getdoc(job) or "").partition("\n")[0]

    @property
    def kind(self) -> Kind:
        """Where it runs: a program is a process of its own, a command runs on a thread as most functions do."""
        if self._kind is None:
            self._kind = self._find_kind()
        return self._kind

    def _find_kind(self) -> Kind:
        function = self.function
        if isinstance(function, Command):
            return "command"
        if isinstance(function, Program):
            return "program"
        if is_coroutine_function(function):
            return "coroutine"
        if self._options.threaded is False or (self._options.threaded is None and _returns_deferred(function)):
            return "reactor"
        return "thread"

    @property
    def enabled(self) -> bool:
        return self._options.enabled

    @property
    def threaded(self) -> bool:
        """Whether it runs on a thread of a pool."""
        return self.kind in ("thread", "command")

    @property
    def overlap(self) -> Overlap:
        return cast(Overlap, self._options.overlap)

    @property
    def timeout(self) -> float | None:
        """Seconds, or ``None``."""
        return None if self._options.timeout is None else seconds(self._options.timeout)

    @property
    def retries(self) -> int:
        return self._options.retries

    @property
    def backoff(self) -> float:
        """Seconds."""
        return seconds(self._options.backoff)

    @property
    def jitter(self) -> float:
        """Seconds."""
        return seconds(self._options.jitter)

    @property
    def catch_up(self) -> CatchUp:
        return cast(CatchUp, self._options.catch_up)

    @property
    def when(self) -> tuple[Schedule, ...]:
        return self._times.schedules

    @property
    def start_time(self) -> float | None:
        return self._times.start_time

    @property
    def times(self) -> int:
        return self._times.times

    @property
    def trigger(self) -> AutomationTrigger | None:
        return self._times.trigger

    @property
    def has_trigger(self) -> bool:
        """Whether there is a condition to look at."""
        return self._times.has_trigger

    def decorate(self, when: Sequence[Schedule], options: Options, name: str | None, description: str | None) -> None:
        """Add what one decorator more says of it."""
        self._times.add(when)
        self._kind = None
        self._options, contradictions = self._options.joined(options)
        self._contradictions += contradictions
        if name is not None and self._name not in (None, name):
            self._contradictions.append(f"name is both {self._name!r} and {name!r}. Say it once.")
        self._name = self._name if name is None else name
        self._description = self._description if description is None else description

    # What is wrong with it.

    def problems(self, now: float, *, is_new: bool = True) -> list[str]:
        """What is wrong with it, and how to mend it, a line each with the place.

        :param now: seconds since the epoch.
        :param is_new: it was never seen before; of one that was, a time that has passed since is no mistake.
        """
        forgives = not is_new or self.catch_up != "none" or not self.enabled
        found = [
            *self._problems_with_job(),
            *self._options.problems(),
            *self._contradictions,
            *self._times.problems(now, forgives=forgives),
        ]
        return [f"{self.place}: automation {self.name}: {each.removesuffix('.')}." for each in found]

    def _problems_with_job(self) -> list[str]:
        found = []
        function = self.function
        if self._name is not None and (not isinstance(self._name, str) or not self._name.strip()):
            found.append(f"name={self._name!r} is no name")
        if self._description is not None and not isinstance(self._description, str):
            found.append(f"description={self._description!r} is no text")
        if self.callback is None and type(self).execute is Automation.execute:
            found.append("it has nothing to run. Give it a callback, or override execute")
        elif not callable(function):
            found.append(f"{function!r} cannot be called. Give a function, a command or a program")
        elif isinstance(function, (Command, Program)):
            problem = function.problem()
            found += [problem] if problem else []
        elif inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            found.append("its function is a generator, of which nothing would run. Remove its yield")
        return found + self._problems_with_threads()

    def _problems_with_threads(self) -> list[str]:
        threaded, kind = self._options.threaded, self.kind
        if threaded is True and self._is_async:
            return ["async_ and threaded exclude each other. Leave out one of them"]
        if threaded is True and kind == "coroutine":
            return ["a coroutine function does not run on a thread. Leave out threaded=True"]
        if threaded is False and kind == "command":
            return ["a command would hold up the server. Leave out threaded=False"]
        return []


def is_coroutine_function(function: object) -> bool:
    """Whether what it returns has to be awaited on an event loop."""
    if inspect.iscoroutinefunction(function):
        return True
    # An object that is called, which inspect does not look into.
    return callable(function) and inspect.iscoroutinefunction(type(function).__call__)


def _returns_deferred(function: Any) -> bool:
    returned = getattr(function, "__annotations__", {}).get("return")
    if isinstance(returned, str):
        return _DEFERRED.fullmatch(returned.strip("'\"")) is not None
    return returned is Deferred or get_origin(returned) is Deferred
