"""``duckctl automations`` with a real server: what there is, what has been, and doing it now."""

from __future__ import annotations

import json
from typing import Any

from tests.integration.automation_case import AutomationsTestCase
from tests.integration.server import Server, wait_until

""

_JOBS = """
import sys
from duck_tx import automation, command, cron, every, program
from shop.notes import note, wait_for

rarely = every(hours=5)

@automation(rarely)
def says():
    \"""Say a word or two.\"""
    print("one\\ttwo")
    sys.stdout.write("\\x1b[1mthree\\x1b[0m, and no end of the line")

@automation(cron("30 3 * * *"), description="Always fails.")
def fails():
    print("so far")
    raise ValueError("too far")

sevens = automation(rarely, name="sevens")(program(["sh", "-c", "echo seven; echo more >&2; exit 7"]))
killed = automation(rarely, name="killed")(program(["sh", "-c", "kill -9 $$"]))
exits = automation(rarely, name="exits")(command("exits"))
clean = automation(rarely, name="clean")(command("clearsessions"))

@automation(rarely)
def waits():
    note("waits", "begins")
    wait_for("gate")
    print("at last")

off = automation(rarely, name="off", enabled=False)(print)
tick = automation(every(seconds=0.2), name="tick")(lambda: note("tick"))
"""
_EXITS = """
import sys
from django.core.management.base import BaseCommand

class Command(BaseCommand):
    def handle(self, *args, **options):
        self.stdout.write("to be clear")
        self.stderr.write("it is over")
        sys.exit(9)
"""
_FILES = {
    "shop/management/__init__.py": "",
    "shop/management/commands/__init__.py": "",
    "shop/management/commands/exits.py": _EXITS,
}


class DuckctlTests(AutomationsTestCase):
    def test_what_there_is_is_shown_run_paused_and_resumed(self) -> None:
        server = self.served(_JOBS, files=_FILES)
        # What is run by hand prints as it did, and ends as it did.
        said = "one\ttwo\n\x1b[1mthree\x1b[0m, and no end of the line"
        self.assertEqual(self.duckctl(server, "run", "shop.says"), (0, said, ""))
        self.assertEqual(self.duckctl(server, "run", "clean"), (0, "", ""))
        for name, status, out, err in (
            ("shop.fails", 1, "so far\n", "failed after [0-9.]+ s: ValueError: too far"),
            ("sevens", 7, "seven\nmore\n", "failed after [0-9.]+ s: exit status 7: more"),
            ("killed", 137, "", "failed after [0-9.]+ s: ended by SIGKILL"),
            ("exits", 9, "to be clear\nit is over\n", "failed after [0-9.]+ s: it tried to end .* with status 9"),
        ):
            found = self.duckctl(server, "run", name)
            self.assertEqual((found[0], sorted(found[1].splitlines())), (status, sorted(out.splitlines())), name)
            self.assertRegex(found[2], f"^duckctl: {name}: {err}\\n$")
        status, out, err = self.duckctl(server, "run", "sevens", "--json")
        told = json.loads(out)
        self.assertEqual((status, err, told["state"], told["status"]), (7, "", "failed", 7))

        self.runs_on(server)
        self.pauses(server)
        self.lists(server)
        for arguments in (("history", "shop.sais"), ("run", "shop.sais"), ("pause", "shop.sais")):
            expected = "duckctl: there is no automation 'shop.sais': did you mean shop.says?\n"
            self.assertEqual(self.duckctl(server, *arguments), (1, "", expected))
        self.stops(server)
        for words in ("", "run tick", "history tick", "resume tick"):
            status, out, err = self.duckctl(server, *words.split())
            self.assertEqual((status, out), (3, ""))
            self.assertIn(f"no server uses the state directory {server.state}", err)

        # Through a restart it stays paused.
        other = self.next_of(server)
        self.runs(other.start())
        self.assertTrue(self.listed(server)["tick"]["paused"])
        count = len(self.notes(server, "tick"))
        status, out, err = self.duckctl(server, "resume", "tick")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^tick goes on: next run in \d s\.\n$")
        self.await_notes(server, count + 2, "tick")
        self.stops(other)

    def runs_on(self, server: Server) -> None:
        """Whoever waits for a run may leave; it goes on."""
        status, out, err = self.duckctl(server, "run", "shop.waits", "--timeout", "0.3")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("shop.waits still runs after 0.3 s, and goes on.", err)
        status, out, err = self.duckctl(server, "run", "shop.waits")
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, "automation shop.waits has been running for .* and its runs do not overlap")
        self.assertRegex(self.duckctl(server)[1], r"shop.waits +every 5 h +- +running for \d+ s\n")
        self.open(server, "gate")
        wait_until(lambda: self.runs_of(server, "shop.waits")[0]["state"] == "done", 20)
        [run] = self.runs_of(server, "shop.waits", "--output")
        self.assertEqual((run["by"], run["output"]), ("hand", "at last\n"))
        self.assertEqual(self.whats(server, "waits"), ["begins"])

    def runs_of(self, server: Server, name: str, *options: str) -> list[dict[str, Any]]:
        """The history of an automation."""
        status, out, err = self.duckctl(server, "history", name, "--json", *options)
        self.assertEqual((status, err), (0, ""))
        runs: list[dict[str, Any]] = json.loads(out)["runs"]
        return runs

    def pauses(self, server: Server) -> None:
        """What is paused rests, and can be run by hand."""
        self.await_notes(server, 2, "tick")
        expected = "tick is paused: its schedule rests until it is resumed.\n"
        self.assertEqual(self.duckctl(server, "pause", "tick"), (0, expected, ""))
        wait_until(lambda: self.listed(server)["tick"]["running"] is None, 20)
        count = len(self.notes(server, "tick"))
        self.assertEqual(self.duckctl(server, "run", "tick")[0], 0)
        self.assertEqual(len(self.notes(server, "tick")), count + 1)

    def lists(self, server: Server) -> None:
        """The tables, and the same in JSON."""
        status, out, err = self.duckctl(server)
        self.assertEqual((status, err), (0, ""))
        lines = out.splitlines()
        self.assertLessEqual(max(map(len, lines)), 80)
        rows = {line.split()[0]: line for line in lines}
        self.assertEqual(lines[0].split(), ["NAME", "SCHEDULE", "LAST", "NEXT"])
        self.assertRegex(rows["shop.says"], r"^shop.says +every 5 h +done \d+ \w+ ago +in (4|5) h$")
        self.assertRegex(rows["shop.fails"], r"^shop.fails +30 3 \* \* \* +failed \d+ \w+ ago +in \d+ \w+$")
        self.assertEqual(lines[lines.index(rows["shop.fails"]) + 1], "    ValueError: too far")
        self.assertRegex(rows["off"], r"^off +every 5 h +- +disabled$")
        self.assertRegex(rows["tick"], r"^tick +every 0.2 s +done \d+ \w+ ago +paused$")
        told = self.listed(server)
        self.assertEqual(told["shop.says"]["description"], "Say a word or two.")
        self.assertEqual(told["shop.fails"]["description"], "Always fails.")
        self.assertEqual(told["shop.says"]["place"], "shop/automations.py:8")
        status, out, err = self.duckctl(server, "history", "killed")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^STARTED .*\n[-0-9]+ [:0-9]+ +\S+ s +failed +hand\n    ended by SIGKILL\n$")
        self.assertEqual(self.duckctl(server, "history", "off"), (0, "off has not been run.\n", ""))
