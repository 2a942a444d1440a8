"""The certificates for development: made once, made again when they have to be, and never by two at a time."""

from __future__ import annotations

import os
import ssl
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

from OpenSSL import SSL, crypto

from duck_tx.errors import SSLError
from duck_tx.https import selfsigned
from duck_tx.https.authority import certificate_pem, make_authority
from duck_tx.https.credential import Credential, load_credential
from duck_tx.https.devfolder import DevelopmentFolder
from duck_tx.https.selfsigned import Development, development, make, notice, stand_in, trust_command
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LOCAL = ("localhost", "127.0.0.1", "::1")


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.state = Path(self.mktemp()).absolute() / ".duck"
        self.directory = self.state / "development"

    def make(self, *names: str, after: timedelta = timedelta(), **asked: bool) -> Development:
        return make(self.directory, names, now=NOW + after, **asked)

    def assert_for(self, made: Development, *names: str) -> None:
        self.assertEqual(sorted(made.credential.names), sorted((*LOCAL, *names)))

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.directory.iterdir()}


class StandInTests(UnitTestCase):
    def test_it_is_for_the_names_and_made_here(self) -> None:
        credential = stand_in(["duck.example", "192.0.2.7"], now=NOW)
        self.assertEqual(credential.names, ("localhost", "duck.example", "127.0.0.1", "::1", "192.0.2.7"))
        self.assertEqual(credential.expires, NOW + timedelta(days=7, hours=-1, seconds=-1))
        self.assertEqual((credential.is_development, credential.source), (True, "the stand-in certificate"))
        self.assertEqual(len(credential.chain), 1)

    def test_without_names_it_is_for_this_machine(self) -> None:
        self.assertEqual(stand_in([], now=NOW).names, LOCAL)

    def test_a_name_that_is_none_is_an_error(self) -> None:
        with self.assertRaisesRegex(SSLError, "no certificate can be made: 'a b' is neither a host name nor"):
            stand_in(["a b"], now=NOW)

    def test_openssl_takes_key_and_certificate(self) -> None:
        credential = stand_in([], now=NOW)
        context = SSL.Context(SSL.TLS_METHOD)
        context.use_certificate(crypto.X509.from_cryptography(credential.chain[0]))
        context.use_privatekey(crypto.PKey.from_cryptography_key(credential.key))
        context.check_privatekey()


