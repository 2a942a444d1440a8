"""Workers that are killed while others measure: what they had is lost, and nothing else.

The clients are wrk, h2load, and those of :mod:`tests.integration.clients`, which know who had answered them.
"""

from __future__ import annotations

import os
import re
import signal
import ssl
import subprocess
from pathlib import Path

from tests.authority import trusting
from tests.integration.clients import ONE_BY_ONE
from tests.integration.https_server import HttpsServer
from tests.integration.load import Load
from tests.integration.restart_case import descriptors
from tests.integration.server import Server, wait_until
from tests.integration.workers_case import APPLICATION, WorkersTestCase
from tests.unit.spawning import lives

_CONNECTIONS = 8
_SECONDS = 3
_REQUESTS = 1000
_EACH = 4


class KilledTests(WorkersTestCase):
    def killed(
        self, server: Server, command: list[str], context: ssl.SSLContext | None = None
    ) -> list[tuple[str, int]]:
        """Run a command twice, and each time kill that of two workers which serves most of its connections: what it
        printed, and how many connections those were."""
        results = []
        with Load(server.port, ONE_BY_ONE, _EACH, context=context) as load:
            for number in range(2):
                load.wait_for_answers_of(self.pids(server)[-1:])
                before = len(load.lost)
                with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as measured:
                    self.addCleanup(measured.wait)
                    self.addCleanup(measured.kill)
                    wait_until(lambda: self.is_connected(server, measured), 30)
                    load.wait_for(20)
                    served = self.served_to(server, measured.pid)
                    victim = max(served, key=served.__getitem__)
                    os.kill(victim, signal.SIGKILL)
                    self.wait_for_ready(server, 3 + number)
                    results.append((measured.communicate(timeout=60)[0], served[victim]))
                lost = load.lost[before:]
                self.assertLessEqual(len(lost), _EACH * len(ONE_BY_ONE), lost)
                self.assertEqual([each for each in lost if each.pid not in {0, victim}], [])
            load.wait_for_answers_of([pid for pid in self.pids(server) if lives(pid)])
        self.assertEqual(load.refused, 0)
        self.assertEqual(len(server.lines("ended by SIGKILL")), 2, server.log)
        wait_until(lambda: self.are_left(server, 2), 30)
        self.stop(server)
        return results

    def is_connected(self, server: Server, measured: subprocess.Popen[str]) -> bool:
        """Whether all of its connections are served, or have been."""
        return sum(self.served_to(server, measured.pid).values()) == _CONNECTIONS or measured.poll() is not None

    def served_to(self, server: Server, client: int) -> dict[int, int]:
        """How many connections of a client each worker serves."""
        theirs = {ours for ours, _ in _connections(client)}
        return {
            pid: len(theirs.intersection(peer for _, peer in _connections(pid)))
            for pid in self.pids(server)
            if lives(pid)
        }

    def test_wrk_loses_the_connections_of_the_killed(self) -> None:
        server = self.served()
        url = f"http://127.0.0.1:{server.port}/kept"
        command = ["wrk", "-t", "1", "-c", str(_CONNECTIONS), "-d", f"{_SECONDS}s", "--timeout", "20s", url]
        for said, had in self.killed(server, command):
            requests = re.search(r"(\d+) requests in", said)
            assert requests is not None, said
            self.assertGreater(int(requests[1]), 100, said)
            self.assertNotIn("Non-2xx", said)
            # There is no such line where nothing was on its way.
            found = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
            connect, read, write, timeout = map(int, found.groups()) if found else (0, 0, 0, 0)
            self.assertEqual((connect, timeout), (0, 0), said)
            self.assertLessEqual(read + write, had, said)

    def test_h2load_loses_the_connections_of_the_killed(self) -> None:
        server = HttpsServer(
            "--wsgi", "crew:application", "--processes", "--workers", "2", "--no-access-log", project=None,
            files={"crew.py": APPLICATION},
        )  # fmt: skip
        self.addCleanup(server.close)
        server.start()
        url = f"https://127.0.0.1:{server.port}/kept"
        # Each connection has its part of the requests, and when it breaks, what is left of that counts as failed.
        command = ["h2load", "-c", str(_CONNECTIONS), "-m", "4", "-n", str(_CONNECTIONS * _REQUESTS), url]
        for said, had in self.killed(server, command, trusting()):
            self.assertIn("Application protocol: h2", said)
            found = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said)
            assert found is not None, said
            succeeded, failed, errored, timeout = map(int, found.groups())
            self.assertGreaterEqual(succeeded, (_CONNECTIONS - had) * _REQUESTS, said)
            self.assertLessEqual(max(failed, errored), had * _REQUESTS, said)
            self.assertEqual(timeout, 0, said)
            self.assertIn(" 0 3xx, 0 4xx, 0 5xx", said)


def _connections(pid: int) -> set[tuple[str, str]]:
    """The TCP connections of a process: its own port, and that of its peer."""
    try:
        opened = set(descriptors(pid).values())
    except OSError:
        return set()
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, ours, theirs, _, _, _, _, _, _, inode, *_ = line.split()
        if f"socket:[{inode}]" in opened:
            found.add((ours.rpartition(":")[2], theirs.rpartition(":")[2]))
    return found
