"""The end of a process: its status, or the signal that ended it, after everything else."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.case import UnitTestCase
from tests.unit.child import ROOT


def ends(code: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stdout + done.stderr


class ExitTests(UnitTestCase):
    def test_a_program_that_knows_only_zero_ends_with_the_status(self) -> None:
        code = "import sys; from duck_tx.process.exit import exit_with; exit_with(3); sys.exit(0)"
        self.assertEqual(ends(code), (3, ""))

    def test_the_last_word_counts(self) -> None:
        code = (
            "from duck_tx.process.exit import exit_with\nexit_with(3)\nexit_with(4)\n"
            "import gc; gc.collect(); print('still here')"
        )
        self.assertEqual(ends(code), (4, "still here\n"))

    def test_functions_registered_before_and_after_are_called_first_and_output_is_written(self) -> None:
        code = (
            "import atexit\nfrom duck_tx.process.exit import exit_with\n"
            "atexit.register(print, 'before', end=' ')\nexit_with(3)\natexit.register(print, 'after', end=' ')\n"
        )
        self.assertEqual(ends(code), (3, "after before "))

    def test_other_threads_are_waited_for_as_ever(self) -> None:
        code = (
            "import threading, time\nfrom duck_tx.process.exit import exit_with\nexit_with(3)\n"
            "threading.Thread(target=lambda: (time.sleep(0.1), print('done'))).start()\n"
        )
        self.assertEqual(ends(code), (3, "done\n"))

    def test_a_process_ends_by_the_signal_that_it_was_asked_to_end_by(self) -> None:
        code = (
            "import atexit, signal\nfrom duck_tx.process.exit import exit_by\n"
            "atexit.register(print, 'bye')\nexit_by(signal.SIGTERM)\n"
        )
        self.assertEqual(ends(code), (-signal.SIGTERM, "bye\n"))

    def test_who_catches_the_exit_sees_the_status_that_a_shell_shows(self) -> None:
        code = (
            "import signal\nfrom duck_tx.process.exit import exit_by\n"
            "try:\n    exit_by(signal.SIGINT)\nexcept SystemExit as end:\n    print(end.code, flush=True)\n"
        )
        self.assertEqual(ends(code), (-signal.SIGINT, "130\n"))

    def test_threads_that_never_end_hold_up_neither_a_status_nor_a_signal(self) -> None:
        from_here = "import signal, threading, time\nfrom duck_tx.process import exit\n"
        stuck = "threading.Thread(target=time.sleep, args=(60,), name='stuck').start()\nprint('written')\n"
        self.assertEqual(ends(f"{from_here}{stuck}exit.end_in_time(4, 0.1)"), (4, "written\n"))
        pooled = "from concurrent.futures import ThreadPoolExecutor\nThreadPoolExecutor().submit(time.sleep, 60)\n"
        self.assertEqual(
            ends(f"{from_here}{pooled}print('written')\nexit.exit_by(signal.SIGTERM, 0.1)"),
            (-signal.SIGTERM, "written\n"),
        )

    def test_what_a_program_does_after_that_has_all_its_time(self) -> None:
        code = (
            "import threading, time\nfrom duck_tx.process.exit import end_in_time\nend_in_time(4, 0)\n"
            "threading.Thread(target=time.sleep, args=(0.2,)).start()\ntime.sleep(0.5)\nprint('done')\n"
        )
        self.assertEqual(ends(code), (0, "done\n"))

    def test_threads_that_are_given_up_are_named(self) -> None:
        code = (
            "import sys, threading, time\nfrom twisted.logger import globalLogBeginner, textFileLogObserver\n"
            "globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)])\n"
            "from duck_tx.process.exit import end_in_time\nend_in_time(0, 0)\n"
            "threading.Thread(target=time.sleep, args=(60,), name='mailer').start()\n"
        )
        self.assertIn("ending without waiting for threads that do not end: mailer\n", ends(code)[1])
