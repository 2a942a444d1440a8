"""The hooks of automations, and when they are called."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from duck_tx import Automation, program
from duck_tx.automations.outcome import Outcome
from tests.unit.runner_case import RunnerTestCase
from tests.unit.spawning import python


class HookTests(RunnerTestCase):
    def recording(self, execute: Callable[..., Any] | None = None, **options: Any) -> tuple[Automation, list[str]]:
        said: list[str] = []

        class Recording(Automation):
            def execute(self) -> Any:
                said.append("execute")
                return None if execute is None else execute()

            def on_start(self) -> None:
                said.append("start")

            def on_pre_execute(self) -> None:
                said.append("before")

            def on_post_execute(self) -> None:
                said.append("after")

            def on_finish(self) -> None:
                said.append("finish")

            def on_error(self, error: BaseException) -> None:
                said.append(f"error {error}")

        return Recording(**options), said

    async def test_their_order(self) -> None:
        for threaded in (None, False):
            each, said = self.recording(threaded=threaded)
            for _ in range(2):
                await self.runner.begin(each).gone
            await self.runner.finish(each)
            await self.runner.finish(each)
            once = ["before", "execute", "after"]
            self.assertEqual(said, ["start", *once, *once, "finish"])

    async def test_a_failure_ends_the_run_and_is_handed_on(self) -> None:
        def fail() -> None:
            raise LookupError("lost")

        each, said = self.recording(fail)
        outcome = await self.runner.begin(each).ended
        self.assertEqual(outcome.state, "failed")
        self.assertEqual(said, ["start", "before", "execute", "error lost"])
        self.errors()

    async def test_they_may_be_coroutines_or_not_whatever_the_job_is(self) -> None:
        said: list[tuple[str, str]] = []

        def say(what: str) -> None:
            said.append((what, threading.current_thread().name))

        class Mixed(Automation):
            async def on_pre_execute(self) -> None:
                say("before")

            def on_post_execute(self) -> None:
                say("after")

            async def on_error(self, error: BaseException) -> None:
                say(str(error))

        async def coroutine() -> None:
            say("job")

        loop = "duck-automation-loop"
        await self.runner.begin(Mixed(coroutine)).gone
        self.assertEqual(said[:2], [("before", loop), ("job", loop)])
        self.assertEqual(said[2][0], "after")
        self.assertNotEqual(said[2][1], loop)
        said.clear()
        await self.runner.begin(Mixed(lambda: say("job"))).gone
        self.assertEqual(said, [("before", loop), ("job", "duck-automation-1"), ("after", "duck-automation-1")])
        said.clear()
        await self.runner.begin(Mixed(program(python("sys.exit(3)")))).gone
        self.assertEqual(said, [("before", loop), ("exit status 3", loop)])

    async def test_around_a_program(self) -> None:
        said: list[str] = []

        class Around(Automation):
            def on_pre_execute(self) -> None:
                print("before")

            def on_post_execute(self) -> None:
                print("after")

            def on_finish(self) -> None:
                said.append("finish")

        each = Around(program(python("print('job')")))
        self.assertEqual(await self.runner.begin(each).ended, Outcome("done", "", "before\njob\nafter\n", 0))
        await self.runner.finish(each)
        self.assertEqual(said, ["finish"])

    async def test_a_start_that_failed_is_tried_again(self) -> None:
        said: list[str] = []

        class Starting(Automation):
            def on_start(self) -> None:
                said.append("start")
                if len(said) == 1:
                    raise LookupError("lost")

        each = Starting(lambda: said.append("job"))
        for state in ("failed", "done", "done"):
            running = self.runner.begin(each)
            self.assertEqual((await running.ended).state, state)
            await running.gone
        self.assertEqual(said, ["start", "start", "job", "job"])
        self.errors()

    async def test_hooks_that_fail_are_logged_and_harm_nobody(self) -> None:
        class Bad(Automation):
            def execute(self) -> None:
                raise LookupError("lost")

            def on_error(self, error: BaseException) -> None:
                raise KeyError("worse")

            def on_finish(self) -> None:
                raise KeyError("at last")

        for threaded in (None, False):
            each = Bad(name="shop.bad", threaded=threaded)
            running = self.runner.begin(each)
            self.assertEqual((await running.ended).error, "LookupError: lost")
            await running.gone
            await self.runner.finish(each)
            self.assertEqual(
                sorted(type(error).__name__ for error in self.errors()), ["KeyError"] * 2 + ["LookupError"]
            )
        self.assertEqual(self.log.count("automation shop.bad: its on_error failed"), 2)
        self.assertEqual(self.log.count("automation shop.bad: its on_finish failed"), 2)

    async def test_a_stop_calls_the_last_hooks(self) -> None:
        each, said = self.recording()
        never, silent = self.recording()
        await self.runner.begin(each).gone
        await self.runner.stop()
        self.assertEqual(said[-1], "finish")
        self.assertEqual(silent, [])
        del never

    async def test_a_stop_lets_last_hooks_on_the_event_loop_end(self) -> None:
        said: list[str] = []

        class Last(Automation):
            async def on_finish(self) -> None:
                for _ in range(10):
                    await asyncio.sleep(0.001)
                said.append(self.name)

        async def coroutine() -> None: ...

        for each in (Last(coroutine, name="on the loop"), Last(lambda: None, name="on a thread")):
            await self.runner.begin(each).gone
        await self.runner.stop()
        self.assertEqual(sorted(said), ["on a thread", "on the loop"])
