"""Runs on threads."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred

from duck_tx.automations.threads import Call, Threads
from duck_tx.automations.work import DONE, Doing, Ending, Steps
from duck_tx.eventloop.inbox import Inbox

__all__ = ["InThread"]


class InThread(Doing):
    """Steps on one thread of a pool, one after the other.  It cannot be stopped once it has begun.

    :param inbox: of the reactor thread, which is told when it is over.
    :param wait: waits for something awaitable on an event loop.
    :param close_connections: called on the thread when it is over.
    """

    def __init__(
        self,
        inbox: Inbox,
        threads: Threads,
        steps: Steps,
        *,
        wait: Callable[[Awaitable[Any]], Any],
        close_connections: Callable[[], object],
    ) -> None:
        super().__init__()
        self._inbox = inbox
        self._threads = threads
        self._steps = steps
        self._wait = wait
        self._close_connections = close_connections
        self._call: Call | None = None
        try:
            self._call = threads.call(self._work)
        except RuntimeError as error:
            # There is no thread, and none can be made.
            self._gone.come(Ending(error))

    def cancel(self) -> bool:
        """Forget it if it has not begun; else leave its thread to itself."""
        if self._call is None:
            return True
        if self._threads.withdraw(self._call):
            self._gone.come(Ending(InterruptedError("it had not begun")))
            return True
        self._threads.leave(self._call)
        return False

    def _work(self) -> None:
        error: BaseException | None = None
        try:
            error = self._steps.output.context().run(self._run)
            self._close_connections()
        except BaseException as failure:
            error = error or failure
        self._inbox.put(self._gone.come, DONE if error is None else Ending(error))

    def _run(self) -> BaseException | None:
        steps = self._steps
        if steps.begun is not None:
            self._inbox.put(steps.begun)
        try:
            for call in steps.calls:
                self._settle(call())
                steps.done.append(call)
        except BaseException as error:
            if steps.failed is not None:
                try:
                    self._settle(steps.failed(error))
                except BaseException:
                    steps.say_failed()
            return error
        return None

    def _settle(self, result: Any) -> None:
        if result is None:
            return
        if isinstance(result, Deferred):
            raise TypeError("it returned a Deferred on a thread: give it threaded=False, or annotate it -> Deferred")
        if inspect.isawaitable(result):
            self._wait(result)
