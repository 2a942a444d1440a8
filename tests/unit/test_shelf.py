"""What is kept between requests, and when it is not believed."""

from __future__ import annotations

import os
import time

from duck_tx.content.coding import CODINGS
from duck_tx.content.representation import Presentation, Representation
from duck_tx.content.root import Root
from duck_tx.content.shelf import SMALL, Changed, Shelf
from tests.case import UnitTestCase

_BROTLI, _, _GZIP = CODINGS


class _CountingRoot(Root):
    """A root that counts the files opened by name, which is what the shelf is there to avoid."""

    opened = 0

    def open(self, path: str) -> tuple[int, os.stat_result]:
        self.opened += 1
        return super().open(path)


class ShelfTests(UnitTestCase):
    ahead = 10.0

    def setUp(self) -> None:
        self.path = os.path.realpath(self.mktemp())
        os.mkdir(self.path)
        self.root = _CountingRoot(self.path)
        self.shelf = self._shelf()

    def _shelf(self, most_files: int = 100, most_bytes: int = 1000) -> Shelf:
        presentation = Presentation(max_age=0, immutable=True, precompressed=True, untrusted=False)
        return Shelf(self.root, presentation, lambda: time.time() + self.ahead, most_files, most_bytes)

    def _write(self, name: str, text: bytes = b"content", modified: int = 1_000_000_000) -> None:
        with open(os.path.join(self.path, name), "wb") as file:
            file.write(text)
        os.utime(os.path.join(self.path, name), (0, modified))

    def _find(self, name: str) -> Representation:
        return self.shelf.representation(name, os.path.join(self.path, name))

    def _content(self, name: str) -> bytes:
        return self.shelf.content(self._find(name))

    def test_a_known_file_is_not_opened_again(self) -> None:
        self._write("a")
        first = self._find("a")
        self.assertIs(self._find("a"), first)
        self.assertEqual(self.root.opened, 1)

    def test_a_file_that_may_still_change_unseen_is_always_opened(self) -> None:
        self.ahead = 0.0
        self._write("a")
        self.assertIsNot(self._find("a"), self._find("a"))
        self.assertEqual(self._content("a"), b"content")
        self.assertIsNone(self._find("a").body)

    def test_what_is_no_regular_file_is_not_even_opened(self) -> None:
        os.mkfifo(os.path.join(self.path, "fifo"))
        self.assertRaises(FileNotFoundError, self._find, "fifo")
        self.assertEqual(self.root.opened, 0)

    def test_a_changed_file_is_described_anew(self) -> None:
        self._write("a", b"old")
        self.assertEqual(self._content("a"), b"old")
        old = self._find("a").validators.etag
        self._write("a", b"newer")
        self.assertEqual(self._content("a"), b"newer")
        self.assertNotEqual(self._find("a").validators.etag, old)

    def test_a_deleted_file_is_gone(self) -> None:
        self._write("a")
        self._content("a")
        os.unlink(os.path.join(self.path, "a"))
        self.assertRaises(FileNotFoundError, self._find, "a")

    def test_a_known_file_replaced_by_a_link_out_of_the_root_is_gone(self) -> None:
        self._write("a")
        self._content("a")
        outside = os.path.realpath(self.mktemp())
        with open(outside, "wb") as file:
            file.write(b"content")
        os.utime(outside, (0, 1_000_000_000))
        os.unlink(os.path.join(self.path, "a"))
        os.symlink(outside, os.path.join(self.path, "a"))
        self.assertRaises(FileNotFoundError, self._find, "a")

    def test_a_file_replaced_after_it_was_described_is_noticed(self) -> None:
        self._write("a", b"old")
        known = self._find("a")
        self._write("b", b"new")
        os.replace(os.path.join(self.path, "b"), os.path.join(self.path, "a"))
        self.assertRaises(Changed, self.shelf.content, known)
        self.assertRaises(Changed, self.shelf.open, known)

    def test_an_open_file_is_the_one_described(self) -> None:
        self._write("a", b"x" * (SMALL + 1))
        with self.shelf.open(self._find("a")) as file:
            self.assertEqual(file.readall(), b"x" * (SMALL + 1))

    def test_small_contents_stay_in_memory(self) -> None:
        self._write("a")
        self._content("a")
        self.assertEqual(self._find("a").body, b"content")

    def test_contents_make_room_for_others(self) -> None:
        self.shelf = self._shelf(most_bytes=25)
        for name in ("a", "b", "c"):
            self._write(name, name.encode() * 10)
        self._content("a")
        self._content("b")
        self._content("a")
        self._content("c")
        self.assertEqual([self._find(name).body for name in ("a", "b", "c")], [b"a" * 10, None, b"c" * 10])

    def test_representations_make_room_for_others(self) -> None:
        self.shelf = self._shelf(most_files=2)
        for name in ("a", "b", "c"):
            self._write(name)
            self._content(name)
        self.assertEqual(self.root.opened, 3)
        self._find("c")
        self._find("b")
        self.assertEqual(self.root.opened, 3)
        self._find("a")
        self.assertEqual(self.root.opened, 4)

    def test_room_is_given_back_when_a_file_changes(self) -> None:
        self.shelf = self._shelf(most_bytes=25)
        self._write("b", b"b" * 10)
        self._content("b")
        for step in range(5):
            self._write("a", b"%d" % step * 10)
            self._content("a")
        self.assertEqual(self._find("b").body, b"b" * 10)

    def _chosen(self, *wanted: int) -> bytes:
        chosen = self.shelf.encoded(self._find("a"), tuple(CODINGS[index] for index in wanted))
        return b"" if chosen.coding is None else chosen.coding.token

    def test_the_first_wanted_sibling_that_is_there_is_taken(self) -> None:
        for name in ("a", "a.br", "a.gz"):
            self._write(name)
        self.assertEqual(self._chosen(1, 2, 0), b"gzip")
        self.assertEqual(self._chosen(0, 2), b"br")
        self.assertEqual(self._chosen(1), b"")
        self.assertEqual(self._chosen(), b"")

    def test_a_sibling_older_than_the_file_is_ignored(self) -> None:
        self._write("a", modified=1_000_000_000)
        self._write("a.br", modified=999_999_999)
        self._write("a.gz", modified=1_000_000_000)
        self.assertEqual(self._chosen(0, 2), b"gzip")
        self._write("a", modified=1_000_000_001)
        self.assertEqual(self._chosen(0, 2), b"")

    def test_siblings_come_and_go(self) -> None:
        self._write("a")
        self.assertEqual(self._chosen(0), b"")
        self._write("a.br")
        self.assertEqual(self._chosen(0), b"br")
        os.unlink(os.path.join(self.path, "a.br"))
        self.assertEqual(self._chosen(0), b"")

    def test_a_sibling_that_is_a_folder_or_leads_outside_is_ignored(self) -> None:
        self._write("a")
        os.mkdir(os.path.join(self.path, "a.br"))
        os.symlink("/etc/hostname", os.path.join(self.path, "a.gz"))
        self.assertEqual(self._chosen(0, 2), b"")

    def test_a_sibling_asked_for_by_its_own_name_is_a_plain_file(self) -> None:
        self._write("a")
        self._write("a.gz")
        self.assertEqual(self._chosen(2), b"gzip")
        self.assertIsNone(self._find("a.gz").coding)
        self.assertEqual(self._find("a.gz").content_type, b"application/gzip")
        self.assertEqual(self._chosen(2), b"gzip")
