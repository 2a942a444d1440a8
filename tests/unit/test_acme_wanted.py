"""What the settings ask of which authority."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duck_tx.errors import SSLError
from duck_tx.https.acme.wanted import STAGING, Binding, Wanted, check_ca_file, wanted
from duck_tx.settings import AcmeSettings
from tests.case import UnitTestCase

BOTH = ("tls-alpn-01", "http-01")
DIRECTORY = Path("/nowhere/acme")


def asked(*names: str, kinds: tuple[str, ...] = BOTH, **settings: Any) -> Wanted:
    settings = {"email": "you@example.org"} | settings
    return wanted(AcmeSettings(**settings), names or ("example.org",), DIRECTORY, kinds)


class WantedTests(UnitTestCase):
    def test_names_are_compared_as_certificates_have_them(self) -> None:
        self.assertEqual(
            asked("WWW.Example.org.", "[2001:DB8::0:1]", "www.example.org").names, ("www.example.org", "2001:db8::1")
        )

    def test_a_certificate_needs_a_name(self) -> None:
        with self.assertRaisesRegex(SSLError, "a certificate needs a name. Give server.domain"):
            wanted(AcmeSettings(), (), DIRECTORY, BOTH)

    def test_all_kinds_of_challenge_are_tried_that_can_be_answered(self) -> None:
        self.assertEqual(asked().challenges, BOTH)
        self.assertEqual(asked(kinds=("tls-alpn-01",)).challenges, ("tls-alpn-01",))

    def test_one_kind_alone_is_tried_where_the_settings_say_so(self) -> None:
        self.assertEqual(asked(challenge="http-01").challenges, ("http-01",))

    def test_a_kind_that_cannot_be_answered_is_refused_with_the_mend(self) -> None:
        with self.assertRaisesRegex(SSLError, "is http-01, but there is no redirect site .*--force-https"):
            asked(challenge="http-01", kinds=("tls-alpn-01",))

    def test_authorities_and_bindings_have_accounts_of_their_own(self) -> None:
        key = {"eab_key_id": "kid-1", "eab_hmac_key": "AAAA"}
        folders = {
            asked(**settings).account
            for settings in (
                {},
                {"staging": True},
                {"directory": "https://ca.example/a"},
                {"directory": "https://ca.example/b"},
                {"directory": "https://ca.example/b", **key},
                {"directory": "https://ca.example/b", **key, "eab_key_id": "kid-2"},
            )
        }
        self.assertEqual(len(folders), 6)
        self.assertEqual({folder.parent for folder in folders}, {DIRECTORY / "accounts"})
        self.assertEqual(asked().account, asked("www.example.org", email="me@example.org").account)
        self.assertTrue(asked(directory="https://ca.example:444/a").account.name.startswith("ca.example-"))

    def test_staging_is_another_authority(self) -> None:
        self.assertEqual(asked(staging=True).authority, STAGING)
        self.assertEqual(asked().authority, "https://acme-v02.api.letsencrypt.org/directory")

    def test_the_key_of_a_binding_is_taken_in_either_alphabet(self) -> None:
        for text in ("-_-_", "+/+/", "-_-_==", " -_-_\n"):
            self.assertEqual(asked(eab_key_id="kid", eab_hmac_key=text).binding, Binding("kid", "-_-_"))

    def test_what_is_no_key_of_a_binding_is_refused(self) -> None:
        for text in ("a b c d", "äöü", "AAAAA"):
            with self.assertRaisesRegex(SSLError, "eab_hmac_key is not base64url. Copy it anew"):
                asked(eab_key_id="kid", eab_hmac_key=text)

    def test_messages_name_the_first_names_and_the_authority(self) -> None:
        self.assertEqual(asked("a.example").title, "a.example")
        self.assertEqual(asked("a.example", "b.example", "c.example").title, "a.example, b.example, c.example")
        self.assertEqual(asked(*"abcde").title, "a, b, c and 2 more")
        self.assertEqual(asked(directory="https://ca.example:444/a").host, "ca.example:444")


class CaFileTests(UnitTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def test_the_usual_certificates_need_no_file(self) -> None:
        check_ca_file(None)

    def test_a_file_that_is_not_there_is_named(self) -> None:
        with self.assertRaisesRegex(SSLError, rf"ca_file {self.path} cannot be read: No such file"):
            check_ca_file(self.path)

    def test_a_file_without_a_certificate_is_refused(self) -> None:
        self.path.write_text("hello")
        with self.assertRaisesRegex(SSLError, rf"ca_file {self.path} holds no certificate"):
            check_ca_file(self.path)
        self.path.write_text("-----BEGIN CERTIFICATE-----\n")
        check_ca_file(self.path)
