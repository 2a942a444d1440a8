"""The automations service: what is due runs, on time, and nowhere else at the same time."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.automations.discovery import check
from duck_tx.errors import ApplicationError
from duck_tx.promise import follow
from duck_tx.settings import AutomationSettings

if TYPE_CHECKING:
    from duck_tx.automations.automation import Automation
    from duck_tx.automations.history import History
    from duck_tx.automations.jump import SetClock
    from duck_tx.automations.leader import Leader
    from duck_tx.automations.lock import DirectoryLock
    from duck_tx.automations.runner import Runner

__all__ = ["AutomationService", "Found"]

_log = Logger()

_LAST_STEPS = 0.2
"""Seconds from the end of a program to when that is known here."""


class Found(NamedTuple):
    """The automations of a project.

    :ivar zone: the time zone of those that name none.
    :ivar seen: the names of those that are not new.
    """

    automations: Sequence[Automation]
    zone: str
    seen: frozenset[str] = frozenset()


class AutomationService(Service):
    """Runs automations when they are due.

    Where there are none, nothing is opened and nothing runs.  Of several processes that share a state directory one
    runs them, and another when that has ended.

    :param reactor: for time, threads and programs.
    :param settings: the automations' part of the settings.
    :param find: finds what there is; called once for each start.
    :param directory: makes the state directory where there is none, and returns it.
    :param runner: makes who runs them.
    :param patience: seconds that a stop may wait for what runs, asked when it does.
    :param lateness: seconds that it can take until these run in place of those of an earlier process.

    :ivar failed: told why they cannot be found, or run, and the start goes on; by default that fails the start.
    :ivar automations: those that were found; empty before.
    :ivar leader: who runs them; ``None`` while that is not done here.
    :ivar lock: what the process that runs them holds.
    """

    failed: Callable[[Exception], object] | None = None

    def __init__(
        self,
        reactor: Any,
        settings: AutomationSettings,
        *,
        find: Callable[[], Awaitable[Found]],
        directory: Callable[[], Path],
        runner: Callable[[], Runner],
        patience: Callable[[], float],
        lateness: float,
    ) -> None:
        self.automations: Sequence[Automation] = ()
        self.leader: Leader | None = None
        self.lock: DirectoryLock | None = None
        self._reactor = reactor
        self._settings = settings
        self._find = find
        self._directory = directory
        self._make_runner = runner
        self._patience = patience
        self._lateness = lateness
        self._is_held = False
        self._leading: Deferred[None] | None = None
        self._history: History | None = None
        self._runner: Runner | None = None
        self._set_clock: SetClock | None = None

    async def startService(self) -> None:
        """Find the automations, and look whether they can run; they do from now on, unless another process has the
        lock.

        :raises AutomationError: with all that is wrong with them.
        """
        if self.running:
            return
        super().startService()
        self._is_held = False
        try:
            found = await self._find()
            check(found.automations, self._reactor.seconds(), found.seen)
        except CancelledError:
            raise
        except Exception as error:
            if self.failed is None:
                raise
            self.failed(error)
            return
        self.automations = found.automations
        if self.automations:
            self._leading = Deferred.fromCoroutine(self._lead(found))
            self._leading.addErrback(_say_why)

    async def _lead(self, found: Found) -> None:
        # Here, as many sites have no automations.
        from duck_tx.automations.history import HISTORY, History
        from duck_tx.automations.jump import SetClock, timer_descriptor
        from duck_tx.automations.leader import Leader
        from duck_tx.automations.lock import DirectoryLock

        directory = self._directory()
        self.lock = DirectoryLock(self._reactor, directory)
        await self.lock.wait()
        settings = self._settings
        self._history = History(
            self._reactor, directory / HISTORY, keep_days=settings.history_days, keep_runs=settings.history_runs
        )
        await self._history.open()
        self._runner = self._make_runner()
        self._runner.start()
        leader = Leader(
            self._reactor,
            found.automations,
            found.zone,
            history=self._history,
            runner=self._runner,
            monotonic=time.monotonic,
            draw=random.random,
            lateness=self._lateness,
        )
        await leader.start()
        self.leader = leader
        if self._is_held:
            leader.stop()
        descriptor = timer_descriptor()
        if descriptor is not None:
            self._set_clock = SetClock(self._reactor, descriptor, leader.wake)
        _log.info("automations are scheduled: {count}", count=len(found.automations))

    async def come(self, seconds: float, *, waits: bool) -> None:
        """Wait until they run here, for so many seconds at most.

        :param waits: do so even if another process runs them until now.
        """
        leading, lock = self._leading, self.lock
        if leading is not None and (waits or lock is None or lock.is_ours):
            with suppress(TimeoutError):
                await follow(leading).addTimeout(seconds, self._reactor)

    def hold(self) -> None:
        """Begin nothing any more; what runs goes on."""
        self._is_held = True
        if self.leader is not None:
            self.leader.stop()

    async def let_go(self, seconds: float) -> None:
        """Begin nothing any more, and wait for what runs, for so many seconds at most."""
        self.hold()
        if self.leader is not None:
            await self.leader.over(seconds)

    async def stopService(self) -> None:
        """Let what runs end, as long as the grace lasts; then cancel it, and say so."""
        super().stopService()
        leading, self._leading = self._leading, None
        if leading is not None:
            leading.cancel()
        self.hold()
        if self._set_clock is not None:
            self._set_clock.stop()
            self._set_clock = None
        try:
            await self._finish()
        except CancelledError:
            if self.leader is not None:
                self.leader.dispatch.cancel()
            raise
        finally:
            self.leader = None
            await self._close()

    async def _finish(self) -> None:
        leader, runner = self.leader, self._runner
        if leader is not None and not await leader.over(self._patience()):
            _log.warn("automations: cancelled, as the grace is over: {names}", names=_names(leader))
            leader.dispatch.cancel()
        if runner is not None:
            # It waits for all but those that nobody can end.
            await runner.stop()
        if leader is not None and not await leader.over(_LAST_STEPS):
            _log.warn("automations: left to themselves: {names}", names=_names(leader))

    async def _close(self) -> None:
        self._runner = None
        history, self._history = self._history, None
        if history is not None:
            await history.close()
        lock, self.lock = self.lock, None
        if lock is not None:
            lock.release()


def _names(leader: Leader) -> str:
    return ", ".join(leader.dispatch.running())


def _say_why(failure: Failure) -> None:
    if failure.check(CancelledError):
        return
    if failure.check(ApplicationError):
        for line in str(failure.value).splitlines():
            _log.error("automations do not run: {line}", line=line)
    else:
        _log.failure("automations do not run", failure=failure)
