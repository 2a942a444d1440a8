"""Automations where workers serve: a process of their own runs them, once, whatever becomes of whom."""

from __future__ import annotations

import os
import re
import signal
import time

from tests.integration.automation_case import AutomationsTestCase
from tests.integration.server import Server, wait_until
from tests.unit.spawning import lives

_TICK = """
import os
from duck_tx import automation, every
from shop.notes import note, wait_for

@automation(every(seconds=0.5), catch_up="{catch_up}")
def tick():
    note("tick", os.getpid())

@automation(every(weeks=9))
def long():
    note("long", "begins")
    wait_for("gate")
    note("long", "ends")

@automation(every(weeks=9))
def failing():
    print("as far as this")
    raise ValueError("no further")
"""
_READY = re.compile(r"automations process is ready, pid (\d+)")
_WORKER = re.compile(r"worker \d+ is ready, pid (\d+)")


class _Case(AutomationsTestCase):
    def tree(self, *, workers: int = 1, catch_up: str = "all", **environ: str) -> Server:
        """One whose automations run; ``catch_up`` is that of the short one."""
        text = _TICK.format(catch_up=catch_up)
        return self.served(text, "--processes", "--workers", str(workers), files={}, **environ)

    def holders(self, server: Server) -> list[int]:
        """The processes for automations that have been ready, in that order."""
        return [int(found[1]) for found in _READY.finditer(server.log)]

    def tickers(self, server: Server) -> list[int]:
        """Those that have run the short one, in the order of their first runs."""
        return list(dict.fromkeys(int(what) for what in self.whats(server, "tick")))

    def await_more(self, server: Server, name: str = "tick") -> None:
        """Wait for two runs more."""
        self.await_notes(server, len(self.notes(server, name)) + 2, name)

    def is_once(self, server: Server, *, is_gapless: bool) -> None:
        """See that no time has come twice, and each run was one that is written down."""
        begun = self.begins_of(server, "shop.tick")
        [anchor] = [anchor for name, (anchor, _) in self.memories(server).items() if name == "shop.tick"]
        steps = self.steps((run["due"] for run in begun), anchor, 0.5)
        self.assertEqual(len(set(steps)), len(steps))
        if is_gapless:
            skipped = [run["count"] for run in self.history(server)["shop.tick"] if run["state"] == "skipped"]
            missing = set(range(min(steps), max(steps) + 1)) - set(steps)
            self.assertLessEqual(len(missing), sum(skipped), (steps, server.log))
        # One that a kill has kept from its note was begun.
        killed = [run for run in begun if run["state"] in ("interrupted", "cancelled")]
        self.assertIn(len(begun) - len(self.notes(server, "tick")), range(len(killed) + 1))

    def fall_down(self, server: Server, status: int) -> None:
        """The server ends, and nothing is left of it but the files of the automations."""
        self.assertEqual(server.exit(), status, server.log)
        expected: tuple[str, ...] = ("/automations.lock",)
        if status == -signal.SIGKILL:
            # It is for the next server to find what says that this one serves.
            expected += ("/control.sock", "/meta.json")
        wait_until(lambda: not [path for path in server.left_behind() if not path.endswith(expected)], 30, "all ends")


