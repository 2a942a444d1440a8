"""The real server and what ``duckctl`` asks of it: its log, a restart, its workers."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import Any

from tests.case import UnitTestCase
from tests.integration.server import CHECKOUT, Server, serve

_SITE = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served"]
"""


class _Case(UnitTestCase):
    def begin(self, server: Server, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "duck_tx.cli", *arguments, "--state-dir", str(server.state)],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            self.addCleanup(stream.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def duckctl(self, server: Server, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        process = self.begin(server, *arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def asked(self, server: Server, *arguments: str) -> Any:
        status, out, err = self.duckctl(server, *arguments, "--json")
        self.assertEqual((status, err), (0, ""))
        return json.loads(out)

    def wait_for_line(self, process: subprocess.Popen[str], text: str) -> None:
        """Read what it says, until it says this."""
        assert process.stdout is not None
        for line in process.stdout:
            if text in line:
                return
        self.fail(f"it ended without {text!r}")


class LogsTests(_Case):
    def test_the_log_is_that_of_the_console_and_followed_to_the_end(self) -> None:
        server = serve(self)
        status, out, err = self.duckctl(server, "logs")
        self.assertEqual((status, err), (0, ""))
        # What came before the tree was there, twistd has said to the console alone.
        self.assertTrue(server.log.endswith(out), (server.log, out))
        self.assertIn("ready: example.settings at ", out)
        following = self.begin(server, "logs", "-f", "-n", "1")
        assert following.stdout is not None
        self.assertIn("ready: ", following.stdout.readline())
        self.assertEqual(self.asked(server, "restart")["pid"], server.pid)
        # It is followed from one life to the next.
        self.wait_for_line(following, "restarting: the new code can be loaded")
        self.wait_for_line(following, "ready: ")
        self.assertEqual(server.stop(), -signal.SIGTERM)
        out, err = following.communicate(timeout=60)
        self.assertEqual(following.returncode, 0)
        self.assertIn("stopping on SIGTERM\n", out)
        self.assertEqual(err, f"duckctl: the server (pid {server.pid}) has ended.\n")
        self.assertNotIn("control:", server.log)
        self.assertEqual(server.left_behind(), [])


class WorkersTests(_Case):
    def test_they_are_shown_and_their_number_changed(self) -> None:
        files = {"site_code.py": _SITE}
        options = ("--wsgi", "site_code:application", "--processes", "--workers", "2")
        server = serve(self, *options, project=None, files=files)
        self.assertEqual(server.get("/").text, "served")
        status, out, err = self.duckctl(server, "status")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("\nworkers   2\n", out)
        self.assertRegex(out, r"\nWORKER +PID +STATE +REQUESTS +MEMORY +AGE\n1 +\d+ +ready +\d+ +.*\n2 +")
        found = self.asked(server, "workers", "+1")
        self.assertEqual((found["count"], [each["number"] for each in found["workers"]]), (3, [1, 2, 3]))
        self.assertEqual({each["state"] for each in found["workers"]}, {"ready"})
        self.assertEqual(self.asked(server, "workers", "1")["count"], 1)
        before = {each["pid"] for each in self.asked(server, "workers")["workers"]}
        self.assertEqual(self.duckctl(server, "restart")[0], 0)
        serving = [each for each in self.asked(server, "workers")["workers"] if each["state"] == "ready"]
        self.assertEqual(len(serving), 1)
        self.assertNotIn(serving[0]["pid"], before)
        status, out, err = self.duckctl(server, "logs")
        self.assertTrue(re.search(r"restarted: the workers serve the new code$", out, re.MULTILINE), out)
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(server.left_behind(), [])

    def test_one_process_says_what_it_has_instead(self) -> None:
        server = serve(self, "--threads", "3")
        self.assertEqual(
            self.duckctl(server, "workers"), (0, "no workers: the server is one process, with 3 gateway threads.\n", "")
        )
        status, out, err = self.duckctl(server, "workers", "4")
        self.assertEqual((status, out, len(err.splitlines())), (1, "", 1))
