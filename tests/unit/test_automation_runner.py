"""Automations run where they belong, and end as they should."""

from __future__ import annotations

import asyncio
import sys
import threading
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from duck_tx import Automation, AutomationTrigger, program
from duck_tx.automations import eventloop
from duck_tx.automations.outcome import Outcome
from duck_tx.automations.output import LONGEST
from tests.unit.runner_case import RunnerTestCase
from tests.unit.spawning import python, until


class PlaceTests(RunnerTestCase):
    async def test_a_function_runs_on_a_thread(self) -> None:
        def job() -> None:
            print(threading.current_thread().name, end="")

        self.assertEqual(await self.outcome(job), Outcome("done", output="duck-automation-1"))
        self.assertEqual(self.closed, ["duck-automation-1"])

    async def test_a_coroutine_function_runs_on_an_event_loop(self) -> None:
        async def job() -> None:
            await asyncio.sleep(0)
            print(threading.current_thread().name, end="")

        self.assertEqual(await self.outcome(job), Outcome("done", output="duck-automation-loop"))

    async def test_what_returns_a_deferred_runs_on_the_reactor_thread(self) -> None:
        waited: Deferred[None] = Deferred()

        def job() -> Deferred[None]:
            print(threading.current_thread() is threading.main_thread())
            return waited

        running = self.begin(job)
        self.assertFalse(running.ended.called)
        waited.callback(None)
        self.assertEqual(await running.ended, Outcome("done", output="True\n"))
        self.assertEqual(self.closed, [threading.main_thread().name])

    async def test_a_function_may_be_put_on_the_reactor_thread(self) -> None:
        outcome = await self.outcome(lambda: print(threading.current_thread().name), threaded=False)
        self.assertEqual(outcome.output, f"{threading.main_thread().name}\n")

    async def test_a_program_is_a_process(self) -> None:
        code = "print('out'); print('err', file=sys.stderr); print(os.getcwd(), os.environ['ONE'])"
        outcome = await self.outcome(program(python(code), directory="usr", env={"ONE": "1"}))
        self.assertEqual((outcome.state, outcome.status), ("done", 0))
        self.assertEqual(sorted(outcome.output.splitlines()), ["/usr 1", "err", "out"])

    async def test_of_a_program_that_says_much_the_end_is_kept(self) -> None:
        outcome = await self.outcome(program(python("for number in range(15000): print(number)")))
        self.assertTrue(outcome.output.endswith("\n14998\n14999\n"))
        self.assertEqual(len(outcome.output), LONGEST)

    async def test_something_awaitable_from_a_thread_is_awaited(self) -> None:
        async def later() -> None:
            print(threading.current_thread().name, end="")

        self.assertEqual((await self.outcome(lambda: later())).output, "duck-automation-loop")

    async def test_what_is_synchronous_in_a_coroutine_has_a_thread_of_its_own_that_is_closed(self) -> None:
        from asgiref.sync import sync_to_async

        threads: list[str] = []

        async def job() -> None:
            for _ in range(2):
                threads.append(await sync_to_async(lambda: threading.current_thread().name)())
            await sync_to_async(print)("heard", end="")

        self.assertEqual((await self.outcome(job)).output, "heard")
        self.assertEqual(len(set(threads)), 1)
        self.assertEqual(self.closed, threads[:1])


class FailureTests(RunnerTestCase):
    async def test_an_exception_is_told_in_a_line_and_logged_with_the_name(self) -> None:
        def job() -> None:
            raise LookupError("lost\nagain")

        async def coroutine() -> None:
            job()

        def deferred() -> Deferred[None]:
            return deferLater(self.reactor, 0, job)

        for each in (job, coroutine, deferred):
            outcome = await self.outcome(each, name="shop.clean")
            self.assertEqual((outcome.state, outcome.error), ("failed", "LookupError: lost again"))
            [error] = self.errors()
            self.assertIsInstance(error, LookupError)
        self.assertEqual([line for line in self.log if "failed" in line], ["automation shop.clean failed"] * 3)

    async def test_an_attempt_to_end_the_process_is_a_failure_of_the_run_alone(self) -> None:
        async def coroutine() -> None:
            raise KeyboardInterrupt

        async def inner() -> None:
            sys.exit(2)

        async def outer() -> None:
            await asyncio.gather(asyncio.create_task(inner()), return_exceptions=True)

        self.assertEqual((await self.outcome(sys.exit)).error, "it tried to end the process, with status None")
        self.assertEqual((await self.outcome(coroutine)).error, "KeyboardInterrupt")
        self.assertEqual((await self.outcome(outer)).state, "done")
        self.assertEqual((await self.outcome(lambda: None)).state, "done")
        self.assertEqual((await self.outcome(asyncio.sleep, name="x")).state, "failed")
        self.errors()

    async def test_a_deferred_from_a_thread_is_a_mistake_that_is_told(self) -> None:
        outcome = await self.outcome(lambda: Deferred())
        self.assertIn("threaded=False", outcome.error)
        self.errors()

    async def test_a_program_that_fails_tells_its_status_and_its_last_line(self) -> None:
        outcome = await self.outcome(program(python("print('no room', file=sys.stderr); sys.exit(3)")))
        self.assertEqual(outcome, Outcome("failed", "exit status 3: no room", "no room\n", 3))

    async def test_a_program_that_is_not_there_is_a_failure(self) -> None:
        outcome = await self.outcome(program(["/no/such"]))
        self.assertEqual((outcome.state, outcome.status), ("failed", 127))
        self.assertIn("/no/such", outcome.error)

    async def test_each_run_prints_for_itself(self) -> None:
        both = threading.Barrier(2)

        def job(word: str) -> None:
            for _ in range(50):
                both.wait(20)
                print(word, end="")

        runs = [self.begin(partial(job, word), name=word) for word in "ab"]
        self.assertEqual([(await each.ended).output for each in runs], ["a" * 50, "b" * 50])


