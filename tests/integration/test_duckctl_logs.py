"""``duckctl logs``: the lines of a process that logs, shown and followed."""

from __future__ import annotations

import os
import pty
import signal
import subprocess

from tests.integration.duckctl_case import DuckctlCase
from tests.integration.server import wait_until


def _texts(said: str) -> list[str]:
    """The lines without their time."""
    return [line.split(" ", 1)[1] for line in said.splitlines()]


class ShowTests(DuckctlCase):
    def test_the_last_lines_are_shown_as_a_console_shows_them(self) -> None:
        self.serve()
        self.say("one", "zwei \U0001f986", "three")
        status, said = self.duckctl("logs")
        self.assertEqual(status, 0)
        self.assertEqual(_texts(said), [f"[control_only#info] {text}" for text in ("one", "zwei \U0001f986", "three")])
        self.assertRegex(said, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} ")
        status, said = self.duckctl("logs", "-n", "1")
        self.assertEqual((status, _texts(said)), (0, ["[control_only#info] three"]))
        self.assertEqual(self.duckctl("logs", "--lines=0"), (0, ""))

    def test_a_line_does_nothing_to_the_terminal(self) -> None:
        self.serve()
        self.say("\x1b]0;mine\x07\x1b[2J\x9b31m\r\u202egpj.exe")
        main, terminal = pty.openpty()
        self.addCleanup(os.close, main)
        process = self.begin("duck_tx.cli", "logs", stdout=terminal)
        os.close(terminal)
        self.assertEqual(process.wait(60), 0)
        shown = os.read(main, 65536).decode()
        self.assertTrue(shown.endswith(r"\x1b]0;mine\x07\x1b[2J\x9b31m\r\u202egpj.exe" + "\r\n"), shown)

    def test_a_number_that_is_none_is_a_line_and_2(self) -> None:
        for wrong in ("many", "-5", "1.5"):
            status, said = self.duckctl("logs", f"--lines={wrong}")
            self.assertEqual((status, len(said.splitlines())), (2, 1))
            self.assertIn(f"'{wrong}' is no number of lines", said)


class FollowTests(DuckctlCase):
    def follow(self, *options: str) -> subprocess.Popen[str]:
        """One that follows, and has shown the first line."""
        self.say("the first")
        process = self.begin("duck_tx.cli", "logs", "-f", *options, stderr=subprocess.PIPE)
        self.assertTrue(self.line(process).endswith(" the first"))
        return process

    def test_what_comes_is_shown_when_it_comes(self) -> None:
        self.serve()
        followers = [self.follow(), self.follow("-n", "1")]
        # The second one's first line is new to the first.
        self.assertTrue(self.line(followers[0]).endswith(" the first"))
        for text in ("one", "two", "three"):
            self.say(text)
            for process in followers:
                self.assertTrue(self.line(process).endswith(f"] {text}"))

    def test_many_lines_at_once_all_arrive_in_their_order(self) -> None:
        self.serve()
        process = self.follow()
        self.say(*(f"number {number}" for number in range(1000)))
        seen = [self.line(process).rpartition("] ")[2] for _ in range(1000)]
        self.assertEqual(seen, [f"number {number}" for number in range(1000)])

    def test_it_ends_with_the_server_which_does_not_wait_for_it(self) -> None:
        server = self.serve()
        process = self.follow()
        self.assertEqual(self.duckctl("stop")[0], 0)
        _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (0, f"duckctl: the server (pid {server.pid}) has ended.\n"))
        self.assertEqual(server.wait(60), 0)

    def test_it_ends_with_a_server_that_is_killed(self) -> None:
        server = self.serve()
        process = self.follow()
        server.kill()
        _, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, err), (0, f"duckctl: the server (pid {server.pid}) has ended.\n"))

    def test_it_goes_on_with_the_next_life_of_a_server(self) -> None:
        server = self.serve("0.1", "goes")
        process = self.follow()
        for number in range(2):
            self.assertEqual(self.duckctl("restart")[0], 0)
            self.say(f"life {number}")
            self.assertTrue(self.line(process).endswith(f" life {number}"))
        server.kill()
        out, err = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (0, ""))
        self.assertEqual(err, f"duckctl: the server (pid {server.pid}) has ended.\n")

    def test_an_interrupt_ends_it_with_130_and_without_a_word(self) -> None:
        self.serve()
        process = self.follow()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        # What a shell shows as 130.
        self.assertEqual((process.returncode, out, err), (-signal.SIGINT, "", ""))

    def test_a_reader_who_has_enough_ends_it(self) -> None:
        self.serve()
        process = self.follow()
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()

        def ended() -> bool:
            self.say("one more")
            return process.poll() is not None

        wait_until(ended, 30)
        self.assertEqual((process.returncode, process.stderr.read()), (1, ""))

    def test_the_server_forgets_those_who_left(self) -> None:
        server = self.serve()
        descriptors = f"/proc/{server.pid}/fd"
        before = len(os.listdir(descriptors))
        process = self.follow()
        wait_until(lambda: len(os.listdir(descriptors)) == before + 1, 10)
        process.kill()
        process.wait()
        wait_until(lambda: len(os.listdir(descriptors)) == before, 10)


class ConsoleTests(DuckctlCase):
    def test_lines_are_shown_where_the_terminal_has_not_all_characters(self) -> None:
        self.serve()
        self.say("Küche")
        self.environ["PYTHONIOENCODING"] = "ascii"
        process = self.begin("duck_tx.cli", "logs")
        said, _ = process.communicate(timeout=60)
        self.assertTrue(said.endswith("K\\xfcche\n"), said)
        self.assertEqual(process.returncode, 0)
