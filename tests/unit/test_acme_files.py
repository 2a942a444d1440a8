"""Pairs of certificate and key on disk, switched in one step."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from stat import S_IMODE
from threading import Event, Thread

from duck_tx.errors import SSLError
from duck_tx.https.acme.files import CertificateFiles, Kept, Origin
from duck_tx.https.credential import read_credential
from tests.case import UnitTestCase
from tests.integration.server import wait_until
from tests.unit.certificates import DAY, NOW, Party, authority, cert_pem, issue

HERE = "https://here.example/directory"
ELSEWHERE = "https://elsewhere.example/directory"


class FilesCase(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute() / "acme"
        self.files = CertificateFiles(self.directory)
        self.root = authority("Root")

    def issue(self, *names: str, ends: datetime = NOW + 60 * DAY) -> Party:
        return issue(*names, issuer=self.root, begins=NOW - 30 * DAY, ends=ends)

    def install(self, party: Party, *names: str, directory: str = HERE) -> Kept:
        origin = Origin(directory, "http-01", NOW.timestamp())
        return self.files.install(names, cert_pem(party.certificate), party.key_pem, origin, NOW)

    def find(self, *names: str, directory: str = HERE, now: datetime = NOW) -> Kept | None:
        return self.files.find(names, directory, now)

    def found(self, *names: str, directory: str = HERE, now: datetime = NOW) -> Kept:
        kept = self.find(*names, directory=directory, now=now)
        assert kept is not None
        return kept

    def live(self) -> list[str]:
        return sorted(path.name for path in (self.directory / "live").iterdir())


class FindTests(FilesCase):
    def test_without_a_directory_there_is_nothing(self) -> None:
        self.assertIsNone(self.find("example.org"))
        self.assertFalse(self.directory.exists())

    def test_what_was_installed_is_found(self) -> None:
        party = self.issue("example.org")
        self.install(party, "example.org")
        kept = self.found("example.org")
        self.assertEqual(kept.leaf, party.certificate)
        self.assertEqual(kept.origin, Origin(HERE, "http-01", NOW.timestamp()))
        self.assertEqual(kept.ends, NOW + 60 * DAY)

    def test_names_in_another_order_are_the_same(self) -> None:
        self.install(self.issue("a.example", "b.example"), "a.example", "b.example")
        self.found("b.example", "a.example")

    def test_one_name_more_or_less_is_another_certificate(self) -> None:
        self.install(self.issue("a.example", "b.example"), "a.example", "b.example")
        self.assertIsNone(self.find("a.example"))
        self.assertIsNone(self.find("a.example", "b.example", "c.example"))

    def test_a_certificate_of_another_authority_does_not_count(self) -> None:
        self.install(self.issue("a.example"), "a.example", directory=ELSEWHERE)
        self.assertIsNone(self.find("a.example"))

    def test_one_that_has_expired_does_not_count(self) -> None:
        self.install(self.issue("a.example"), "a.example")
        self.found("a.example", now=NOW + 59 * DAY)
        self.assertIsNone(self.find("a.example", now=NOW + 60 * DAY))

    def test_what_is_damaged_does_not_count(self) -> None:
        folder = self.directory / "live" / "a.example"
        for name, content in (
            ("issued.json", b"{"),
            ("fullchain.pem", b"nothing"),
            ("privkey.pem", self.issue("a.example").key_pem),
        ):
            self.install(self.issue("a.example"), "a.example")
            self.found("a.example")
            (folder / name).write_bytes(content)
            self.assertIsNone(self.find("a.example"), name)

    def test_its_life_begins_with_the_issue_though_it_was_dated_back(self) -> None:
        self.install(self.issue("a.example"), "a.example")
        self.assertEqual(self.found("a.example").begins, NOW)

    def test_its_draw_is_its_own(self) -> None:
        kept = [self.install(self.issue("a.example"), "a.example") for _ in range(8)]
        self.assertGreater(len({each.draw for each in kept}), 1)
        self.assertTrue(all(0.0 <= each.draw <= 1.0 for each in kept))
        self.assertEqual(self.found("a.example").draw, kept[-1].draw)


class InstallTests(FilesCase):
    def test_all_is_for_its_owner_only(self) -> None:
        self.install(self.issue("a.example"), "a.example")
        for path in (self.directory, *self.directory.rglob("*")):
            if not path.is_symlink():
                self.assertEqual(S_IMODE(path.stat().st_mode), 0o700 if path.is_dir() else 0o600, path)

    def test_a_pair_stays_as_it_is_when_the_next_comes(self) -> None:
        first = self.issue("a.example")
        self.install(first, "a.example")
        old = (self.directory / "live" / "a.example").resolve()
        self.install(self.issue("a.example"), "a.example")
        credential = read_credential((old / "fullchain.pem").read_bytes(), (old / "privkey.pem").read_bytes(), "")
        self.assertEqual(credential.chain[0], first.certificate)

    def test_a_reader_never_finds_half_a_pair(self) -> None:
        parties = [self.issue("a.example") for _ in range(4)]
        self.install(parties[0], "a.example")
        done, seen = Event(), []

        def read() -> None:
            while not done.is_set():
                seen.append(self.find("a.example"))

        reader = Thread(target=read)
        reader.start()
        try:
            for number in range(24):
                before = len(seen)
                self.install(parties[number % 4], "a.example")
                # No authority is so quick that one reading lasts for as many versions as are kept.
                wait_until(lambda before=before: len(seen) > before + 1)  # type: ignore[misc]
        finally:
            done.set()
            reader.join()
        self.assertNotIn(None, seen)

    def test_a_few_versions_are_kept(self) -> None:
        for _ in range(5):
            self.install(self.issue("a.example"), "a.example")
        archive = self.directory / "archive" / "a.example"
        self.assertEqual(sorted(path.name for path in archive.iterdir()), ["3", "4", "5"])
        self.assertEqual((self.directory / "live" / "a.example").resolve(), archive / "5")

    def test_what_is_no_pair_is_refused_and_changes_nothing(self) -> None:
        first = self.issue("a.example")
        self.install(first, "a.example")
        wrong = Party(self.issue("a.example").certificate, self.issue("a.example").key)
        with self.assertRaisesRegex(SSLError, "the new certificate for a.example"):
            self.install(wrong, "a.example")
        self.assertEqual(self.found("a.example").leaf, first.certificate)
        self.assertEqual([path.name for path in (self.directory / "archive" / "a.example").iterdir()], ["1"])

    def test_what_cannot_be_written_leaves_nothing_behind(self) -> None:
        self.files.prepare("a.example")
        (self.directory / "live" / "a.example").mkdir()
        with self.assertRaises(OSError):
            self.install(self.issue("a.example"), "a.example")
        self.assertEqual(list((self.directory / "archive" / "a.example").iterdir()), [])
        self.assertEqual(sorted(path.name for path in self.directory.iterdir()), ["archive", "live"])

    def test_a_certificate_that_the_new_one_makes_needless_goes(self) -> None:
        self.install(self.issue("a.example"), "a.example")
        self.install(self.issue("b.example", "a.example"), "b.example", "a.example")
        self.assertEqual(self.live(), ["b.example"])
        self.assertEqual([path.name for path in (self.directory / "archive").iterdir()], ["b.example"])

    def test_one_that_somebody_may_still_need_stays(self) -> None:
        self.install(self.issue("a.example", "c.example"), "a.example", "c.example")
        self.install(self.issue("b.example", "a.example"), "b.example", "a.example")
        self.assertEqual(self.live(), ["a.example", "b.example"])

    def test_one_that_has_expired_goes(self) -> None:
        self.install(self.issue("a.example", ends=NOW - DAY), "a.example")
        self.install(self.issue("b.example"), "b.example")
        self.assertEqual(self.live(), ["b.example"])

    def test_what_is_not_ours_stays(self) -> None:
        self.files.prepare("a.example")
        (self.directory / "live" / "README").write_text("hello")
        self.install(self.issue("a.example"), "a.example")
        self.assertEqual(self.live(), ["README", "a.example"])
