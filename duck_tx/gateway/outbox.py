"""What gateway threads have to tell the reactor thread, with one wake-up for many messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import Logger

__all__ = ["Outbox", "Postbox"]

_log = Logger()


class Postbox(Protocol):
    """Where an application's thread leaves what is to be done on the reactor thread."""

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Have ``function`` called, after all that was posted before."""

    def now(self, function: Callable[..., object], *args: Any) -> None:
        """The same, without waiting for anything else if this is the reactor thread already."""

    def later(self, function: Callable[[], object]) -> None:
        """Have ``function`` called in another turn of the reactor.  Only to be used on the reactor thread."""


class Outbox:
    """Calls to make on the reactor thread, in order.

    ``callFromThread`` writes to a pipe for every call, and the two threads then pass the interpreter lock to and fro;
    while one flush is due, further calls need not.  The same holds while somebody else is going to :meth:`flush` soon.

    :param expected: says whether that is so.
    """

    def __init__(self, reactor: IReactorFromThreads, expected: Callable[[], object] | None = None) -> None:
        self._expected = expected
        self._call_from_thread = reactor.callFromThread
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._due = False

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Have ``function`` called on the reactor thread; from any thread."""
        self._calls.append((function, args))
        if not self._due and (self._expected is None or not self._expected()):
            self._due = True
            self._call_from_thread(self.flush)

    now = post
    later = post

    def flush(self) -> None:
        """Make the calls that were posted so far.  Only to be used on the reactor thread."""
        self._due = False
        calls = self._calls
        for _ in range(len(calls)):
            function, args = calls.popleft()
            try:
                function(*args)
            except Exception:
                _log.failure("a message from a gateway thread failed")
        if calls and not self._due:
            self._due = True
            self._call_from_thread(self.flush)
