"""Starts with automations that are wrong, and starts without any: the ones end with all that is wrong, the others have
nothing of it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.automation_case import AutomationsTestCase
from tests.integration.server import Server, wait_until

_MISTAKES = """\
from duck_tx import Automation, at, automation, command, cron, every, program

automation(cron("61 * * * *"), name="never")(print)
bad_cron = automation(cron("61 * * * *"))(print)
bad_day = automation(cron("0 0 31 2 *"))(print)
bad_zone = automation(cron("0 4 * * *", timezone="Europe/Berlim"))(print)
past = automation(at("2020-01-01T00:00+00:00"))(print)
no_runs = Automation(print, schedules=0)
unknown = automation(every(hours=1))(command("clearsesions"))
missing = automation(every(hours=1))(program(["no-such-program-anywhere"]))

@automation(every(hours=1), threaded=True)
async def on_thread():
    pass

@automation
def bare():
    pass

twice = automation(every(hours=1), name="twice")(print)
again = automation(every(hours=1), name="twice")(len)
fine = automation(every(hours=1))(print)
"""
_TOLD = (
    "shop/automations.py:4: automation shop.bad_cron: cron: '61 * * * *' is not understood: minute '61'",
    "shop/automations.py:5: automation shop.bad_day: cron: '0 0 31 2 *' never comes",
    "shop/automations.py:6: automation shop.bad_zone: cron: unknown timezone 'Europe/Berlim': "
    "did you mean 'Europe/Berlin'?",
    "shop/automations.py:7: automation shop.past: at 2020-01-01 00:00 UTC has passed.",
    "shop/automations.py:8: automation shop.no_runs: schedules=0 is no number of runs.",
    "shop/automations.py:9: automation shop.unknown: the project has no command 'clearsesions'. "
    "Did you mean 'clearsessions'?",
    "shop/automations.py:10: automation shop.missing: there is no program no-such-program-anywhere in PATH.",
    "shop/automations.py:12: automation shop.on_thread: a coroutine function does not run on a thread.",
    "shop/automations.py:16: automation shop.bare: nothing says when it runs.",
    "shop/automations.py:20 and shop/automations.py:21: automations of the same name, twice.",
    "jobs.py:2: ZeroDivisionError: division by zero.",
    "automations module nowhere: there is no module 'nowhere' in the project or in ",
)


class MistakeTests(AutomationsTestCase):
    def test_all_mistakes_are_told_at_once_with_their_places(self) -> None:
        options = ("--automations", "jobs", "--automations", "nowhere")
        server = self.begun(_MISTAKES, *options, files={"jobs.py": "import sys\n1 / 0\n"})
        self.assertEqual(server.exit(30), 1, server.log)
        told = server.lines("duck: ")
        for text in _TOLD:
            self.assertEqual(len([line for line in told if text in line]), 1, (text, server.log))
        self.assertEqual(len(told), len(_TOLD), server.log)
        self.assertNotIn("Traceback", server.log)
        self.assertNotIn("ready", server.log)
        self.assertFalse((server.state / "automations.lock").exists())
        self.assertEqual(server.left_behind(), [])


_LATER = """
from duck_tx import automation, every
later = automation(every(hours=5), name="later")(print)
"""
_PARTS = re.compile(r"\| +(duck_tx\.automat\S*|sqlite3|cronsim)$", re.MULTILINE)
"""Modules in what ``-X importtime`` says."""


class NothingTests(AutomationsTestCase):
    def threads(self, server: Server) -> int:
        """How many a server has that has answered."""
        self.assertEqual(server.get("/").text, "the shop")
        return len(os.listdir(f"/proc/{server.pid}/task"))

    def switches(self, server: Server) -> int:
        """How often the threads of a server have gone to sleep so far."""
        found = 0
        for path in Path(f"/proc/{server.pid}/task").glob("*/status"):
            found += int(re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", path.read_text(), re.MULTILINE)[0])
        return found

    def test_a_site_without_automations_has_nothing_of_them(self) -> None:
        server = self.begun("", PYTHONPROFILEIMPORTTIME="1").start()
        other = self.begun("", DUCK_AUTOMATIONS__ENABLED="0").start()
        self.assertEqual(self.threads(server), self.threads(other))
        self.assertEqual({path.name for path in server.state.iterdir()}, {"control.sock", "meta.json"})
        self.assertEqual([line for line in other.log.splitlines() if "automations" in line], [])
        descriptors = [os.readlink(path) for path in Path(f"/proc/{server.pid}/fd").iterdir()]
        self.assertEqual([path for path in descriptors if "automations" in path or "timerfd" in path], [])
        few = {"", ".discovery", ".place", ".service"}
        loaded = set(_PARTS.findall(server.log)) - {"sqlite3"}
        self.assertEqual(loaded, {"duck_tx.automating", *(f"duck_tx.automations{each}" for each in few)})
        said = "no automations: there is none in the automations.py of any installed app.\n"
        self.assertEqual(self.duckctl(server), (0, said, ""))
        self.stops(server)
        self.assertEqual(list(server.state.iterdir()), [])
        self.stops(other)

    def test_automations_that_wait_cost_nothing(self) -> None:
        server, other = self.served(_LATER), self.begun("", DUCK_AUTOMATIONS__ENABLED="0").start()
        # The one that writes the history, and waits for something to write.
        self.assertEqual(self.threads(server), self.threads(other) + 1)
        self.assertGreater(self.listed(server)["later"]["next"], time.time() + 4 * 3600)
        wait_until(self.rests(server, 2.5), 60, "nothing wakes it")
        self.stops(server)

    def rests(self, server: Server, seconds: float) -> Callable[[], bool]:
        """Tells, where it is asked again and again, whether no thread of a server has been woken for so long."""
        count, since = -1, 0.0

        def has_rested() -> bool:
            nonlocal count, since
            now, count_now = time.monotonic(), self.switches(server)
            if count_now != count:
                count, since = count_now, now
            return now - since >= seconds

        return has_rested
