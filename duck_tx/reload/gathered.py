"""One call for many things that come one after the other."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Gathered"]


class Gathered:
    """Calls with all that came, when nothing more comes.

    An editor that saves writes, renames and deletes; whoever changes a branch does so with hundreds of files.

    :param clock: runs the delayed call.
    :param call: called with what came.
    :param quiet: seconds without anything new.
    :param at_most: seconds that the first thing waits, whatever comes.
    """

    def __init__(
        self,
        clock: IReactorTime,
        call: Callable[[frozenset[str]], object],
        *,
        quiet: float = 0.05,
        at_most: float = 0.5,
    ) -> None:
        self._clock = clock
        self._call = call
        self._quiet = quiet
        self._at_most = at_most
        self._things: set[str] = set()
        self._first = 0.0
        self._later: IDelayedCall | None = None

    def add(self, thing: str) -> None:
        """Something came."""
        now = self._clock.seconds()
        self._things.add(thing)
        if self._later is None:
            self._first = now
            self._later = self._clock.callLater(self._quiet, self._tell)
        else:
            self._later.reset(min(self._quiet, max(0.0, self._first + self._at_most - now)))

    def forget(self) -> None:
        """Call for nothing that came until now."""
        self._things.clear()
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _tell(self) -> None:
        self._later = None
        things, self._things = frozenset(self._things), set()
        self._call(things)
