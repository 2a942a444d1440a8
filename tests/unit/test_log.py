"""Logging where no twistd has set it up, and the times of what is logged."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from datetime import datetime

from twisted.logger import FileLogObserver, LogPublisher, textFileLogObserver

from duck_tx.process.log import as_text, keep_zone, zone_in
from tests.case import UnitTestCase
from tests.unit.child import ROOT


def _prints(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return [line.partition("] ")[2] for line in done.stdout.splitlines()]


class TimeTests(UnitTestCase):
    def test_a_zone_is_found_with_its_summer_time(self) -> None:
        zone = zone_in({"TZ": "Europe/Berlin"})
        offsets = [datetime(2026, month, 1, tzinfo=zone).strftime("%z") for month in (1, 7)]
        self.assertEqual(offsets, ["+0100", "+0200"])
        for environ in ({"TZ": ":/none"}, {"TZ": "EST5EDT,M3.2.0,M11.1.0"}, {"TZ": "../none"}):
            self.assertIsNotNone(zone_in(environ))
        self.assertIsNotNone(zone_in({}, "/none"))

    def test_one_log_is_of_one_zone_whatever_the_project_makes_of_the_process(self) -> None:
        for begin in (
            "from duck_tx.process.log import log_to_console\nlog_to_console()",
            "from duck_tx.tap import Options, makeService\noptions = Options()\noptions.parseOptions(['--port', '0'])\n"
            "service = makeService(options)\n"
            "globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)",
        ):
            code = (
                "import os, sys, time\nfrom twisted.logger import Logger, globalLogBeginner, textFileLogObserver\n"
                f"{begin}\nlog = Logger()\nlog.info('before')\n"
                "os.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()\nlog.info('after')\n"
            )
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=self.directory(),
                env={**os.environ, "TZ": "Asia/Kolkata", "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=True,
            )
            lines = [line for line in done.stdout.splitlines() if line.endswith((" before", " after"))]
            self.assertEqual([line.split()[0][-5:] for line in lines], ["+0530", "+0530"], done.stdout)

    def test_an_observer_with_a_format_of_its_own_is_left_alone(self) -> None:
        own = FileLogObserver(io.StringIO(), lambda event: "")
        twisted = textFileLogObserver(io.StringIO())
        before = own.formatEvent
        keep_zone(LogPublisher(own, twisted))
        self.assertEqual((own.formatEvent, twisted.formatEvent), (before, as_text))

    def directory(self) -> str:
        path = self.mktemp()
        os.makedirs(path)
        return path


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
