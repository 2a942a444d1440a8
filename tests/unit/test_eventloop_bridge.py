"""The way between the reactor and an event loop."""

from __future__ import annotations

import asyncio
import sys
import threading
import types
from functools import partial
from typing import Any, get_args

from twisted.internet.defer import CancelledError

from duck_tx.eventloop.bridge import Bridge, ThreadedLoop, Where, await_on, bridge
from duck_tx.eventloop.turned import TurnedLoop
from tests.case import AsyncTestCase
from tests.unit.spawning import until


class BridgeTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor

    def make(self, where: Where) -> Bridge:
        made = bridge(self.reactor, where, "test-bridge")
        self.addCleanup(self.stop, made)
        return made

    async def stop(self, made: Bridge) -> None:
        if not made.loop.is_closed():
            await made.stop()

    async def test_a_thread_of_its_own(self) -> None:
        made = self.make("thread")
        self.assertIsInstance(made, ThreadedLoop)
        self.assertTrue(made.is_apart)

        async def where() -> str:
            return threading.current_thread().name

        self.assertEqual(await await_on(made, where()), "test-bridge")
        await made.stop()
        await until(lambda: "test-bridge" not in [each.name for each in threading.enumerate()])

    async def test_it_is_one_of_uvloop_where_that_is_installed(self) -> None:
        there = sys.modules.get("uvloop")
        self.addCleanup(lambda: sys.modules.pop("uvloop", None) if there is None else self.put(there))
        fake: Any = types.ModuleType("uvloop")
        theirs = asyncio.new_event_loop()
        fake.new_event_loop = lambda: theirs
        self.put(fake)
        self.assertIs(self.make("thread").loop, theirs)
        self.put(None)
        self.assertIsInstance(self.make("thread").loop, asyncio.SelectorEventLoop)

    def put(self, module: Any) -> None:
        """Have this imported as uvloop; ``None``: it is not installed."""
        sys.modules["uvloop"] = module

    async def test_the_reactor_turns_it(self) -> None:
        made = self.make("reactor")
        self.assertIsInstance(made.loop, TurnedLoop)
        self.assertFalse(made.is_apart)

    async def test_a_reactor_that_is_a_loop_gives_its_own_and_does_not_end_by_it(self) -> None:
        found: list[Bridge] = []

        async def look() -> None:
            found.append(bridge(self.reactor, "reactor", "test-bridge"))

        asyncio.run(look())
        # A loop that runs: it is closed by now.
        self.assertTrue(found[0].loop.is_closed())
        await found[0].stop()

    async def test_both_directions_keep_the_order(self) -> None:
        for where in get_args(Where):
            made = self.make(where)
            there: list[int] = []
            here: list[int] = []

            def back(number: int, there: list[int] = there, here: list[int] = here, made: Bridge = made) -> None:
                there.append(number)
                made.leave(here.append, number)

            for number in range(100):
                made.enter(back, number)
            await until(partial(_is_long, here))
            self.assertEqual((there, here), (list(range(100)),) * 2)

    async def test_what_a_coroutine_raises_comes_back(self) -> None:
        async def fail() -> None:
            raise LookupError("lost")

        for where in get_args(Where):
            with self.assertRaisesRegex(LookupError, "lost"):
                await await_on(self.make(where), fail())

    async def test_who_waits_may_cancel(self) -> None:
        ended: list[str] = []

        async def wait() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("there")

        for where in get_args(Where):
            begun = threading.Event()

            async def job(begun: threading.Event = begun) -> None:
                begun.set()
                await wait()

            waiting = await_on(self.make(where), job())
            await until(begun.is_set)
            waiting.cancel()
            await until(lambda: bool(ended))
            with self.assertRaises(CancelledError):
                await waiting
            ended.clear()


def _is_long(numbers: list[int]) -> bool:
    return len(numbers) == 100
