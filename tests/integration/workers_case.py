"""A server with worker processes whose application says which of them has answered."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence

from tests.case import UnitTestCase
from tests.integration.clients import ONE_BY_ONE
from tests.integration.load import Load
from tests.integration.server import Server, wait_until
from tests.unit.spawning import lives

__all__ = ["APPLICATION", "NOT_FOR_WORKERS", "WorkersTestCase", "send_together"]

APPLICATION = """
import os, sys, time

if os.path.exists("broken"):
    os._exit(3)

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/stuck":
        time.sleep(1000)
    if path == "/sleep":
        time.sleep(int(environ["QUERY_STRING"]) / 1000)
    if path == "/wait":
        sys.stderr.write("waiting\\n")
        while not os.path.exists("gate"):
            time.sleep(0.01)
    pid = str(os.getpid())
    body = pid.encode() if path == "/" else path.encode()
    if environ["REQUEST_METHOD"] == "POST":
        body += b" %d" % len(environ["wsgi.input"].read())
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), ("Pid", pid)]
    start_response("200 OK", headers)
    return [body]
"""
NOT_FOR_WORKERS = (
    signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD,
)  # fmt: skip
"""Signals that mean little to a worker: by SIGUSR1 it opens its access log anew, by SIGCHLD it looks for children."""

_READY = re.compile(r"worker (\d+) is ready, pid (\d+)")


def send_together(processes: Sequence[int], *numbers: signal.Signals) -> None:
    """Send all of these to each process in one go, often enough for them to be on their way at the same time."""
    for _ in range(200):
        for number in numbers:
            for pid in processes:
                os.kill(pid, number)


class WorkersTestCase(UnitTestCase):
    def begun(
        self,
        *options: str,
        launch: str | list[str] = "twistd",
        application: str = APPLICATION,
        **settings: str,
    ) -> Server:
        """A server that has been started, and is looked at for what it leaves when the test is over."""
        server = Server(
            "--wsgi", "crew:application", "--processes", "--no-access-log", *options,
            launch=launch, project=None, files={"crew.py": application},
            # Their process would be one more to start, and to wait for.
            environ={f"DUCK_{key}": value for key, value in {"AUTOMATIONS__ENABLED": "0", **settings}.items()},
        )  # fmt: skip
        self.addCleanup(server.close)
        return server.begin()

    def served(self, *options: str, launch: str | list[str] = "twistd", **settings: str) -> Server:
        """One that is ready, with two workers."""
        return self.begun("--workers", "2", *options, launch=launch, **settings).start()

    def load(self, server: Server) -> Load:
        """Twelve clients, each with one connection."""
        return Load(server.port, ONE_BY_ONE, each=4)

    def pids(self, server: Server) -> list[int]:
        """The workers that have become ready, in that order."""
        return [int(found[2]) for found in _READY.finditer(server.log)]

    def stop(self, server: Server, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, and see that nothing is left."""
        self.assertEqual(server.stop(number), -number, server.log)
        self.assertEqual(server.left_behind(), [], server.log)
        self.assertNotIn("Traceback", server.log)
        self.assertNotIn("Unhandled", server.log)

    def are_left(self, server: Server, count: int) -> bool:
        """Whether so many of those live that have ever been ready."""
        return sum(map(lives, self.pids(server))) == count

    def wait_for_ready(self, server: Server, count: int) -> None:
        """Wait until so many workers have become ready since the start."""
        wait_until(lambda: len(self.pids(server)) >= count, 30, f"{count} workers are ready:\n{server.log}")