class OnceTests(_Case):
    def test_each_time_comes_once_and_in_one_process_whatever_becomes_of_it(self) -> None:
        server = self.tree(workers=2)
        self.await_more(server)
        [first] = self.holders(server)
        self.assertEqual(self.tickers(server), [first])
        workers = [int(found) for found in _WORKER.findall(server.log)]
        self.assertEqual(len(workers), 2)
        self.assertNotIn(first, [server.pid, *workers])
        steps = [os.getpriority(os.PRIO_PROCESS, pid) for pid in (server.pid, *workers, first)]
        self.assertEqual([each - steps[0] for each in steps], [0, 0, 0, 10])

        os.kill(workers[0], signal.SIGKILL)
        os.kill(first, signal.SIGKILL)
        server.wait_for("the automations process: ended by SIGKILL")
        wait_until(lambda: len(self.tickers(server)) == 2, 30, server.log)

        self.open(server, "gate")
        server.send_signal(signal.SIGHUP)
        server.wait_for("restarted: the workers serve the new code", 60)
        wait_until(lambda: len(self.tickers(server)) == 3, 30, server.log)
        self.await_more(server)
        self.assertEqual(self.tickers(server), self.holders(server))
        wait_until(lambda: [lives(pid) for pid in self.holders(server)] == [False, False, True], 30, server.log)
        self.assertIn("[automations] ", server.log)

        server.send_signal(signal.SIGTERM)
        self.fall_down(server, -signal.SIGTERM)
        self.is_once(server, is_gapless=True)
        self.assertNotIn("Traceback", server.log)

    def test_with_the_main_process_all_of_it_ends(self) -> None:
        server = self.tree(catch_up="none", DUCK_SERVER__GRACE="0.5")
        asked = self.duckctl_begun(server, "run", "shop.long")
        self.await_notes(server, 1, "long")
        server.send_signal(signal.SIGKILL)
        self.fall_down(server, -signal.SIGKILL)
        asked.communicate(timeout=60)
        self.assertNotEqual(asked.returncode, 0)
        [run] = self.begins_of(server, "shop.long")
        self.assertNotEqual(run["state"], "done")
        self.is_once(server, is_gapless=False)


class RestartTests(_Case):
    def test_what_runs_may_end_before_the_successor_begins(self) -> None:
        server = self.tree()
        asked = self.duckctl_begun(server, "run", "shop.long")
        self.await_notes(server, 1, "long")
        server.send_signal(signal.SIGHUP)
        server.wait_for("restarted: the workers serve the new code", 60)
        first, second = self.holders(server)
        self.assertEqual((lives(first), self.tickers(server)), (True, [first]))
        self.open(server, "gate")
        out, err = asked.communicate(timeout=60)
        self.assertEqual((asked.returncode, out, err), (0, "", ""))
        wait_until(lambda: self.tickers(server) == [first, second], 30, server.log)
        self.assertEqual(self.whats(server, "long"), ["begins", "ends"])
        wait_until(lambda: not lives(first), 30)
        server.send_signal(signal.SIGTERM)
        self.fall_down(server, -signal.SIGTERM)
        self.is_once(server, is_gapless=True)

    def test_a_time_that_falls_between_is_late_and_comes_when_the_successor_begins(self) -> None:
        server = self.tree(catch_up="none")
        asked = self.duckctl_begun(server, "run", "shop.long")
        self.await_notes(server, 1, "long")
        server.send_signal(signal.SIGHUP)
        server.wait_for("restarted: the workers serve the new code", 60)
        first, second = self.holders(server)
        since = time.time()
        # Meanwhile there is somebody to tell of it.
        self.assertIsNotNone(self.listed(server)["shop.long"]["running"])
        wait_until(lambda: time.time() > since + 1.2, 20)
        opened = time.time()
        self.open(server, "gate")
        asked.communicate(timeout=60)
        wait_until(lambda: self.tickers(server) == [first, second], 30, server.log)
        server.send_signal(signal.SIGTERM)
        self.fall_down(server, -signal.SIGTERM)
        late = next(run for run in self.begins_of(server, "shop.tick") if run["started"] > opened)
        self.assertTrue(opened - 0.6 < late["due"] <= late["started"], late)
        self.assertEqual(late["by"], "schedule")

    def test_mistakes_refuse_it_and_the_old_ones_go_on_and_can_be_asked(self) -> None:
        server = self.tree()
        self.ask(server)
        path = server.directory / "shop" / "automations.py"
        text = path.read_text()
        path.write_text(text + "\n@automation(every(seconds=0))\ndef never(): ...\n")
        server.send_signal(signal.SIGHUP)
        line = 1 + text.count("\n") + 1
        server.wait_for(re.compile(rf"duck: shop/automations\.py:{line}: .*never"), 60)
        server.wait_for("not restarted: the old code serves on", 60)
        self.await_more(server)
        self.assertEqual(len(self.holders(server)), 1)
        self.assertEqual(len(_WORKER.findall(server.log)), 1)
        path.write_text(text)
        self.dies_while_it_is_asked(server)
        self.stops(server)

    def ask(self, server: Server) -> None:
        """Ask the process that runs them this and that."""
        status, out, err = self.duckctl(server, "run", "shop.failing")
        self.assertEqual((status, out), (1, "as far as this\n"))
        self.assertIn("ValueError: no further", err)
        self.assertEqual(self.listed(server)["shop.failing"]["last"]["state"], "failed")
        status, _, err = self.duckctl(server, "pause", "shop.tock")
        self.assertEqual((status, err), (1, "duckctl: there is no automation 'shop.tock': did you mean shop.tick?\n"))

    def dies_while_it_is_asked(self, server: Server) -> None:
        """Kill it during a run by hand."""
        asked = self.duckctl_begun(server, "run", "shop.long")
        self.await_notes(server, 1, "long")
        os.kill(self.holders(server)[0], signal.SIGKILL)
        _, err = asked.communicate(timeout=60)
        self.assertEqual(asked.returncode, 1)
        self.assertIn("the automations process ended before it could answer", err)
        wait_until(lambda: len(self.tickers(server)) == 2, 30, server.log)
        [run] = self.begins_of(server, "shop.long")
        self.assertEqual(run["state"], "interrupted")

    def test_automations_may_come_and_go(self) -> None:
        server = self.begun("", "--processes", "--workers", "1").start()
        server.wait_for("[automations] there are none")
        self.assertEqual(self.listed(server), {})
        (server.directory / "shop" / "automations.py").write_text(_TICK.format(catch_up="none"))
        server.send_signal(signal.SIGHUP)
        self.await_notes(server, 2, "tick", timeout=60)
        server.wait_for("restarted: the workers serve the new code", 60)
        self.assertEqual(set(self.listed(server)), {"shop.tick", "shop.long", "shop.failing"})
        self.stops(server)


