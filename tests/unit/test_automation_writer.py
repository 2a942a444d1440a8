"""A thread for what may block."""

from __future__ import annotations

import threading
import time
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from duck_tx.automations.writer import Writer
from tests.case import AsyncTestCase


class WriterTests(AsyncTestCase):
    def writer(self, within: float = 0.01) -> Writer:
        from twisted.internet import reactor

        self._reactor: Any = reactor
        self.settled: list[float] = []
        self.has_settled: Deferred[None] = Deferred()
        writer = Writer(reactor, "a-writer", self.settle, within)
        writer.start()
        self.addCleanup(writer.stop)
        return writer

    def settle(self) -> None:
        self.settled.append(time.monotonic())
        self._reactor.callFromThread(self.has_settled.callback, None)

    async def test_calls_are_made_in_order_on_one_thread_that_ends_with_the_process(self) -> None:
        writer = self.writer()
        done: list[object] = []
        writer.post(lambda: done.append(threading.current_thread()))
        writer.post(lambda: done.append(2))
        self.assertEqual(await writer.ask(lambda: [*done, 3]), [done[0], 2, 3])
        thread = done[0]
        assert isinstance(thread, threading.Thread)
        self.assertEqual((thread.name, thread.daemon), ("a-writer", True))

    async def test_an_error_is_the_answer_and_ends_nothing(self) -> None:
        writer = self.writer()
        with self.assertRaises(ZeroDivisionError):
            await writer.ask(lambda: 1 / 0)
        self.assertEqual(await writer.ask(lambda: 7), 7)

    async def test_what_nobody_waits_for_is_logged_when_it_fails(self) -> None:
        writer = self.writer()
        writer.post(lambda: 1 / 0)
        self.assertEqual(await writer.ask(lambda: 7), 7)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_calls_without_an_answer_are_settled_once(self) -> None:
        writer = self.writer(0.05)
        begun = time.monotonic()
        for _ in range(10):
            writer.post(lambda: None)
        await self.has_settled
        self.assertEqual(len(self.settled), 1)
        self.assertGreaterEqual(self.settled[0] - begun, 0.05)

    async def test_its_thread_is_woken_by_the_first_of_them(self) -> None:
        writer = Writer(None, "a-writer", lambda: None, 0.05)
        for _ in range(10):
            writer.post(lambda: None)
        self.assertEqual(writer._wakes.qsize(), 1)

    async def test_settling_is_not_put_off_by_those_that_go_on_coming(self) -> None:
        writer = self.writer(0.01)
        writer.post(lambda: None)
        while not self.settled:
            await writer.ask(lambda: time.sleep(0.001))
        await self.has_settled

    async def test_one_that_is_asked_settles_nothing(self) -> None:
        writer = self.writer(0.0)
        for number in range(3):
            self.assertEqual(await writer.ask(lambda number=number: number), number)  # type: ignore[misc]
        self.assertEqual(self.settled, [])

    async def test_who_no_longer_waits_is_not_told(self) -> None:
        writer = self.writer()
        gate = threading.Event()
        writer.post(gate.wait)
        answer = writer.ask(lambda: 7)
        answer.cancel()
        gate.set()
        with self.assertRaises(CancelledError):
            await answer
        self.assertEqual(await writer.ask(lambda: 8), 8)

    async def test_it_ends_after_the_calls_there_are(self) -> None:
        writer = self.writer()
        thread = await writer.ask(threading.current_thread)
        answer = writer.ask(lambda: 7)
        writer.stop()
        self.assertEqual(await answer, 7)
        thread.join(30)
        self.assertFalse(thread.is_alive())
