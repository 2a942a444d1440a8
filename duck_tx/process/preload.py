"""Workers that share what they have loaded: forked from a nursery, of which there is always one."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger

from duck_tx.errors import ApplicationError
from duck_tx.process.backoff import Backoff
from duck_tx.process.check import tell
from duck_tx.process.fork import Load
from duck_tx.process.forked import Forked
from duck_tx.process.nursery import Nursery
from duck_tx.process.worker import Descriptors
from duck_tx.promise import follow
from duck_tx.settings import Settings

__all__ = ["Preload"]

_log = Logger()

_END = 2.0
"""Seconds for a nursery to end that has nothing more to do."""

_TOGETHER = 0.1
"""Seconds within which a signal reaches all processes of a group."""


class Preload:
    """Keeps a nursery with these settings, and has workers forked there.

    :param reactor: for processes and time.
    :param directory: where the main process read its settings.
    :param environ: the variables of a child.
    :param draw: gives numbers from 0 up to 1, for delays.

    :ivar gone: fires when there is no nursery, and will be none.
    """

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        *,
        directory: str,
        environ: Mapping[str, str],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.gone: Deferred[None] = Deferred()
        self._reactor = reactor
        self._settings = settings
        self._directory = directory
        self._environ = environ
        self._waiting: deque[Forked] = deque()
        self._nursery: Nursery | None = None
        self._is_retired = False
        self._backoff = Backoff(draw=draw)
        self._later: IDelayedCall | None = None

    async def begin(self, *, runs_commands: bool) -> None:
        """Load the project.

        :param runs_commands: run the startup commands first.
        :raises ApplicationError: if it cannot be loaded; then there is no nursery.
        """
        try:
            nursery = self._start(runs_commands=runs_commands)
        except OSError as error:
            self._is_retired = True
            self.gone.callback(None)
            raise ApplicationError(f"the nursery could not be started: {error.strerror}.") from error
        await follow(nursery.decided)
        if nursery.why_not:
            self._is_retired = True
            raise ApplicationError(nursery.why_not)

    def spawn(self, process: ProcessProtocol, descriptors: Descriptors) -> Forked:
        """Have a worker forked, now or when there is a nursery again.

        :raises OSError: if there cannot be so many open files, or no more workers are forked.
        """
        if self._is_retired:
            raise OSError(0, "no worker is wanted any more")
        forked = Forked(self._reactor, process, descriptors, self._given_up)
        self._waiting.append(forked)
        if self._nursery is not None:
            self._nursery.go_on()
        return forked

    def retire(self) -> None:
        """Have no more forked; those that wait never will be.  The nursery stays until its last worker has ended."""
        self._is_retired = True
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._forget_waiting()
        if self._nursery is not None:
            self._nursery.retire()
        elif not self.gone.called:
            self.gone.callback(None)

    async def close(self) -> None:
        """The workers have ended: wait until the nursery has."""
        self.retire()
        late = self._reactor.callLater(_END, self.kill)
        try:
            await follow(self.gone)
        finally:
            if late.active():
                late.cancel()

    def kill(self) -> None:
        """End the nursery now."""
        if self._nursery is not None:
            self._nursery.kill()

    def _start(self, *, runs_commands: bool) -> Nursery:
        nursery = Nursery(self._reactor, self._waiting)
        load = Load(settings=self._settings, directory=self._directory, runs_commands=runs_commands)
        nursery.start(load, self._environ)
        self._nursery = nursery
        nursery.ended.addCallback(lambda _: self._ended(nursery))
        return nursery

    def _given_up(self, forked: Forked) -> None:
        """One is not wanted any more that nobody has made."""
        if forked in self._waiting:
            self._waiting.remove(forked)
            forked.ended(None)
        else:
            # It is stuck.
            self.kill()

    def _forget_waiting(self) -> None:
        while self._waiting:
            self._waiting.popleft().ended(None)

    # When it ends.

    def _ended(self, nursery: Nursery) -> None:
        self._nursery = None
        if self._is_retired:
            self.gone.callback(None)
            return
        self._again(f"the nursery: {nursery.ending}", self._reactor.seconds() - nursery.began)

    def _again(self, what: str, lived: float) -> None:
        delay = max(_TOGETHER, self._backoff.failed(lived))
        self._later = self._reactor.callLater(delay, self._start_again, what)

    def _start_again(self, what: str) -> None:
        self._later = None
        _log.warn("{what}: its workers serve on, and another is started", what=what)
        try:
            nursery = self._start(runs_commands=False)
        except OSError as error:
            self._again(f"the nursery could not be started: {error.strerror}", 0.0)
            return
        nursery.decided.addCallback(lambda _: self._look(nursery))

    def _look(self, nursery: Nursery) -> None:
        if nursery.why_not and not self._is_retired:
            tell(ApplicationError(nursery.why_not))
            self._forget_waiting()
