"""Automations of a real project under a real server, as its log, its jobs' own notes and ``duckctl`` tell."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing

from tests.integration.automation_case import AutomationsTestCase, files_open
from tests.integration.restart_case import next_life
from tests.integration.server import wait_until

_EVERY_KIND = """
import asyncio
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from duck_tx import Automation, AutomationTrigger, at, at_start, automation, command, cron, every, program
from shop.models import Sale
from shop.notes import HERE, is_open, note, thread

@automation(every(seconds=0.5))
def on_thread():
    Sale.objects.create(what="thread")
    note("on_thread", thread())

@automation(every(seconds=0.5))
async def on_loop():
    await Sale.objects.acreate(what="loop")
    note("on_loop", thread())

@automation(every(seconds=0.5))
def on_reactor() -> Deferred[None]:
    from twisted.internet import reactor
    return deferLater(reactor, 0.01, lambda: note("on_reactor", thread()))

clean = automation(every(seconds=0.5), name="clean")(command("clearsessions"))
shell = automation(every(seconds=0.5), name="shell")(
    program(["sh", "-c", 'echo "$(date +%s.%N) shell $WORD" >> notes'], env={"WORD": "heard"})
)

@automation(at_start())
def first():
    note("first")

@automation(cron("* * * * * *"))
def each_second():
    note("each_second")

@automation(cron("*/2 * * * * *"), cron("1-59/2 * * * * *"))
@automation(cron("*/5 * * * * *"), at("2100-01-01T00:00+00:00"))
def several():
    note("several")

class Full(AutomationTrigger):
    check_interval = 0.05

    def check_trigger(self):
        return is_open("full")

class Empty(Automation):
    def execute(self):
        note("empty")
        (HERE / "full").unlink()

empty = Empty(trigger=Full())

class Hooks(Automation):
    def on_start(self):
        note("hooks", "start")

    def on_pre_execute(self):
        note("hooks", "before")

    async def execute(self):
        note("hooks", "do")
        if len([line for line in (HERE / "notes").read_text().splitlines() if line.endswith("hooks do")]) == 2:
            raise ValueError("the second fails")

    def on_post_execute(self):
        note("hooks", "after")

    def on_error(self, error):
        note("hooks", repr(error))

    def on_finish(self):
        note("hooks", "finish")

hooks = Hooks(schedules=3, interval=1)
"""
_JOBS = """
from duck_tx import automation, every
from shop.notes import note

@automation(every(seconds=0.5))
def elsewhere():
    note("elsewhere")
"""
_HALF = {"shop.on_thread", "shop.on_loop", "shop.on_reactor", "clean", "shell", "jobs.elsewhere"}


class KindTests(AutomationsTestCase):
    def test_every_kind_of_job_runs_once_at_each_of_its_times(self) -> None:
        server = self.served(_EVERY_KIND, "--automations", "jobs", files={"jobs.py": _JOBS})
        database = server.directory / "shop.sqlite3"
        with closing(sqlite3.connect(database, timeout=20)) as sessions:
            sessions.execute("INSERT INTO django_session VALUES ('old', '', '2020-01-01'), ('new', '', '2100-01-01')")
            sessions.commit()
        for _ in range(2):
            self.open(server, "full")
            wait_until(lambda: not (server.directory / "full").exists(), 20, "the trigger is armed again")
        regular = ("on_thread", "on_loop", "on_reactor", "shell", "elsewhere", "each_second", "several")
        self.await_notes(server, 3, *regular)
        wait_until(lambda: self.whats(server, "hooks")[-1:] == ["finish"], 20, "the last hook")
        wait_until(lambda: files_open(server.pid, database) == 0, 20, "no connection is kept")
        told = self.listed(server)
        self.stops(server)

        runs = self.history(server)
        self.assertEqual(set(told), set(runs))
        for name, each in runs.items():
            begun = self.begins_of(server, name)
            expected = ["done", "failed", "done"] if name == "shop.hooks" else ["done"] * len(begun)
            self.assertEqual([run["state"] for run in begun], expected, server.log)
            self.assertEqual(len({run["due"] for run in each}), len(each), "no time comes twice")
            if name in _HALF:
                self.steps((run["due"] for run in each), self.memories(server)[name][0], 0.5)
            if name not in ("clean", "shop.hooks"):
                self.assertEqual(len(begun), len(self.notes(server, name.rpartition(".")[2])), name)
        for name in ("shop.each_second", "shop.several"):
            self.assertTrue(all(run["due"] % 1 == 0 for run in runs[name]))
        self.assertEqual(len(runs["shop.first"]), 1)
        self.assertEqual(len(runs["shop.empty"]), 2)
        with closing(sqlite3.connect(database)) as sales:
            sold = dict(sales.execute("SELECT what, count(*) FROM shop_sale GROUP BY what"))
            left = sales.execute("SELECT session_key FROM django_session").fetchall()
        self.assertEqual(
            sold, {"thread": len(self.notes(server, "on_thread")), "loop": len(self.notes(server, "on_loop"))}
        )
        self.assertEqual(left, [("new",)])
        places = {"on_thread": "duck-automation-", "on_loop": "duck-automation-loop", "on_reactor": "MainThread"}
        for name, place in places.items():
            self.assertEqual(set(self.whats(server, name)), {place})
        self.assertEqual(set(self.whats(server, "shell")), {"heard"})
        once, failed = ["before", "do", "after"], ["before", "do", "ValueError('the second fails')"]
        self.assertEqual(self.whats(server, "hooks"), ["start", *once, *failed, *once, "finish"])
        self.assertIn("automation shop.hooks failed: ValueError: the second fails", server.log)
        self.assertEqual(told["shop.several"]["next"] % 1, 0)
        kinds = {name: each["kind"] for name, each in told.items() if name in _HALF}
        self.assertEqual(
            kinds,
            {
                "shop.on_thread": "thread",
                "shop.on_loop": "coroutine",
                "shop.on_reactor": "reactor",
                "clean": "command",
                "shell": "program",
                "jobs.elsewhere": "thread",
            },
        )


_CATCHES_UP = """
from duck_tx import at, at_start, automation, every
from shop.notes import note, wait_for

