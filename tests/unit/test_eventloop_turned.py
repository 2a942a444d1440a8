"""The event loop that the reactor turns."""

from __future__ import annotations

import asyncio
import contextvars
import socket
import threading
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from duck_tx.eventloop.bridge import SharedLoop, await_on
from duck_tx.eventloop.turned import TurnedLoop
from tests.case import AsyncTestCase
from tests.unit.logged import logged_lines
from tests.unit.spawning import until


class TurnedLoopTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.loop = TurnedLoop(reactor)
        self.bridge = SharedLoop(reactor, self.loop, self.loop.shut_down)
        self.ended: Deferred[None] | None = None
        self.addCleanup(self.end)

    async def end(self) -> None:
        if not self.loop.is_closed():
            await self.loop.shut_down()

    def run_on(self, coroutine: Any) -> Deferred[Any]:
        return await_on(self.bridge, coroutine)

    async def test_a_coroutine_runs_on_the_reactor_thread_where_no_loop_is_the_running_one_otherwise(self) -> None:
        async def look() -> tuple[object, int]:
            return asyncio.get_running_loop(), threading.get_ident()

        self.assertEqual(await self.run_on(look()), (self.loop, threading.get_ident()))
        with self.assertRaises(RuntimeError):
            asyncio.get_running_loop()

    async def test_the_reactor_does_not_wait_for_it(self) -> None:
        order: list[str] = []

        async def wait() -> None:
            await asyncio.sleep(0.02)
            order.append("slept")

        waiting = self.run_on(wait())
        await deferLater(self.reactor, 0.001)
        order.append("reactor")
        await waiting
        self.assertEqual(order, ["reactor", "slept"])

    async def test_what_goes_on_without_end_leaves_the_reactor_its_turns(self) -> None:
        turns = 0

        async def spin() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        spinning = self.run_on(spin())
        await deferLater(self.reactor, 0.01)
        self.assertGreater(turns, 10)
        spinning.cancel()
        with self.assertRaises(CancelledError):
            await spinning

    async def test_another_thread_that_should_not_may_put_something_into_a_queue(self) -> None:
        queue: asyncio.Queue[str] = asyncio.Queue()
        getting = self.run_on(queue.get())
        await deferLater(self.reactor, 0.001)
        timers = self.reactor.getDelayedCalls()
        made: list[object] = []

        def put() -> None:
            queue.put_nowait("quack")
            made.append(self.loop._due)

        thread = threading.Thread(target=put)
        thread.start()
        thread.join()
        # No timer of the reactor's is made there.
        self.assertEqual((made, self.reactor.getDelayedCalls()), ([None], timers))
        self.assertEqual(await getting, "quack")

    async def test_timers_may_be_cancelled_until_they_are_made(self) -> None:
        made: list[str] = []

        async def job() -> None:
            loop = asyncio.get_running_loop()
            loop.call_later(0.001, made.append, "kept")
            loop.call_later(0.001, made.append, "cancelled").cancel()
            late = loop.call_later(0, made.append, "late")
            # When its time has come, and its turn has not.
            self.reactor.callLater(0, late.cancel)
            with self.assertRaises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await asyncio.Event().wait()

        timers = self.reactor.getDelayedCalls()
        await self.run_on(job())
        self.assertEqual(made, ["kept"])
        self.assertEqual(self.loop._timers, {})
        self.assertLessEqual(len(self.reactor.getDelayedCalls()), len(timers) + 1)

    async def test_timers_keep_their_context(self) -> None:
        variable = contextvars.ContextVar("variable", default="none")
        seen: list[str] = []

        async def job() -> None:
            variable.set("set")
            asyncio.get_running_loop().call_later(0, lambda: seen.append(variable.get()))
            await asyncio.sleep(0.005)

        await self.run_on(job())
        self.assertEqual(seen, ["set"])

    async def test_other_threads_see_it_run_and_may_use_it(self) -> None:
        async def job() -> str:
            return threading.current_thread().name

        seen: list[Any] = []

        def other() -> None:
            seen.append(self.loop.is_running())
            seen.append(asyncio.run_coroutine_threadsafe(job(), self.loop).result(10))

        thread = threading.Thread(target=other)
        thread.start()
        await until(lambda: len(seen) == 2)
        thread.join()
        self.assertEqual(seen, [True, threading.current_thread().name])
        self.assertFalse(self.loop.is_running())

    async def test_what_is_slow_goes_to_threads(self) -> None:
        async def job() -> str:
            return await asyncio.to_thread(lambda: threading.current_thread().name)

        self.assertIn("asyncio", await self.run_on(job()))

    async def test_sockets_of_its_own(self) -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        async def job() -> bytes:
            here, there = socket.socketpair()
            await asyncio.open_unix_connection(sock=there)
            reader, writer = await asyncio.open_unix_connection(sock=here)
            writer.close()
            server = await asyncio.start_server(echo, "127.0.0.1", 0)
            async with server:
                reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
                writer.write(b"quack\n")
                line = await reader.readline()
                writer.close()
            return line

        self.assertEqual(await self.run_on(job()), b"quack\n")

    async def test_programs_of_its_own(self) -> None:
        async def job() -> bytes:
            process = await asyncio.create_subprocess_exec("echo", "quack", stdout=asyncio.subprocess.PIPE)
            out, _ = await process.communicate()
            return out

        self.assertEqual(await self.run_on(job()), b"quack\n")

    async def test_signals_are_not_an_applications(self) -> None:
        with self.assertRaisesRegex(RuntimeError, "handled by the server"):
            self.loop.add_signal_handler(1, print)

    async def test_a_task_that_tries_to_end_the_process_ends_itself(self) -> None:
        async def job() -> None:
            raise SystemExit(3)

        async def other() -> str:
            await asyncio.sleep(0.001)
            return "well"

        with logged_lines() as lines:
            task = self.loop.create_task(job())
            self.assertEqual(await self.run_on(other()), "well")
        self.assertIsInstance(task.exception(), SystemExit)
        self.assertEqual([failure.type for failure in self.flushLoggedErrors()], [SystemExit])
        self.assertEqual(lines, ["a task on the event loop failed"])

    async def test_its_end_cancels_what_is_left_and_leaves_nothing_on_the_reactor(self) -> None:
        over: list[str] = []

        async def job() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.001)
                over.append("cleaned up")

        watch = self.loop._watch
        self.assertIn(watch, self.reactor.getReaders())
        self.loop.create_task(job())
        self.loop.call_later(60, print)
        await deferLater(self.reactor, 0.001)
        await self.bridge.stop()
        self.assertEqual(over, ["cleaned up"])
        self.assertTrue(self.loop.is_closed())
        self.assertNotIn(watch, self.reactor.getReaders())
        ours = [call for call in self.reactor.getDelayedCalls() if "TurnedLoop" in str(call)]
        self.assertEqual(ours, [])
