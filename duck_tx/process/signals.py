"""Signals: asked of the reactor, and given back afterwards."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

__all__ = ["HELD", "Action", "Handler", "SignalService", "free"]

_log = Logger()
_STUCK = 1.0
"""Seconds after which a reactor that has not taken a signal is not going to."""

HELD = (signal.SIGTERM, signal.SIGINT)
"""Those that a process may hold back while it turns into its next life."""

Handler = Callable[[int, Any], object]
Action = Callable[[Handler | None], object]


def free(number: signal.Signals) -> None:
    """Stop ignoring a signal, where the life before has left it so: ``twistd`` takes one only if it is free."""
    if signal.getsignal(number) == signal.SIG_IGN:
        with suppress(ValueError):
            signal.signal(number, signal.SIG_DFL)


class SignalService(Service):
    """Has functions called on the reactor when signals come.

    The handlers that were there before are put back on stop.  An action gets the earlier handler, as Twisted's own for
    SIGTERM and SIGINT is what remembers the exit status; ``None`` where that was none of a program's own.

    :param reactor: runs the actions outside the signal handler.
    :param actions: what to do on each signal.
    :param at_start: take the signals over at the start; otherwise when :meth:`take` is called.
    :param lets_in: SIGTERM and SIGINT may have been held back since the life before, and are let in when there are
        handlers for them; the start waits for that.
    """

    def __init__(
        self, reactor: Any, actions: Mapping[signal.Signals, Action], *, at_start: bool = True, lets_in: bool = False
    ) -> None:
        self._reactor = reactor
        self._actions = dict(actions)
        self._at_start = at_start
        self._lets_in: Deferred[None] | None = Deferred() if lets_in else None
        self._takes = False
        self._waiting_since: float | None = None
        self._earlier: dict[signal.Signals, Any] = {}
        self._ignored_later: set[signal.Signals] = set()

    def startService(self) -> Deferred[None] | None:
        """Take the signals over, if that is to be done at the start."""
        super().startService()
        waits = self._lets_in
        if self._at_start:
            self.take()
        else:
            self._let_in()
        return waits

    def take(self) -> None:
        """Take the signals over, as soon as the reactor runs: it installs its own handlers then."""
        self._takes = True
        self._reactor.callWhenRunning(self._install)

    def _install(self) -> None:
        if self._takes and not self._earlier:
            try:
                for number in self._actions:
                    self._earlier[number] = signal.signal(number, self.handle)
            except ValueError:
                _log.info("signals are left alone: the reactor does not run on the main thread")
        self._let_in()

    def _let_in(self) -> None:
        waiting, self._lets_in = self._lets_in, None
        if waiting is not None:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)
            if not waiting.called:
                waiting.callback(None)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler: leave the work to the reactor.

        :raises KeyboardInterrupt: into whatever keeps the reactor, such as a view on its thread that never ends, if it
            is SIGINT again and the one before has been waiting for a second.
        """
        now = time.monotonic()
        if self._waiting_since is None:
            self._waiting_since = now
        stuck = now - self._waiting_since > _STUCK
        # By the time that it is acted on, a stop may have put the earlier handler back.
        self._reactor.callFromThread(self._act, signal.Signals(number), self._earlier.get(signal.Signals(number)))
        if stuck and number == signal.SIGINT:
            raise KeyboardInterrupt

    def _act(self, number: signal.Signals, earlier: Any) -> None:
        self._waiting_since = None
        action = self._actions.get(number)
        if action is not None:
            # Python's own for SIGINT would only raise KeyboardInterrupt into the reactor.
            action(earlier if callable(earlier) and earlier is not signal.default_int_handler else None)

    def ignore_later(self, *numbers: signal.Signals) -> None:
        """Have a stop leave these ignored, where their earlier handlers would end the process."""
        self._ignored_later.update(numbers)

    def stopService(self) -> None:
        """Put the earlier handlers back, unless somebody has taken the signals over from us."""
        super().stopService()
        self._takes = False
        for number, handler in self._earlier.items():
            if signal.getsignal(number) == self.handle:
                back = signal.SIG_IGN if number in self._ignored_later else handler
                signal.signal(number, back if back is not None else signal.SIG_DFL)
        self._earlier.clear()
        self._ignored_later.clear()
