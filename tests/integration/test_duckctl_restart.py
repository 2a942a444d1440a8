"""``duckctl restart`` and ``workers``: what they wait for, what they say, and with which status they end."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess

from tests.integration.duckctl_case import DuckctlCase


class RestartTests(DuckctlCase):
    def test_it_comes_back_when_the_next_life_of_the_same_process_serves(self) -> None:
        server = self.serve("0.2", "goes")
        before = json.loads(self.duckctl("status", "--json")[1])
        status, said = self.duckctl("restart")
        self.assertEqual(status, 0, said)
        self.assertRegex(said, rf"^the server \(pid {server.pid}\) serves the new code, after \d+\.\d s\.\n$")
        after = json.loads(self.duckctl("status", "--json")[1])
        self.assertEqual(before["pid"], after["pid"])
        self.assertGreater(after["started"], before["started"])
        self.assertEqual(self.line(server), "ready")
        status, said = self.duckctl("restart", "--json")
        found = json.loads(said)
        self.assertEqual((status, found["restarted"], found["pid"]), (0, True, server.pid))

    def test_another_process_may_follow_where_that_is_announced(self) -> None:
        server = self.serve("0.1", "followed")
        self.addCleanup(self.duckctl, "stop")
        status, said = self.duckctl("restart", "--json")
        found = json.loads(said)
        self.assertEqual((status, found["restarted"]), (0, True))
        self.assertEqual(server.wait(60), 0)
        self.assertNotEqual(found["pid"], server.pid)
        self.assertEqual(self.duckctl("stop"), (0, f"the server (pid {found['pid']}) has stopped.\n"))

    def test_workers_are_new_when_the_answer_comes(self) -> None:
        server = self.serve("0", "rolls")
        status, said = self.duckctl("restart")
        self.assertEqual(status, 0, said)
        self.assertRegex(said, rf"^the server \(pid {server.pid}\) serves the new code, after \d+\.\d s\.\n$")

    def test_why_it_is_refused_is_said_with_status_1(self) -> None:
        self.serve("0", "refuses")
        process = self.begin("duck_tx.cli", "restart", stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=60)
        self.assertEqual(
            (process.returncode, out, err), (1, "", "duckctl: site/urls.py, line 7: no.\nduckctl: Mend that.\n")
        )
        self.assertEqual(self.duckctl("status")[0], 0)

    def test_a_server_that_ends_instead_is_said_with_status_1(self) -> None:
        server = self.serve("0.2", "ends")
        self.assertEqual(
            self.duckctl("restart"),
            (
                1,
                f"duckctl: the server (pid {server.pid}) has ended. Its log, or that of its supervisor, says why.\n",
            ),
        )

    def test_one_that_takes_longer_than_one_waits_is_said_with_status_1(self) -> None:
        server = self.serve("60", "goes")
        status, said = self.duckctl("restart", "--timeout", "0.3")
        self.assertEqual((status, len(said.splitlines())), (1, 1), said)
        self.assertTrue(said.startswith(f"duckctl: the server (pid {server.pid}) was told to restart, and "), said)
        self.assertIn("after 0.3 s", said)

    def test_one_that_does_not_answer_is_said_in_the_same_words(self) -> None:
        server = self.serve("0", "goes")
        server.send_signal(signal.SIGSTOP)
        status, said = self.duckctl("restart", "--timeout", "0.3")
        server.send_signal(signal.SIGCONT)
        self.assertEqual(status, 1)
        self.assertIn("was told to restart, and the new code does not serve after 0.3 s", said)


class WorkersTests(DuckctlCase):
    def test_they_are_a_table(self) -> None:
        self.serve("0", "rolls")
        self.assertEqual(
            self.duckctl("workers"),
            (
                0,
                "WORKER  PID    STATE  REQUESTS  MEMORY    AGE\n"
                "1       70001  ready  5         50.0 MiB  1 minute 30 seconds\n"
                "2       70002  ready  5         50.0 MiB  1 minute 30 seconds\n",
            ),
        )

    def test_their_number_can_be_set_and_changed(self) -> None:
        self.serve("0", "rolls")
        for change, count in (("4", 4), ("+1", 5), ("-1", 4), ("-2", 2)):
            status, said = self.duckctl("workers", change, "--json")
            found = json.loads(said)
            self.assertEqual((status, found["count"], len(found["workers"])), (0, count, count))
        self.assertEqual(self.duckctl("workers", "0"), (1, "duckctl: there cannot be 0 workers: ask for 1 to 1024.\n"))

    def test_one_process_has_none(self) -> None:
        self.serve()
        expected = "no workers: the server is one process, with 10 gateway threads.\n"
        self.assertEqual(self.duckctl("workers"), (0, expected))
        status, said = self.duckctl("workers", "4")
        self.assertEqual((status, len(said.splitlines())), (1, 1))
        self.assertIn("start it with --processes and --workers N", said)

    def test_colour_is_for_terminals(self) -> None:
        self.serve("0", "rolls")
        main, terminal = pty.openpty()
        self.addCleanup(os.close, main)
        process = self.begin("duck_tx.cli", "workers", stdout=terminal)
        os.close(terminal)
        self.assertEqual(process.wait(60), 0)
        # They all serve, so none stands out.
        self.assertNotIn(b"\x1b", os.read(main, 65536))
