"""A certificate and its key, and each way in which they can be unfit."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from duck_tx.errors import SSLError
from duck_tx.https.credential import Credential, NotYetValid, load_credential, read_credential
from duck_tx.https.pem import Unfinished
from tests.case import UnitTestCase
from tests.unit.certificates import (
    DAY,
    NOW,
    Party,
    authority,
    cert_pem,
    ec_key,
    issue,
    key_pem,
    rsa_key,
    write_pair,
)
from tests.unit.nobody import as_nobody

ROOT = authority("root")
MIDDLE = authority("middle", ROOT)
LEAF = issue("example.org", "*.example.org", "192.0.2.1", issuer=MIDDLE)
OTHER = issue("other.example", issuer=authority("other"))
ALL = (LEAF, MIDDLE, ROOT)


def pem(*parties: Party) -> bytes:
    return cert_pem(*(each.certificate for each in parties))


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.certfile = self.folder / "site.pem"
        self.key = self.folder / "site.key"
        self.certfile.write_bytes(pem(LEAF, MIDDLE))
        self.key.write_bytes(LEAF.key_pem)

    def load(self, now: datetime = NOW, *, combined: bool = False) -> Credential:
        return load_credential(self.certfile, None if combined else str(self.key), now=now)

    def fault(self, now: datetime = NOW, *, combined: bool = False, kind: type[SSLError] = SSLError) -> str:
        """What is said, without the folder, in one line with a mend."""
        with self.assertRaises(SSLError) as caught:
            self.load(now, combined=combined)
        self.assertIs(type(caught.exception), kind)
        said = str(caught.exception)
        self.assertEqual(len(said.splitlines()), 1, said)
        return said.replace(f"{self.folder}/", "")


class GoodTests(_Case):
    def assert_good(self, credential: Credential) -> None:
        self.assertEqual(credential.chain, (LEAF.certificate, MIDDLE.certificate))
        self.assertEqual(credential.key.public_key(), LEAF.key.public_key())
        self.assertEqual((credential.source, credential.is_development), (str(self.certfile), False))
        self.assertEqual(credential.strangers, ())

    def test_a_certificate_with_its_issuer_and_its_key_in_another_file(self) -> None:
        self.assert_good(self.load())

    def test_all_in_one_file(self) -> None:
        self.certfile.write_bytes(LEAF.key_pem + pem(LEAF, MIDDLE))
        self.key.unlink()
        self.assert_good(self.load(combined=True))

    def test_the_same_file_named_twice(self) -> None:
        self.certfile.write_bytes(pem(MIDDLE, LEAF) + LEAF.key_pem)
        self.key.unlink()
        self.key.symlink_to(self.certfile)
        self.assert_good(self.load())

    def test_a_key_of_its_own_wins_over_one_beside_the_certificate(self) -> None:
        self.certfile.write_bytes(OTHER.key_pem + pem(LEAF, MIDDLE))
        self.assert_good(self.load())

    @given(st.permutations(ALL))
    def test_certificates_in_any_order_with_the_root_among_them(self, parties: list[Party]) -> None:
        credential = read_credential(pem(*parties), LEAF.key_pem, "it")
        self.assertEqual(credential.chain, (LEAF.certificate, MIDDLE.certificate))

    def test_issuers_that_are_missing_are_no_fault(self) -> None:
        self.certfile.write_bytes(pem(LEAF))
        self.assertEqual(self.load().chain, (LEAF.certificate,))

    def test_one_that_signed_itself(self) -> None:
        own = issue("localhost")
        self.certfile.write_bytes(own.pem)
        self.key.write_bytes(own.key_pem)
        self.assertEqual(self.load().chain, (own.certificate,))

    def test_strangers_behind_a_chain_are_named_and_left_out(self) -> None:
        self.certfile.write_bytes(pem(OTHER, LEAF, MIDDLE))
        credential = self.load()
        self.assertEqual(credential.chain, (LEAF.certificate, MIDDLE.certificate))
        self.assertEqual(credential.strangers, ("other.example",))

    def test_of_two_for_the_same_key_the_newer_is_shown(self) -> None:
        older = issue("example.org", issuer=MIDDLE, key=LEAF.key, ends=NOW + DAY)
        self.certfile.write_bytes(pem(older, LEAF, MIDDLE))
        self.assertEqual(self.load().chain[0], LEAF.certificate)

    def test_keys_of_every_usual_kind(self) -> None:
        for key in (rsa_key(), ec_key(ec.SECP384R1()), ec_key(ec.SECP521R1()), ed25519.Ed25519PrivateKey.generate()):
            party = issue("example.org", issuer=MIDDLE, key=key)
            credential = read_credential(party.pem, party.key_pem, "it")
            self.assertEqual(credential.key.public_key(), key.public_key())


class NameTests(UnitTestCase):
    def credential(self, *names: str, subject: str | None = None) -> Credential:
        party = issue(*names, subject=subject)
        return Credential((party.certificate,), party.key, "it")

    def test_names_and_addresses_are_those_of_the_certificate(self) -> None:
        credential = self.credential(
            "WWW.Example.org", "*.example.org", "192.0.2.1", "2001:DB8::1", "xn--bcher-kva.example"
        )
        self.assertEqual(
            credential.names, ("www.example.org", "*.example.org", "xn--bcher-kva.example", "192.0.2.1", "2001:db8::1")
        )
        self.assertEqual(credential.expires, NOW + 60 * DAY)

    def test_the_common_name_counts_where_there_is_no_other(self) -> None:
        self.assertEqual(self.credential(subject="Example.org").names, ("example.org",))
        self.assertEqual(self.credential("a.example", subject="b.example").names, ("a.example",))
        self.assertEqual(self.credential(subject="").names, ())

    def test_it_covers_hosts_and_addresses_however_they_are_written(self) -> None:
        credential = self.credential("example.org", "*.example.org", "192.0.2.1", "2001:db8::1")
        for name in ("example.org", "EXAMPLE.ORG.", "www.example.org", "192.0.2.1", "[2001:DB8::1]", "2001:db8:0::1"):
            self.assertTrue(credential.covers(name), name)
        for name in ("", ".", "a.b.example.org", "example.com", "192.0.2.2", "::1", ".example.org"):
            self.assertFalse(credential.covers(name), name)


class FileTests(_Case):
    def test_a_certificate_that_is_not_there(self) -> None:
        self.certfile.unlink()
        self.assertEqual(
            self.fault(kind=Unfinished),
            "site.pem: there is no such file for the certificate. Mend the path, or make one with: duckctl certificates"
            " new",
        )

    def test_a_key_that_is_not_there(self) -> None:
        self.key.unlink()
        self.assertEqual(
            self.fault(kind=Unfinished), "site.key: there is no such file for the private key. Mend the path."
        )

    def test_a_link_that_leads_nowhere(self) -> None:
        self.key.unlink()
        self.key.symlink_to("gone")
        self.assertIn("site.key: there is no such file", self.fault(kind=Unfinished))

    def test_a_path_through_a_file(self) -> None:
        self.key = self.certfile / "site.key"
        self.assertIn("site.pem/site.key: there is no such file", self.fault(kind=Unfinished))

    def test_a_directory(self) -> None:
        self.certfile.unlink()
        self.certfile.mkdir()
        self.assertEqual(self.fault(), "site.pem: this is a directory. Name the file of the certificate in it.")

    def test_a_pipe_is_not_waited_for(self) -> None:
        self.key.unlink()
        os.mkfifo(self.key)
        self.assertEqual(self.fault(), "site.key: this is no file of a private key (PEM). Mend the path.")

    def test_a_file_far_too_long(self) -> None:
        with self.certfile.open("ab") as file:
            file.truncate(2 * 1024 * 1024)
        self.assertIn("site.pem: this is no file of a certificate", self.fault())

    def test_a_file_that_this_user_may_not_read(self) -> None:
        # The folder of other tests may be in one that only its owner can enter.
        self.folder = Path(tempfile.mkdtemp(dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.folder.chmod(0o755)
        self.certfile, self.key = write_pair(self.folder, LEAF)
        for path in (self.certfile, self.key):
            for each in (self.certfile, self.key):
                each.chmod(0 if each == path else 0o644)
            with as_nobody():
                said = self.fault()
                self.assertIn(f"{path.name}: the user of this process (uid {os.geteuid()}) may not read it. Let", said)

    def test_a_path_that_the_system_refuses(self) -> None:
        self.certfile = self.folder / ("x" * 300)
        self.assertIn(": the certificate cannot be read: File name too long.", self.fault())

    def test_an_empty_file(self) -> None:
        self.certfile.write_bytes(b"")
        self.assertIn("site.pem: this file is empty", self.fault(kind=Unfinished))

    def test_garbage(self) -> None:
        # DER begins with another byte, and would be known.
        self.key.write_bytes(b"\xff" + os.urandom(99))
        self.assertIn("site.key: this is not PEM", self.fault())


class PairTests(_Case):
    def test_exchanged_files(self) -> None:
        self.certfile, self.key = self.key, self.certfile
        self.assertEqual(
            self.fault(),
            "site.key holds the private key and site.pem the certificate: they are exchanged. Give them the other way"
            " round.",
        )

    def test_no_key_anywhere(self) -> None:
        self.assertEqual(
            self.fault(combined=True, kind=Unfinished),
            "site.pem: there is no private key in this file, only a certificate. Add it, or name its file"
            " (--private-key).",
        )

    def test_a_key_of_another_certificate(self) -> None:
        self.key.write_bytes(OTHER.key_pem)
        self.assertEqual(
            self.fault(kind=Unfinished),
            "site.pem: the private key site.key does not belong to this certificate (example.org). Give the key that"
            " the certificate was asked for with, or have a new one issued.",
        )

    def test_a_key_of_another_certificate_in_the_same_file(self) -> None:
        self.certfile.write_bytes(pem(LEAF) + OTHER.key_pem)
        self.assertIn("site.pem: its private key does not belong to", self.fault(combined=True, kind=Unfinished))

    def test_a_key_of_another_kind(self) -> None:
        self.key.write_bytes(key_pem(rsa_key()))
        self.assertIn("does not belong to this certificate", self.fault(kind=Unfinished))

    def test_an_encrypted_key(self) -> None:
        form = PrivateFormat.PKCS8
        self.key.write_bytes(LEAF.key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"duck")))
        said = self.fault()
        self.assertIn("site.key: the private key is encrypted", said)
        self.assertIn("Remove it: openssl pkey -in site.key -out site.key.plain", said)

    def test_issuers_of_another_certificate(self) -> None:
        self.certfile.write_bytes(pem(LEAF, authority("other middle", ROOT)))
        self.assertEqual(
            self.fault(),
            "site.pem: the other certificates in it (other middle) do not belong to that of example.org. Put in those"
            " of its issuer, CN=middle, or none.",
        )

    def test_what_a_certificate_says_cannot_break_the_line(self) -> None:
        party = issue(subject="evil\nduck: all is well")
        self.certfile.write_bytes(party.pem)
        self.assertIn(r"('evil\nduck: all is well')", self.fault(kind=Unfinished))

    def test_a_source_need_not_be_a_file(self) -> None:
        with self.assertRaisesRegex(SSLError, "^the new certificate for a: its private key does not belong to"):
            read_credential(LEAF.pem, OTHER.key_pem, "the new certificate for a")


class DateTests(_Case):
    def test_an_expired_certificate(self) -> None:
        self.assertEqual(
            self.fault(NOW + 61 * DAY),
            "site.pem: this certificate (example.org) expired on 2027-01-21 09:30 UTC. Renew it.",
        )

    def test_a_certificate_whose_time_has_not_come(self) -> None:
        with self.assertRaises(NotYetValid) as caught:
            self.load(NOW - 31 * DAY)
        self.assertEqual(caught.exception.begins, NOW - 30 * DAY)
        self.assertEqual(
            self.fault(NOW - 31 * DAY, kind=NotYetValid),
            "site.pem: this certificate (example.org) is valid only from 2026-10-23 09:30 UTC on. Wait, or set the"
            " clock of this machine right.",
        )

    def test_the_ends_of_its_time_belong_to_it(self) -> None:
        self.load(NOW + 60 * DAY)
        self.load(NOW - 30 * DAY)


class StrengthTests(_Case):
    def test_what_clients_would_refuse_is_refused(self) -> None:
        weak = issue("example.org", issuer=MIDDLE, key=rsa_key(1024))
        self.certfile.write_bytes(weak.pem)
        self.key.write_bytes(weak.key_pem)
        said = self.fault()
        self.assertIn("site.pem: the key is RSA of 1024 bits, and clients want 2048 at least. Have a", said)
        self.assertIn("made with: openssl genpkey", said)


class DamageTests(UnitTestCase):
    def test_what_is_damaged_inside_is_told(self) -> None:
        # The list of names, not the frame around it, is broken.
        der = LEAF.certificate.public_bytes(Encoding.DER).replace(b"\x82\x0bexample.org", b"\x82\x7fexample.org")
        damaged = cert_pem(x509.load_der_x509_certificate(der))
        with self.assertRaisesRegex(
            SSLError, "^it: a certificate in it is damaged, or of a kind that is not known here"
        ):
            read_credential(damaged, LEAF.key_pem, "it")
