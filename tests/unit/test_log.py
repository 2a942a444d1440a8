"""Logging where no twistd has set it up."""

from __future__ import annotations

import subprocess
import sys

from tests.case import UnitTestCase
from tests.unit.child import ROOT


def _prints(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line.partition("] ")[2] for line in done.stdout.splitlines()]


class LogTests(UnitTestCase):
    def test_events_are_lines_on_standard_output_those_from_before_as_well(self) -> None:
        code = (
            "from twisted.logger import Logger\nfrom duck_tx.process.log import log_to_console\n"
            "log = Logger()\nlog.info('before')\nlog_to_console()\nlog_to_console()\nlog.info('after')\n"
        )
        self.assertEqual(_prints(code), ["before", "after"])

    def test_a_program_that_has_begun_to_log_is_left_alone(self) -> None:
        code = (
            "import io, sys\nfrom twisted.logger import Logger, globalLogBeginner, textFileLogObserver\n"
            "from duck_tx.process.log import log_to_console\n"
            "globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)\n"
            "log_to_console()\nLogger().info('once')\n"
        )
        self.assertEqual(_prints(code), ["once"])
