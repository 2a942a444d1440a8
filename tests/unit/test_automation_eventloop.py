"""The event loop of the automations, by itself."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import DeferredList

from duck_tx.automations.eventloop import EventLoop
from duck_tx.automations.output import Output
from duck_tx.automations.work import Ending, Steps
from duck_tx.eventloop.inbox import Inbox
from tests.case import AsyncTestCase
from tests.unit.logged import logged_lines
from tests.unit.spawning import until


class EventLoopTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        threaded: Any = reactor
        self.closed: list[str] = []
        inbox = Inbox(threaded.callFromThread)
        self.loop = EventLoop(inbox, lambda: self.closed.append(threading.current_thread().name), "test-loop")
        self.addCleanup(self.stop)

    async def stop(self) -> None:
        await self.loop.stop()
        await until(lambda: not self.names())

    def names(self) -> list[str]:
        return [each.name for each in threading.enumerate() if each.name == "test-loop"]

    def steps(self, *calls: Callable[[], Any]) -> Steps:
        return Steps("job", Output(), calls)

    async def test_it_is_made_when_it_is_needed(self) -> None:
        self.assertEqual(self.names(), [])
        await self.loop.stop()
        self.assertEqual(await self.loop.begin(self.steps(lambda: None)).gone, Ending())
        self.assertEqual(self.names(), ["test-loop"])
        await self.stop()

    async def test_many_are_under_way_at_once(self) -> None:
        both: list[asyncio.Event] = []

        async def meet() -> None:
            both.append(asyncio.Event())
            if len(both) == 100:
                for each in both:
                    each.set()
            await both[-1].wait()

        await DeferredList([self.loop.begin(self.steps(meet)).gone for _ in range(100)])
        self.assertEqual(len(both), 100)

    async def test_what_is_cancelled_before_it_begins_does_not(self) -> None:
        async def job() -> None:
            raise AssertionError("it has begun")

        work = self.loop.begin(self.steps(job))
        self.assertTrue(work.cancel())
        self.assertIsInstance((await work.gone).error, asyncio.CancelledError)

    async def test_a_failure_is_handed_on_there_but_a_cancellation_is_not(self) -> None:
        told: list[str] = []

        async def tell(error: BaseException) -> None:
            told.append(str(error))

        async def fail() -> None:
            raise LookupError("lost")

        async def wait() -> None:
            await asyncio.sleep(60)

        steps = self.steps(fail)
        steps.failed = tell
        await self.loop.begin(steps).gone
        steps = self.steps(wait)
        steps.failed = tell
        work = self.loop.begin(steps)
        work.cancel()
        await work.gone
        self.assertEqual(told, ["lost"])

    async def test_a_thread_may_wait_for_it(self) -> None:
        from twisted.internet.threads import deferToThread

        async def answer() -> int:
            return 42

        self.assertEqual(await deferToThread(self.loop.wait, answer()), 42)

    async def test_a_job_that_stops_it_or_ends_the_process_harms_no_other(self) -> None:
        async def stop() -> None:
            asyncio.get_running_loop().stop()

        async def end() -> None:
            task = asyncio.create_task(leave())
            await asyncio.wait([task])
            task.exception()

        async def leave() -> None:
            sys.exit(3)

        async def fine() -> None:
            await asyncio.sleep(0)

        with logged_lines() as lines:
            for job in (stop, end, fine):
                self.assertEqual(await self.loop.begin(self.steps(job)).gone, Ending())
        self.assertEqual(lines, ["a task on the event loop test-loop failed"])
        self.assertEqual(len(self.flushLoggedErrors(SystemExit)), 1)

    async def test_what_is_left_on_it_is_cancelled_when_it_stops(self) -> None:
        ended: list[str] = []

        async def linger() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("cancelled")

        async def job() -> None:
            job.task = asyncio.create_task(linger())  # type: ignore[attr-defined]
            await asyncio.sleep(0)

        await self.loop.begin(self.steps(job)).gone
        await self.loop.stop()
        self.assertEqual(ended, ["cancelled"])

    async def test_a_thread_of_its_run_is_closed_when_it_is_free(self) -> None:
        from asgiref.sync import sync_to_async

        gate, begun = threading.Event(), threading.Event()
        self.addCleanup(gate.set)

        def block() -> None:
            begun.set()
            gate.wait(30)

        async def job() -> None:
            await sync_to_async(block)()

        work = self.loop.begin(self.steps(job))
        await until(begun.is_set)
        work.cancel()
        # Others go on meanwhile.
        await self.loop.begin(self.steps(lambda: None)).gone
        self.assertFalse(work.gone.called)
        gate.set()
        self.assertIsInstance((await work.gone).error, asyncio.CancelledError)
        self.assertEqual(len(self.closed), 2)
