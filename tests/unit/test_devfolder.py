"""The files of the development certificates: what is good enough, and how they are written."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from duck_tx.https.authority import (
    Issued,
    all_names,
    certificate_pem,
    make_authority,
    make_leaf,
    make_stand_in,
    with_key_pem,
)
from duck_tx.https.devfolder import MISSING, DevelopmentFolder, authority_fault, leaf_fault
from tests.case import UnitTestCase
from tests.unit.child import in_child

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LOCAL = all_names([])


def _authority(now: datetime = NOW) -> Issued:
    return make_authority("site CA", LOCAL, now)


class FaultTests(UnitTestCase):
    def setUp(self) -> None:
        self.authority = _authority()
        self.leaf = make_leaf(self.authority, LOCAL, NOW).certificate

    def of_authority(self, *names: str, after: timedelta = timedelta()) -> str:
        return authority_fault(self.authority.certificate, names, NOW + after)

    def of_leaf(self, *names: str, after: timedelta = timedelta()) -> str:
        return leaf_fault(self.leaf, self.authority.certificate, names, NOW + after)

    def test_what_was_just_made_is_good(self) -> None:
        self.assertEqual((self.of_authority(*LOCAL), self.of_leaf(*LOCAL)), ("", ""))

    def test_a_leaf_is_good_until_a_month_before_its_end(self) -> None:
        self.assertEqual(self.of_leaf(after=timedelta(days=366)), "")
        self.assertEqual(self.of_leaf(after=timedelta(days=368)), "it would soon have expired")
        self.assertEqual(self.of_leaf(after=timedelta(days=398)), "it had expired")

    def test_an_authority_is_good_as_long_as_what_it_makes_lasts_a_while(self) -> None:
        last = timedelta(days=3580)
        self.assertEqual(self.of_authority(after=last), "")
        leaf = make_leaf(self.authority, LOCAL, NOW + last).certificate
        self.assertEqual(leaf_fault(leaf, self.authority.certificate, LOCAL, NOW + last), "")
        self.assertEqual(self.of_authority(after=timedelta(days=3600)), "it would soon have expired")
        self.assertEqual(self.of_authority(after=timedelta(days=3700)), "it had expired")

    def test_clients_believe_nothing_that_is_to_come(self) -> None:
        self.assertEqual(self.of_leaf(after=-timedelta(hours=2)), "it was made in the future")
        self.assertEqual(self.of_authority(after=-timedelta(hours=2)), "it was made in the future")

    def test_it_has_to_be_for_all_names_and_may_be_for_more(self) -> None:
        self.assertEqual(self.of_leaf("localhost"), "")
        self.assertEqual(self.of_leaf("localhost", "a.test"), "it was made for other names")
        self.assertEqual(self.of_authority("a.test"), "")
        self.assertEqual(self.of_authority("a.example"), "it was made for other names")

    def test_a_leaf_is_of_its_authority(self) -> None:
        other = _authority().certificate
        self.assertEqual(leaf_fault(self.leaf, other, LOCAL, NOW), "its CA is another one")
        stand_in = make_stand_in(LOCAL, NOW).certificate
        self.assertEqual(leaf_fault(stand_in, other, LOCAL, NOW), "its CA is another one")


class FolderTests(UnitTestCase):
    def setUp(self) -> None:
        self.folder = DevelopmentFolder(Path(self.mktemp()) / "development")
        self.issued = _authority()

    def names_in_it(self) -> list[str]:
        return sorted(path.name for path in self.folder.path.iterdir())

    def test_what_is_kept_is_found(self) -> None:
        self.folder.create()
        leaf = make_leaf(self.issued, LOCAL, NOW)
        self.folder.keep_authority(self.issued)
        self.folder.keep_leaf(leaf)
        for kept, found in (
            (self.issued, self.folder.authority(LOCAL, NOW)),
            (leaf, self.folder.leaf(self.issued.certificate, LOCAL, NOW)),
        ):
            assert isinstance(found, Issued)
            self.assertEqual(with_key_pem(found), with_key_pem(kept))
        self.assertEqual(self.folder.names(), LOCAL)

    def test_where_nothing_is_that_is_said(self) -> None:
        self.assertEqual(self.folder.authority(LOCAL, NOW), MISSING)
        self.assertEqual(self.folder.leaf(self.issued.certificate, LOCAL, NOW), MISSING)
        self.assertEqual(self.folder.names(), ())
        self.assertFalse(self.folder.shows(self.issued.certificate))

    def test_only_the_owner_can_read_them(self) -> None:
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.folder.create()
        self.folder.keep_authority(self.issued)
        self.folder.keep_leaf(self.issued)
        self.folder.show(self.issued.certificate)
        for path in self.folder.path.iterdir():
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
        for path in (self.folder.path, self.folder.path.parent):
            self.assertEqual(path.stat().st_mode & 0o777, 0o700, path)

    def test_the_authority_is_shown_without_its_key(self) -> None:
        self.folder.create()
        self.folder.show(self.issued.certificate)
        self.assertEqual(self.folder.ca_file.read_bytes(), certificate_pem(self.issued.certificate))
        self.assertTrue(self.folder.shows(self.issued.certificate))
        self.assertFalse(self.folder.shows(_authority().certificate))

    def test_what_the_authority_is_called_is_known_where_there_is_one(self) -> None:
        self.folder.create()
        self.assertIsNone(self.folder.authority_name())
        self.folder.show(self.issued.certificate)
        self.assertEqual(self.folder.authority_name(), "site CA")
        self.folder.ca_file.write_bytes(b"nonsense")
        self.assertIsNone(self.folder.authority_name())

    def test_whatever_is_not_a_key_with_its_certificate_is_broken(self) -> None:
        self.folder.create()
        whole = with_key_pem(self.issued)
        key, _, certificate = whole.partition(b"-----BEGIN CERTIFICATE-----")
        rsa_key = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        encrypted = self.issued.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
        certificate = b"-----BEGIN CERTIFICATE-----" + certificate
        other = with_key_pem(_authority()).partition(b"-----BEGIN CERTIFICATE-----")[0]
        for content in (
            b"", b"\xff\x00", b"nonsense\n", key, certificate, whole[:-100], whole[100:], whole[:100] + whole[150:],
            other + certificate, rsa_key + certificate, encrypted + certificate, whole.replace(b"M", b"N"),
        ):  # fmt: skip
            for path in ("authority.pem", "server.pem"):
                (self.folder.path / path).write_bytes(content)
            found = self.folder.authority(LOCAL, NOW), self.folder.leaf(self.issued.certificate, LOCAL, NOW)
            self.assertEqual(found, ("it was broken", "it was broken"), content)
            self.assertEqual(self.folder.names(), ())

    def test_a_file_that_cannot_be_written_stays_as_it_was(self) -> None:
        self.folder.create()
        self.folder.keep_leaf(self.issued)
        before = self.folder.leaf_file.read_bytes()
        self.assertIn("File too large", in_child(write_with_a_limit, str(self.folder.path.absolute())))
        self.assertEqual(self.folder.leaf_file.read_bytes(), before)
        self.assertEqual(self.names_in_it(), ["server.pem"])

    def test_what_a_process_left_when_it_was_killed_is_in_nobody_s_way(self) -> None:
        self.folder.create()
        (self.folder.path / f"server.pem.{os.getpid()}.part").write_bytes(b"half" * 1000)
        self.folder.keep_leaf(self.issued)
        self.assertEqual(self.folder.leaf_file.read_bytes(), with_key_pem(self.issued))
        self.assertEqual(self.names_in_it(), ["server.pem"])

    def test_one_at_a_time_is_alone_in_it(self) -> None:
        self.folder.create()
        inside, most = [0], [0]
        start = threading.Barrier(4)

        def work() -> None:
            start.wait(10)
            for _ in range(50):
                with self.folder.alone():
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    os.stat(self.folder.path)
                    inside[0] -= 1

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.assertEqual((most, inside), ([1], [0]))

    def test_being_alone_leaves_nothing_behind(self) -> None:
        self.folder.create()
        before = len(os.listdir("/dev/fd"))
        with self.assertRaises(LookupError), self.folder.alone():
            raise LookupError
        self.assertEqual((self.names_in_it(), len(os.listdir("/dev/fd"))), ([], before))


def write_with_a_limit(path: str) -> str:
    """Runs in a child, whose files may have a few bytes only: what came of keeping a certificate."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))
    try:
        DevelopmentFolder(Path(path)).keep_leaf(_authority())
    except OSError as error:
        return str(error)
    return "nothing"
