"""The history's file: what is written is read, and nobody else may read it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from duck_tx.automations.agenda import Memory
from duck_tx.automations.database import Database, identity, is_damage, set_aside
from duck_tx.automations.record import Run, RunState
from tests.case import UnitTestCase

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_TIME = st.floats(0, 4e9)
_RUN = st.builds(
    Run,
    number=st.integers(1, 2**60),
    name=_TEXT,
    due=_TIME,
    started=_TIME,
    finished=st.none() | _TIME,
    attempt=st.integers(1, 9),
    by=st.sampled_from(["schedule", "catch up", "retry", "hand"]),
    state=st.sampled_from(["done", "failed", "timeout", "cancelled", "interrupted", "skipped", "running"]),
    error=_TEXT,
    output=_TEXT,
    status=st.none() | st.integers(-64, 255),
    count=st.integers(1, 99),
)


def run(number: int, name: str = "a", state: RunState = "done", at: float | None = None) -> Run:
    """One that began at its number's second."""
    started = float(number) if at is None else at
    return Run(number, name, started, started, started + 1, state=state, output=f"output {number}")


def always() -> bool:
    return True


class DatabaseTests(UnitTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute() / "automations.sqlite3"
        self.path.parent.mkdir(parents=True)
        self.database = self.opened()

    def opened(self) -> Database:
        database = Database(self.path)
        self.addCleanup(database.close)
        return database

    def write(self, *runs: Run, **memories: Memory) -> None:
        self.database.save(runs, memories, durable=False)

    def numbers(self, name: str = "a") -> list[int]:
        return [each.number for each in self.database.runs(name, 1000)]

    def prune(self, oldest: float = 0.0, keep: int = 1000, goes_on: Callable[[], bool] = always) -> str | None:
        return self.database.prune("", oldest, keep, goes_on)

    @settings(max_examples=30)
    @given(st.lists(_RUN, unique_by=lambda each: each.number))
    def test_runs_are_read_as_they_were_written(self, runs: list[Run]) -> None:
        path = self.path.with_name("other.sqlite3")
        path.unlink(missing_ok=True)
        database = Database(path)
        try:
            database.save(runs, {}, durable=True)
            found = [each for name in {each.name for each in runs} for each in database.runs(name, 99)]
            self.assertEqual({each.number: each for each in found}, {each.number: each for each in runs})
            self.assertEqual(database.last_number(), max((each.number for each in runs), default=0))
            self.assertEqual({each.number for each in database.running()}, _running(runs))
            self.assertEqual(database.latest(), _latest(runs))
        finally:
            database.close()

    def test_memories_are_read_as_they_were_written(self) -> None:
        memories = {"a": Memory(1.5, None, False, 0), "b": Memory(2.5, 7.25, True, 12)}
        self.write(**memories)
        self.write(b=Memory(2.5, 9.0, False, 13))
        self.database.close()
        self.assertEqual(self.opened().memories(), {**memories, "b": Memory(2.5, 9.0, False, 13)})

    def test_what_is_written_again_takes_the_place(self) -> None:
        self.write(run(1, state="running"))
        self.write(run(1, state="failed"))
        self.assertEqual([each.state for each in self.database.runs("a", 9)], ["failed"])

    def test_all_is_written_or_nothing(self) -> None:
        self.write(run(1))
        with self.assertRaises(sqlite3.ProgrammingError):
            self.write(run(2), Run(3, "a", 1.0, 1.0, error=object()))  # type: ignore[arg-type]
        self.assertEqual(self.numbers(), [1])
        self.write(run(4))
        self.assertEqual(self.numbers(), [4, 1])

    def test_the_newest_come_first_and_no_more_than_wanted(self) -> None:
        self.write(*map(run, range(1, 6)), run(6, "b"))
        self.assertEqual([each.number for each in self.database.runs("a", 2)], [5, 4])

    def test_nobody_else_may_read_any_of_its_files(self) -> None:
        self.write(run(1))
        files = list(self.path.parent.iterdir())
        self.assertGreater(len(files), 1)
        self.assertEqual([oct(path.stat().st_mode & 0o777) for path in files], ["0o600"] * len(files))

    def test_of_each_automation_the_newest_stay(self) -> None:
        self.write(*map(run, range(1, 6)), run(6, "b"), run(7, "b"), run(8, "c"))
        self.assertIsNone(self.prune(keep=2))
        self.assertEqual([self.numbers(name) for name in "abc"], [[5, 4], [7, 6], [8]])

    def test_the_old_are_removed_but_for_the_last_result_and_what_runs(self) -> None:
        self.write(run(1, state="running"), *map(run, range(2, 5)), run(5, state="skipped"), run(6, "b"), run(9, "c"))
        self.assertIsNone(self.prune(oldest=8.0))
        self.assertEqual([self.numbers(name) for name in "abc"], [[4, 1], [6], [9]])

    def test_it_is_pruned_in_pieces(self) -> None:
        self.write(*(run(number, name) for number, name in enumerate("aabbcc", 1)))
        twice = chain(repeat(True, 2), repeat(False))
        self.assertEqual(self.prune(keep=1, goes_on=lambda: next(twice)), "b")
        self.assertEqual([self.numbers(name) for name in "abc"], [[2], [4], [6, 5]])
        self.assertIsNone(self.database.prune("b", 0.0, 1, always))
        self.assertEqual(self.numbers("c"), [6])

    def test_a_file_that_is_no_database_is_damaged(self) -> None:
        self.database.close()
        self.path.write_bytes(b"something else\n" * 1000)
        with self.assertRaises(sqlite3.DatabaseError) as caught:
            Database(self.path)
        self.assertTrue(is_damage(caught.exception))

    def test_one_with_other_tables_is_of_no_use(self) -> None:
        self.database.close()
        for sql in ("PRAGMA user_version = 99", "PRAGMA user_version = 0"):
            other = sqlite3.connect(self.path)
            other.execute(sql)
            other.close()
            with self.assertRaises(sqlite3.Error) as caught:
                Database(self.path)
            self.assertTrue(is_damage(caught.exception), sql)

    def test_other_errors_are_no_damage(self) -> None:
        self.assertFalse(is_damage(OSError("gone")))
        self.assertFalse(is_damage(sqlite3.OperationalError("without a code")))

    def test_one_that_is_set_aside_is_out_of_the_way_with_all_that_is_beside_it(self) -> None:
        self.write(run(1))
        before = identity(self.path)
        aside = set_aside(self.path)
        self.assertEqual(identity(aside), before)
        self.assertTrue(aside.with_name(aside.name + "-wal").exists())
        self.assertEqual(self.opened().last_number(), 0)


def _running(runs: list[Run]) -> set[int]:
    return {each.number for each in runs if each.state == "running"}


def _latest(runs: list[Run]) -> dict[str, Run]:
    results = [each for each in runs if each.state not in ("running", "skipped")]
    return {each.name: replace(each, output="") for each in sorted(results, key=lambda each: each.number)}
