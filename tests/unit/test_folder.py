"""A folder of certificates as certbot keeps it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from duck_tx.errors import SSLError
from duck_tx.https.folder import Pair, pairs_in
from tests.case import UnitTestCase
from tests.unit.nobody import as_nobody


class PairsTests(UnitTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()) / "live"
        self.folder.mkdir(parents=True)

    def add(self, name: str, *files: str) -> None:
        (self.folder / name).mkdir()
        for file in files or ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"):
            (self.folder / name / file).touch()

    def names(self) -> list[str]:
        return [pair.certfile.parent.name for pair in pairs_in(self.folder)]

    def test_every_directory_gives_a_pair_in_the_order_of_names(self) -> None:
        for name in ("b.example", "a.example"):
            self.add(name)
        a, b = self.folder / "a.example", self.folder / "b.example"
        self.assertEqual(
            pairs_in(self.folder),
            (Pair(a / "fullchain.pem", a / "privkey.pem"), Pair(b / "fullchain.pem", b / "privkey.pem")),
        )

    def test_what_else_lies_there_is_passed_over(self) -> None:
        self.add("a.example")
        self.add("empty", "README")
        self.add("..2026_11_22")
        (self.folder / "README").write_text("This directory contains your keys and certificates.")
        self.assertEqual(self.names(), ["a.example"])

    def test_a_pair_that_lacks_one_is_one(self) -> None:
        self.add("a.example", "fullchain.pem")
        self.add("b.example", "privkey.pem")
        self.assertEqual(self.names(), ["a.example", "b.example"])

    def test_links_count_wherever_they_lead(self) -> None:
        self.add("a.example", "README")
        (self.folder / "a.example" / "fullchain.pem").symlink_to("../../archive/a.example/fullchain1.pem")
        (self.folder / "b.example").symlink_to("a.example")
        self.assertEqual(self.names(), ["a.example", "b.example"])

    def test_the_key_stands_in_its_own_file_or_with_the_certificate(self) -> None:
        self.assertEqual(Pair(Path("a"), Path("b")).key_file, Path("b"))
        self.assertEqual(Pair(Path("a")).key_file, Path("a"))


class FaultTests(UnitTestCase):
    def fault(self, folder: Path) -> str:
        with self.assertRaises(SSLError) as caught:
            pairs_in(folder)
        return str(caught.exception)

    def test_a_folder_that_is_not_there(self) -> None:
        folder = Path(self.mktemp())
        self.assertEqual(
            self.fault(folder), f"{folder}: there is no such folder of certificates. Mend the path (https.folder)."
        )

    def test_a_file(self) -> None:
        file = Path(self.mktemp())
        file.touch()
        self.assertIn(f"{file}: this is a file. Give the folder above it", self.fault(file))

    def test_a_folder_that_this_user_may_not_list(self) -> None:
        folder = Path(tempfile.mkdtemp(dir="/tmp"))
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0)
        with as_nobody():
            self.assertIn(
                f"{folder}: the user of this process (uid {os.geteuid()}) may not list it", self.fault(folder)
            )
        folder.chmod(0o700)

    def test_what_the_system_says_otherwise(self) -> None:
        self.assertIn("cannot be listed: File name too long.", self.fault(Path("x" * 300)))
