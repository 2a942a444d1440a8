"""``duckctl`` and a process that is asked: what is said, the exit status, and that nothing is left."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
from pathlib import Path

from duck_tx.cli.ask import call
from duck_tx.errors import ApplicationError
from tests.integration.duckctl_case import DuckctlCase
from tests.integration.server import wait_until


class StatusTests(DuckctlCase):
    def test_one_that_runs_is_told_about_with_status_0(self) -> None:
        server = self.serve()
        status, said = self.duckctl("status")
        self.assertEqual(status, 0)
        self.assertTrue(said.startswith(f"running   pid {server.pid}, for "), said)
        self.assertIn("\naddress   http://localhost:1\n", said)
        self.assertNotIn("\x1b", said)
        status, said = self.duckctl("status", "--json", "--state-dir", str(self.state))
        found = json.loads(said)
        self.assertEqual((status, found["running"], found["pid"]), (0, True, server.pid))
        self.assertEqual(found["state_directory"], str(self.state))

    def test_without_one_the_status_is_3(self) -> None:
        self.assertEqual(self.duckctl("status"), (3, f"not running: {self.nobody_there()}"))
        status, said = self.duckctl("status", "--json")
        self.assertEqual(status, 3)
        self.assertEqual(json.loads(said), {"running": False, "state_directory": str(self.state)})

    def test_one_that_was_killed_does_not_run(self) -> None:
        server = self.serve()
        server.kill()
        server.wait()
        self.assertTrue((self.state / "control.sock").is_socket())
        self.assertEqual(self.duckctl("status")[0], 3)

    def test_a_terminal_is_shown_colour(self) -> None:
        self.serve()
        main, terminal = pty.openpty()
        self.addCleanup(os.close, main)
        process = self.begin("duck_tx.cli", "status", stdout=terminal)
        os.close(terminal)
        self.assertEqual(process.wait(60), 0)
        self.assertTrue(os.read(main, 65536).startswith(b"\x1b[32mrunning "))

    def test_one_that_does_not_answer_is_a_line(self) -> None:
        server = self.serve()
        server.send_signal(signal.SIGSTOP)
        with call(self.state, 0.1) as line, self.assertRaises(ApplicationError) as caught:
            line.ask("status")
        self.assertEqual(str(caught.exception), f"the server (pid {server.pid}) has not answered within 0.1 s.")
        server.send_signal(signal.SIGCONT)
        self.assertEqual(self.duckctl("status")[0], 0)

    def test_a_socket_of_something_else_is_a_line_and_1(self) -> None:
        self.state.mkdir()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(self.state / "control.sock"))
            other.listen()
            process = self.begin("duck_tx.cli", "status")
            connected = other.accept()[0]
            connected.recv(65536)
            connected.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connected.close()
            said, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertRegex(said, r"^duckctl: the server \(pid \d+\) went away before it had answered\.\n$")


class StopTests(DuckctlCase):
    def test_when_it_says_so_the_process_is_gone(self) -> None:
        for seconds in ("0", "0.3"):
            server = self.serve(seconds)
            self.assertEqual(self.duckctl("stop"), (0, f"the server (pid {server.pid}) has stopped.\n"))
            self.assertEqual(server.poll(), 0)
            self.assertEqual(list(self.state.iterdir()), [])
        self.assertEqual(self.duckctl("stop"), (3, f"duckctl: {self.nobody_there()}"))

    def test_json_says_who_it_was(self) -> None:
        server = self.serve()
        status, said = self.duckctl("stop", "--json")
        self.assertEqual((status, json.loads(said)), (0, {"stopped": True, "pid": server.pid}))

    def test_one_that_takes_longer_than_one_waits_is_still_there_with_status_1(self) -> None:
        server = self.serve("2")
        status, said = self.duckctl("stop", "--timeout", "0.1")
        self.assertEqual(status, 1)
        self.assertTrue(said.startswith(f"duckctl: the server (pid {server.pid}) was told to stop and is still"), said)
        self.assertEqual(len(said.splitlines()), 1)
        self.assertEqual(server.wait(60), 0)

    def test_two_who_stop_it_both_see_its_end(self) -> None:
        server = self.serve("0.2")
        # It lets both come before it does anything.
        server.send_signal(signal.SIGSTOP)
        both = [self.begin("duck_tx.cli", "stop") for _ in range(2)]
        wait_until(lambda: self.ends_of_the_socket() == 3, 60, "both are connected")
        server.send_signal(signal.SIGCONT)
        self.assertEqual([process.wait(60) for process in both], [0, 0])
        self.assertEqual(server.wait(60), 0)

    def ends_of_the_socket(self) -> int:
        """The one that listens, and one for each connection; to the system they have the name that it was made by."""
        return Path("/proc/net/unix").read_text().count(f" {self.state}/control.sock.")

    def test_a_time_that_is_none_is_a_line_and_2(self) -> None:
        for wrong in ("soon", "-1", "inf", "nan"):
            status, said = self.duckctl("stop", f"--timeout={wrong}")
            self.assertEqual((status, len(said.splitlines())), (2, 1))
            self.assertIn(f"'{wrong}' is no number of seconds", said)


class TroubleTests(DuckctlCase):
    def test_a_server_of_an_earlier_version_is_told_as_one(self) -> None:
        server = self.serve()
        self.assertEqual(
            self.duckctl("restart"),
            (
                1,
                f"duckctl: the server (pid {server.pid}) is of another version, which does not know 'restart'. "
                "Stop it and start it anew.\n",
            ),
        )

    def test_a_directory_that_one_may_not_look_into_is_a_line_and_1(self) -> None:
        self.serve()
        self.state.chmod(0)
        self.addCleanup(self.state.chmod, 0o700)
        for command in ("status", "restart"):
            process = self.begin("tests.integration.deprived", "rights", "-m", "duck_tx.cli", command)
            said, _ = process.communicate(timeout=60)
            self.assertEqual(
                (process.returncode, said),
                (
                    1,
                    f"duckctl: {self.state}/control.sock: Permission denied. "
                    "Only the user that the server runs as may ask it, and root.\n",
                ),
            )


class CertificatesTests(DuckctlCase):
    def test_they_are_listed(self) -> None:
        self.serve()
        status, said = self.duckctl("certificates", "list")
        self.assertEqual(status, 0)
        self.assertRegex(said, r"\nlocalhost +2036-11-22, in \d+ days +/etc/cert.pem\n$")
        status, said = self.duckctl("certificates", "list", "--json")
        self.assertEqual((status, json.loads(said)[0]["names"]), (0, ["localhost"]))

    def test_why_they_are_not_reloaded_is_said(self) -> None:
        self.serve()
        expected = (1, "duckctl: /etc/key.pem does not belong to it. Mend that.\n")
        self.assertEqual(self.duckctl("certificates", "reload"), expected)


class TogetherTests(DuckctlCase):
    def test_a_second_server_is_refused_by_the_name_of_the_first(self) -> None:
        first = self.serve()
        second = self.begin("tests.integration.control_only", str(self.state))
        self.assertEqual(
            self.line(second),
            f"a server (pid {first.pid}) uses the state directory {self.state}; stop it, or choose another with "
            "--state-dir.",
        )
        self.assertEqual(second.wait(60), 1)
        self.assertEqual(self.duckctl("status")[0], 0)

    def test_the_socket_of_one_that_was_killed_is_replaced(self) -> None:
        for _ in range(3):
            server = self.serve()
            server.kill()
            server.wait()
        self.serve()
        self.assertEqual([path.name for path in self.state.iterdir()], ["control.sock"])

    def test_of_many_that_start_at_once_one_serves(self) -> None:
        dead = self.serve()
        dead.kill()
        dead.wait()
        started = [self.begin("tests.integration.control_only", str(self.state)) for _ in range(6)]
        said = [self.line(process) for process in started]
        self.assertEqual(said.count("ready"), 1, said)
        for line in said:
            self.assertRegex(line, r"^(ready|a server \(pid \d+\) uses .*|another server begins to use .*)$")
        serving = started[said.index("ready")]
        status, text = self.duckctl("status", "--json")
        self.assertEqual((status, json.loads(text)["pid"]), (0, serving.pid))
        self.assertEqual([path.name for path in self.state.iterdir()], ["control.sock"])
        serving.terminate()
        serving.wait(60)
        self.assertEqual(list(self.state.iterdir()), [])
