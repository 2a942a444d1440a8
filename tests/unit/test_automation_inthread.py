"""Steps on a thread, where the usual does not happen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from duck_tx.automations import threads as module
from duck_tx.automations.inthread import InThread
from duck_tx.automations.output import Output
from duck_tx.automations.threads import Threads
from duck_tx.automations.work import Ending, Steps
from duck_tx.eventloop.inbox import Inbox
from tests.case import AsyncTestCase


class InThreadTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.threads = Threads(1, self.reactor, "test-inthread")
        self.addCleanup(self.threads.stop)

    def begin(self, *calls: Callable[[], Any], close: Callable[[], object] = lambda: None) -> InThread:
        inbox = Inbox(self.reactor.callFromThread)
        steps = Steps("job", Output(), calls)
        return InThread(inbox, self.threads, steps, wait=lambda _: self.fail(), close_connections=close)

    async def test_the_steps_are_called_in_order(self) -> None:
        called: list[int] = []
        work = self.begin(lambda: called.append(1), lambda: called.append(2))
        self.assertEqual(await work.gone, Ending())
        self.assertEqual(called, [1, 2])

    async def test_connections_that_cannot_be_closed_are_a_failure(self) -> None:
        error = LookupError("lost")

        def close() -> None:
            raise error

        self.assertIs((await self.begin(lambda: None, close=close).gone).error, error)

    async def test_where_there_is_no_thread_it_has_failed(self) -> None:
        def refuse(*_: Any, **__: Any) -> Any:
            raise RuntimeError("can't start new thread")

        self.patch(module.threading, "Thread", refuse)
        work = self.begin(lambda: None)
        self.assertIsInstance((await work.gone).error, RuntimeError)
        self.assertTrue(work.cancel())
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    async def test_it_can_be_withdrawn_until_it_begins(self) -> None:
        gate, begun = threading.Event(), threading.Event()

        def block() -> None:
            begun.set()
            gate.wait(30)

        first = self.begin(block)
        self.assertTrue(begun.wait(30))
        second = self.begin(self.fail)
        self.assertTrue(second.cancel())
        self.assertTrue(second.gone.called)
        self.assertFalse(first.cancel())
        gate.set()
        self.assertEqual(await first.gone, Ending())