class TimeoutTests(RunnerTestCase):
    async def test_a_thread_is_left_to_itself_and_its_place_goes_to_others(self) -> None:
        gate = threading.Event()
        self.addCleanup(gate.set)
        runs = [self.begin(lambda: gate.wait(30), timeout=0.01, overlap="allow") for _ in range(3)]
        for each in runs:
            outcome = await each.ended
            self.assertEqual((outcome.state, outcome.error), ("timeout", "it was not done after 0.01 s"))
            self.assertFalse(each.gone.called)
        self.assertEqual((await self.outcome(lambda: print("next", end=""))).output, "next")
        gate.set()
        for each in runs:
            await each.gone

    async def test_the_time_counts_from_when_a_thread_is_free(self) -> None:
        gate = threading.Event()
        self.addCleanup(gate.set)
        busy = [self.begin(lambda: gate.wait(30)) for _ in range(3)]
        waits = self.begin(lambda: None, timeout=0.001)
        await deferLater(self.reactor, 0.02)
        self.assertFalse(waits.ended.called)
        gate.set()
        self.assertEqual((await waits.ended).state, "done")
        for each in busy:
            await each.gone

    async def test_a_coroutine_is_cancelled(self) -> None:
        async def job() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                print("tidy")

        running = self.begin(job, timeout=0.01)
        self.assertEqual(await running.ended, Outcome("timeout", "it was not done after 0.01 s", "tidy\n"))
        await running.gone

    async def test_a_deferred_is_cancelled(self) -> None:
        cancelled: list[object] = []

        def job() -> Deferred[None]:
            return Deferred(cancelled.append)

        self.assertEqual((await self.outcome(job, timeout=0.01)).state, "timeout")
        self.assertEqual(len(cancelled), 1)

    async def test_a_program_is_asked_to_end(self) -> None:
        code = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\nprint('up')\nwhile True: signal.pause()"
        outcome = await self.outcome(program(python(code)), timeout=2.0)
        self.assertEqual((outcome.state, outcome.status, outcome.output), ("timeout", 7, "up\n"))

    async def test_the_automation_is_told(self) -> None:
        told: list[tuple[str, str]] = []

        class Slow(Automation):
            def on_error(self, error: BaseException) -> None:
                told.append((type(error).__name__, threading.current_thread().name))

        gate = threading.Event()
        running = self.runner.begin(Slow(lambda: gate.wait(30), timeout=0.01))
        await running.ended
        await until(lambda: told)
        self.assertEqual(told, [("TimeoutError", "duck-automation-2")])
        gate.set()
        await running.gone


class CancelTests(RunnerTestCase):
    async def test_what_can_be_cancelled_is(self) -> None:
        async def coroutine() -> None:
            await asyncio.sleep(60)

        def deferred() -> Deferred[None]:
            return Deferred()

        for each in (coroutine, deferred, program(python("time.sleep(60)"))):
            running = self.begin(each)
            running.cancel()
            self.assertEqual((await running.ended).state, "cancelled")
            await running.gone
        self.assertEqual(self.errors(), [])

    async def test_what_no_thread_has_begun_never_begins(self) -> None:
        gate = threading.Event()
        self.addCleanup(gate.set)
        busy = [self.begin(lambda: gate.wait(30)) for _ in range(3)]
        waits = self.begin(self.fail)
        waits.cancel()
        self.assertEqual((await waits.ended).state, "cancelled")
        self.assertTrue(waits.gone.called)
        busy[0].cancel()
        self.assertEqual((await busy[0].ended).state, "cancelled")
        self.assertFalse(busy[0].gone.called)
        gate.set()
        for each in busy:
            await each.gone

    async def test_a_stop_cancels_what_runs(self) -> None:
        async def coroutine() -> None:
            await asyncio.sleep(60)

        running = self.begin(coroutine)
        await self.runner.stop()
        self.assertEqual((await running.ended).state, "cancelled")

    async def test_it_can_be_started_again(self) -> None:
        async def coroutine() -> None:
            print("a loop")

        for _ in range(2):
            self.assertEqual((await self.outcome(coroutine)).output, "a loop\n")
            self.assertEqual((await self.outcome(lambda: print("a thread"))).output, "a thread\n")
            await self.runner.stop()
            self.runner.start()

    async def test_where_there_is_no_event_loop_it_has_failed(self) -> None:
        def refuse(name: str) -> Any:
            raise RuntimeError("can't start new thread")

        async def coroutine() -> None: ...

        self.patch(eventloop, "LoopThread", refuse)
        outcome = await self.outcome(coroutine)
        self.assertEqual((outcome.state, outcome.error), ("failed", "RuntimeError: can't start new thread"))
        self.assertEqual(len(self.errors()), 1)


class TriggerTests(RunnerTestCase):
    async def test_it_is_asked_on_a_thread(self) -> None:
        class Dark(AutomationTrigger):
            def check_trigger(self) -> bool:
                return threading.current_thread().name == "duck-automation-1"

        self.assertIs(await self.runner.check(Dark()), True)
        self.assertEqual(self.closed, ["duck-automation-1"])

    async def test_its_failure_comes_back(self) -> None:
        with self.assertRaises(NotImplementedError):
            await self.runner.check(AutomationTrigger())
