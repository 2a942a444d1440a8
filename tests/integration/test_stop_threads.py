"""The end of a server whose application has started a thread that never ends, as Python waits for such a thread."""

from __future__ import annotations

import signal

from duck_tx.cli.ask import call
from tests.case import UnitTestCase
from tests.integration.server import Server

_ENDLESS = """
import threading, time

threading.Thread(target=time.sleep, args=(1000,), name="endless", daemon=False).start()

def application(environ, start_response):
    start_response("204 No Content", [])
    return []
"""
_GIVEN_UP = "ending without waiting for threads that do not end: endless"


class ThreadTests(UnitTestCase):
    def test_it_is_given_up_and_the_status_is_what_it_would_have_been(self) -> None:
        by_signal, by_command, under_twistd = (self.begun(launch) for launch in ("module", "module", "twistd"))
        with_workers = self.begun("module", "--processes", "--workers", "1")
        for server in (by_signal, by_command, under_twistd, with_workers):
            server.start()
        for server in (by_command, under_twistd):
            with call(server.state) as line:
                line.ask("stop")
        for server in (by_signal, with_workers):
            server.send_signal(signal.SIGTERM)
        self.assertEqual((by_signal.exit(), with_workers.exit()), (-signal.SIGTERM, -signal.SIGTERM))
        self.assertEqual((by_command.exit(), under_twistd.exit()), (0, 0))
        # ``twistd`` has closed its log by then.
        for server in (by_signal, by_command, with_workers):
            self.assertIn(_GIVEN_UP, server.log)
        for server in (by_signal, by_command, under_twistd, with_workers):
            self.assertEqual(server.left_behind(), [])
        self.assertNotIn("killed", with_workers.log)

    def begun(self, launch: str, *options: str) -> Server:
        server = Server(
            "--wsgi", "endless:application", *options,
            launch=launch, project=None, files={"endless.py": _ENDLESS}, environ={"DUCK_SERVER__GRACE": "1"},
        )  # fmt: skip
        self.addCleanup(server.close)
        return server.begin()