class OneProcessTests(AutomationsTestCase):
    """The other form."""

    def test_below_a_monitor_mistakes_are_a_page_until_they_are_mended(self) -> None:
        mistaken = "from duck_tx import *\n\nx = automation(cron('61 * * * *'))(print)\n"
        server = self.begun(mistaken, "--reload").start()
        path = server.directory / "shop" / "automations.py"
        self.assertIn("shop/automations.py:3: automation shop.x: cron", server.get("/").text)
        path.write_text("def (\n")
        wait_until(lambda: "invalid syntax" in server.get("/", timeout=30).text, 30, "another page")
        path.write_text("")
        wait_until(lambda: server.get("/", timeout=30).text == "the shop", 30, "the site")
        self.stops(server)

    def test_a_restart_waits_for_what_runs_and_the_next_life_goes_on(self) -> None:
        server = self.served(_TICK.format(catch_up="all"))
        asked = self.duckctl_begun(server, "run", "shop.long")
        self.await_notes(server, 1, "long")
        server.send_signal(signal.SIGHUP)
        server.wait_for("finishing what is in flight", 60)
        # Now nothing begins any more.
        self.open(server, "gate")
        wait_until(lambda: server.log.count("automations are scheduled") == 2, 60, server.log)
        asked.communicate(timeout=60)
        count = len(self.notes(server, "tick"))
        self.await_notes(server, count + 2, "tick")
        self.assertEqual(self.whats(server, "long"), ["begins", "ends"])
        [run] = self.begins_of(server, "shop.long")
        self.assertEqual(run["state"], "done")
        self.stops(server)
