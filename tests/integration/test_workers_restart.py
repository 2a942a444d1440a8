"""The restart where workers serve: one after the other is replaced, and nobody notices."""

from __future__ import annotations

import re
import signal

from tests.integration.crowd import Crowd
from tests.integration.server import wait_until
from tests.integration.workers_case import APPLICATION, WorkersTestCase


class WorkersRestartTests(WorkersTestCase):
    def test_restarts_in_a_row_lose_no_request_and_refuse_no_connection(self) -> None:
        server = self.served()
        with Crowd(server.port) as crowd:
            for number in range(1, 3):
                crowd.wait_for(50)
                server.send_signal(signal.SIGHUP)
                server.wait_for(re.compile(f"(?s)(the workers serve the new code.*){{{number}}}"))
                crowd.wait_for_answers_of(self.pids(server)[-2:])
        self.assertEqual((crowd.lost, crowd.refused), ([], 0))
        self.assertEqual(len(self.pids(server)), 6)
        wait_until(lambda: self.are_left(server, 2), 30)
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
