"""The history as the reactor sees it: it never waits for a disk."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from duck_tx.automations.agenda import Memory
from duck_tx.automations.database import Database
from duck_tx.automations.history import LAST_WORDS, PATIENCE, History
from duck_tx.automations.record import Begin, Run
from tests.case import AsyncTestCase
from tests.unit.logged import logged_lines

_MEMORY = Memory(anchor=1.0, last_due=2.0, paused=False, count=3)


class _Reactor(Clock):
    """Time that is advanced by hand, on the reactor that runs."""

    def callFromThread(self, *args: Any) -> None:
        from twisted.internet import reactor

        reactor.callFromThread(*args)  # type: ignore[attr-defined]


class HistoryTests(AsyncTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute() / "automations.sqlite3"
        self.path.parent.mkdir(parents=True)
        self.clock = _Reactor()
        self.clock.advance(1000.0)

    async def opened(self, keep_days: float = 30.0, keep_runs: int = 100) -> History:
        history = History(self.clock, self.path, keep_days=keep_days, keep_runs=keep_runs)
        await history.open()
        self.addCleanup(history.close)
        return history

    def block(self, history: History) -> threading.Event:
        """Have the disk not answer until the event is set."""
        gate = threading.Event()
        self.addCleanup(gate.set)
        history._writer.post(gate.wait)
        return gate

    def on_disk(self, name: str) -> list[Run]:
        database = Database(self.path)
        try:
            return database.runs(name, 99)
        finally:
            database.close()

    async def test_a_run_is_written_before_it_begins_and_again_when_it_has_ended(self) -> None:
        history = await self.opened()
        begins = [Begin("a", 5.0, 6.0), Begin("b", 5.5, 6.5, 2, "retry")]
        first, second = await history.begin(begins, {"a": _MEMORY})
        self.assertEqual(self.on_disk("a"), [Run(first, "a", 5.0, 6.0)])
        self.assertEqual(self.on_disk("b"), [Run(second, "b", 5.5, 6.5, attempt=2, by="retry")])
        self.assertEqual(await history.memories(), {"a": _MEMORY})
        history.end(first, 8.0, state="failed", error="KeyError: 1", output="text", status=1)
        ended = Run(first, "a", 5.0, 6.0, 8.0, state="failed", error="KeyError: 1", output="text", status=1)
        self.assertEqual(await history.runs("a", 9), [ended])
        self.assertEqual([*await history.latest()], ["a"])

    async def test_the_end_of_a_run_is_written_by_itself(self) -> None:
        history = await self.opened()
        [number] = await history.begin([Begin("a", 5.0, 6.0)], {})
        history.end(number, 8.0, state="done")
        until = time.monotonic() + 30
        while [each.state for each in self.on_disk("a")] != ["done"]:
            self.assertLess(time.monotonic(), until)

    async def test_numbers_go_on_in_the_next_life_and_what_was_left_is_told(self) -> None:
        history = await self.opened()
        [first] = await history.begin([Begin("a", 5.0, 6.0)], {})
        history.skipped("a", 7.0, "it still runs")
        await history.pause("a", True)
        await history.close()
        history = await self.opened()
        self.assertEqual(await history.interrupted(), [Run(first, "a", 5.0, 6.0, state="interrupted")])
        [third] = await history.begin([Begin("a", 5.0, 6.0)], {})
        self.assertEqual([each.number for each in await history.runs("a", 9)], [third, third - 1, first])
        self.assertTrue((await history.memories())["a"].paused)
        self.assertEqual((await history.memories())["a"].anchor, 1000.0)

    async def test_it_is_pruned_by_age_and_number(self) -> None:
        history = await self.opened(keep_days=1.0, keep_runs=2)
        for started in (10.0, 20.0, 90_000.0, 90_001.0, 90_002.0):
            [number] = await history.begin([Begin("a", started, started)], {})
            history.end(number, started + 1, state="done")
        await history.prune(100.0)
        self.assertEqual([each.started for each in await history.runs("a", 9)], [90_002.0, 90_001.0])
        await history.prune(86_400.0 + 90_002.0)
        self.assertEqual([each.started for each in await history.runs("a", 9)], [90_002.0])

    async def test_a_disk_that_does_not_answer_delays_no_run_for_long(self) -> None:
        history = await self.opened()
        gate = self.block(history)
        with logged_lines() as lines:
            for number in (1, 2):
                begun = history.begin([Begin("a", 5.0, 6.0)], {})
                self.clock.advance(PATIENCE - 0.1)
                self.assertNoResult(begun)
                self.clock.advance(0.1)
                self.assertEqual(self.successResultOf(begun), [number])
        self.assertEqual(len(lines), 1)
        self.assertIn("has not answered for 2 s; runs begin before that is written", lines[0])
        gate.set()
        self.assertEqual(len(await history.runs("a", 9)), 2)
        self.assertEqual(await history.begin([Begin("a", 5.0, 6.0)], {}), [3])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_one_that_does_not_answer_at_the_end_is_left_to_itself(self) -> None:
        history = await self.opened()
        gate = self.block(history)
        closed = history.close()
        self.clock.advance(LAST_WORDS)
        self.successResultOf(closed)
        gate.set()

    async def test_closing_writes_what_is_left(self) -> None:
        history = await self.opened()
        [number] = await history.begin([Begin("a", 5.0, 6.0)], {})
        history.end(number, 8.0, state="done")
        await history.close()
        self.assertEqual([path.name for path in self.path.parent.iterdir()], [self.path.name])
        self.assertEqual([each.state for each in self.on_disk("a")], ["done"])

    async def test_once_it_is_closed_it_is_silent(self) -> None:
        history = await self.opened()
        await history.close()
        self.assertEqual(await history.begin([Begin("a", 5.0, 6.0)], {}), [1])
        history.end(1, 8.0, state="done")
        history.skipped("a", 8.0, "why")
        self.assertEqual((await history.runs("a", 9), await history.interrupted()), ([], []))
        self.assertEqual((await history.memories(), await history.latest()), ({}, {}))
        await history.pause("a", True)
        await history.prune(0.0)
        await history.close()

    async def test_what_goes_wrong_in_it_keeps_no_run_from_beginning(self) -> None:
        history = await self.opened()
        self.patch(history._store, "begin", lambda runs, memories: 1 / 0)
        self.assertEqual(await history.begin([Begin("a", 5.0, 6.0)], {}), [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
