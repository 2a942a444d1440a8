"""An event loop of asyncio, and the thread that turns it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from twisted.logger import Logger

from duck_tx.eventloop.inbox import Inbox

__all__ = ["LoopThread", "end"]

_log = Logger()

_PATIENCE = 1.0
"""Seconds that what is left on a loop which stops has to end when it is cancelled."""


class LoopThread:
    """A loop, and the thread that turns it until it is stopped.

    :param name: of the thread.
    :param loop: a stock one by default.
    :ivar inbox: of that thread.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = asyncio.new_event_loop() if loop is None else loop
        self.inbox = Inbox(self.loop.call_soon_threadsafe)
        self._name = name
        self._ended: Callable[[], object] | None = None
        threading.Thread(target=self._turn, name=name, daemon=True).start()

    def stop(self, ended: Callable[[], object]) -> None:
        """Let it end, and call this on its thread then."""
        self.loop.call_soon_threadsafe(self._stop, ended)

    def _stop(self, ended: Callable[[], object]) -> None:
        self._ended = ended
        self.loop.stop()

    def _turn(self) -> None:
        asyncio.set_event_loop(self.loop)
        while self._ended is None:
            # It also comes back when one of its tasks stops it, or tries to end the process.
            try:
                self.loop.run_forever()
            except BaseException:
                _log.failure("a task on the event loop {name} failed", name=self._name)
        try:
            self.loop.run_until_complete(end())
        except BaseException:
            _log.failure("the event loop {name} did not end well", name=self._name)
        finally:
            self.loop.close()
            self._ended()


async def end() -> None:
    """Cancel what is left on this loop, and wait for it, but not for long."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_PATIENCE)
    await asyncio.get_running_loop().shutdown_asyncgens()
