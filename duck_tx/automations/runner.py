"""Runs automations, each where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, TimeoutError, succeed
from twisted.logger import Logger

from duck_tx.automations.automation import Automation, Kind
from duck_tx.automations.chain import Chain
from duck_tx.automations.eventloop import EventLoop
from duck_tx.automations.inthread import InThread
from duck_tx.automations.onreactor import OnReactor
from duck_tx.automations.output import Output, listening
from duck_tx.automations.process import ProgramError, Programs
from duck_tx.automations.program import Program
from duck_tx.automations.running import Running
from duck_tx.automations.threads import Threads
from duck_tx.automations.trigger import AutomationTrigger
from duck_tx.automations.work import Ending, Steps, Unbegun, Work, failure_of, overrides, steps_of
from duck_tx.eventloop.inbox import Inbox
from duck_tx.promise import follow

__all__ = ["Runner"]

_log = Logger()

_PATIENCE = 5.0
"""Seconds that hooks and the event loop have to end when the runner stops."""


class Runner:
    """Runs automations: functions and commands on threads, coroutines on an event loop, programs as child processes,
    the rest on the reactor thread.  All methods are for the reactor thread.

    :param reactor: for time, and for what threads answer.
    :param threads: how many jobs run on threads at the same time.
    :param close_connections: closes the database connections of the thread that calls it.
    :param programs: begins programs.
    """

    def __init__(
        self, reactor: Any, *, threads: int, close_connections: Callable[[], None], programs: Programs
    ) -> None:
        self._reactor = reactor
        self._close_connections = close_connections
        self._programs = programs
        self._threads = Threads(threads, reactor)
        self._inbox = Inbox(reactor.callFromThread)
        self._loop = EventLoop(self._inbox, close_connections)
        self._listening = ExitStack()
        self._running: set[Running] = set()
        self._started: dict[int, Automation] = {}

    def start(self) -> None:
        """Listen to what runs print."""
        self._listening.enter_context(listening())

    def stop(self) -> Deferred[None]:
        """Cancel what runs, call what is to be called in the end, and let threads end; fires when that is done, or
        cannot be waited for."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for running in list(self._running):
            running.cancel()
        await DeferredList([follow(each.ended) for each in self._running])
        await self._soon(DeferredList([self.finish(each) for each in list(self._started.values())]), "the last hooks")
        await self._soon(self._loop.stop(), "the event loop")
        self._threads.stop()
        self._listening.close()

    async def _soon(self, done: Deferred[Any], what: str) -> None:
        """Wait for this, but not for long."""
        try:
            await follow(done).addTimeout(_PATIENCE, self._reactor)
        except TimeoutError:
            _log.warn("{what} of the automations did not end in {seconds:g} s", what=what, seconds=_PATIENCE)

    @property
    def is_behind(self) -> bool:
        """Whether runs that have begun have yet to come to their turn, and soon will: those that began now would only
        be more for the garbage collector to look at meanwhile."""
        return self._inbox.is_behind or self._threads.is_behind or self._loop.is_behind

    def begin(self, automation: Automation) -> Running:
        """Begin a run."""
        output = Output()
        is_first = id(automation) not in self._started
        # At once: with overlap, the next run may begin before this one has.
        self._started[id(automation)] = automation
        steps = steps_of(automation, output, is_first=is_first)
        running = Running(self._reactor, automation, output, alarm=partial(self._alarm, automation.kind, steps))
        self._running.add(running)
        running.when_gone(lambda _: self._forget(running, steps, is_first))
        if automation.timeout is not None:
            steps.begun = running.has_begun
        running.follow(self._work(automation, steps))
        return running

    def _forget(self, running: Running, steps: Steps, is_first: bool) -> None:
        self._running.discard(running)
        if is_first and not steps.done and overrides(running.automation, "on_start"):
            # It has failed, and is tried again with the next run.
            self._started.pop(id(running.automation), None)

    def check(self, trigger: AutomationTrigger) -> Deferred[bool]:
        """Ask a trigger, on a thread, whether its condition holds; fails as it does."""
        answers: list[Any] = []
        steps = Steps(trigger.name, Output(), (lambda: answers.append(trigger.check_trigger()),))

        def answer(ending: Ending) -> bool:
            if ending.error is not None:
                raise ending.error
            return bool(answers[0])

        return self._on_thread(steps).gone.addCallback(answer)

    def finish(self, automation: Automation) -> Deferred[None]:
        """It has had its last run: call its hook for that; fires when that is done.  A failure of it is logged.

        It does nothing if there was no run, or the hook has been called since.
        """
        if self._started.pop(id(automation), None) is None or not overrides(automation, "on_finish"):
            return succeed(None)
        work = self._begin(automation.kind, Steps(automation.name, Output(), (automation.on_finish,)))
        work.when_gone(partial(_say_failed, automation.name, "on_finish"))
        return work.gone.addCallback(lambda _: None)

    # Where it belongs.

    def _work(self, automation: Automation, steps: Steps) -> Work:
        program = automation.function
        if not isinstance(program, Program):
            return self._begin(automation.kind, steps)
        at = steps.calls.index(program)
        before, after = steps.part(*steps.calls[:at]), steps.part(*steps.calls[at + 1 :])
        parts: list[Callable[[], Work]] = [partial(self._programs.begin, program, steps)]
        if before.calls:
            parts.insert(0, partial(self._on_thread, before))
        if after.calls:
            parts.append(partial(self._on_thread, after))

        def failed(error: BaseException) -> Work | None:
            # What a hook raises, its thread has told already.
            return self._alarm("program", steps, error) if isinstance(error, ProgramError) else None

        return Chain(*parts, failed=failed)

    def _alarm(self, kind: Kind, steps: Steps, error: BaseException) -> Work | None:
        """Tell an automation of what none of its functions raised."""
        if steps.failed is None:
            return None
        work = self._begin(kind, Steps(steps.name, steps.output, (partial(steps.failed, error),)))
        work.when_gone(partial(_say_failed, steps.name, "on_error"))
        return work

    def _begin(self, kind: Kind, steps: Steps) -> Work:
        if kind == "coroutine":
            try:
                return self._loop.begin(steps)
            except (OSError, RuntimeError) as error:
                # There is no room for a loop or its thread.
                return Unbegun(error)
        if kind == "reactor":
            return OnReactor(steps, close_connections=self._close_connections)
        return self._on_thread(steps)

    def _on_thread(self, steps: Steps) -> InThread:
        return InThread(
            self._inbox, self._threads, steps, wait=self._loop.wait, close_connections=self._close_connections
        )


def _say_failed(name: str, hook: str, ending: Ending) -> None:
    if ending.error is not None:
        failure = failure_of(ending.error)
        _log.failure("automation {name}: its {hook} failed", failure=failure, name=name, hook=hook)
