"""Automations that fail, hang, or overlap, in a real project under a real server."""

from __future__ import annotations

import signal
from typing import Any

from tests.integration.automation_case import AutomationsTestCase
from tests.integration.server import Server, wait_until

_TROUBLE = """
import asyncio, sys, time
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import deferLater
from duck_tx import at_start, automation, command, every, program
from shop.notes import HERE, note, wait_for

soon = every(seconds=0.4)

@automation(soon, name="bad-thread")
def bad_thread():
    raise ValueError("on a thread")

@automation(soon, name="bad-exit")
def bad_exit():
    sys.exit(7)

@automation(soon, name="bad-loop")
async def bad_loop():
    raise ValueError("on the loop")

@automation(soon, name="bad-reactor")
def bad_reactor() -> Deferred[None]:
    return fail(ValueError("on the reactor"))

bad_command = automation(soon, name="bad-command")(command("breaks --status 4"))
bad_program = automation(soon, name="bad-program")(program(["sh", "-c", "echo so it is >&2; exit 5"]))

@automation(soon, name="slow-thread", timeout=0.2)
def slow_thread():
    note("slow-thread", "begins")
    wait_for("gate")
    note("slow-thread", "ends")

@automation(soon, name="slow-loop", timeout=0.2)
async def slow_loop():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        note("slow-loop", "cancelled")
        raise

@automation(soon, name="slow-reactor", timeout=0.2)
def slow_reactor() -> Deferred[None]:
    from twisted.internet import reactor
    return deferLater(reactor, 60)

slow_command = automation(soon, name="slow-command", timeout=0.2)(command("breaks --gate gate"))
slow_program = automation(soon, name="slow-program", timeout=0.2)(program(["sh", "-c", "echo begun; exec sleep 60"]))

def takes_long(name):
    note(name, "begins")
    time.sleep(0.6)
    note(name, "ends")

skips = automation(soon, name="skips")(lambda: takes_long("skips"))
waits = automation(soon, name="waits", overlap="queue")(lambda: takes_long("waits"))

@automation(soon, name="allows", overlap="allow")
async def allows():
    note("allows", "begins")
    await asyncio.sleep(0.6)
    note("allows", "ends")

@automation(at_start(), name="tried", retries=2, backoff=0.05)
def tried():
    note("tried")
    if len((HERE / "notes").read_text().split("tried")) < 4:
        raise ValueError("not yet")
"""
_BREAKS = """
from django.core.management.base import BaseCommand, CommandError
from shop.notes import wait_for

class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--status", type=int)
        parser.add_argument("--gate")

    def handle(self, *args, status, gate, **options):
        if gate:
            wait_for(gate)
        else:
            raise CommandError("it broke", returncode=status)
"""
_BAD = {
    "bad-thread": ("failed", "ValueError: on a thread", None),
    "bad-exit": ("failed", "it tried to end the process, with status 7", None),
    "bad-loop": ("failed", "ValueError: on the loop", None),
    "bad-reactor": ("failed", "ValueError: on the reactor", None),
    "bad-command": ("failed", "it broke", 4),
    "bad-program": ("failed", "exit status 5: so it is", 5),
    "slow-loop": ("timeout", "it was not done after 0.2 s", None),
    "slow-reactor": ("timeout", "it was not done after 0.2 s", None),
}


class TroubleTests(AutomationsTestCase):
    def test_what_fails_or_takes_too_long_ends_no_schedule(self) -> None:
        files = {
            "shop/management/__init__.py": "",
            "shop/management/commands/__init__.py": "",
            "shop/management/commands/breaks.py": _BREAKS,
        }
        server = self.served(_TROUBLE, files=files)
        wait_until(lambda: all(len(self.ended(server, name)) >= 2 for name in _BAD), 30)
        self.await_notes(server, 4, "skips", "waits")
        wait_until(lambda: self.most_at_once(server, "allows") > 1, 30, "runs that overlap")
        self.await_notes(server, 3, "tried")
        wait_until(lambda: len(self.ended(server, "slow-program")) >= 2, 30)
        self.assertEqual(server.get("/").text, "the shop")
        threads = ("slow-thread", "slow-command")
        wait_until(lambda: all(len(self.history(server)[name]) == 2 for name in threads), 20, "they are in the way")
        self.open(server, "gate")
        wait_until(lambda: all(len(self.ended(server, name)) >= 2 for name in threads), 30)
        told = self.listed(server)
        self.stops(server)

        for name, (state, error, status) in _BAD.items():
            for run in self.ended(server, name):
                self.assertEqual((run["state"], run["error"], run["status"]), (state, error, status), name)
            self.assertEqual(told[name]["last"]["state"], state)
        for name in ("bad-thread", "bad-loop", "bad-reactor"):
            server.wait_for(f"automation {name} failed\n")
        self.assertEqual({run["status"] for run in self.ended(server, "slow-program")}, {-signal.SIGTERM})
        for name in (*threads, "slow-program"):
            first = self.ended(server, name)[0]
            self.assertEqual((first["state"], first["error"]), ("timeout", "it was not done after 0.2 s"))
        # A thread cannot be stopped, and counts until it ends by itself.
        for name in threads:
            skipped = [run for run in self.history(server)[name] if run["state"] == "skipped"]
            self.assertEqual(skipped[0]["error"], "the run before it had not ended")
        self.assertIn("cancelled", self.whats(server, "slow-loop"))
        for name in ("skips", "waits"):
            self.assertEqual(self.most_at_once(server, name), 1)
        left_out = {
            name: {run["error"] for run in self.history(server)[name] if run["state"] == "skipped"}
            for name in ("skips", "waits")
        }
        self.assertIn("the run before it had not ended", left_out["skips"])
        self.assertLessEqual(left_out["waits"], {"the server was stopping"})
        tried = [(run["state"], run["attempt"], run["by"]) for run in self.ended(server, "tried")]
        self.assertEqual(tried, [("failed", 1, "schedule"), ("failed", 2, "retry"), ("done", 3, "retry")])

    def ended(self, server: Server, name: str) -> list[dict[str, Any]]:
        """The runs of one automation that have."""
        return [run for run in self.begins_of(server, name) if run["state"] != "running"]

    def most_at_once(self, server: Server, name: str) -> int:
        """How many runs of one automation there were at the same time."""
        most = now = 0
        for what in self.whats(server, name):
            now += 1 if what == "begins" else -1
            most = max(most, now)
        return most
