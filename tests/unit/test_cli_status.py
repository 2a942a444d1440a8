"""``duckctl status`` for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duck_tx.cli.status import as_text
from tests.case import UnitTestCase

_FOUND: dict[str, Any] = {
    "pid": 4711,
    "started": 1000.0,
    "url": "https://localhost:8000",
    "project": "site.settings",
    "threads": 10,
    "versions": {"duck_tx": "0.1", "twisted": "26.10", "django": "5.2", "python": "3.11", "odd": "1"},
}


class StatusTextTests(UnitTestCase):
    def text(self, *, colour: bool = False, **changes: object) -> list[str]:
        return as_text(_FOUND | changes, Path("/site/.duck"), 1000 + 7380, colour=colour).splitlines()

    def test_it_tells_what_one_wants_to_know(self) -> None:
        self.assertEqual(
            self.text(),
            [
                "running   pid 4711, for 2 hours 3 minutes",
                "address   https://localhost:8000",
                "project   site.settings",
                "threads   10",
                "versions  duck_tx 0.1, Twisted 26.10, Django 5.2, Python 3.11, odd 1",
                "state in  /site/.duck",
            ],
        )

    def test_what_there_is_none_of_is_said_too(self) -> None:
        lines = self.text(project=None, threads=0)
        self.assertEqual(lines[2:4], ["project   none", "threads   none: on the reactor"])

    def test_a_server_of_another_version_may_tell_less(self) -> None:
        lines = as_text({"pid": 1}, Path("/x"), 0, colour=False).splitlines()
        self.assertEqual(lines[0], "running   pid 1, for less than a second")

    def test_that_it_runs_is_green(self) -> None:
        lines = self.text(colour=True)
        self.assertEqual(lines[0], "\x1b[32mrunning   pid 4711, for 2 hours 3 minutes\x1b[0m")
        self.assertEqual(lines[1:], self.text()[1:])