class MakingTests(_Case):
    def test_at_first_everything_is_made(self) -> None:
        made = self.make("duck.example")
        self.assertEqual((made.new_authority, made.new_leaf, made.is_first), ("there was none", "there was none", True))
        self.assertEqual(sorted(self.contents()), ["authority.pem", "ca.pem", "server.pem"])
        self.assert_for(made, "duck.example")
        self.assertTrue(made.credential.is_development)
        self.assertEqual(made.credential.source, str(self.directory / "server.pem"))
        self.assertEqual(made.credential.chain[0].issuer, made.authority.subject)

    def test_it_is_made_once(self) -> None:
        first = self.make("duck.example")
        before = self.contents()
        for names in (["duck.example"], [], ["::", "0.0.0.0", "LOCALHOST", "Duck.Example."]):
            again = self.make(*names, after=timedelta(days=100))
            self.assertEqual((again.new_authority, again.new_leaf, again.is_first), ("", "", False))
            self.assertEqual(again.credential.chain, first.credential.chain)
            self.assertEqual(self.contents(), before)

    def test_nothing_is_written_where_all_is_good(self) -> None:
        self.make()
        times = {path: path.stat().st_mtime_ns for path in (self.directory, *self.directory.iterdir())}
        self.make()
        self.assertEqual({path: path.stat().st_mtime_ns for path in times}, times)

    def test_a_leaf_that_is_about_to_end_is_made_again_by_the_same_authority(self) -> None:
        first = self.make("duck.example")
        later = self.make(after=timedelta(days=370))
        self.assertEqual((later.new_authority, later.new_leaf), ("", "it would soon have expired"))
        self.assertEqual(later.authority, first.authority)
        self.assertNotEqual(later.credential.chain, first.credential.chain)
        self.assert_for(later, "duck.example")
        self.assertEqual(self.make(after=timedelta(days=370)).new_leaf, "")

    def test_year_after_year_there_is_always_a_good_one(self) -> None:
        authorities = set()
        for days in range(0, 9000, 150):
            made = self.make(after=timedelta(days=days))
            now = NOW + timedelta(days=days)
            self.assertTrue(now < made.credential.expires - timedelta(days=29) <= made.authority.not_valid_after_utc)
            authorities.add(made.authority)
        self.assertEqual(len(authorities), 3)

    def test_a_new_name_is_added_to_those_that_are_there(self) -> None:
        first = self.make("b.test")
        again = self.make("a.test")
        self.assertEqual((again.new_authority, again.new_leaf), ("", "it was made for other names"))
        self.assertEqual(again.authority, first.authority)
        self.assert_for(again, "a.test", "b.test")
        self.assertEqual(self.make("b.test").new_leaf, "")

    def test_a_name_that_the_authority_does_not_permit_takes_a_new_one(self) -> None:
        first = self.make("a.test")
        again = self.make("duck.example")
        self.assertEqual((again.new_authority, again.is_first), ("it was made for other names", False))
        self.assertEqual(again.new_leaf, "its CA is another one")
        self.assertNotEqual(again.authority, first.authority)
        self.assert_for(again, "duck.example", "a.test")
        self.assertEqual((self.directory / "ca.pem").read_bytes(), certificate_pem(again.authority))

    def test_a_broken_leaf_is_made_again_by_the_same_authority(self) -> None:
        first = self.make()
        for content in (b"", b"nonsense", (self.directory / "authority.pem").read_bytes()):
            (self.directory / "server.pem").write_bytes(content)
            again = self.make()
            self.assertEqual(again.authority, first.authority)
            self.assertIn(again.new_leaf, ("it was broken", "it was made for other names"))
            again.credential.chain[0].verify_directly_issued_by(first.authority)
        (self.directory / "server.pem").unlink()
        self.assertEqual(self.make().new_leaf, "there was none")

    def test_with_a_broken_authority_everything_is_made_again(self) -> None:
        first = self.make("a.test")
        (self.directory / "authority.pem").write_bytes(b"nonsense")
        again = self.make()
        self.assertEqual((again.new_authority, again.new_leaf), ("it was broken", "its CA is another one"))
        self.assertNotEqual(again.authority, first.authority)
        self.assert_for(again, "a.test")

    def test_the_file_for_browsers_is_always_that_of_the_authority(self) -> None:
        made = self.make()
        for spoil in (Path.unlink, lambda path: path.write_bytes(b"other")):
            spoil(self.directory / "ca.pem")
            again = self.make()
            self.assertEqual((again.new_authority, again.new_leaf, again.authority), ("", "", made.authority))
            self.assertEqual((self.directory / "ca.pem").read_bytes(), certificate_pem(made.authority))

    def test_a_new_leaf_can_be_asked_for_and_is_for_these_names_only(self) -> None:
        first = self.make("a.test")
        again = self.make("b.test", new_leaf=True)
        self.assertEqual((again.new_authority, again.new_leaf), ("", "it was asked for"))
        self.assertEqual(again.authority, first.authority)
        self.assert_for(again, "b.test")

    def test_a_new_authority_can_be_asked_for(self) -> None:
        first = self.make("duck.example")
        again = self.make("a.test", new_authority=True)
        self.assertEqual((again.new_authority, again.new_leaf), ("it was asked for", "it was asked for"))
        self.assertNotEqual(again.authority, first.authority)
        self.assert_for(again, "a.test")
        self.assertEqual(self.make("duck.example").new_authority, "it was made for other names")

    def test_what_is_made_can_be_loaded_as_any_certificate(self) -> None:
        made = self.make("duck.example")
        loaded = load_credential(self.directory / "server.pem", None, now=NOW)
        self.assertEqual((loaded.chain, loaded.names), (made.credential.chain, made.credential.names))
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.directory / "server.pem")
        ssl.create_default_context(cafile=str(self.directory / "ca.pem"))


