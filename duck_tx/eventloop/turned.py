"""An event loop of asyncio that the reactor turns on its own thread."""

from __future__ import annotations

import asyncio
import contextvars
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVarTuple

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from duck_tx.eventloop.inbox import Inbox
from duck_tx.eventloop.thread import end

__all__ = ["TurnedLoop"]

_log = Logger()

Ts = TypeVarTuple("Ts")

_put = asyncio.SelectorEventLoop.call_soon
_TURN = 0.002
"""Seconds after which what is left waits until the reactor has looked at its sockets again."""


class TurnedLoop(asyncio.SelectorEventLoop):
    """A loop without a thread: a coroutine and the reactor call each other directly.

    A ``stop()`` before ``run_forever()`` makes one turn of it, as asyncio documents.  The reactor makes that turn when
    something has been put on the loop, when the selector has something, which is one descriptor to the reactor, and
    keeps the time for it.  While no coroutine is at work, no loop is the running one, as for all other code of the
    reactor thread; other threads see this one run all the time.

    :param reactor: turns it; it must be one that watches descriptors.
    """

    _debug: bool
    _ready: deque[asyncio.Handle]

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._reactor_thread = threading.get_ident()
        self._inbox = Inbox(reactor.callFromThread)
        self._is_open = False
        self._has_more = False
        self._is_turning = False
        self._due: IDelayedCall | None = None
        self._timers: dict[int, IDelayedCall] = {}
        selector = selectors.DefaultSelector()
        super().__init__(selector)
        self._is_open = True
        # Those selectors of the standard library that scale are descriptors themselves.
        self._watch = _Watch(selector.fileno(), self._turn)
        reactor.addReader(self._watch)

    # What puts something on it.

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """As asyncio's, and the reactor comes to it."""
        if self._is_open and not self._debug:
            # What asyncio's own comes to, after three more calls: each message of a WebSocket wakes its task by this.
            handle = asyncio.Handle(callback, args, self, context)
            self._ready.append(handle)
        else:
            handle = _put(self, callback, *args, context=context)
        self._has_more = True
        if self._due is None and not self._is_turning:
            if threading.get_ident() == self._reactor_thread:
                self._due = self._reactor.callLater(0, self._turn_when_due)
            else:
                # Asyncio promises nothing for this, but a page on a thread that puts something into a queue of the
                # loop's, as it does into the channel layer in memory, must not confuse the reactor.
                self._inbox.put(self._turn)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """As asyncio's, by way of the reactor: what comes while the loop is turned would not be seen otherwise."""
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        context = context or contextvars.copy_context()
        handle = asyncio.Handle(callback, args, self, context)
        self._inbox.put(self._come, handle, callback, args, context)
        return handle

    def _come(
        self, handle: asyncio.Handle, callback: Any, args: tuple[Any, ...], context: contextvars.Context | None
    ) -> None:
        if not self.is_closed():
            self.call_soon(_unless_cancelled, handle, callback, args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """As asyncio's, by the reactor's clock."""
        context = context or contextvars.copy_context()
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        delay = max(0.0, when - self.time())
        self._timers[id(handle)] = self._reactor.callLater(delay, self._fire, handle, callback, args, context)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        call = self._timers.pop(id(handle), None)
        # Whoever owns the reactor may have cancelled all of its calls.
        if call is not None and call.active():
            call.cancel()

    def _fire(self, handle: asyncio.TimerHandle, *rest: Any) -> None:
        del self._timers[id(handle)]
        self._come(handle, *rest)

    def add_signal_handler(self, sig: int, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        """Refused, as in any loop that has not the main thread for itself: signals are the server's."""
        raise RuntimeError("signals are handled by the server, not by an application in it")

    # Turning.

    def is_running(self) -> bool:
        """For other threads: whether what they put on it will be done."""
        return super().is_running() or (self._is_open and threading.get_ident() != self._reactor_thread)

    def _turn_when_due(self) -> None:
        self._due = None
        self._turn()

    def _turn(self) -> None:
        if not self._is_open:
            return
        until = time.monotonic() + _TURN
        self._is_turning = True
        try:
            while True:
                self._has_more = False
                self.stop()
                try:
                    self.run_forever()
                except BaseException:
                    # A task that tries to end the process.
                    _log.failure("a task on the event loop failed")
                    self._has_more = True
                if not self._has_more or time.monotonic() >= until:
                    break
        finally:
            self._is_turning = False
        if self._has_more and self._due is None and self._is_open:
            self._due = self._reactor.callLater(0, self._turn_when_due)

    # Its end.

    def shut_down(self) -> Deferred[None]:
        """Cancel what is left, and close it; fires when that is done."""
        ended: Deferred[None] = Deferred()

        def close() -> None:
            self._is_open = False
            self._reactor.removeReader(self._watch)
            for call in [*self._timers.values(), *([] if self._due is None else [self._due])]:
                call.cancel()
            self._timers.clear()
            self._due = None
            self.close()
            ended.callback(None)

        def over(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and task.exception() is not None:
                _log.failure("the event loop did not end well", failure=Failure(task.exception()))
            # A loop cannot be closed while it is turned.
            self._reactor.callLater(0, close)

        self.create_task(end()).add_done_callback(over)
        return ended


def _unless_cancelled(handle: asyncio.Handle, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
    if not handle.cancelled():
        callback(*args)


@implementer(IReadDescriptor)
class _Watch:
    """The loop's selector, as one descriptor of the reactor's."""

    def __init__(self, number: int, turn: Callable[[], None]) -> None:
        self._number = number
        self.doRead = turn

    def fileno(self) -> int:
        return self._number

    def logPrefix(self) -> str:
        return "event loop"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends."""
