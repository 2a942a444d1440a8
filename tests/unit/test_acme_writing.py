"""Files that are written whole, and for nobody else."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_IMODE

from duck_tx.https.acme.writing import folder, settle, write
from tests.case import UnitTestCase


class WritingTests(UnitTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).absolute()
        self.root.mkdir(parents=True)
        self.path = self.root / "key.pem"
        self.addCleanup(os.umask, os.umask(0o022))

    def test_a_file_is_for_its_owner_only_whatever_the_umask(self) -> None:
        os.umask(0)
        write(self.path, b"secret")
        self.assertEqual((self.path.read_bytes(), S_IMODE(self.path.stat().st_mode)), (b"secret", 0o600))
        self.assertEqual(list(self.root.iterdir()), [self.path])

    def test_whoever_reads_the_old_file_goes_on_with_it(self) -> None:
        write(self.path, b"old")
        with self.path.open("rb") as reader:
            write(self.path, b"the new one")
            self.assertEqual(reader.read(), b"old")
        self.assertEqual(self.path.read_bytes(), b"the new one")

    def test_what_cannot_be_written_leaves_what_was_there(self) -> None:
        self.path.mkdir()
        with self.assertRaises(OSError):
            write(self.path, b"new")
        self.assertEqual(list(self.root.iterdir()), [self.path])

    def test_directories_are_for_their_owner_only_with_those_above(self) -> None:
        made = folder(self.root / "a" / "b")
        self.assertEqual([S_IMODE(path.stat().st_mode) for path in (made, made.parent)], [0o700, 0o700])

    def test_a_directory_that_is_there_stays_as_it_is(self) -> None:
        self.root.chmod(0o750)
        folder(self.root)
        self.assertEqual(S_IMODE(self.root.stat().st_mode), 0o750)

    def test_a_file_in_the_way_is_an_error(self) -> None:
        self.path.touch()
        with self.assertRaises(OSError):
            folder(self.path)
        with self.assertRaises(OSError):
            settle(self.path)