class TroubleTests(_Case):
    def test_a_name_that_is_none_is_an_error_before_anything_is_made(self) -> None:
        with self.assertRaisesRegex(SSLError, "'a..b' is neither"):
            self.make("a..b")
        self.assertFalse(self.state.exists())

    def test_a_directory_that_cannot_be_made_is_named(self) -> None:
        for place in (Path("/dev/null/state"), Path("/proc/state")):
            with self.assertRaises(SSLError) as caught:
                make(place / "development", [], now=NOW)
            said = str(caught.exception)
            self.assertTrue(
                said.startswith(f"the development certificates cannot be kept in {place}/development: "), said
            )
            self.assertTrue(said.endswith(". Choose another place with --state-dir."), said)

    def test_a_file_that_cannot_be_read_is_named(self) -> None:
        (self.directory / "authority.pem").mkdir(parents=True)
        with self.assertRaisesRegex(SSLError, r"development/authority\.pem: Is a directory\. Choose another"):
            self.make()


class TogetherTests(_Case):
    def test_those_that_start_at_once_all_use_the_same(self) -> None:
        start = threading.Barrier(8)
        made: list[Development] = []

        def work(name: str) -> None:
            start.wait(10)
            made.append(self.make(name))

        threads = [threading.Thread(target=work, args=(f"{number}.test",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(len(made), 8)
        self.assertEqual(len({each.authority for each in made}), 1)
        self.assertEqual(sum(each.is_first for each in made), 1)
        last = self.make()
        self.assertEqual(last.new_leaf, "")
        self.assert_for(last, *(f"{number}.test" for number in range(8)))
        self.assertEqual(sorted(self.contents()), ["authority.pem", "ca.pem", "server.pem"])


class DevelopmentTests(_Case):
    def ask(self, *names: str) -> tuple[Credential, list[str]]:
        """The certificate, and what was said of it."""
        with logged_lines() as lines:
            return development(self.directory, names, now=NOW), lines

    def test_what_is_made_is_said_once(self) -> None:
        first, said = self.ask("duck.example")
        self.assertEqual(
            said,
            [
                f"a development CA was made: {self.directory}/ca.pem",
                "a development certificate was made for localhost, duck.example, 127.0.0.1, ::1",
            ],
        )
        again, said = self.ask("duck.example")
        self.assertEqual((again.chain, said), (first.chain, []))

    def test_a_new_authority_in_place_of_another_is_warned_of(self) -> None:
        self.ask()
        (self.directory / "authority.pem").write_bytes(b"nonsense")
        _, [warning, _] = self.ask()
        self.assertEqual(
            warning,
            f"the development CA {self.directory}/ca.pem was made again, as it was broken: browsers have to be told "
            "again to trust it",
        )


class TrustTests(_Case):
    def test_the_command_names_the_file_and_the_authority(self) -> None:
        before = trust_command(self.directory)
        self.assertIn(f"{self.directory}/ca.pem", before)
        [common] = self.make().authority.subject
        self.assertIn(f"duck_tx development CA ({self.state.parent.name}, ", str(common.value))
        self.assertEqual(trust_command(self.directory), before)

    def test_browsers_are_told_the_name_that_the_authority_has(self) -> None:
        # Made when this machine had another name, for instance.
        folder = DevelopmentFolder(self.directory)
        folder.create()
        folder.show(make_authority("a CA", LOCAL, NOW).certificate)
        program = self.state / "certutil"
        program.touch(0o700)
        self.patch(sys, "platform", "linux")
        self.patch(os, "environ", {**os.environ, "PATH": str(self.state)})
        self.assertIn(f" -n 'a CA' -i {self.directory}/ca.pem", trust_command(self.directory))

    def test_the_authority_is_called_after_the_project(self) -> None:
        for directory, label in (
            ("/srv/site/.duck/development", "site"),
            ("/var/lib/duck/development", "duck"),
            ("/elsewhere", "elsewhere"),
            ("/.duck/development", "duck_tx"),
        ):
            self.assertEqual(selfsigned._label(Path(directory)), label)

    def test_where_it_is_used_that_is_said_with_the_command(self) -> None:
        said = notice(self.directory)
        self.assertIn("not for production", said)
        self.assertTrue(said.endswith(trust_command(self.directory)))
        self.assertEqual(len(said.splitlines()), 1)

    def test_the_owner_is_named_even_by_number(self) -> None:
        user, _, host = selfsigned._owner().partition("@")
        self.assertTrue(user and host)
