"""The title of a process."""

from __future__ import annotations

import subprocess
import sys

from tests.case import UnitTestCase
from tests.unit.child import ROOT


class TitleTests(UnitTestCase):
    def test_process_lists_show_it(self) -> None:
        code = (
            "import os\nfrom duck_tx.process.title import set_title\nset_title('duck-server: test')\n"
            "print(open('/proc/self/cmdline').read().rstrip(chr(0)))\n"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, "duck-server: test\n")
