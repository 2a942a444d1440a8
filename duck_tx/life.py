"""The life of one tree in this process: who starts it, what ends it, and with which status."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.errors import ApplicationError
from duck_tx.process.check import tell
from duck_tx.process.exit import end_in_time, exit_by, exit_with
from duck_tx.process.log import log_to_console
from duck_tx.process.program import refuse_import
from duck_tx.process.sequence import Sequence
from duck_tx.process.signals import Handler
from duck_tx.process.threads import PATIENCE

__all__ = ["Life"]

_log = Logger()


class Life:
    """Runs the reactor, or fits into one that others run.

    :param reactor: where the tree lives.
    :param is_guest: the reactor is the embedding program's: it is never stopped from here, but for a signal.
    :param ended: called when the tree is down for good.
    :param grace: seconds that what is in flight may take when it stops; threads of the project that outlast the tree
        get what is left of them.

    :ivar service: the tree, handed over before anything is called.
    :ivar error: why the last start failed.
    :ivar is_guest: as given.
    :ivar is_host: the reactor runs from here.
    """

    service: Sequence

    def __init__(self, reactor: Any, *, is_guest: bool, ended: Callable[[], object], grace: float = 0) -> None:
        self.error: BaseException | None = None
        self._reactor = reactor
        self.is_guest = is_guest
        self._ended = ended
        self._grace = grace
        self._deadline: float | None = None
        self.is_host = False
        self._interrupts = 0
        self._successor: Callable[[], object] | None = None
        self._is_succeeded = False
        self._signal: signal.Signals | None = None
        self._trigger: object = None

    def run(self) -> None:
        """Start the tree and run the reactor until it is stopped; as a guest, only start the tree.

        :raises SystemExit: with 1, if something could not start; after a signal, with the status of that; where another
            life follows, with 0.
        """
        refuse_import()
        if self.is_guest:
            self.start().addErrback(_has_been_told)
            return
        log_to_console()
        self.is_host = True
        self._reactor.callWhenRunning(lambda: self.start().addErrback(_has_been_told))
        try:
            self._reactor.run()
        finally:
            self.is_host = False
            self._ended()
        if self.error is not None:
            end_in_time(1, self._patience())
            raise SystemExit(1)
        if self._is_succeeded:
            raise SystemExit(0)
        number = self._signal or getattr(self._reactor, "_exitSignal", None)
        if number:
            exit_by(signal.Signals(number), self._patience())

    def start(self) -> Deferred[None]:
        """Start the tree; fires when it is up, and fails with what stopped the start, which has been logged by then."""
        refuse_import()
        self.error = None
        self._interrupts = 0
        self._deadline = None
        if self._trigger is None:
            self._trigger = self._reactor.addSystemEventTrigger("before", "shutdown", self.service.stopService)
        return self.service.startService().addCallback(self._look)

    def _look(self, _: object) -> None:
        if self.error is not None:
            raise self.error

    def replace(self, succeed: Callable[[], object]) -> Deferred[None]:
        """Stop the tree and the reactor, for another life to follow; fires when the tree is down.

        :param succeed: called then, unless a stop was wanted in the meantime: sees to what follows the end.
        """
        return self._stop(ends=True, succeed=succeed)

    def stop(self, *, ends: bool) -> Deferred[None]:
        """Stop the tree; fires when it is down.

        :param ends: stop the reactor too, if it is not somebody else's.
        """
        return self._stop(ends=ends)

    def _stop(self, *, ends: bool, succeed: Callable[[], object] | None = None) -> Deferred[None]:
        self._successor = succeed
        self._stops()

        def down(_: object) -> None:
            if succeed is not None and self._successor is succeed:
                self._is_succeeded = True
                succeed()
            if self._trigger is not None and not ends:
                trigger, self._trigger = self._trigger, None
                # It is gone already if the reactor is stopping.
                with suppress(KeyError, ValueError):
                    self._reactor.removeSystemEventTrigger(trigger)
            self._ended()
            if ends and not self.is_guest:
                self._stop_reactor()

        return self.service.stopService().addCallback(down)

    def failed(self, error: BaseException) -> None:
        """Something could not start, and what had started has stopped again: say why, and end."""
        self.error = error
        if isinstance(error, ApplicationError):
            tell(error)
        else:
            _log.failure("duck: the start-up failed", failure=Failure(error))
        self._ended()
        if self.is_guest:
            return
        if not self.is_host:
            # ``twistd`` and ``twist`` run the reactor, and would end with 0.
            exit_with(1)
        self._reactor.callWhenRunning(self._stop_reactor)

    def interrupted(self, number: signal.Signals, earlier: Handler | None) -> None:
        """SIGINT or SIGTERM: the first stops with grace, a SIGINT after it at once."""
        if self._is_succeeded:
            # It was on its way when the tree was down.  Who follows has taken the signals over by now.
            os.kill(os.getpid(), number)
            return
        self._interrupts += 1
        self._successor = None
        if self._interrupts == 1:
            self._stops()
            _log.info("stopping on {signal}", signal=number.name)
            self._signal = number
            if earlier is not None:
                earlier(number, None)
            else:
                self._stop_reactor()
        elif number is signal.SIGINT:
            _log.info("stopping at once")
            self._deadline = self._reactor.seconds()
            self.service.stop_at_once()

    def _stop_reactor(self) -> None:
        if not self.is_host:
            # Who runs the reactor, as ``twistd`` does, has nothing more to do but to end.
            self._reactor.addSystemEventTrigger("after", "shutdown", self._end_in_time)
        with suppress(ReactorNotRunning):
            self._reactor.stop()

    def _end_in_time(self) -> None:
        end_in_time(1 if self.error is not None else 0, self._patience())

    def _stops(self) -> None:
        if self._deadline is None:
            self._deadline = self._reactor.seconds() + self._grace

    def _patience(self) -> float:
        """Seconds for threads that outlast everything else."""
        return max(PATIENCE, (self._deadline or 0) - self._reactor.seconds())


def _has_been_told(failure: Failure) -> None:
    """The error is in the log already."""
