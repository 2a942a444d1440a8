"""An event loop and its thread."""

from __future__ import annotations

import asyncio
import threading

from duck_tx.eventloop import thread
from duck_tx.eventloop.thread import LoopThread
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines


class LoopThreadTests(UnitTestCase):
    def setUp(self) -> None:
        self.turning = LoopThread("test-loop")
        self.ended = threading.Event()
        self.addCleanup(self.stop)

    def stop(self) -> None:
        if not self.ended.is_set():
            self.turning.stop(self.ended.set)
        self.assertTrue(self.ended.wait(20))

    def test_calls_are_made_on_its_thread(self) -> None:
        names: list[str] = []
        done = threading.Event()
        self.turning.inbox.put(lambda: names.append(threading.current_thread().name))
        self.turning.inbox.put(done.set)
        self.assertTrue(done.wait(20))
        self.assertEqual(names, ["test-loop"])

    def test_what_is_left_is_cancelled_in_the_end(self) -> None:
        seen: list[str] = []

        async def job() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                seen.append("cancelled")

        asyncio.run_coroutine_threadsafe(job(), self.turning.loop)
        self.stop()
        self.assertEqual(seen, ["cancelled"])
        self.assertTrue(self.turning.loop.is_closed())

    def test_what_does_not_end_is_not_waited_for(self) -> None:
        self.patch(thread, "_PATIENCE", 0.01)
        begun = threading.Event()

        async def job() -> None:
            begun.set()
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    continue

        # Nobody has to hear that it was left.
        self.turning.loop.set_exception_handler(lambda loop, context: None)
        asyncio.run_coroutine_threadsafe(job(), self.turning.loop)
        self.assertTrue(begun.wait(20))
        self.stop()

    def test_a_task_that_stops_the_loop_or_ends_the_process_does_neither(self) -> None:
        async def stop() -> None:
            asyncio.get_running_loop().stop()

        async def leave() -> None:
            raise SystemExit(1)

        async def well() -> str:
            return "well"

        loop = self.turning.loop
        with logged_lines() as lines:
            for job in (stop, leave):
                asyncio.run_coroutine_threadsafe(job(), loop)
            self.assertEqual(asyncio.run_coroutine_threadsafe(well(), loop).result(20), "well")
        self.assertEqual([failure.type for failure in self.flushLoggedErrors()], [SystemExit])
        self.assertEqual(lines, ["a task on the event loop test-loop failed"])
