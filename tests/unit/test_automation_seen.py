"""Which automations have been seen before."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from duck_tx.automations.agenda import Memory
from duck_tx.automations.database import Database
from duck_tx.automations.seen import seen
from tests.case import UnitTestCase


class SeenTests(UnitTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "ä ? history.sqlite3"
        self.path.parent.mkdir()

    def test_where_there_is_no_history_it_is_none_and_stays_so(self) -> None:
        self.assertEqual(seen(self.path), frozenset())
        self.assertFalse(self.path.exists())

    def test_those_that_are_remembered_while_another_has_the_file_open(self) -> None:
        with closing(Database(self.path)) as database:
            database.save([], {"a": Memory(1.0), "b": Memory(2.0, paused=True)}, durable=True)
            self.assertEqual(seen(self.path), {"a", "b"})

    def test_a_file_that_is_no_history_tells_nothing(self) -> None:
        for content in (b"", b"garbage" * 1000):
            self.path.write_bytes(content)
            self.assertEqual(seen(self.path), frozenset())
            self.assertEqual(self.path.read_bytes(), content)