for kind in ("none", "once", "all"):
    globals()[kind] = automation(every(seconds=0.5), name=kind, catch_up=kind)(lambda kind=kind: note(kind))

def hangs(name):
    note(name, "begins")
    wait_for("gate")
    note(name, "ends")

past = at("2020-01-01T00:00+00:00")
tried = automation(past, name="tried", catch_up="once", retries=1, backoff=0.01)(lambda: hangs("tried"))
lost = automation(past, name="lost", catch_up="once")(lambda: hangs("lost"))
asked = automation(every(hours=1), name="asked", retries=1, backoff=0.01)(lambda: hangs("asked"))
start = automation(at_start(), name="start")(lambda: note("start"))
"""
_INTERVALS = ("none", "once", "all")


class KilledTests(AutomationsTestCase):
    def test_what_a_kill_interrupts_is_known_and_nothing_runs_twice(self) -> None:
        server = self.served(_CATCHES_UP)
        asking = self.duckctl_begun(server, "run", "asked")
        self.await_notes(server, 3, *_INTERVALS)
        self.await_notes(server, 1, "tried", "lost", "asked", "start")
        self.kill(server)
        killed = time.time()
        self.assertEqual(asking.wait(30), 1)
        before, memories = self.history(server), self.memories(server)
        noted = {name: len(self.notes(server, name)) for name in before}
        # Long enough for each interval to have come more than once.
        wait_until(lambda: time.time() > killed + 1.2, 20)
        self.open(server, "gate")

        other = self.next_of(server)
        self.runs(other.start())
        self.await_notes(server, 4 + noted["all"], "all")
        self.await_notes(server, 2 + noted["none"], "none", "once")
        wait_until(lambda: "ends" in self.whats(server, "tried"), 20, "it is tried again")
        self.stops(other)

        history = self.history(server)
        for name, runs in history.items():
            self.assertEqual(runs[: len(before[name])], [self.interrupted(run) for run in before[name]], name)
            dues = [run["due"] for run in runs if run["by"] != "retry"]
            self.assertEqual(len(set(dues)), len(dues), f"{name}: a time has come twice")
        for name in _INTERVALS:
            anchor, last = memories[name]
            self.assertEqual(self.memories(server)[name][0], anchor, "intervals count from where they did")
            self.steps((run["due"] for run in history[name]), anchor, 0.5)
            begun = self.begins_of(server, name)
            # What had begun when it was killed may have had no time to write that down.
            cut_short = sum(run["state"] == "interrupted" for run in begun)
            self.assertIn(len(begun) - len(self.notes(server, name)), range(cut_short + 1), name)
            caught = [run["due"] for run in history[name] if run["by"] == "catch up"]
            missed = self.steps(caught, anchor, 0.5)
            first = self.steps([last], anchor, 0.5)[0] + 1
            if name == "none":
                self.assertEqual(missed, [])
                late = next(run for run in begun if run["started"] > killed + 1.2)
                self.assertLessEqual(killed, late["due"])
                self.assertLess(late["due"], late["started"])
            elif name == "once":
                self.assertEqual(len(missed), 1)
                self.assertGreater(missed[0], first)
            else:
                self.assertEqual(missed, list(range(first, missed[-1] + 1)), "each, in order")
                self.assertGreater(len(missed), 1)
        about = {
            name: [(run["state"], run["by"], run["attempt"]) for run in history[name]]
            for name in ("tried", "lost", "asked", "start")
        }
        self.assertEqual(
            about,
            {
                "tried": [("interrupted", "catch up", 1), ("done", "retry", 2)],
                "lost": [("interrupted", "catch up", 1)],
                # Who ran it has seen that it ended.
                "asked": [("interrupted", "hand", 1)],
                "start": [("done", "schedule", 1)] * 2,
            },
        )
        self.assertEqual(self.whats(server, "tried"), ["begins", "begins", "ends"])
        other.wait_for("automation tried: a run was interrupted when its process ended, and is tried again")
        other.wait_for("automation lost: a run was interrupted when its process ended\n")


_TICKS = """
from duck_tx import automation, every
from shop.notes import note
import os
tick = automation(every(seconds=0.3), name="tick")(lambda: note("tick", str(os.getpid())))
"""
_WITHOUT_CONTROL = """
import sys
from twisted.internet import reactor
from twisted.python import log
from duck_tx import App
log.startLogging(sys.stdout, setStdout=False)
App(disable_ipc_handler=True).run()
reactor.run()
"""


class SeveralTests(AutomationsTestCase):
    def test_of_several_servers_on_one_state_directory_one_runs_them(self) -> None:
        first = self.served(_TICKS)
        second = self.next_of(first, launch=["-c", _WITHOUT_CONTROL])
        second.wait_for(f"automations: pid {first.pid} runs them for {first.state}; this process will")
        self.await_notes(first, len(self.notes(first)) + 3, "tick")
        self.kill(first)
        count = len(self.notes(first))
        self.runs(second)
        self.await_notes(first, count + 3, "tick")

        third = self.next_of(first)
        third.wait_for(f"automations: pid {second.pid} runs them")
        third.start()
        status, out, err = self.duckctl(first, "run", "tick")
        self.assertEqual((status, out), (1, ""))
        self.assertIn(f"pid {second.pid} runs the automations of this state directory.", err)
        self.assertIn(f"pid {second.pid} runs the automations", self.duckctl(first)[1])
        self.assertEqual(second.stop(), 0, second.log)
        self.runs(third)
        self.await_notes(first, len(self.notes(first)) + 3, "tick")
        self.stops(third)

        pids = [int(what) for what in self.whats(first, "tick")]
        self.assertEqual(list(dict.fromkeys(pids)), [first.pid, second.pid, third.pid])
        self.assertEqual(sorted(pids, key=[first.pid, second.pid, third.pid].index), pids, "one after the other")
        runs = self.history(first)["tick"]
        self.assertEqual(len({run["due"] for run in runs}), len(runs))


_LONG = """
from duck_tx import at_start, automation, every
from shop.notes import note, wait_for
import os

