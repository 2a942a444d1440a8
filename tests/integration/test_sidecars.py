"""Sidecars of a real server: they run beside it, and never without it."""

from __future__ import annotations

import os
import re
import signal
import sys
import time

from duck_tx.settings.toml import toml_value
from tests.case import UnitTestCase
from tests.integration.server import Server, wait_until

_WORKER = """\
import os, signal, sys
def end(number, frame):
    print("asked to end")
    sys.exit(0)
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True: signal.pause()
signal.signal(signal.SIGTERM, end)
print("at work")
while True: signal.pause()
"""
"""It has a child that nothing but SIGKILL ends."""

_STUBBORN = """\
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("at work")
while True: signal.pause()
"""


def _sidecar(name: str, program: str = "worker.py", **settings: object) -> dict[str, object]:
    return {"name": name, "command": [sys.executable, "-u", program], **settings}


class SidecarTests(UnitTestCase):
    def server(self, *sidecars: dict[str, object], launch: str = "twistd") -> Server:
        tables = [
            "[[sidecars]]\n" + "".join(f"{key} = {toml_value(value)}\n" for key, value in each.items())
            for each in sidecars
        ]
        files = {"duck.toml": "\n".join(tables), "worker.py": _WORKER, "stubborn.py": _STUBBORN}
        server = Server("--wsgi", "tests.integration.gated:application", launch=launch, project=None, files=files)
        self.addCleanup(server.close)
        return server

    def started(self, *sidecars: dict[str, object], launch: str = "twistd") -> Server:
        server = self.server(*sidecars, launch=launch).start()
        for each in sidecars:
            server.wait_for(f"[{each['name']}] at work")
        return server

    def pid(self, server: Server, name: str) -> int:
        return int(server.wait_for(re.compile(rf"sidecar {name} started, pid (\d+)"))[1])

    def test_they_start_and_stop_with_the_server(self) -> None:
        for launch in ("twistd", "module"):
            server = self.started(_sidecar("worker"), launch=launch)
            self.assertEqual(server.get("/here").text, "/here")
            self.assertEqual(server.stop(), -signal.SIGTERM)
            self.assertIn("[worker] asked to end", server.log)
            self.assertIn("sidecar worker stopped: exit status 0", server.log)
            self.assertNotIn("Traceback", server.log)
            self.assertEqual(server.left_behind(), [])

    def test_they_start_and_stop_in_order(self) -> None:
        server = self.started(_sidecar("late"), _sidecar("later"), _sidecar("early", start="before"))
        server.stop()
        order = [
            server.log.index(each)
            for each in (
                "sidecar early started",
                "sidecar late started",
                "sidecar later started",
                "ready: ",
                "sidecar later stopped",
                "sidecar late stopped",
                " Closed",
                "sidecar early stopped",
            )
        ]
        self.assertEqual(order, sorted(order), server.log)
        self.assertEqual(server.left_behind(), [])

    def test_one_that_dies_is_started_again_and_the_server_serves_on(self) -> None:
        server = self.started(_sidecar("worker"))
        os.kill(self.pid(server, "worker"), signal.SIGKILL)
        server.wait_for(re.compile("sidecar worker: ended by SIGKILL after .* s, started again at once"))
        server.wait_for(re.compile(r"(?s)\[worker\] at work.*\[worker\] at work"))
        self.assertEqual(server.get("/here").text, "/here")
        server.stop()
        self.assertEqual(server.left_behind(), [])

    def test_one_that_dies_all_the_time_takes_nothing_down(self) -> None:
        server = self.server({"name": "worker", "command": ["sh", "-c", "exit 3"]}).start()
        for when in ("at once", "in"):
            server.wait_for(re.compile(f"sidecar worker: exit status 3 after [0-9.]+ s, started again {when}"))
        self.assertEqual(server.get("/here").text, "/here")
        server.stop()
        self.assertEqual(server.left_behind(), [])

    def test_nothing_is_left_of_them_when_the_server_is_killed(self) -> None:
        server = self.started(_sidecar("worker"), _sidecar("stubborn", "stubborn.py", grace=0.5))
        server.process.kill()
        server.exit()
        self.assertFalse(server.accepts)
        wait_until(lambda: not [left for left in server.left_behind() if left.startswith("process")])

    def test_a_second_interrupt_kills_them(self) -> None:
        server = self.started(_sidecar("stubborn", "stubborn.py"))
        server.send_signal(signal.SIGINT)
        server.wait_for("stopping on SIGINT")
        began = time.monotonic()
        self.assertEqual(server.stop(signal.SIGINT), -signal.SIGINT)
        self.assertLess(time.monotonic() - began, 2.0)
        wait_until(lambda: not server.left_behind())

    def test_what_cannot_be_started_stops_the_start_up(self) -> None:
        server = self.server(
            _sidecar("worker", start="before"),
            {"name": "one", "command": ["no-such-program"]},
            {"name": "two", "command": ["sh"], "directory": "no-such-directory"},
        )
        server.begin()
        self.assertEqual(server.exit(30), 1)
        self.assertIn("duck: sidecar one: there is no program no-such-program in PATH. Mend", server.log)
        directory = server.directory / "no-such-directory"
        self.assertIn(f"duck: sidecar two: there is no directory {directory}. Mend its directory.", server.log)
        self.assertNotIn("started", server.log)
        self.assertEqual(server.left_behind(), [])
