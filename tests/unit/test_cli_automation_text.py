"""Automations and their runs, as they are shown."""

from __future__ import annotations

import os
import time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.cli.automation_text import as_table, history_text, next_run
from tests.case import UnitTestCase

_NOW = 1_800_000_000.0
_TEXT = st.text(min_size=1, max_size=60)


def last(state: str = "done", ago: float = 180.0, **changes: object) -> dict[str, Any]:
    found = {"state": state, "started": _NOW - ago - 5, "duration": 5.0, "error": "", "status": None}
    return found | changes


def automation(name: str, **changes: object) -> dict[str, Any]:
    about = {
        "name": name,
        "description": "",
        "kind": "thread",
        "schedule": "every 5 min",
        "place": "shop/automations.py:12",
        "enabled": True,
        "paused": False,
        "running": None,
        "last": None,
        "next": None,
    }
    return about | changes


class TableTests(UnitTestCase):
    def lines(self, *automations: dict[str, Any], width: int = 80, colour: bool = False, note: str = "") -> list[str]:
        found = {"automations": list(automations), "leader": not note, "note": note}
        return as_table(found, _NOW, width, colour=colour).splitlines()

    def test_it_reads_at_a_glance(self) -> None:
        lines = self.lines(
            automation("shop.clear", last=last(), next=_NOW + 239.2),
            automation(
                "shop.backup",
                schedule="0 3 * * * Europe/Berlin",
                last=last("failed", 7300.0, error="OSError: disk full\nmore"),
                next=_NOW + 30_000,
            ),
            automation("shop.digest", running=12.3, last=last("timeout", 59.0, error="")),
            automation("shop.once", schedule="", paused=True),
        )
        self.assertEqual(
            lines,
            [
                "NAME         SCHEDULE                 LAST              NEXT",
                "shop.clear   every 5 min              done 3 min ago    in 4 min",
                "shop.backup  0 3 * * * Europe/Berlin  failed 2 h ago    in 8 h",
                "    OSError: disk full",
                "shop.digest  every 5 min              timeout 59 s ago  running for 12 s",
                "shop.once    -                        -                 paused",
            ],
        )

    def test_what_comes_next_is_told_in_words(self) -> None:
        for about, words in (
            ({"next": _NOW + 239.2}, "in 4 min"),
            ({"next": _NOW + 0.2}, "in 1 s"),
            ({"next": _NOW - 0.2}, "now"),
            ({"next": _NOW + 90 * 60}, "in 90 min"),
            ({"next": _NOW + 3 * 86400}, "in 3 days"),
            ({"next": None}, "-"),
            ({"next": _NOW + 5, "paused": True}, "paused"),
            ({"paused": True, "enabled": False}, "disabled"),
            ({"paused": True, "running": 12.9}, "running for 12 s"),
        ):
            self.assertEqual(next_run(automation("a", **about), _NOW), words)

    def test_only_the_result_is_in_colour(self) -> None:
        lines = self.lines(
            automation("a", last=last("failed")),
            automation("b", last=last("interrupted", duration=None)),
            automation("c", last=last()),
            colour=True,
        )
        self.assertIn("  \x1b[31mfailed 3 min ago\x1b[0m  ", lines[1])
        self.assertIn("  \x1b[33minterrupted 3 min ago\x1b[0m  ", lines[2])
        self.assertEqual(sum("\x1b" in line for line in lines), 2)
        plain = [line.replace("\x1b[31m", "").replace("\x1b[33m", "").replace("\x1b[0m", "") for line in lines]
        self.assertEqual(len({line.rindex("  ") for line in plain}), 1)

    def test_schedules_are_cut_before_names(self) -> None:
        long = "*/15 8-18 * * mon-fri Europe/Berlin, at 2027-01-01 00:00 UTC"
        lines = self.lines(automation("newsletter.send_weekly_digest", schedule=long, last=last(), next=_NOW + 60))
        self.assertEqual(len(lines[1]), 80)
        self.assertTrue(lines[1].startswith("newsletter.send_weekly_digest  */15 8-18 * * "), lines[1])
        self.assertIn("...  done 3 min ago  in 60 s", lines[1])
        lines = self.lines(automation("a." + "n" * 60, schedule=long, last=last(), next=_NOW + 60))
        self.assertEqual(len(lines[1]), 80)
        self.assertIn("n...  */15 8-18...  done", lines[1])

    @given(st.lists(st.builds(automation, _TEXT, schedule=_TEXT, last=st.none() | st.builds(last, error=_TEXT))))
    def test_it_fits_and_does_nothing_to_the_terminal(self, automations: list[dict[str, Any]]) -> None:
        lines = as_table({"automations": automations, "leader": True, "note": ""}, _NOW, 80, colour=False).split("\n")
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertTrue(all(line.isprintable() for line in lines))

    def test_none_at_all_is_said(self) -> None:
        self.assertEqual(self.lines(), ["no automations: there is none in the automations.py of any installed app."])
        self.assertEqual(self.lines(note="they are off."), ["they are off."])

    def test_another_process_is_named_below(self) -> None:
        self.assertEqual(self.lines(automation("a"), note="pid 7 runs them.")[-1], "pid 7 runs them.")


class HistoryTests(UnitTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", {**os.environ, "TZ": "UTC"})
        time.tzset()
        self.addCleanup(time.tzset)

    def run_of(self, number: int, state: str = "done", **changes: object) -> dict[str, Any]:
        about = {"number": number, "due": _NOW, "attempt": 1, "by": "schedule", "count": 1}
        return about | last(state, ago=0.0, started=_NOW + number) | changes

    def lines(self, *runs: dict[str, Any], colour: bool = False, output: bool = False) -> list[str]:
        found = {"name": "a", "runs": list(runs)}
        return history_text(found, _NOW + 60, 80, colour=colour, output=output).splitlines()

    def test_runs_are_a_table(self) -> None:
        self.assertEqual(
            self.lines(
                self.run_of(5, "running", duration=None),
                self.run_of(4, "failed", attempt=2, by="retry", duration=0.25, error="KeyError: 1", status=3),
                self.run_of(3, "skipped", duration=None, count=12, error="it still runs"),
                self.run_of(2, "interrupted", duration=None, by="catch up"),
                self.run_of(1, duration=754.0, by="hand"),
            ),
            [
                "STARTED              TOOK    RESULT             WHY",
                "2027-01-15 08:00:05  55 s    running            schedule",
                "2027-01-15 08:00:04  0.25 s  failed (status 3)  retry, attempt 2",
                "    KeyError: 1",
                "2027-01-15 08:00:03  -       skipped 12 times   schedule",
                "    it still runs",
                "2027-01-15 08:00:02  -       interrupted        catch up",
                "2027-01-15 08:00:01  12 min  done               hand",
            ],
        )

    def test_results_are_in_colour(self) -> None:
        lines = self.lines(self.run_of(2, "timeout"), self.run_of(1), colour=True)
        self.assertIn("  \x1b[31mtimeout\x1b[0m  ", lines[1])
        self.assertNotIn("\x1b", lines[0] + lines[2])

    def test_what_was_printed_is_shown_if_wanted(self) -> None:
        runs = [self.run_of(2, output="one\n\x1b[2Jtwo\n"), self.run_of(1)]
        self.assertEqual(self.lines(*runs, output=True)[2:4], ["    | one", r"    | \x1b[2Jtwo"])
        self.assertEqual(len(self.lines(*runs)), 3)

    def test_one_that_never_ran_says_so(self) -> None:
        self.assertEqual(self.lines(), ["a has not been run."])
