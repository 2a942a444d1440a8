"""Signals that a process begins with held back."""

from __future__ import annotations

import signal
import subprocess

from duck_tx.interrupt import held_back
from tests.case import UnitTestCase


class HeldBackTests(UnitTestCase):
    def blocked(self) -> int:
        status = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout
        [line] = [line for line in status.splitlines() if line.startswith("SigBlk:")]
        return int(line.split()[1], 16)

    def test_they_are_held_back_from_one_that_begins_within(self) -> None:
        before = self.blocked()
        with held_back(signal.SIGINT, signal.SIGHUP):
            within = self.blocked()
        for number in (signal.SIGINT, signal.SIGHUP):
            self.assertTrue(within >> (number - 1) & 1)
        self.assertEqual(self.blocked(), before)

    def test_here_they_are_late(self) -> None:
        came: list[int] = []
        self.addCleanup(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, lambda *what: came.append(what[0])))
        with held_back(signal.SIGHUP):
            signal.raise_signal(signal.SIGHUP)
            self.assertEqual(came, [])
        self.assertEqual(came, [signal.SIGHUP])
