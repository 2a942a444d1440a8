"""Automations while their server stops, and while its state directory is full or gone."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import time

from tests.integration.automation_case import AutomationsTestCase
from tests.integration.server import Server, wait_until

_RUNNING = """
import asyncio
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from duck_tx import at_start, automation, command, every, program
from shop.notes import is_open, note, wait_for, wait_for_too

@automation(at_start(), name="thread")
def thread():
    note("thread", "begins")
    wait_for("gate")
    note("thread", "ends")

@automation(at_start(), name="loop")
async def loop():
    note("loop", "begins")
    try:
        await wait_for_too("gate")
    except asyncio.CancelledError:
        note("loop", "cancelled")
        raise
    note("loop", "ends")

async def look():
    from twisted.internet import reactor
    try:
        while not is_open("gate"):
            await deferLater(reactor, 0.01)
    except BaseException as error:
        note("reactor", type(error).__name__)
        raise
    note("reactor", "ends")

@automation(at_start(), name="reactor")
def reactor() -> Deferred[None]:
    note("reactor", "begins")
    return Deferred.fromCoroutine(look())

shell = automation(at_start(), name="program")(program(["sh", "job.sh"]))
tick = automation(every(seconds=0.2), name="tick")(lambda: note("tick"))
"""
_JOB = """
trap 'echo "2 program asked" >> notes; exit 9' TERM
echo "1 program begins" >> notes
until [ -e gate ]; do sleep 0.02; done
echo "2 program ends" >> notes
"""
_KINDS = ("thread", "loop", "reactor", "program")


class StopTests(AutomationsTestCase):
    def busy(self, grace: float) -> Server:
        """A server with a run of each kind under way."""
        server = self.served(_RUNNING, files={"job.sh": _JOB}, DUCK_SERVER__GRACE=str(grace))
        self.await_notes(server, 1, *_KINDS, "tick")
        return server

    def states(self, server: Server) -> dict[str, list[str]]:
        """How the runs ended, by the names of their automations."""
        return {name: [run["state"] for run in runs] for name, runs in self.history(server).items() if name != "tick"}

    def test_what_runs_has_the_grace_to_end_and_nothing_begins(self) -> None:
        server = self.busy(60)
        with server.connect() as client:
            # A request in flight keeps a stop from getting to anything else.
            client.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n")
            server.send_signal(signal.SIGTERM)
            server.wait_for("Received SIGTERM")
            wait_until(lambda: time.time() > self.notes(server, "tick")[-1].moment + 1, 20, "nothing begins any more")
            client.sendall(b"x")
            self.assertIn(b" 200 OK", client.recv(1000))
        wait_until(lambda: not server.accepts, 20)
        self.assertTrue(server.running)
        self.open(server, "gate")
        self.assertEqual(server.exit(), -signal.SIGTERM)
        for name in _KINDS:
            self.assertEqual(self.whats(server, name), ["begins", "ends"])
        self.assertEqual(self.states(server), {name: ["done"] for name in _KINDS})
        self.assertEqual(server.lines("cancelled"), [])

    def test_what_runs_beyond_the_grace_is_cancelled_and_named(self) -> None:
        server = self.busy(0.5)
        server.send_signal(signal.SIGTERM)
        server.wait_for("Received SIGTERM")
        began = time.monotonic()
        self.assertEqual(server.exit(), -signal.SIGTERM)
        # A thread that nobody can end is not waited for.
        self.assertLess(time.monotonic() - began, 6)
        [told] = server.lines("automations: cancelled, as the grace is over: ")
        for name in _KINDS:
            self.assertIn(f"{name} (for ", told)
            self.assertEqual(len(server.lines(f"automation {name} was cancelled")), 1)
        [left] = server.lines("automations: left to themselves: ")
        self.assertRegex(left, r": thread \(for \d+ s\)$")
        self.assertEqual(self.states(server), {name: ["cancelled"] for name in _KINDS})
        ends = {name: self.whats(server, name)[-1] for name in _KINDS}
        self.assertEqual(
            ends, {"thread": "begins", "loop": "cancelled", "reactor": "CancelledError", "program": "asked"}
        )


_TICKS = """
from duck_tx import automation, every
from shop.notes import note

@automation(every(seconds=0.2), name="tick")
def tick():
    print("tock")
    # On a full disk nothing can be noted.
    try:
        note("tick")
    except OSError:
        pass
"""


class StateDirectoryTests(AutomationsTestCase):
    def runs_of(self, server: Server) -> list[int]:
        """The numbers of the runs of its automation that have been done, as the server tells."""
        status, out, err = self.duckctl(server, "history", "tick", "-n", "10000", "--json")
        self.assertEqual((status, err), (0, ""), server.log)
        return [run["number"] for run in json.loads(out)["runs"] if run["state"] == "done"]

    def goes_on(self, server: Server) -> None:
        """Wait until more has been done."""
        count = len(self.runs_of(server))
        wait_until(lambda: len(self.runs_of(server)) > count + 1, 30, "it runs on")

    def test_on_a_full_disk_automations_run_on_and_what_they_did_is_written_later(self) -> None:
        server = self.served(_TICKS, PYTHONDONTWRITEBYTECODE="1")
        self.goes_on(server)
        _, most = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, most))
        server.wait_for(f"automations: the history {server.state}/automations.sqlite3 cannot be used: ")
        self.goes_on(server)
        self.assertEqual(self.duckctl(server, "run", "tick"), (0, "tock\n", ""))
        numbers = self.runs_of(server)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (most, most))
        server.wait_for(f"automations: the history {server.state}/automations.sqlite3 is written again")
        self.stops(server)
        written = {run["number"] for run in self.history(server)["tick"] if run["state"] == "done"}
        self.assertLessEqual(set(numbers), written, "nothing is lost")
        self.assertEqual(len(server.lines("cannot be used")), 1)

    def test_without_its_directory_automations_run_on(self) -> None:
        server = self.served(_TICKS)
        self.await_notes(server, 2, "tick")
        shutil.rmtree(server.state)
        server.wait_for(f"automations: the history {server.state}/automations.sqlite3 was removed, a new one begins")
        self.await_notes(server, len(self.notes(server)) + 4, "tick")
        server.state.mkdir(0o700)
        server.wait_for(f"automations: the history {server.state}/automations.sqlite3 is written again")
        wait_until(lambda: len(self.history(server)["tick"]) > 4, 20)
        server.stop()
        self.assertEqual({run["state"] for run in self.begins_of(server, "tick")}, {"done"})
