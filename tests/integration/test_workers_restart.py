"""The restart where workers serve: one after the other is replaced, and nobody notices."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

from tests.integration.clients import KINDS
from tests.integration.load import Load
from tests.integration.restart_case import restart_with_duckctl
from tests.integration.server import CHECKOUT, Server, wait_until
from tests.integration.workers_case import APPLICATION, WorkersTestCase
from tests.unit.spawning import lives

_SETTINGS = """
[server]
force_worker_processes = true
workers = {workers}
process_name = "{name}"
"""

_LONGEST = 12.0
"""Seconds that a request may wait here: the machine may be busy with anything.  On an idle one it is less than half a
second, as there is always somebody who serves."""


class WorkersRestartTests(WorkersTestCase):
    def restart(self, server: Server, number: int) -> None:
        """Restart, for the ``number``th time: every other time with the command."""
        if number % 2:
            server.send_signal(signal.SIGHUP)
            server.wait_for(re.compile(f"(?s)(the workers serve the new code.*){{{number}}}"))
            return
        status, said = restart_with_duckctl(server)
        self.assertEqual(status, 0, said + server.log)

    def test_ten_restarts_in_a_row_lose_no_request_and_refuse_no_connection(self) -> None:
        server = self.served()
        with Load(server.port) as load:
            for number in range(1, 11):
                self.restart(server, number)
                load.wait_for_answers_of(self.pids(server)[-2:])
        self.assertEqual((load.lost, load.refused), ([], 0), server.log)
        self.assertLess(load.longest, _LONGEST, server.log)
        self.assertEqual(len(load.answered), len(KINDS))
        self.assertEqual(len(server.lines("the workers serve the new code")), 10)
        self.assertEqual(len(self.pids(server)), 22)
        wait_until(lambda: self.are_left(server, 2), 30)
        self.stop(server)

    def test_where_a_later_worker_cannot_be_replaced_it_is_told_which_code_each_has(self) -> None:
        server = self.served()
        before = self.pids(server)
        # The title of the process says which it is, before it loads anything.
        second = "if 'worker 2' in open('/proc/self/cmdline').read():\n    raise RuntimeError('too many')\n"
        file = server.directory / "crew.py"
        file.write_text(second + APPLICATION)
        server.send_signal(signal.SIGHUP)
        server.wait_for("new code: worker 1; old code: worker 2. Mend what is wrong, and restart again.")
        self.assertIn("RuntimeError: too many", server.log)
        self.assertNotIn("the old code serves on", server.log)
        self.assertEqual([lives(pid) for pid in self.pids(server)[1:]], [True, True])
        self.assertEqual(self.pids(server)[:2], before)
        file.write_text(APPLICATION)
        server.send_signal(signal.SIGHUP)
        server.wait_for("the workers serve the new code")
        self.stop(server)

    def test_another_number_is_had_at_once_and_what_is_not_had_is_told(self) -> None:
        server = Server(
            "--wsgi", "crew:application", "--no-access-log", project=None,
            files={"crew.py": APPLICATION, "duck.toml": _SETTINGS.format(workers=1, name="one")},
        )  # fmt: skip
        self.addCleanup(server.close)
        server.start()
        (server.directory / "duck.toml").write_text(_SETTINGS.format(workers=2, name="two"))
        command = [sys.executable, "-m", "duck_tx.cli", "restart", "--state-dir", str(server.state)]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), server.log)
        self.assertIn("as before until it is stopped and started: server.process_name.\n", done.stdout)
        self.assertEqual(len(self.pids(server)), 3)
        done = subprocess.run(
            [*command, "--json"], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True
        )
        self.assertEqual(json.loads(done.stdout)["waiting"], ["server.process_name"])
        found = json.loads((server.state / "meta.json").read_text())
        self.assertEqual(found["workers"], 2)
        self.stop(server)

    def test_code_that_cannot_be_loaded_leaves_the_old_serving_and_mended_it_is_taken(self) -> None:
        server = self.served()
        before = self.pids(server)
        file = server.directory / "crew.py"
        file.write_text("application = (\n")
        server.send_signal(signal.SIGHUP)
        server.wait_for("the old code serves on")
        self.assertIn("never closed", server.log)
        self.assertIn(int(server.get("/").text), before)
        file.write_text(APPLICATION)
        server.send_signal(signal.SIGHUP)
        server.wait_for("the workers serve the new code")
        self.assertEqual(len(self.pids(server)), 4)
        wait_until(lambda: self.are_left(server, 2), 30)
        self.assertIn(int(server.get("/").text), self.pids(server)[2:])
        self.stop(server)
