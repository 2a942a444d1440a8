"""One at a time, and nobody for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from duck_tx.lock import only_one
from tests.case import UnitTestCase
from tests.integration.server import CHECKOUT, wait_until

HOLD = """
import sys, time
from pathlib import Path
from duck_tx.lock import only_one
with only_one(Path(sys.argv[1])) as is_first:
    print(is_first, flush=True)
    time.sleep(60)
"""


class LockTests(UnitTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def is_first(self) -> bool:
        with only_one(self.path) as is_first:
            return is_first

    def test_the_first_has_it_until_its_block_ends(self) -> None:
        with only_one(self.path) as is_first:
            self.assertTrue(is_first)
            self.assertFalse(self.is_first())
        self.assertTrue(self.is_first())

    def test_an_error_ends_it(self) -> None:
        with self.assertRaises(KeyError), only_one(self.path):
            raise KeyError
        self.assertTrue(self.is_first())

    def test_it_ends_with_the_process_that_holds_it(self) -> None:
        holder = subprocess.Popen([sys.executable, "-c", HOLD, str(self.path)], stdout=subprocess.PIPE, cwd=CHECKOUT)
        with holder, holder.stdout or self.fail() as said:
            self.assertEqual(said.readline(), b"True\n")
            self.assertFalse(self.is_first())
            holder.kill()
            wait_until(self.is_first)

    def test_a_directory_that_is_not_there_is_an_error(self) -> None:
        with self.assertRaises(OSError), only_one(self.path / "lock"):
            self.fail()
