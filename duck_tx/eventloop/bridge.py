"""Between the reactor thread and an event loop, whichever thread that has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from operator import call
from typing import Any, Literal, Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from duck_tx.eventloop.inbox import Inbox
from duck_tx.eventloop.thread import LoopThread

__all__ = ["Bridge", "SharedLoop", "ThreadedLoop", "Where", "await_on", "bridge"]

T = TypeVar("T")

Where = Literal["reactor", "thread"]
"""Which thread turns the loop: the reactor's, or one of its own."""


class Bridge(Protocol):
    """An event loop, and the two directions between it and the reactor.

    :ivar loop: the event loop.
    :ivar is_apart: it has a thread of its own.
    """

    loop: asyncio.AbstractEventLoop
    is_apart: bool

    def enter(self, function: Callable[..., object], /, *arguments: Any) -> None:
        """Have a function called on the loop's thread, after all that came before; for the reactor thread."""

    def leave(self, function: Callable[..., object], /, *arguments: Any) -> None:
        """Have a function called on the reactor thread, after all that came before; for the loop's thread."""

    def go_out(self, function: Callable[..., object], /, *arguments: Any) -> None:
        """The same, while the loop is not turned: for what goes on without it."""

    def stop(self) -> Deferred[None]:
        """Cancel what is left on the loop, and end it; fires when that is done."""


def bridge(reactor: Any, where: Where, name: str) -> Bridge:
    """A loop for applications.  For the reactor thread, while the reactor runs.

    A reactor that is a loop of asyncio itself gives its own, unless a thread is asked for.

    :param name: of the thread, if there is one.
    :raises OSError: if there is no room for one more.
    """
    if where == "thread":
        return ThreadedLoop(reactor, name)
    try:
        return SharedLoop(reactor, asyncio.get_running_loop())
    except RuntimeError:
        # Here, as it is one of several.
        from duck_tx.eventloop.turned import TurnedLoop

        turned = TurnedLoop(reactor)
        return SharedLoop(reactor, turned, turned.shut_down)


def await_on(bridge: Bridge, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
    """Wait on the loop; fires on the reactor thread with what the coroutine returns.  Cancelling cancels it."""
    tasks: list[asyncio.Task[T]] = []
    outcome: Deferred[T] = Deferred(lambda _: bridge.enter(lambda: tasks[0].cancel()))

    def begin() -> None:
        task = bridge.loop.create_task(coroutine)
        tasks.append(task)
        task.add_done_callback(over)

    def over(task: asyncio.Task[T]) -> None:
        result: T | Failure
        try:
            result = task.result()
        except BaseException:
            result = Failure()
        bridge.go_out(tell, result)

    def tell(result: T | Failure) -> None:
        if not outcome.called:
            outcome.callback(result)

    bridge.enter(begin)
    return outcome


class ThreadedLoop:
    """A loop on a thread of its own, of uvloop where that is installed."""

    is_apart = True

    def __init__(self, reactor: Any, name: str) -> None:
        self._turning = LoopThread(name, _new_loop())
        self.loop = self._turning.loop
        self.enter = self._turning.inbox.put
        self.leave = self.go_out = Inbox(reactor.callFromThread).put

    def stop(self) -> Deferred[None]:
        """End it."""
        ended: Deferred[None] = Deferred()
        self._turning.stop(lambda: self.leave(ended.callback, None))
        return ended


class SharedLoop:
    """A loop on the reactor thread: everything between the two is a plain call.

    :param shut_down: ends it; by default it is the reactor's own, and ends with that.
    """

    is_apart = False

    def __init__(
        self,
        reactor: Any,
        loop: asyncio.AbstractEventLoop,
        shut_down: Callable[[], Deferred[None]] = lambda: succeed(None),
    ) -> None:
        self.loop = loop
        self.enter: Callable[..., Any] = call
        self.leave: Callable[..., Any] = call
        self.go_out: Callable[..., Any] = partial(reactor.callLater, 0)
        self.stop = shut_down


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
