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
        self.assertEqual(self.text(threads=None)[3], "threads   none: an event loop")

    def test_a_server_of_another_version_may_tell_less(self) -> None:
        lines = as_text({"pid": 1}, Path("/x"), 0, colour=False).splitlines()
        self.assertEqual(lines[0], "running   pid 1, for less than a second")

    def test_one_that_does_not_serve_yet_or_any_more_says_so(self) -> None:
        [line, *_] = self.text(serving=False, colour=True)
        self.assertEqual(
            line,
            "\x1b[33mrunning   pid 4711, for 2 hours 3 minutes; the port is closed: it starts, or stops\x1b[0m",
        )
        self.assertEqual(self.text(serving=True), self.text())

    def test_the_servers_of_routes_are_told_with_what_is_known_of_them(self) -> None:
        server = {"route": "/api", "url": "http://10.0.0.5:9000"}
        known = server | {"state": "out", "requests": 1, "answered": 7, "failures": 3}
        lines = self.text(upstreams=[known, server])
        self.assertEqual(
            lines[3:5],
            [
                "upstream  http://10.0.0.5:9000 of /api: out, 1 now, 7 answered, 3 failed",
                "upstream  http://10.0.0.5:9000 of /api",
            ],
        )
        [line] = self.text(upstreams=[known | {"why": "the connection was refused"}])[3:4]
        self.assertIn(" of /api: out (the connection was refused), 1 now, ", line)

    def test_where_workers_see_a_server_differently_it_is_told_which(self) -> None:
        why = "the connection was refused"
        workers = [
            {"number": 1, "state": "out", "why": why},
            {"number": 2, "state": "up", "why": None},
            {"number": 3, "state": "unknown"},
            {"number": 4, "state": "up", "why": None},
        ]
        counts = {"requests": 1, "answered": 7, "failures": 3}
        server = {"route": "/", "url": "unix:/a", "state": "mixed", "why": why, **counts, "workers": workers}
        self.assertEqual(
            self.text(upstreams=[server])[3],
            "upstream  unix:/a of /: up in workers 2, 4; out (the connection was refused) in worker 1;"
            " unknown in worker 3; 1 now, 7 answered, 3 failed",
        )

    def test_workers_are_below(self) -> None:
        worker = {"pid": 5, "state": "ready", "requests": 7, "memory": 1024**2, "age": 1}
        lines = self.text(processes=[worker | {"number": 1}, worker | {"number": 2, "state": "starting"}])
        self.assertEqual(lines[3:5], ["workers   2", "threads   10 in each worker"])
        self.assertEqual(
            lines[-4:],
            [
                "",
                "WORKER  PID  STATE     REQUESTS  MEMORY   AGE",
                "1       5    ready     7         1.0 MiB  1 second",
                "2       5    starting  7         1.0 MiB  1 second",
            ],
        )
        self.assertEqual(self.text(processes=[]), self.text())
        automations: dict[str, object] = {"pid": 6, "state": "ready", "memory": 1024**2, "age": 60}
        lines = self.text(processes=[worker | {"number": 1}], automations=automations)
        self.assertEqual(lines[4], "automations  pid 6, ready, 1.0 MiB, for 1 minute")
        lines = self.text(processes=[worker | {"number": 1}], automations={"pid": None, "state": "down"})
        self.assertEqual(lines[4], "automations  no process, down")
        leaving = [worker | {"number": 1}, worker | {"number": 1, "state": "leaving"}]
        self.assertEqual(self.text(processes=leaving)[3], "workers   1")

    def test_micro_apps_are_named_with_their_places(self) -> None:
        found = [{"name": "A", "url": "http://a:1", "up": True}, {"name": "B", "url": "http://a:2", "up": False}]
        self.assertEqual(
            self.text(microapps=found)[3:5], ["micro app  A at http://a:1", "micro app  B at http://a:2; it is not up"]
        )
        self.assertEqual(self.text(microapps=[]), self.text())

    def test_that_it_runs_is_green(self) -> None:
        lines = self.text(colour=True)
        self.assertEqual(lines[0], "\x1b[32mrunning   pid 4711, for 2 hours 3 minutes\x1b[0m")
        self.assertEqual(lines[1:], self.text()[1:])
