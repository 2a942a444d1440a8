"""The program between the server and a child."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

from duck_tx.process import guard
from tests.case import UnitTestCase
from tests.unit.spawning import python

_STUBBORN = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.fork() or time.sleep(60)\nprint('up')\n"


class GuardTests(UnitTestCase):
    def guarded(self, *command: str, directory: str = "/", grace: float = 60.0) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(guard.__file__), f"{grace:g}", directory, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

        def close() -> None:
            # Where the guard is killed, it takes the server to kill the rest.
            # Trial takes a bare name ``suppress`` in a test module for its own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            for stream in (process.stdin, process.stdout, process.stderr):
                assert stream is not None
                stream.close()
            process.wait()

        self.addCleanup(close)
        return process

    def outcome(self, process: subprocess.Popen[str]) -> tuple[int, str, str]:
        """Its status, output and errors, with the server still there."""
        assert process.stdout is not None and process.stderr is not None
        said, complained = process.stdout.read(), process.stderr.read()
        return process.wait(20), said, complained

    def line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def server_goes(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        process.stdin.close()

    def test_it_ends_as_the_program_does(self) -> None:
        self.assertEqual(self.outcome(self.guarded(*python("sys.exit(3)")))[0], 3)
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV):
            process = self.guarded(*python(f"os.kill(os.getpid(), {number:d})"))
            self.assertEqual(self.outcome(process)[0], -number)

    def test_the_program_runs_in_its_directory_with_no_input_and_no_other_files(self) -> None:
        code = "print(os.getcwd(), repr(sys.stdin.read()), sorted(map(int, os.listdir('/dev/fd'))))"
        _, said, _ = self.outcome(self.guarded(*python(code), directory="/usr"))
        # The last one is the list's own.
        self.assertEqual(said.strip(), "/usr '' [0, 1, 2, 3]")

    def test_python_s_own_signal_settings_are_not_handed_down(self) -> None:
        # Not asked of a Python, which ignores some by itself.
        process = self.guarded("grep", "SigIgn", "/proc/self/status")
        ignored = int(self.outcome(process)[1].split()[1], 16)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            self.assertFalse(ignored >> number - 1 & 1, number)

    def test_it_leads_a_session_and_a_group_of_its_own(self) -> None:
        process = self.guarded(*python("print(os.getppid(), os.getsid(0), os.getpgrp())"))
        self.assertEqual(self.outcome(process)[1].split(), [str(process.pid)] * 3)

    def test_what_cannot_be_started_is_said(self) -> None:
        for command, directory, said in (
            ("no-such-program", "/", "no-such-program cannot be used: No such file or directory\n"),
            ("/usr", "/", "/usr cannot be used: Permission denied\n"),
            ("true", "/no-such-directory", "/no-such-directory cannot be used: No such file or directory\n"),
        ):
            self.assertEqual(self.outcome(self.guarded(command, directory=directory)), (127, "", said))

    def test_signals_are_handed_on(self) -> None:
        code = (
            "def seen(number, frame): print(signal.Signals(number).name)\n"
            "for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):\n"
            "    signal.signal(number, seen)\n"
            "print('up')\n"
            "while True: signal.pause()\n"
        )
        process = self.guarded(*python(code))
        self.line(process)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            os.kill(process.pid, number)
            self.assertEqual(self.line(process), number.name)

    def test_when_the_server_is_gone_the_program_is_asked_to_end(self) -> None:
        code = (
            "def end(number, frame): print('asked'); sys.exit(0)\n"
            "signal.signal(signal.SIGTERM, end)\n"
            "print('up')\n"
            "while True: signal.pause()\n"
        )
        process = self.guarded(*python(code))
        self.line(process)
        self.server_goes(process)
        self.assertEqual(self.outcome(process)[1], "asked\n")

    def test_when_the_server_is_gone_nothing_is_left_after_the_grace(self) -> None:
        process = self.guarded(*python(f"{_STUBBORN}time.sleep(60)"), grace=0.2)
        self.line(process)
        self.server_goes(process)
        # The output ends when the last one has closed it.
        self.assertEqual(self.outcome(process)[0], -signal.SIGKILL)

    def test_when_server_and_program_are_gone_nothing_is_waited_for(self) -> None:
        code = _STUBBORN + "signal.signal(signal.SIGTERM, signal.SIG_DFL)\nprint('now')\ntime.sleep(60)"
        process = self.guarded(*python(code), grace=60)
        self.line(process)
        self.line(process)
        self.server_goes(process)
        self.assertEqual(self.outcome(process)[0], -signal.SIGKILL)
