"""Answers to challenges, and the certificate that is one (RFC 8737)."""

from __future__ import annotations

import hashlib

from cryptography import x509
from OpenSSL import SSL

from duck_tx.https.acme.answer import HTTP_01, TLS_ALPN_01, Answers, answering_credential
from duck_tx.https.acme.errand import Abandoned
from duck_tx.https.context import challenge_context
from tests.case import UnitTestCase
from tests.unit.certificates import DAY, NOW

KEY_AUTHORIZATION = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ"


class AnswersTests(UnitTestCase):
    def setUp(self) -> None:
        self.http: dict[bytes, bytes] = {}
        self.tls: dict[str, SSL.Context] = {}
        self.answers = Answers(self.http, self.tls, challenge_context)

    def test_a_token_is_answered_with_its_key_authorization_within_the_block(self) -> None:
        with self.answers.shown(HTTP_01, "example.org", "a-token", KEY_AUTHORIZATION):
            self.assertEqual(self.http, {b"a-token": KEY_AUTHORIZATION.encode()})
        self.assertEqual(self.http, {})

    def test_a_name_is_answered_with_a_context_within_the_block(self) -> None:
        with self.answers.shown(TLS_ALPN_01, "example.org", "a-token", KEY_AUTHORIZATION):
            self.assertEqual(list(self.tls), ["example.org"])
            self.assertIsInstance(self.tls["example.org"], SSL.Context)
        self.assertEqual(self.tls, {})

    def test_an_address_is_answered_by_its_reverse_name(self) -> None:
        with self.answers.shown(TLS_ALPN_01, "192.0.2.1", "a-token", KEY_AUTHORIZATION):
            self.assertEqual(list(self.tls), ["1.2.0.192.in-addr.arpa"])

    def test_several_are_answered_at_once(self) -> None:
        with (
            self.answers.shown(HTTP_01, "a.example", "a", "a.k"),
            self.answers.shown(HTTP_01, "b.example", "b", "b.k"),
        ):
            self.assertEqual(self.http, {b"a": b"a.k", b"b": b"b.k"})

    def test_an_error_in_the_block_takes_the_answer_away(self) -> None:
        with self.assertRaises(KeyError), self.answers.shown(HTTP_01, "a.example", "a", "a.k"):
            raise KeyError
        self.assertEqual(self.http, {})

    def test_closing_takes_all_away_and_lets_none_in(self) -> None:
        self.http[b"another"] = b"another's"
        with self.answers.shown(HTTP_01, "a.example", "a", "a.k"):
            self.answers.close()
            self.assertEqual(self.http, {b"another": b"another's"})
            for kind in (HTTP_01, TLS_ALPN_01):
                with self.assertRaises(Abandoned), self.answers.shown(kind, "b.example", "b", "b.k"):
                    self.fail()
        self.answers.close()
        self.assertEqual((list(self.http), self.tls), ([b"another"], {}))

    def test_without_a_redirect_site_only_the_tls_port_answers(self) -> None:
        self.assertEqual(self.answers.kinds, (TLS_ALPN_01, HTTP_01))
        self.assertEqual(Answers(None, self.tls, challenge_context).kinds, (TLS_ALPN_01,))


class AnsweringCredentialTests(UnitTestCase):
    def test_it_is_what_rfc_8737_asks_for(self) -> None:
        certificate = answering_credential("example.org", KEY_AUTHORIZATION, NOW).chain[0]
        self.assertEqual(certificate.issuer, certificate.subject)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(list(names), [x509.DNSName("example.org")])
        identifier = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31"))
        self.assertTrue(identifier.critical)
        digest = hashlib.sha256(KEY_AUTHORIZATION.encode()).digest()
        self.assertEqual(identifier.value.public_bytes(), b"\x04\x20" + digest)

    def test_it_is_valid_now_and_not_for_long(self) -> None:
        certificate = answering_credential("example.org", KEY_AUTHORIZATION, NOW).chain[0]
        self.assertLess(certificate.not_valid_before_utc, NOW)
        self.assertTrue(NOW < certificate.not_valid_after_utc <= NOW + 7 * DAY)

    def test_each_has_a_key_of_its_own(self) -> None:
        one, other = (answering_credential("example.org", KEY_AUTHORIZATION, NOW) for _ in range(2))
        self.assertNotEqual(one.chain[0].public_key(), other.chain[0].public_key())
