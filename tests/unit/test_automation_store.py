"""What is known of all runs, through all that can be wrong with a disk."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

from duck_tx.automations import database as database_module
from duck_tx.automations import store as store_module
from duck_tx.automations.agenda import Memory
from duck_tx.automations.database import Database
from duck_tx.automations.record import Run, RunState
from duck_tx.automations.store import AGAIN, Store
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines

_MEMORY = Memory(anchor=1.0, last_due=2.0, paused=False, count=3)


class _StoreCase(UnitTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute() / "automations.sqlite3"
        self.path.parent.mkdir(parents=True)
        self.time = 100.0
        self.store = self.opened()

    def opened(self, now: float = 50.0) -> Store:
        """A store on the file, as in another life of the server."""
        store = Store(self.path, lambda: self.time)
        self.number = store.open(now)
        self.addCleanup(store.close)
        return store

    def begin(self, *names: str, **memories: Memory) -> list[int]:
        numbers = list(range(self.number, self.number + len(names)))
        self.number += len(names)
        self.store.begin([Run(number, name, 5.0, 6.0) for number, name in zip(numbers, names, strict=True)], memories)
        return numbers

    def end(self, number: int, state: RunState = "done", output: str = "") -> None:
        self.store.end(number, 8.0, state, "wrong" if state == "failed" else "", output, None)

    def run_once(self, name: str, state: RunState = "done") -> int:
        [number] = self.begin(name)
        self.end(number, state)
        return number

    def states(self, name: str = "a") -> list[str]:
        return [each.state for each in self.store.runs(name, 1000)]


class StoreTests(_StoreCase):
    def test_a_run_begins_and_ends(self) -> None:
        [number] = self.begin("a")
        self.assertEqual(self.store.runs("a", 9), [Run(number, "a", 5.0, 6.0)])
        self.store.end(number, 8.5, "failed", "KeyError: 1", "text", 3)
        expected = Run(number, "a", 5.0, 6.0, 8.5, state="failed", error="KeyError: 1", output="text", status=3)
        self.assertEqual(self.store.runs("a", 9), [expected])
        self.assertEqual(self.store.latest, {"a": replace(expected, output="")})

    def test_what_begins_is_on_disk_at_once_and_its_end_a_moment_later(self) -> None:
        [number] = self.begin("a", a=_MEMORY)
        other = Database(self.path)
        self.addCleanup(other.close)
        self.assertEqual([each.state for each in other.runs("a", 9)], ["running"])
        self.assertEqual(other.memories(), {"a": _MEMORY})
        self.end(number)
        self.assertEqual([each.state for each in other.runs("a", 9)], ["running"])
        self.store.write()
        self.assertEqual([each.state for each in other.runs("a", 9)], ["done"])

    def test_another_life_goes_on_where_this_one_ended(self) -> None:
        self.begin(a=_MEMORY)
        number = self.run_once("a", "failed")
        self.store.close()
        self.store = self.opened()
        self.assertEqual(self.number, number + 1)
        self.assertEqual(self.store.memories, {"a": _MEMORY})
        self.assertEqual(self.store.latest["a"].state, "failed")
        self.assertEqual(self.store.interrupted, [])

    def test_what_a_dead_process_left_is_interrupted_once(self) -> None:
        first, second = self.begin("a", "b")
        self.end(second)
        self.store.write()
        # As after a kill: the other is not closed.
        self.store = self.opened()
        self.assertEqual(self.store.interrupted, [Run(first, "a", 5.0, 6.0, state="interrupted")])
        self.assertEqual(self.states("a"), ["interrupted"])
        self.assertEqual(self.store.latest["a"].state, "interrupted")
        self.assertEqual(self.opened().interrupted, [])

    def test_the_end_of_what_never_began_is_nothing(self) -> None:
        self.end(77)
        self.assertEqual((self.states(), self.store.latest), ([], {}))

    def test_an_earlier_run_that_ends_later_is_not_the_latest(self) -> None:
        first, second = self.begin("a", "a")
        self.end(second, "failed")
        self.end(first)
        self.assertEqual(self.store.latest["a"].number, second)

    def test_skipped_runs_in_a_row_are_one(self) -> None:
        self.run_once("a")
        for number, due in enumerate((10.0, 11.0, 12.0), self.number):
            self.store.skip(number, "a", due, "it still runs")
        self.number += 3
        self.store.skip(self.number, "b", 11.0, "it still runs")
        [skipped, run] = self.store.runs("a", 9)
        self.assertEqual((skipped.due, skipped.finished, skipped.count), (10.0, 12.0, 3))
        self.assertEqual((skipped.state, skipped.error, run.state), ("skipped", "it still runs", "done"))
        self.assertEqual(self.store.latest["a"].state, "done")

    def test_after_a_run_or_for_another_reason_skipping_begins_anew(self) -> None:
        for why in ("one", "one", "other"):
            self.store.skip(self.number, "a", 10.0, why)
            self.number += 1
        self.run_once("a")
        self.store.skip(self.number, "a", 10.0, "other")
        counts = [(each.error, each.count) for each in self.store.runs("a", 9)]
        self.assertEqual(counts, [("other", 1), ("", 1), ("other", 1), ("one", 2)])

    def test_pausing_is_remembered_with_all_else(self) -> None:
        self.begin(a=_MEMORY)
        self.store.pause("a", True, 60.0)
        self.store.pause("new", True, 60.0)
        self.store = self.opened()
        self.assertEqual(self.store.memories["a"], replace(_MEMORY, paused=True))
        self.assertEqual(self.store.memories["new"], Memory(anchor=60.0, last_due=None, paused=True, count=0))
        self.store.pause("a", False, 61.0)
        self.assertEqual(self.opened().memories["a"], _MEMORY)

    def test_it_is_pruned_in_pieces_and_to_the_end(self) -> None:
        for name in "abc":
            for _ in range(3):
                self.run_once(name)
        self.store.write()

        def later() -> float:
            self.time += 0.006
            return self.time

        store = Store(self.path, later)
        store.open(50.0)
        self.addCleanup(store.close)
        self.assertGreater(len(list(store.prune(0.0, 1))), 2)
        self.assertEqual([len(self.store.runs(name, 9)) for name in "abc"], [1, 1, 1])


class TroubleTests(_StoreCase):
    """The disk, or the file, is not as it should be."""

    def full(self) -> None:
        """Let the file have no more pages than it has."""
        database = self.store._database
        assert database is not None
        database._connection.execute("PRAGMA max_page_count = 1")

    def roomy(self) -> None:
        """Let it have as many as it wants, in a while."""
        database = self.store._database
        assert database is not None
        database._connection.execute("PRAGMA max_page_count = 1000000")
        self.time += AGAIN

    def test_a_full_disk_is_a_line_and_nothing_is_lost(self) -> None:
        self.run_once("a")
        self.store.write()
        with logged_lines() as lines:
            self.full()
            for _ in range(50):
                [number] = self.begin("a", a=_MEMORY)
                self.end(number, output="x" * 3000)
            self.assertEqual(self.states(), ["done"] * 51)
            self.assertEqual(self.store.memories, {"a": _MEMORY})
            self.assertEqual(len(lines), 1)
            self.assertIn(
                f"the history {self.path} cannot be used: database or disk is full. Automations run on", lines[0]
            )
            self.roomy()
            self.store.write()
        self.assertEqual(lines[1:], [f"automations: the history {self.path} is written again"])
        self.store = self.opened()
        self.assertEqual((self.states(), self.store.memories), (["done"] * 51, {"a": _MEMORY}))

    def test_a_disk_in_trouble_is_left_alone_for_a_while(self) -> None:
        self.full()
        self.begin(*["a"] * 200)
        tried = []
        database = self.store._database
        assert database is not None
        self.patch(database, "save", lambda *args, **options: tried.append(1))
        self.begin("a")
        self.assertEqual(tried, [])
        self.time += AGAIN
        self.begin("a")
        self.assertEqual(tried, [1])

    def test_memory_is_not_filled_up_meanwhile(self) -> None:
        self.patch(store_module, "MOST_UNWRITTEN", 30)
        self.patch(store_module, "MOST_OUTPUTS", 10)
        self.full()
        numbers = self.begin(*["a"] * 200)
        for number in numbers:
            self.end(number, output="x")
            self.store.write()
        found = self.store.runs("a", 1000)
        self.assertEqual([each.number for each in found], numbers[:-31:-1])
        self.assertLess(sum(len(each.output) for each in found), 11)

    def test_at_the_end_it_is_tried_once_more(self) -> None:
        self.full()
        self.begin(*["a"] * 200)
        self.roomy()
        self.time -= AGAIN
        self.store.close()
        self.store = self.opened()
        self.assertEqual(self.states(), ["interrupted"] * 200)

    def test_a_file_that_somebody_has_locked_is_written_later(self) -> None:
        self.patch(database_module, "_PATIENCE", 0.01)
        self.store.close()
        self.store = self.opened()
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN EXCLUSIVE")
        with logged_lines() as lines:
            self.begin("a")
            self.assertIn("database is locked", "".join(lines))
            self.assertEqual(self.states(), ["running"])
            other.execute("ROLLBACK")
            self.time += AGAIN
            self.begin("a")
        self.assertIn("is written again", lines[-1])
        self.assertEqual([each.state for each in self.opened().interrupted], ["interrupted"] * 2)

    def test_a_directory_that_cannot_be_written_is_a_line(self) -> None:
        self.store.close()
        self.path = self.path.parent / "missing" / "automations.sqlite3"
        with logged_lines() as lines:
            self.store = self.opened(now=50.0)
            self.assertEqual(self.number, 50_000)
            self.run_once("a", "failed")
            self.assertEqual(self.states(), ["failed"])
        self.assertEqual(len(lines), 1)
        self.assertIn("No such file or directory", lines[0])

    def test_one_that_becomes_readable_later_is_joined_to_what_is_known_by_then(self) -> None:
        self.begin(a=_MEMORY, old=_MEMORY)
        self.run_once("old")
        self.begin("a")
        self.store.close()
        away = self.path.with_name("away")
        self.path.rename(away)
        self.path.mkdir()
        with logged_lines() as lines:
            self.store = self.opened()
            self.begin(a=replace(_MEMORY, count=9))
            self.run_once("a", "failed")
            self.path.rmdir()
            away.rename(self.path)
            self.time += AGAIN
            self.store.write()
            self.assertEqual(self.states(), ["failed", "interrupted"])
        self.assertEqual(len(lines), 2)
        self.store = self.opened()
        self.assertEqual(self.store.memories, {"a": replace(_MEMORY, count=9), "old": _MEMORY})
        self.assertEqual({name: each.state for name, each in self.store.latest.items()}, {"a": "failed", "old": "done"})

    def test_a_damaged_file_is_set_aside_at_the_start(self) -> None:
        self.store.close()
        self.path.write_bytes(b"no database " * 1000)
        with logged_lines() as lines:
            self.store = self.opened()
        [line] = lines
        aside = self.path.with_name("automations.sqlite3.damaged")
        self.assertIn(f"the history {self.path} is damaged (file is not a database). It is {aside} now", line)
        self.assertTrue(aside.read_bytes().startswith(b"no database "))
        self.run_once("a")
        self.store.close()
        self.store = self.opened()
        self.assertEqual(self.states(), ["done"])

    def test_one_that_is_damaged_while_it_is_used_is_replaced_with_what_is_known(self) -> None:
        self.begin(a=_MEMORY)
        self.run_once("a", "failed")
        [number] = self.begin("b")
        with logged_lines() as lines:
            self.damage()
            self.begin("c")
            self.assertEqual(len(lines), 1)
            self.assertIn("is damaged", lines[0])
        self.end(number)
        self.store.write()
        self.store = self.opened()
        self.assertEqual(self.store.memories, {"a": _MEMORY})
        self.assertEqual([self.states(name) for name in "abc"], [["failed"], ["done"], ["interrupted"]])

    def damage(self) -> None:
        """Overwrite the pages of the file, and have SQLite read them again."""
        database = self.store._database
        assert database is not None
        database._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = self.path.stat().st_size
        with self.path.open("r+b") as file:
            file.seek(100)
            file.write(os.urandom(size - 100))
        database._connection.close()
        database._connection = sqlite3.connect(self.path, isolation_level=None)

    def test_one_that_cannot_be_set_aside_either_is_trouble_as_any_other(self) -> None:
        self.store.close()
        self.path.write_bytes(b"no database " * 1000)
        aside = self.path.with_name("automations.sqlite3.damaged")
        aside.mkdir()
        (aside / "full").mkdir()
        with logged_lines() as lines:
            self.store = self.opened()
            self.run_once("a")
            self.assertEqual(self.states(), ["done"])
        [line] = lines
        self.assertIn("file is not a database, and it cannot be renamed: ", line)

    def test_a_file_that_is_removed_is_made_again_with_what_is_known(self) -> None:
        self.begin(a=_MEMORY)
        self.run_once("a")
        self.store.write()
        self.path.unlink()
        with logged_lines() as lines:
            self.run_once("b")
        self.assertEqual(lines, [f"automations: the history {self.path} was removed, a new one begins"])
        self.store.write()
        self.store = self.opened()
        self.assertEqual((self.states("a"), self.states("b")), (["done"], ["done"]))
        self.assertEqual(self.store.memories, {"a": _MEMORY})

    def test_what_no_file_can_hold_is_left_out(self) -> None:
        self.begin("a", a=Memory(anchor=object(), last_due=None, paused=False, count=0))  # type: ignore[arg-type]
        self.assertEqual(len(self.flushLoggedErrors(sqlite3.ProgrammingError)), 1)
        self.run_once("b")
        self.assertEqual(self.states("b"), ["done"])
        self.assertEqual(self.flushLoggedErrors(), [])
