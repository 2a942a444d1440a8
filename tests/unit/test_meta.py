"""The metadata of a running server, and the state directory that it is in."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from stat import S_IMODE

from duck_tx.errors import ApplicationError
from duck_tx.process.meta import MetaService, check_state_directory, make_state_directory
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines


class StateDirectoryTests(UnitTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.root.mkdir(parents=True)

    def test_it_is_made_for_its_owner_only(self) -> None:
        path = make_state_directory(self.root / "a" / "b")
        self.assertEqual(S_IMODE(path.stat().st_mode), 0o700)

    def test_one_that_is_there_is_taken_as_it_is(self) -> None:
        self.root.chmod(0o755)
        make_state_directory(self.root)
        self.assertEqual(S_IMODE(self.root.stat().st_mode), 0o755)

    def test_a_check_makes_nothing(self) -> None:
        check_state_directory(self.root / "a" / "b")
        check_state_directory(self.root)
        self.assertEqual(list(self.root.iterdir()), [])

    def test_a_file_in_the_way_is_named(self) -> None:
        file = self.root / "file"
        file.touch()
        for path in (file, file / "state"):
            with self.assertRaises(ApplicationError) as caught:
                make_state_directory(path)
            self.assertEqual(
                str(caught.exception),
                f"the state directory {path} cannot be made: {file} is not a directory. "
                "Choose another with --state-dir.",
            )

    def test_a_directory_that_this_user_cannot_write_is_named(self) -> None:
        # What the system says to anybody but root.
        self.patch(os, "access", lambda path, mode: False)
        with self.assertRaisesRegex(ApplicationError, f"directory {self.root} cannot be written by this user"):
            check_state_directory(self.root)
        with self.assertRaisesRegex(ApplicationError, f"cannot be made: this user cannot write in {self.root}"):
            check_state_directory(self.root / "a" / "b")


class MetaTests(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.path = self.directory / "meta.json"
        self.found: dict[str, object] = {"pid": os.getpid(), "port": 1}
        self.service = MetaService(self.directory, lambda: self.found)

    def test_it_is_written_at_the_start_and_removed_at_the_stop(self) -> None:
        self.service.startService()
        self.assertEqual(json.loads(self.path.read_text()), self.found)
        self.service.stopService()
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_it_is_written_anew_whole_and_returned(self) -> None:
        self.service.startService()
        with self.path.open() as reader:
            self.found = {"pid": os.getpid(), "port": 2}
            self.assertEqual(self.service.record(), self.found)
            self.assertEqual(json.load(reader)["port"], 1)
        self.assertEqual(json.loads(self.path.read_text())["port"], 2)
        self.assertEqual(list(self.directory.iterdir()), [self.path])

    def test_it_is_renewed_only_while_it_is_there(self) -> None:
        self.service.renew()
        self.assertFalse(self.directory.exists())
        self.service.startService()
        self.found = {"pid": os.getpid(), "port": 2}
        self.service.renew()
        self.assertEqual(json.loads(self.path.read_text()), self.found)
        self.path.unlink()
        (self.path / "in the way").mkdir(parents=True)
        with logged_lines() as lines:
            self.service.renew()
        self.assertRegex("".join(lines), r"^the metadata stay as they were: \S+/meta.json cannot be written: .*\.$")

    def test_that_of_another_process_stays(self) -> None:
        for text in ('{"pid": 1}', "[]", "no json"):
            self.service.startService()
            self.path.write_text(text)
            self.service.stopService()
            self.assertEqual(self.path.read_text(), text)

    def test_a_stop_without_a_start_does_nothing(self) -> None:
        self.service.stopService()
        self.assertFalse(self.directory.exists())

    def test_what_cannot_be_written_is_said_and_leaves_nothing(self) -> None:
        (self.path / "in the way").mkdir(parents=True)
        with self.assertRaisesRegex(ApplicationError, r"meta.json cannot be written: .*Choose another"):
            self.service.record()
        self.assertEqual(list(self.directory.iterdir()), [self.path])

    def test_a_server_starts_and_stops_without_it(self) -> None:
        (self.path / "in the way").mkdir(parents=True)
        with logged_lines() as lines:
            self.service.startService()
            self.service.stopService()
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], r"^the site is served without metadata: \S+/meta.json cannot be written: .*\.$")

    def test_a_directory_that_was_removed_or_replaced_is_said_at_the_stop(self) -> None:
        for put_in_place in (lambda: None, self.directory.mkdir, self.directory.touch):
            self.service.startService()
            self.path.unlink()
            self.directory.rmdir()
            put_in_place()
            with logged_lines() as lines:
                self.service.stopService()
            self.assertEqual(lines, [f"{self.path} is gone: the state directory was changed while the server ran"])
            if self.directory.is_dir():
                self.directory.rmdir()

    def test_a_directory_that_was_removed_is_made_again_where_it_is_written_anew(self) -> None:
        self.service.startService()
        self.path.unlink()
        self.directory.rmdir()
        self.service.record()
        self.assertEqual(S_IMODE(self.directory.stat().st_mode), 0o700)
        self.service.stopService()
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_what_cannot_be_removed_is_said_at_the_stop(self) -> None:
        def refuse(path: Path) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        self.service.startService()
        self.patch(Path, "unlink", refuse)
        with logged_lines() as lines:
            self.service.stopService()
        self.assertEqual(
            lines,
            [
                f"{self.path} stays, as it cannot be removed: Permission denied. "
                "The next server in this state directory replaces it."
            ],
        )
