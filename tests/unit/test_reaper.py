"""Orphans are collected where they fall to this process, and nobody's children are taken away."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import cache
from typing import Any
from unittest import skipUnless

from twisted.internet.task import Clock

from duck_tx.process.reaper import ReaperService, is_init
from tests.case import UnitTestCase
from tests.unit.child import ROOT

_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


@cache
def _can_be_first() -> bool:
    """Whether this user may start a process that is the first of its kind, as in a container."""
    return (
        shutil.which("unshare") is not None
        and subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    )


@skipUnless(sys.platform == "linux", "orphans fall to other processes on Linux only")
class ReaperTests(UnitTestCase):
    def lost(self, *before: str) -> dict[str, Any]:
        """What became of the children of a process to whom orphans fall."""
        run = subprocess.run(
            [*before, sys.executable, "-c", "from tests.unit.orphan import lose_orphans; lose_orphans()"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual(run.returncode, 0, run.stderr)
        return dict(json.loads(run.stdout))

    def check(self, report: dict[str, Any]) -> None:
        self.assertEqual(report["after one look"], [True, True])
        self.assertEqual(report["after two looks"], [False, False])
        self.assertEqual([report[owner] for owner in ("popen", "twisted", "thread", "forked")], [3, 3, 3, 3])
        self.assertIsNone(report["living"])
        self.assertEqual(report["after the stop"], [True])

    def test_a_process_to_whom_orphans_fall_collects_them_and_nothing_else(self) -> None:
        self.check(self.lost())

    def test_so_does_the_first_process_of_a_container(self) -> None:
        if not _can_be_first():
            self.skipTest("this user may not make a process namespace")
        report = self.lost(*_NAMESPACE)
        self.assertTrue(report["is first"])
        self.check(report)

    def test_this_process_is_not_the_first(self) -> None:
        self.assertFalse(is_init())

    def test_a_stop_ends_the_looking_whether_it_had_begun_or_not(self) -> None:
        clock = Clock()
        service = ReaperService(clock)
        service.stopService()
        service.startService()
        self.assertEqual(len(clock.getDelayedCalls()), 1)
        service.stopService()
        self.assertEqual(clock.getDelayedCalls(), [])
