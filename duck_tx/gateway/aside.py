"""Work that blocks, beside the reactor and beside its thread pool."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["aside"]

T = TypeVar("T")


def aside(reactor: Any, name: str, function: Callable[..., T], *args: Any) -> Deferred[T]:
    """Call ``function`` on a daemon thread of its own; fires on the reactor thread with what it returns.

    It begins when the reactor runs.  The reactor's pool is not used: a reactor that stops waits for its threads, and
    nobody knows how long a project takes to load.  Cancelling the Deferred leaves the thread to itself, and a process
    that ends does not wait for it.

    :param name: of the thread.
    """
    outcome: Deferred[T] = Deferred()

    def work() -> None:
        result: T | Failure
        try:
            result = function(*args)
        except BaseException:
            result = Failure()
        reactor.callFromThread(tell, result)

    def tell(result: T | Failure) -> None:
        if not outcome.called:
            outcome.callback(result)

    def begin() -> None:
        if not outcome.called:
            threading.Thread(target=work, name=name, daemon=True).start()

    # Not before there is somebody to tell, and to answer signals.
    reactor.callWhenRunning(begin)
    return outcome
