"""Certificates that clients would refuse, known before any comes."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from duck_tx.https.strength import weakness_of
from tests.case import UnitTestCase
from tests.unit.certificates import Party, authority, ec_key, issue, rsa_key, signed_with_sha1

ROOT = authority("root", key=rsa_key())


def weakness(*parties: Party) -> str:
    return weakness_of([each.certificate for each in parties])


class StrengthTests(UnitTestCase):
    def test_keys_of_every_usual_kind_are_strong(self) -> None:
        for key in (
            rsa_key(),
            ec_key(),
            ec_key(ec.SECP384R1()),
            ec_key(ec.SECP521R1()),
            ed25519.Ed25519PrivateKey.generate(),
        ):
            self.assertEqual(weakness(issue("example.org", issuer=ROOT, key=key), ROOT), "")

    def test_a_short_rsa_key(self) -> None:
        said = weakness(issue("example.org", issuer=ROOT, key=rsa_key(1024)))
        self.assertIn("the key is RSA of 1024 bits, and clients want 2048 at least. Have a certificate issued", said)

    def test_a_short_key_of_an_issuer(self) -> None:
        middle = authority("middle", ROOT, key=rsa_key(1024))
        self.assertIn(
            "the key of its issuer is RSA of 1024 bits", weakness(issue("example.org", issuer=middle), middle)
        )

    def test_a_curve_that_browsers_do_not_know(self) -> None:
        said = weakness(issue("example.org", issuer=ROOT, key=ec_key(ec.SECP256K1())))
        self.assertIn("the key is on the curve secp256k1, which browsers do not know", said)

    def test_a_signature_with_sha1(self) -> None:
        leaf = issue("example.org", issuer=ROOT)
        middle = signed_with_sha1(authority("middle", ROOT))
        self.assertEqual(
            weakness(signed_with_sha1(leaf)), "the certificate is signed with SHA1, which clients refuse. Renew it."
        )
        self.assertIn("the certificate of its issuer is signed with SHA1", weakness(leaf, middle))

    def test_a_signature_of_an_unknown_kind_cannot_be_judged(self) -> None:
        der = issue("example.org", issuer=ROOT).certificate.public_bytes(Encoding.DER)
        unknown = der.replace(bytes.fromhex("06092a864886f70d01010b"), bytes.fromhex("06092a864886f70d01017f"))
        with self.assertRaises(UnsupportedAlgorithm):
            weakness_of([x509.load_der_x509_certificate(unknown)])

    def test_nobody_looks_at_the_signature_of_one_that_signed_itself(self) -> None:
        self.assertEqual(weakness(ROOT), "")
