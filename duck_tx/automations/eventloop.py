"""Runs of coroutines, on an event loop of asyncio in a thread of its own."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, succeed

from duck_tx.automations.automation import is_coroutine_function
from duck_tx.automations.work import DONE, Doing, Ending, Steps
from duck_tx.eventloop.inbox import Inbox
from duck_tx.eventloop.thread import LoopThread

__all__ = ["EventLoop", "OnLoop"]


class EventLoop:
    """A loop that is made when it is first needed.

    What is synchronous in it goes to a thread of each run's own, by ``sync_to_async`` as Django's ORM does it.

    :param inbox: of the reactor thread, which is told what happens there.
    :param close_connections: called on such a thread when its run is over.
    """

    def __init__(
        self, inbox: Inbox, close_connections: Callable[[], object], name: str = "duck-automation-loop"
    ) -> None:
        self._inbox = inbox
        self._close_connections = close_connections
        self._name = name
        self._lock = threading.Lock()
        self._current: LoopThread | None = None

    @property
    def is_behind(self) -> bool:
        """Whether it has more to begin than it comes to."""
        current = self._current
        return current is not None and current.inbox.is_behind

    def begin(self, steps: Steps) -> OnLoop:
        """Begin a run.  For the reactor thread."""
        return OnLoop(self._inbox, self._turning(), self._apart, steps)

    def wait(self, awaitable: Awaitable[Any]) -> Any:
        """Wait for something on the loop; for threads that may be held up."""
        return asyncio.run_coroutine_threadsafe(self._apart(lambda: awaitable), self._turning().loop).result()

    def stop(self) -> Deferred[None]:
        """Cancel what is left on the loop, and end it; fires when its thread has ended.  Another is made when one is
        needed again."""
        with self._lock:
            current, self._current = self._current, None
        if current is None:
            return succeed(None)
        ended: Deferred[None] = Deferred()
        current.stop(lambda: self._inbox.put(ended.callback, None))
        return ended

    def _turning(self) -> LoopThread:
        with self._lock:
            if self._current is None:
                self._current = LoopThread(self._name)
            return self._current

    async def _apart(self, function: Callable[[], Awaitable[Any]]) -> Any:
        """Call it, and wait; what is synchronous in it has a thread of its own.  In the end that thread is waited for,
        but not by the whole loop, as in asgiref's own ``async with``."""
        from asgiref.sync import SyncToAsync, ThreadSensitiveContext

        context = ThreadSensitiveContext()
        token = SyncToAsync.thread_sensitive_context.set(context)
        try:
            return await function()
        finally:
            SyncToAsync.thread_sensitive_context.reset(token)
            executor: Any = SyncToAsync.context_to_thread_executor.pop(context, None)
            if executor is not None:
                closed = executor.submit(self._close_connections)
                executor.shutdown(wait=False)
                await asyncio.wrap_future(closed)


class OnLoop(Doing):
    """Steps on an event loop.

    :param apart: wraps the whole of it.
    """

    def __init__(
        self,
        inbox: Inbox,
        turning: LoopThread,
        apart: Callable[[Callable[[], Awaitable[Any]]], Coroutine[Any, Any, Any]],
        steps: Steps,
    ) -> None:
        super().__init__()
        self._inbox = inbox
        self._turning = turning
        self._apart = apart
        self._steps = steps
        self._task: asyncio.Task[Ending] | None = None
        self._is_cancelled = False
        turning.inbox.put(steps.output.context().run, self._begin)

    def cancel(self) -> bool:
        """Cancel it."""
        self._is_cancelled = True
        self._turning.inbox.put(self._cancel)
        return True

    # On the loop.

    def _begin(self) -> None:
        self._task = self._turning.loop.create_task(self._apart(self._run), name=self._steps.name)
        self._task.add_done_callback(self._over)

    def _cancel(self) -> None:
        assert self._task is not None
        self._task.cancel()

    def _over(self, task: asyncio.Task[Ending]) -> None:
        try:
            ending = task.result()
        except BaseException as error:
            # Cancelled before its first step, or while its connections were closed.
            ending = Ending(error)
        self._inbox.put(self._gone.come, ending)

    async def _run(self) -> Ending:
        steps = self._steps
        if steps.begun is not None:
            self._inbox.put(steps.begun)
        try:
            for call in steps.calls:
                await _call(call)
                steps.done.append(call)
        except BaseException as error:
            if steps.failed is not None and not self._is_cancelled:
                try:
                    await _call(steps.failed, error)
                except BaseException:
                    steps.say_failed()
            return Ending(error)
        return DONE


async def _call(function: Callable[..., Any], *arguments: Any) -> None:
    if is_coroutine_function(function):
        await function(*arguments)
        return
    from asgiref.sync import sync_to_async

    result = await sync_to_async(function)(*arguments)
    if inspect.isawaitable(result):
        await result
