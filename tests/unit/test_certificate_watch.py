"""Files of certificates that change while they are watched."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

from duck_tx.errors import SSLError
from duck_tx.https.credential import Credential, load_credential
from duck_tx.https.folder import Pair
from duck_tx.https.watch import Folder, Watch
from tests.case import UnitTestCase
from tests.unit.certificates import DAY, NOW, Party, issue, write_pair

OLD = issue("example.org")
NEW = issue("example.org")
OTHER = issue("other.example")


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.live = self.folder / "live"
        self.live.mkdir(parents=True)
        self.certfile, self.key = write_pair(self.folder / "site", OLD)
        self.read: list[Path] = []

    def reader(self, pair: Pair, now: datetime) -> Credential:
        self.read.append(pair.certfile)
        return load_credential(pair.certfile, pair.private_key, now=now)

    def watch(self, *, pairs: bool = True, folder: bool = False, may_lack: bool = False) -> Watch:
        return Watch(
            [Pair(self.certfile, self.key)] if pairs else [],
            [Folder(self.live, may_lack)] if folder else [],
            self.reader,
        )

    def loaded(self, **what: bool) -> Watch:
        watch = self.watch(**what)
        self.assertEqual(watch.read_all(NOW), [])
        self.read.clear()
        return watch

    def write(self, path: Path, data: bytes) -> None:
        """Write a file of another time, however coarse the clock of the file system is."""
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_bytes(data)
        os.utime(path, ns=(before + 10**9, before + 10**9))

    def said(self, watch: Watch, now: datetime = NOW) -> list[str]:
        return [str(fault.error).replace(f"{self.folder}/", "") for fault in watch.look(now)]

    def assert_serves(self, watch: Watch, *parties: Party) -> None:
        self.assertEqual([each.chain[0] for each in watch.credentials], [party.certificate for party in parties])


class PairTests(_Case):
    def test_files_that_do_not_change_are_not_read_again(self) -> None:
        watch = self.loaded()
        [credential] = watch.credentials
        self.assertEqual(self.said(watch), [])
        self.assertEqual(self.read, [])
        self.assertIs(watch.credentials[0], credential)

    def test_a_new_pair_replaces_the_old_one(self) -> None:
        watch = self.loaded()
        self.write(self.key, NEW.key_pem)
        self.write(self.certfile, NEW.pem)
        self.assertEqual(self.said(watch), [])
        self.assert_serves(watch, NEW)

    def test_links_are_followed(self) -> None:
        write_pair(self.folder / "one", OLD)
        write_pair(self.folder / "two", NEW)
        link = self.folder / "current"
        link.symlink_to("one")
        self.certfile, self.key = link / "fullchain.pem", link / "privkey.pem"
        watch = self.loaded()
        link.unlink()
        link.symlink_to("two")
        self.assertEqual(self.said(watch), [])
        self.assert_serves(watch, NEW)

    def test_the_same_content_again_is_no_change(self) -> None:
        watch = self.loaded()
        [credential] = watch.credentials
        self.write(self.certfile, OLD.pem)
        self.assertEqual(self.said(watch), [])
        self.assertEqual(self.read, [self.certfile])
        self.assertIs(watch.credentials[0], credential)

    def test_a_certificate_waits_for_its_key_without_a_word(self) -> None:
        watch = self.loaded()
        self.write(self.certfile, NEW.pem)
        self.assertEqual(self.said(watch), [])
        self.assert_serves(watch, OLD)
        self.write(self.key, NEW.key_pem)
        self.assertEqual(self.said(watch), [])
        self.assert_serves(watch, NEW)

    def test_a_key_that_does_not_come_is_told_at_the_second_look_and_then_no_more(self) -> None:
        watch = self.loaded()
        self.write(self.certfile, NEW.pem)
        self.assertEqual(self.said(watch), [])
        [said] = self.said(watch)
        self.assertIn("site/fullchain.pem: the private key site/privkey.pem does not belong to this certificate", said)
        self.read.clear()
        self.assertEqual(self.said(watch), [])
        self.assertEqual(self.read, [])
        self.assert_serves(watch, OLD)

    def test_each_change_gives_more_time(self) -> None:
        watch = self.loaded()
        for party in (NEW, OTHER, NEW):
            self.write(self.certfile, party.pem)
            self.assertEqual(self.said(watch), [])
        self.assertEqual(len(self.said(watch)), 1)

    def test_a_half_written_file_and_one_that_is_missing_for_a_moment_are_given_time(self) -> None:
        watch = self.loaded()
        self.write(self.certfile, NEW.pem[:200])
        self.assertEqual(self.said(watch), [])
        self.write(self.certfile, b"")
        self.assertEqual(self.said(watch), [])
        self.certfile.unlink()
        self.assertEqual(self.said(watch), [])
        self.write(self.certfile, OLD.pem)
        self.assertEqual(self.said(watch), [])
        self.assert_serves(watch, OLD)

    def test_a_bad_file_is_told_once_for_each_change(self) -> None:
        watch = self.loaded()
        for garbage in (b"garbage", b"rubbish"):
            self.write(self.certfile, garbage)
            self.assertIn("site/fullchain.pem: this is not PEM", self.said(watch)[0])
            self.assertEqual(self.said(watch), [])
            self.assert_serves(watch, OLD)
        self.write(self.certfile, OLD.pem)
        self.assertEqual(self.said(watch), [])

    def test_files_that_went_away_leave_the_old_ones_serving(self) -> None:
        watch = self.loaded()
        shutil.rmtree(self.folder / "site")
        self.assertEqual(self.said(watch), [])
        self.assertIn("there is no such file", self.said(watch)[0])
        self.assertEqual(self.said(watch), [])
        self.assert_serves(watch, OLD)

    def test_one_whose_time_has_not_come_is_taken_when_it_has(self) -> None:
        watch = self.loaded()
        early = issue("example.org", begins=NOW + DAY)
        self.write(self.key, early.key_pem)
        self.write(self.certfile, early.pem)
        self.assertIn("is valid only from", self.said(watch)[0])
        self.read.clear()
        self.assertEqual(self.said(watch, NOW + DAY / 2), [])
        self.assertEqual(self.read, [])
        self.assertEqual(self.said(watch, NOW + DAY), [])
        self.assert_serves(watch, early)

    def test_one_that_expires_goes_on_serving(self) -> None:
        watch = self.loaded()
        self.assertEqual(self.said(watch, NOW + 100 * DAY), [])
        self.assert_serves(watch, OLD)

    def test_permissions_that_are_mended_are_noticed(self) -> None:
        watch = self.loaded()
        self.certfile.chmod(0o640)
        self.assertEqual(self.said(watch), [])
        self.assertEqual(self.read, [self.certfile])

    def test_all_are_read_when_asked_to_and_every_fault_told_at_once(self) -> None:
        watch = self.loaded()
        self.write(self.certfile, NEW.pem)
        for _ in range(2):
            [fault] = watch.read_all(NOW)
            self.assertTrue(fault.is_grave)
        self.assertEqual(len(self.read), 2)
        self.assert_serves(watch, OLD)

    def test_a_pair_that_is_named_twice_is_read_once(self) -> None:
        watch = Watch([Pair(self.certfile, self.key)] * 2, [], self.reader)
        watch.read_all(NOW)
        self.assertEqual(len(self.read), 1)
        self.assert_serves(watch, OLD)


class FolderTests(_Case):
    def test_its_pairs_come_behind_those_that_are_named(self) -> None:
        write_pair(self.live / "other.example", OTHER)
        self.assert_serves(self.loaded(folder=True), OLD, OTHER)

    def test_new_directories_are_found_and_others_forgotten(self) -> None:
        write_pair(self.live / "b", OLD)
        watch = self.loaded(pairs=False, folder=True)
        write_pair(self.live / "a", OTHER)
        self.assertEqual(self.said(watch), [])
        self.assert_serves(watch, OTHER, OLD)
        shutil.rmtree(self.live / "b")
        self.assertEqual(self.said(watch), [])
        self.assert_serves(watch, OTHER)

    def test_a_directory_that_is_being_filled_is_given_time(self) -> None:
        watch = self.loaded(folder=True)
        _, key = write_pair(self.live / "other.example", OTHER)
        key.unlink()
        self.assertEqual(self.said(watch), [])
        key.write_bytes(OTHER.key_pem)
        self.assertEqual(self.said(watch), [])
        self.assert_serves(watch, OLD, OTHER)

    def test_one_bad_pair_stops_neither_the_others_nor_a_start(self) -> None:
        write_pair(self.live / "a", issue("a.example", ends=NOW - DAY))
        write_pair(self.live / "b", OTHER)
        watch = self.watch(pairs=False, folder=True)
        [fault] = watch.read_all(NOW)
        self.assertFalse(fault.is_grave)
        self.assertIn("expired on", str(fault.error))
        self.assert_serves(watch, OTHER)
        self.assertEqual([pair.certfile.parent.name for pair in watch.pairs], ["b"])

    def test_a_folder_that_is_not_there_stops_a_start(self) -> None:
        self.live.rmdir()
        [fault] = self.watch(folder=True).read_all(NOW)
        self.assertTrue(fault.is_grave)
        self.assertIsInstance(fault.error, SSLError)

    def test_a_folder_may_come_later_if_it_is_said_to(self) -> None:
        self.live.rmdir()
        watch = self.watch(pairs=False, folder=True, may_lack=True)
        self.assertEqual(watch.read_all(NOW), [])
        write_pair(self.live / "a", OTHER)
        self.assertEqual(self.said(watch), [])
        self.assert_serves(watch, OTHER)

    def test_a_folder_that_may_come_later_still_has_to_be_one(self) -> None:
        self.live.rmdir()
        self.live.touch()
        [fault] = self.watch(folder=True, may_lack=True).read_all(NOW)
        self.assertFalse(fault.is_grave)
        self.assertIn("this is a file", str(fault.error))

    def test_a_folder_that_goes_away_is_told_once_and_taken_as_it_was(self) -> None:
        write_pair(self.live / "a", OTHER)
        watch = self.loaded(pairs=False, folder=True)
        self.live.rename(self.folder / "aside")
        said = self.said(watch)
        self.assertIn("live: there is no such folder of certificates", said[0])
        # What is in it is missing as well, and that may be for a moment only.
        self.assertEqual(len(said), 1)
        self.assertEqual(len(self.said(watch)), 1)
        self.assertEqual(self.said(watch), [])
        self.assert_serves(watch, OTHER)
        (self.folder / "aside").rename(self.live)
        self.assertEqual(self.said(watch), [])
        self.live.rename(self.folder / "aside")
        self.assertIn("live: there is no such folder", self.said(watch)[0])
