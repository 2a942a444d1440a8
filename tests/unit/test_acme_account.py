"""The account: made once, found again, told of changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import josepy
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from duck_tx.https.acme.account import account_key, forget, key_pem, sign_in
from duck_tx.https.acme.authority import Network, connect
from duck_tx.https.acme.failure import AcmeError
from duck_tx.https.acme.wanted import Binding, Wanted
from tests.case import UnitTestCase
from tests.unit.certificates import key_pem as any_key_pem
from tests.unit.certificates import rsa_key
from tests.unit.scripted import Answer, ScriptedAuthority, problem


class KeyTests(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute() / "account"

    def test_it_is_made_once(self) -> None:
        made = account_key(self.directory)
        self.assertIsInstance(made, josepy.JWKEC)
        self.assertEqual(account_key(self.directory).public_key(), made.public_key())
        self.assertEqual([path.name for path in self.directory.iterdir()], ["key.pem"])

    def test_it_is_on_the_curve_that_authorities_take(self) -> None:
        made = account_key(self.directory).key
        self.assertEqual(made.curve.name, "secp256r1")

    def test_a_file_that_holds_none_is_told_with_the_mend(self) -> None:
        self.directory.mkdir(parents=True)
        assert isinstance(rsa_key(), rsa.RSAPrivateKey)
        for content in (b"nothing", any_key_pem(rsa_key())):
            (self.directory / "key.pem").write_bytes(content)
            with self.assertRaisesRegex(AcmeError, r"key.pem is not the account's key \(.*\); remove it, and a new"):
                account_key(self.directory)

    def test_what_cannot_be_kept_is_told(self) -> None:
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        self.directory.touch()
        with self.assertRaisesRegex(AcmeError, "the account's key .*/key.pem cannot be kept: "):
            account_key(self.directory)

    def test_a_key_is_written_so_that_it_can_be_read(self) -> None:
        self.assertTrue(key_pem(ec.generate_private_key(ec.SECP256R1())).startswith(b"-----BEGIN PRIVATE KEY-----\n"))


class SignInTests(UnitTestCase):
    def setUp(self) -> None:
        self.authority = ScriptedAuthority(self)
        self.directory = Path(self.mktemp()).absolute()
        self.wanted = self.authority.wanted(self.directory)

    def sign_in(self, wanted: Wanted | None = None) -> str:
        """Sign in; the URI that is signed in with."""
        wanted = wanted or self.wanted
        network = Network(wanted, lambda seconds: None, account_key(wanted.account))
        self.addCleanup(network.session.close)
        sign_in(connect(wanted, network), wanted, network)
        assert network.account is not None
        return str(network.account.uri)

    def test_it_is_made_with_the_address_and_consent(self) -> None:
        self.assertEqual(self.sign_in(), f"{self.authority.uri}/account/1")
        self.assertEqual(
            self.authority.payloads("/account"),
            [{"contact": ["mailto:you@example.org"], "termsOfServiceAgreed": True}],
        )

    def test_the_next_time_nobody_is_asked(self) -> None:
        self.sign_in()
        self.assertEqual(self.sign_in(), f"{self.authority.uri}/account/1")
        self.assertEqual(len(self.authority.payloads("/account")), 1)

    def test_one_that_was_not_written_down_is_found_by_its_key(self) -> None:
        self.authority.on("/account", Answer({"status": "valid"}, 200, {"Location": f"{self.authority.uri}/account/7"}))
        self.assertEqual(self.sign_in(), f"{self.authority.uri}/account/7")
        self.assertEqual(self.sign_in(), f"{self.authority.uri}/account/7")
        self.assertEqual(len(self.authority.payloads("/account")), 1)

    def test_one_that_is_forgotten_is_asked_for_again_with_the_same_key(self) -> None:
        self.sign_in()
        key = (self.wanted.account / "key.pem").read_bytes()
        forget(self.wanted.account)
        forget(self.wanted.account)
        self.sign_in()
        self.assertEqual(len(self.authority.payloads("/account")), 2)
        self.assertEqual((self.wanted.account / "key.pem").read_bytes(), key)

    def test_a_binding_goes_with_it(self) -> None:
        self.sign_in(self.authority.wanted(self.directory, binding=Binding("kid-1", "AAAA")))
        [sent] = self.authority.payloads("/account")
        self.assertEqual(set(sent["externalAccountBinding"]), {"protected", "payload", "signature"})

    def test_one_that_is_refused_is_told_and_nothing_kept(self) -> None:
        self.authority.on("/account", problem("invalidContact", "no such address"))
        with self.assertRaisesRegex(
            AcmeError, r"^127.*refuses the account: no such address \(invalidContact\); mend https.acme.email$"
        ):
            self.sign_in()
        self.assertFalse((self.wanted.account / "account.json").exists())

    def test_another_address_is_told_once(self) -> None:
        self.sign_in()
        self.authority.on("/account/1", Answer({"status": "valid"}))
        self.wanted = replace(self.wanted, email="me@example.org")
        self.authority.asked.clear()
        for _ in range(2):
            self.sign_in()
        [existing] = self.authority.payloads("/account")
        self.assertTrue(existing["onlyReturnExisting"])
        self.assertEqual(self.authority.payloads("/account/1"), [{"contact": ["mailto:me@example.org"]}])

    def test_a_damaged_note_is_as_good_as_none(self) -> None:
        self.sign_in()
        (self.wanted.account / "account.json").write_text("{")
        self.sign_in()
        self.assertEqual(json.loads((self.wanted.account / "account.json").read_text())["email"], "you@example.org")