@automation(every(hours=1), name="long")
def long():
    note("long", "begins")
    wait_for("gate")
    note("long", "ends")

tick = automation(every(seconds=0.3), name="tick", catch_up="all")(lambda: note("tick", str(os.getpid())))
start = automation(at_start(), name="start")(lambda: note("start"))
"""


class RestartTests(AutomationsTestCase):
    def test_a_restart_waits_for_what_runs_and_nothing_runs_twice_or_is_lost(self) -> None:
        server = self.served(_LONG)
        asking = self.duckctl_begun(server, "run", "long", "--timeout", "60")
        self.await_notes(server, 1, "long")
        self.await_notes(server, 3, "tick")
        server.send_signal(signal.SIGHUP)
        # That of the new code, whose automations are looked at but not run.
        server.wait_for("restart")
        self.assertEqual(self.whats(server, "long"), ["begins"])
        self.open(server, "gate")
        next_life(server, 1)
        wait_until(lambda: server.log.count("automations are scheduled") == 2, 30, "they run again")
        asking.wait(30)
        self.await_notes(server, len(self.notes(server, "tick")) + 3, "tick")
        self.stops(server)

        self.assertEqual(self.whats(server, "long"), ["begins", "ends"])
        self.assertEqual([run["state"] for run in self.history(server)["long"]], ["done"])
        self.assertEqual(len(self.notes(server, "start")), 2)
        runs = self.history(server)["tick"]
        self.assertEqual({run["state"] for run in self.begins_of(server, "tick")}, {"done"})
        steps = self.steps((run["due"] for run in runs), self.memories(server)["tick"][0], 0.3)
        self.assertEqual(len(set(steps)), len(steps))
        self.assertEqual(len(self.notes(server, "tick")), len(self.begins_of(server, "tick")))
        self.assertEqual(server.lines("interrupted"), [])
