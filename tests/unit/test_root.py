"""Opening files: inside the root only, and regular files only."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile

from duck_tx.content.root import Found, Root
from tests.case import UnitTestCase


class RootTests(UnitTestCase):
    def setUp(self) -> None:
        self.base = os.path.realpath(self.mktemp())
        self.path = os.path.join(self.base, "root")
        os.makedirs(os.path.join(self.path, "css"))
        self._write("root/css/site.css", "inside")
        self._write("outside.txt", "secret")
        self.root = Root(self.path)

    def _write(self, name: str, text: str) -> None:
        with open(os.path.join(self.base, name), "w") as file:
            file.write(text)

    def _link(self, target: str, name: str) -> None:
        os.symlink(target, os.path.join(self.path, name))

    def _read(self, name: str) -> str:
        descriptor, status = self.root.open(self.root.locate(name))
        with os.fdopen(descriptor) as file:
            text = file.read()
        self.assertEqual(status.st_size, len(text))
        return text

    def _assert_missing(self, name: str) -> None:
        before = len(os.listdir("/dev/fd"))
        self.assertRaises(OSError, self.root.open, self.root.locate(name))
        self.assertEqual(len(os.listdir("/dev/fd")), before)

    def test_a_file_is_opened(self) -> None:
        self.assertEqual(self._read("css/site.css"), "inside")

    def test_folders_and_what_is_not_there_are_not(self) -> None:
        for name in ("css", "none", "none/none", "css/site.css/none", "n" * 300):
            self._assert_missing(name)

    def test_links_that_stay_inside_are_followed(self) -> None:
        self._link("css/site.css", "relative.css")
        self._link(os.path.join(self.path, "css/site.css"), "absolute.css")
        self._link("css", "styles")
        self._link("relative.css", "twice.css")
        for name in ("relative.css", "absolute.css", "styles/site.css", "twice.css"):
            self.assertEqual(self._read(name), "inside", name)

    def test_links_that_leave_the_root_are_not(self) -> None:
        self._link("../outside.txt", "relative.txt")
        self._link(os.path.join(self.base, "outside.txt"), "absolute.txt")
        self._link("..", "up")
        self._link("relative.txt", "twice.txt")
        for name in ("relative.txt", "absolute.txt", "up/outside.txt", "twice.txt"):
            self._assert_missing(name)

    def test_a_neighbour_whose_path_begins_alike_is_outside(self) -> None:
        os.mkdir(self.path + "-private")
        self._write("root-private/file", "secret")
        self._link("../root-private/file", "file")
        self._assert_missing("file")

    def test_a_twin_of_the_root_is_outside(self) -> None:
        os.makedirs(os.path.join(self.base, "twin/css"))
        self._write("twin/css/site.css", "secret")
        self._link("../twin/css/site.css", "file")
        self._assert_missing("file")

    def test_a_link_to_the_root_itself_is_no_file(self) -> None:
        self._link(".", "self")
        self._assert_missing("self")
        self.assertEqual(self._read("self/css/site.css"), "inside")

    def test_links_in_a_circle_are_missing(self) -> None:
        self._link("b", "a")
        self._link("a", "b")
        self._assert_missing("a")

    def test_the_root_may_be_a_link_that_is_changed_later(self) -> None:
        os.mkdir(os.path.join(self.base, "next"))
        self._write("next/new.css", "new")
        current = os.path.join(self.base, "current")
        os.symlink("root", current)
        self.root = Root(current)
        self.assertEqual(self._read("css/site.css"), "inside")
        os.unlink(current)
        os.symlink("next", current)
        self.assertEqual(self._read("new.css"), "new")
        self._assert_missing("css/site.css")

    def test_a_relative_root_stays_where_it_was(self) -> None:
        here = os.getcwd()
        self.root = Root(os.path.relpath(self.path))
        self.addCleanup(os.chdir, here)
        os.chdir("/")
        self.assertEqual(self._read("css/site.css"), "inside")

    def test_the_whole_file_system_may_be_the_root(self) -> None:
        self.root = Root("/")
        self.assertEqual(self._read(self.path[1:] + "/css/site.css"), "inside")

    def test_neither_fifo_nor_socket_nor_device_is_opened(self) -> None:
        os.mkfifo(os.path.join(self.path, "fifo"))
        # A socket's own path is short of 108 bytes; relative to its folder it always is.
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket")
            for name in ("fifo", "socket"):
                self._assert_missing(name)
        self.root = Root("/dev")
        self._assert_missing("null")


class PermissionTests(UnitTestCase):
    def setUp(self) -> None:
        # Not trial's own temporary folder: others than its owner may have no way to it.
        self.path = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.path)
        os.mkdir(f"{self.path}/css")
        with open(f"{self.path}/css/site.css", "w") as file:
            file.write("inside")
        self.root = Root(self.path)
        for folder in (f"{self.path}/css", self.path):
            os.chmod(folder, 0o111)
            self.addCleanup(os.chmod, folder, 0o700)
        if os.geteuid() == 0:
            # The superuser may read anything.
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)

    def test_a_folder_that_may_be_searched_but_not_listed_is_walked(self) -> None:
        descriptor, _ = self.root.open(f"{self.path}/css/site.css")
        self.addCleanup(os.close, descriptor)
        self.assertEqual(os.read(descriptor, 100), b"inside")

    def test_a_file_that_may_not_be_read_is_a_permission_error(self) -> None:
        euid = os.geteuid()
        os.seteuid(os.getuid())
        os.chmod(f"{self.path}/css/site.css", 0)
        os.seteuid(euid)
        self.assertRaises(PermissionError, self.root.open, f"{self.path}/css/site.css")


class FoundTests(UnitTestCase):
    def setUp(self) -> None:
        self.folder = os.path.realpath(self.mktemp())
        os.makedirs(os.path.join(self.folder, "b.css"))
        with open(os.path.join(self.folder, "a.css"), "w") as file:
            file.write("found")
        files = {"x/a.css": f"{self.folder}/a.css", "x/b.css": f"{self.folder}/b.css"}
        self.found = Found(files.get)

    def test_the_finder_says_where_a_file_is(self) -> None:
        self.assertEqual(self.found.locate("x/a.css"), f"{self.folder}/a.css")
        self.assertIsNone(self.found.locate("a.css"))
        descriptor, status = self.found.open(f"{self.folder}/a.css")
        self.addCleanup(os.close, descriptor)
        self.assertEqual(os.read(descriptor, 100), b"found")
        self.assertEqual(status.st_size, 5)

    def test_a_folder_that_it_finds_is_no_file(self) -> None:
        self.assertRaises(OSError, self.found.open, f"{self.folder}/b.css")
