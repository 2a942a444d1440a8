"""PEM files, and files that are none."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
    pkcs12,
)
from cryptography.x509 import CertificateSigningRequestBuilder, Name
from hypothesis import given
from hypothesis import strategies as st

from duck_tx.errors import SSLError
from duck_tx.https.pem import Document, Unfinished
from tests.case import UnitTestCase
from tests.unit.certificates import authority, issue, key_pem, rsa_key

LEAF = issue("example.org")
OTHER = authority("other")
_PATH = "/srv/a b.pem"


class _Case(UnitTestCase):
    def fault(self, data: bytes, wanted: str = "certificate") -> str:
        """What is said of a file, in one line that begins with its name."""
        document = Document.of(data, _PATH)
        with self.assertRaises(SSLError) as caught:
            document.certificates() if wanted == "certificate" else document.private_key()
        self.is_unfinished = isinstance(caught.exception, Unfinished)
        said = str(caught.exception)
        self.assertEqual(len(said.splitlines()), 1)
        self.assertTrue(said.startswith(f"{_PATH}: "), said)
        return said


class ReadingTests(_Case):
    def certificates(self, data: bytes) -> list[object]:
        return list(Document.of(data, _PATH).certificates())

    def test_all_certificates_of_a_file_are_read_as_they_stand(self) -> None:
        self.assertEqual(self.certificates(OTHER.pem + LEAF.pem), [OTHER.certificate, LEAF.certificate])

    def test_text_around_the_blocks_is_passed_over(self) -> None:
        text = b"\xef\xbb\xbfBag Attributes\n  friendlyName: x\n"
        self.assertEqual(len(self.certificates(text + LEAF.pem + b"# the issuer:\n" + OTHER.pem + b"\n\n.")), 2)

    def test_lines_may_end_as_on_windows_and_be_indented(self) -> None:
        data = b"".join(b"  " + line + b" \r\n" for line in (LEAF.pem + LEAF.key_pem).splitlines())
        self.assertEqual(self.certificates(data), [LEAF.certificate])
        self.assertEqual(Document.of(data, _PATH).private_key().public_key(), LEAF.key.public_key())

    def test_a_byte_order_mark_does_no_harm(self) -> None:
        self.assertEqual(len(self.certificates(b"\xef\xbb\xbf" + LEAF.pem)), 1)

    def test_keys_of_every_usual_form_are_read(self) -> None:
        for key, form in (
            (LEAF.key, PrivateFormat.PKCS8),
            (LEAF.key, PrivateFormat.TraditionalOpenSSL),
            (rsa_key(), PrivateFormat.PKCS8),
            (rsa_key(), PrivateFormat.TraditionalOpenSSL),
            (ed25519.Ed25519PrivateKey.generate(), PrivateFormat.PKCS8),
        ):
            read = Document.of(key_pem(key, form), _PATH).private_key()
            self.assertEqual(read.public_key(), key.public_key())

    def test_parameters_before_a_key_are_passed_over(self) -> None:
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        key = key_pem(LEAF.key, PrivateFormat.TraditionalOpenSSL)
        self.assertEqual(Document.of(parameters + key, _PATH).private_key().public_key(), LEAF.key.public_key())

    @given(st.binary(), st.binary())
    def test_anything_is_read_or_told(self, before: bytes, after: bytes) -> None:
        document = Document.of(before + LEAF.pem[:100] + after, _PATH)
        for read in (document.certificates, document.private_key):
            with self.assertRaises(SSLError):
                read()

    def test_many_beginnings_without_an_end_take_no_time(self) -> None:
        document = Document.of(b"-----BEGIN CERTIFICATE-----\n" * 30_000, _PATH)
        self.assertEqual(len(document.blocks), 30_000)
        self.assertRaises(SSLError, document.certificates)


class OtherFileTests(_Case):
    def test_an_empty_file(self) -> None:
        for data in (b"", b"\n \r\n"):
            self.assertIn("this file is empty", self.fault(data))
            self.assertTrue(self.is_unfinished)

    def test_garbage(self) -> None:
        self.assertIn("this is not PEM", self.fault(b"hello\x00world"))
        self.assertFalse(self.is_unfinished)

    def test_a_file_that_was_cut(self) -> None:
        self.assertIn("it ends within the certificate. Copy the file once more", self.fault(LEAF.pem[:-20]))
        self.assertTrue(self.is_unfinished)
        self.assertIn("it ends within the private key", self.fault(LEAF.key_pem[:-20], "private key"))

    def test_a_damaged_certificate_is_counted(self) -> None:
        damaged = OTHER.pem.replace(b"M", b"N", 1)
        self.assertIn("the certificate in it is damaged. Copy it", self.fault(damaged))
        self.assertIn("certificate 2 of 2 in it is damaged", self.fault(LEAF.pem + damaged))

    def test_a_damaged_key(self) -> None:
        self.assertIn(
            "the private key in it is damaged", self.fault(LEAF.key_pem.replace(b"M", b"N", 1), "private key")
        )

    def test_a_key_that_does_not_sign(self) -> None:
        right = rsa_key().private_numbers()
        numbers = rsa.RSAPrivateNumbers(right.p, right.q, 5, 5, 5, right.iqmp, right.public_numbers)
        key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
        self.assertIn("the private key in it is damaged", self.fault(key_pem(key), "private key"))

    def test_a_key_where_a_certificate_should_be(self) -> None:
        self.assertIn("there is no certificate in this file, only a private key", self.fault(LEAF.key_pem))

    def test_a_certificate_where_a_key_should_be(self) -> None:
        self.assertIn("there is no private key in this file, only a certificate", self.fault(LEAF.pem, "private key"))

    def test_a_request(self) -> None:
        request = CertificateSigningRequestBuilder().subject_name(Name([])).sign(LEAF.key, SHA256())
        self.assertIn("a request for a certificate; give what the", self.fault(request.public_bytes(Encoding.PEM)))

    def test_a_public_key(self) -> None:
        public = LEAF.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.assertIn("a public key; give the private one", self.fault(public, "private key"))

    def test_a_key_for_ssh(self) -> None:
        key = LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        self.assertIn("a key for SSH", self.fault(key, "private key"))

    def test_a_key_that_tls_cannot_use(self) -> None:
        for key, kind in ((x25519.X25519PrivateKey.generate(), "X25519"), (dsa.generate_private_key(1024), "DSA")):
            said = self.fault(key_pem(key), "private key")
            self.assertIn(f"TLS cannot use a private key of this kind ({kind})", said)


class CommandTests(_Case):
    """The command that a message gives mends the file."""

    def mended(self, data: bytes, wanted: str = "certificate") -> Document:
        openssl = shutil.which("openssl")
        assert openssl is not None, "these tests need the command openssl"
        said = self.fault(data, wanted)
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        file = folder.absolute() / "a b.pem"
        file.write_bytes(data)
        words = [word.replace(_PATH, str(file)) for word in shlex.split(said[said.index("openssl ") :])]
        secrets = ["-passin", "pass:duck"] if words[1] in ("pkcs12", "pkey") else []
        subprocess.run([openssl, *words[1:], *secrets], cwd=folder, check=True, capture_output=True)
        [made] = [path for path in file.parent.iterdir() if path != file]
        return Document.of(made.read_bytes(), str(made))

    def assert_certificate(self, document: Document) -> None:
        self.assertEqual(document.certificates(), [LEAF.certificate])

    def assert_key(self, document: Document) -> None:
        self.assertEqual(document.private_key().public_key(), LEAF.key.public_key())

    def test_a_certificate_in_der(self) -> None:
        self.assert_certificate(self.mended(LEAF.certificate.public_bytes(Encoding.DER)))

    def test_a_key_in_der(self) -> None:
        for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
            self.assert_key(self.mended(LEAF.key.private_bytes(Encoding.DER, form, NoEncryption()), "private key"))

    def test_an_encrypted_key(self) -> None:
        for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
            data = LEAF.key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"duck"))
            self.assertIn("the private key is encrypted", self.fault(data, "private key"))
            self.assert_key(self.mended(data, "private key"))

    def test_pkcs12(self) -> None:
        data = pkcs12.serialize_key_and_certificates(
            b"duck", LEAF.key, LEAF.certificate, None, BestAvailableEncryption(b"duck")
        )
        made = self.mended(data)
        self.assert_certificate(made)
        self.assert_key(made)
        self.assertIn("PKCS #12", self.fault(data, "private key"))

    def test_pkcs7(self) -> None:
        for encoding in (Encoding.PEM, Encoding.DER):
            self.assert_certificate(self.mended(pkcs7.serialize_certificates([LEAF.certificate], encoding)))

    def test_a_key_that_tls_can_use_is_made(self) -> None:
        document = self.mended(key_pem(x25519.X25519PrivateKey.generate()), "private key")
        self.assertIsInstance(document.private_key(), ec.EllipticCurvePrivateKey)
