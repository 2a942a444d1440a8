"""What is in the certificates for development, as X.509 has it."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from duck_tx.https.authority import (
    Issued,
    all_names,
    authority_name,
    certificate_pem,
    make_authority,
    make_leaf,
    make_stand_in,
    names_of,
    normal_name,
    permits,
    with_key_pem,
)
from tests.case import UnitTestCase

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def _authority(*names: str, now: datetime = NOW) -> Issued:
    return make_authority(authority_name("site", "ann@box"), all_names(names), now)


class NameTests(UnitTestCase):
    def test_names_and_addresses_have_one_form(self) -> None:
        for given, normal in (
            ("Duck.Example", "duck.example"),
            ("duck.example.", "duck.example"),
            ("*.Duck.test", "*.duck.test"),
            ("my_site", "my_site"),
            ("bücher.test", "xn--bcher-kva.test"),
            ("192.0.2.7", "192.0.2.7"),
            ("[2001:DB8:0::7]", "2001:db8::7"),
            ("fe80::1%eth0", "fe80::1"),
        ):
            self.assertEqual(normal_name(given), normal, given)

    def test_what_is_neither_is_refused(self) -> None:
        for name in (
            "", ".", "a b", "a..b", "-a", "a-", "a.*.b", "*", "*.", "http://a", "a:80", "1.2.3", "300.1.1.1", "[::g]",
            "a\nb", "a" * 64, ".".join(["a" * 60] * 5), "ü" * 70, "*.1.2.3",
        ):  # fmt: skip
            with self.assertRaises(ValueError, msg=name) as caught:
                normal_name(name)
            self.assertIn(repr(name), str(caught.exception))

    def test_this_machine_is_always_among_them_and_each_comes_once(self) -> None:
        self.assertEqual(all_names([]), ("localhost", "127.0.0.1", "::1"))
        self.assertEqual(
            all_names(["b.test", "LOCALHOST", "a.test", "[::1]", "B.test."]),
            ("localhost", "127.0.0.1", "::1", "b.test", "a.test"),
        )

    def test_addresses_that_stand_for_all_are_left_out(self) -> None:
        self.assertEqual(all_names(["0.0.0.0", "::", "[::]"]), all_names([]))


class AuthorityTests(UnitTestCase):
    def setUp(self) -> None:
        self.authority = _authority("duck.example", "*.ducks.example", "192.0.2.7")
        self.certificate = self.authority.certificate

    def test_it_is_an_authority_for_servers_only_and_for_none_below_it(self) -> None:
        basic = self.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        self.assertEqual((basic.critical, basic.value.ca, basic.value.path_length), (True, True, 0))
        usage = self.certificate.extensions.get_extension_for_class(x509.KeyUsage)
        self.assertTrue(usage.critical and usage.value.key_cert_sign and usage.value.crl_sign)
        self.assertFalse(usage.value.digital_signature)
        extended = self.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        self.assertEqual(list(extended.value), [ExtendedKeyUsageOID.SERVER_AUTH])

    def test_it_may_speak_for_its_names_and_this_machine_and_nobody_else(self) -> None:
        constraints = self.certificate.extensions.get_extension_for_class(x509.NameConstraints)
        self.assertTrue(constraints.critical)
        self.assertIsNone(constraints.value.excluded_subtrees)
        self.assertEqual(
            [str(tree.value) for tree in constraints.value.permitted_subtrees or ()],
            ["localhost", "test", "127.0.0.0/8", "::1/128", "duck.example", "ducks.example", "192.0.2.7/32"],
        )

    def test_it_lasts_less_than_ten_years_and_its_key_is_p_256(self) -> None:
        self.assertEqual(self.certificate.not_valid_before_utc, NOW - timedelta(hours=1))
        lasts = self.certificate.not_valid_after_utc - self.certificate.not_valid_before_utc
        self.assertEqual(lasts, timedelta(days=3650, seconds=-1))
        self.assertIsInstance(self.authority.key.curve, ec.SECP256R1)

    def test_its_name_says_what_and_whose_it_is(self) -> None:
        self.assertEqual(self.certificate.subject.rfc4514_string(), "CN=duck_tx development CA (site\\, ann@box)")
        self.assertEqual(self.certificate.subject, self.certificate.issuer)

    def test_names_that_are_too_long_are_cut_and_what_cannot_be_shown_is_left_out(self) -> None:
        for label, owner, shown in (
            ("site", "ann@" + "b" * 90, "site, ann@" + "b" * 29),
            ("ü" * 50, "ann@box", "ü" * 19),
            ("a\tb\udcff", "\x00", "a?b?, ?"),
        ):
            name = authority_name(label, owner)
            self.assertEqual(name, f"duck_tx development CA ({shown})")
            [common] = make_authority(name, all_names([]), NOW).certificate.subject
            self.assertEqual((common.oid, common.value), (NameOID.COMMON_NAME, name))

    def test_what_it_permits_is_known(self) -> None:
        for names in (
            all_names([]),
            ["a.test", "*.b.test", "x.localhost", "127.5.5.5"],
            ["duck.example", "www.duck.example", "*.duck.example", "*.ducks.example", "192.0.2.7"],
        ):
            self.assertTrue(permits(self.certificate, names), names)
        for name in ("example", "aduck.example", "*.example", "192.0.2.8", "::2", "mytest", "128.0.0.1"):
            self.assertFalse(permits(self.certificate, ["localhost", name]), name)

    def test_one_without_constraints_permits_everything(self) -> None:
        self.assertTrue(permits(make_stand_in(all_names([]), NOW).certificate, ["duck.example"]))


class LeafTests(UnitTestCase):
    def setUp(self) -> None:
        self.authority = _authority("duck.example", "192.0.2.7")
        self.names = all_names(["duck.example", "*.duck.example", "192.0.2.7"])
        self.leaf = make_leaf(self.authority, self.names, NOW)

    def verified(self, leaf: x509.Certificate, name: str, now: datetime = NOW) -> None:
        """As a browser would; raises VerificationError."""
        try:
            subject: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            subject = x509.DNSName(name)
        assert isinstance(subject, x509.IPAddress | x509.DNSName)
        builder = PolicyBuilder().store(Store([self.authority.certificate])).time(now)
        builder.build_server_verifier(subject).verify(leaf, [])

    def test_it_is_a_server_s_for_all_names(self) -> None:
        self.assertEqual(names_of(self.leaf.certificate), self.names)

    def test_it_is_for_a_server_and_makes_no_others(self) -> None:
        extensions = self.leaf.certificate.extensions
        basic = extensions.get_extension_for_class(x509.BasicConstraints)
        self.assertEqual((basic.critical, basic.value.ca), (True, False))
        extended = extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        self.assertEqual(list(extended.value), [ExtendedKeyUsageOID.SERVER_AUTH])
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        self.assertEqual((usage.digital_signature, usage.key_cert_sign), (True, False))

    def test_it_names_the_key_of_its_authority(self) -> None:
        of_authority = self.authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        named = self.leaf.certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        self.assertEqual(named.key_identifier, of_authority.digest)
        self.leaf.certificate.verify_directly_issued_by(self.authority.certificate)

    def test_it_lasts_no_longer_than_browsers_take(self) -> None:
        lasts = self.leaf.certificate.not_valid_after_utc - self.leaf.certificate.not_valid_before_utc
        self.assertEqual(lasts, timedelta(days=397, seconds=-1))

    def test_it_lasts_no_longer_than_its_authority(self) -> None:
        late = self.authority.certificate.not_valid_after_utc - timedelta(days=70)
        leaf = make_leaf(self.authority, self.names, late).certificate
        self.assertLessEqual(leaf.not_valid_after_utc, self.authority.certificate.not_valid_after_utc)

    def test_it_can_be_verified_for_its_names_and_no_other(self) -> None:
        for name in ("localhost", "duck.example", "www.duck.example", "127.0.0.1", "::1", "192.0.2.7"):
            self.verified(self.leaf.certificate, name)
        for name in ("other.example", "a.b.duck.example", "127.0.0.2"):
            self.assertRaises(VerificationError, self.verified, self.leaf.certificate, name)

    def test_a_certificate_for_somebody_else_is_worth_nothing(self) -> None:
        for name in ("bank.example", "198.51.100.1"):
            forged = make_leaf(self.authority, ["localhost", name], NOW).certificate
            self.assertRaises(VerificationError, self.verified, forged, name)


class StandInTests(UnitTestCase):
    def test_it_vouches_for_itself_and_lasts_a_week(self) -> None:
        certificate = make_stand_in(all_names(["duck.example"]), NOW).certificate
        certificate.verify_directly_issued_by(certificate)
        self.assertEqual(names_of(certificate), ("localhost", "127.0.0.1", "::1", "duck.example"))
        lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        self.assertEqual(lasts, timedelta(days=7, seconds=-1))
        self.assertEqual(names_of(_authority().certificate), ())


class PemTests(UnitTestCase):
    def test_key_and_certificate_come_back(self) -> None:
        issued = make_stand_in(all_names([]), NOW)
        pem = with_key_pem(issued)
        self.assertEqual(x509.load_pem_x509_certificate(pem), issued.certificate)
        key = serialization.load_pem_private_key(pem, None)
        self.assertEqual(key.public_key(), issued.certificate.public_key())

    def test_the_certificate_alone_holds_no_key(self) -> None:
        pem = certificate_pem(make_stand_in(all_names([]), NOW).certificate)
        self.assertEqual(pem.count(b"-----BEGIN"), 1)
        self.assertTrue(pem.startswith(b"-----BEGIN CERTIFICATE-----\n"))
