"""The policy, as clients meet it: both ends in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from OpenSSL import SSL

from duck_tx.errors import SSLError
from duck_tx.https.context import ACME_TLS, Policy, challenge_context, server_context
from duck_tx.https.credential import Credential
from tests.authority import issue
from tests.case import UnitTestCase
from tests.unit.certificates import issue as make
from tests.unit.certificates import rsa_key

DUCK = issue("duck.example").credential()
_H11 = Policy(protocols=(b"http/1.1",))


def _shake_hands(server: SSL.Context, client: SSL.Context) -> tuple[SSL.Connection, SSL.Connection]:
    """Both ends, when they agree.

    :raises SSL.Error: if they do not: what the client says of it.
    """
    ends = SSL.Connection(server), SSL.Connection(client)
    ends[0].set_accept_state()
    ends[1].set_connect_state()
    for _ in range(10):
        done = 0
        try:
            ends[0].do_handshake()
            done += 1
        except SSL.Error:
            # It wants more, or refuses: then it tells the client why.
            pass
        _carry(*ends)
        try:
            ends[1].do_handshake()
            done += 1
        except SSL.WantReadError:
            pass
        _carry(ends[1], ends[0])
        if done == 2:
            return ends
    raise AssertionError("they never end")


def _carry(end: SSL.Connection, other: SSL.Connection) -> None:
    try:
        other.bio_write(end.bio_read(65_536))
    except SSL.WantReadError:
        return


class _Case(UnitTestCase):
    def client(self, *protocols: bytes, version: int | None = None) -> SSL.Context:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if protocols:
            context.set_alpn_protos(list(protocols))
        if version is not None:
            context.set_min_proto_version(version)
            context.set_max_proto_version(version)
        return context

    def agreed(self, policy: Policy = _H11, client: SSL.Context | None = None) -> SSL.Connection:
        """The client's end."""
        return _shake_hands(server_context(DUCK, policy), client or self.client())[1]

    def refused(self, policy: Policy = _H11, client: SSL.Context | None = None) -> str:
        """The reason that the client hears."""
        with self.assertRaises(SSL.Error) as caught:
            self.agreed(policy, client)
        return str(caught.exception.args[0][0][-1])


class VersionTests(_Case):
    def test_both_versions_are_spoken_and_the_newer_is_preferred(self) -> None:
        self.assertEqual(self.agreed().get_protocol_version_name(), "TLSv1.3")
        older = self.agreed(client=self.client(version=SSL.TLS1_2_VERSION))
        self.assertEqual(older.get_protocol_version_name(), "TLSv1.2")

    def test_the_old_versions_are_not(self) -> None:
        for version in (SSL.TLS1_VERSION, SSL.TLS1_1_VERSION):
            client = self.client(version=version)
            # The client's own policy would keep it from asking.
            client.set_cipher_list(b"ALL:@SECLEVEL=0")
            self.assertIn("protocol version", self.refused(client=client))

    def test_the_newer_version_can_be_demanded(self) -> None:
        policy = Policy("1.3", (b"http/1.1",))
        self.assertEqual(self.agreed(policy).get_protocol_version_name(), "TLSv1.3")
        self.assertIn("protocol version", self.refused(policy, self.client(version=SSL.TLS1_2_VERSION)))


class CipherTests(_Case):
    def suite(self, ciphers: bytes) -> str | None:
        client = self.client(version=SSL.TLS1_2_VERSION)
        client.set_cipher_list(ciphers)
        return self.agreed(client=client).get_cipher_name()

    def test_the_order_is_the_servers(self) -> None:
        self.assertEqual(
            self.suite(b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"), "ECDHE-ECDSA-AES128-GCM-SHA256"
        )

    def test_a_client_that_prefers_chacha_gets_it(self) -> None:
        self.assertEqual(
            self.suite(b"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"), "ECDHE-ECDSA-CHACHA20-POLY1305"
        )

    def test_nothing_without_forward_secrecy_or_authentication_is_taken(self) -> None:
        for ciphers in (
            b"ECDHE-ECDSA-AES128-SHA",
            b"ECDHE-ECDSA-AES256-CCM",
            b"AECDH-AES128-SHA:@SECLEVEL=0",
            b"AES128-GCM-SHA256",
        ):
            client = self.client(version=SSL.TLS1_2_VERSION)
            client.set_cipher_list(ciphers)
            self.assertIn("handshake failure", self.refused(client=client), ciphers)

    def test_nothing_is_compressed_and_nothing_renegotiated(self) -> None:
        server, client = _shake_hands(server_context(DUCK, _H11), self.client(version=SSL.TLS1_2_VERSION))
        client.renegotiate()
        for end, other in ((client, server), (server, client)):
            with self.assertRaises(SSL.WantReadError):
                end.do_handshake() if end is client else end.recv(1)
            _carry(end, other)
        with self.assertRaises(SSL.Error) as caught:
            client.do_handshake()
        self.assertEqual(caught.exception.args[0][0][-1], "no renegotiation")


class GroupTests(_Case):
    def group(self, *curves: ec.EllipticCurve) -> str | None:
        client = self.client()
        for curve in curves:
            client.set_tmp_ecdh(curve)
        return self.agreed(client=client).get_group_name()

    def test_the_hybrid_group_is_first_where_both_know_it(self) -> None:
        self.assertEqual(self.group(), "X25519MLKEM768")

    def test_the_curves_of_certificates_are_taken(self) -> None:
        self.assertEqual(self.group(ec.SECP256R1()), "secp256r1")
        self.assertEqual(self.group(ec.SECP384R1()), "secp384r1")

    def test_others_are_not(self) -> None:
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            client = self.client(version=version)
            client.set_tmp_ecdh(ec.SECP521R1())
            self.assertIn("handshake failure", self.refused(client=client), version)


class ProtocolTests(_Case):
    def spoken(self, *offered: bytes, policy: Policy | None = None) -> bytes:
        return self.agreed(policy or Policy(), self.client(*offered)).get_alpn_proto_negotiated()

    def test_the_best_is_chosen_whatever_the_client_names_first(self) -> None:
        self.assertEqual(self.spoken(b"http/1.1", b"h2"), b"h2")
        self.assertEqual(self.spoken(b"x", b"http/1.1"), b"http/1.1")
        self.assertEqual(self.spoken(b"h2", b"http/1.1", policy=_H11), b"http/1.1")

    def test_a_client_that_says_nothing_is_told_nothing(self) -> None:
        self.assertEqual(self.spoken(), b"")

    def test_a_client_that_speaks_only_the_elder_is_understood(self) -> None:
        self.assertEqual(self.spoken(b"http/1.0"), b"http/1.0")

    def test_a_client_that_speaks_something_else_is_refused(self) -> None:
        for offered in (b"imap", b"h2c", ACME_TLS):
            self.assertIn("no application protocol", self.refused(Policy(), self.client(offered)))
        self.assertIn("no application protocol", self.refused(_H11, self.client(b"h2")))

    def test_a_challenge_is_answered_in_its_protocol_only(self) -> None:
        context = challenge_context(DUCK)
        _, client = _shake_hands(context, self.client(ACME_TLS))
        self.assertEqual(client.get_alpn_proto_negotiated(), ACME_TLS)
        for offered in (b"h2", b"http/1.1", b"http/1.0"):
            with self.assertRaises(SSL.Error):
                _shake_hands(context, self.client(offered))


class CertificateTests(_Case):
    def test_the_chain_is_shown_without_the_root(self) -> None:
        shown = self.agreed().get_peer_cert_chain(as_cryptography=True)
        assert shown is not None
        self.assertEqual(tuple(shown), DUCK.chain)
        self.assertEqual(len(shown), 2)

    def test_keys_of_every_usual_kind_are_shown(self) -> None:
        for key in (ec.generate_private_key(ec.SECP384R1()), rsa_key(2048), ed25519.Ed25519PrivateKey.generate()):
            party = make("duck.example", key=key)
            credential = Credential((party.certificate,), party.key, "a test")
            for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
                _, client = _shake_hands(server_context(credential, _H11), self.client(version=version))
                self.assertEqual(client.get_peer_certificate(as_cryptography=True), party.certificate)

    def test_the_key_of_another_certificate_is_named(self) -> None:
        with self.assertRaisesRegex(SSLError, r"^a test: OpenSSL does not take this certificate \(.*mismatch"):
            server_context(replace(DUCK, key=ec.generate_private_key(ec.SECP256R1())), _H11)
        with self.assertRaisesRegex(SSLError, r"^a test: OpenSSL does not take this certificate \(no certificate"):
            server_context(replace(DUCK, key=rsa_key(2048)), _H11)

    def test_a_weak_key_is_named(self) -> None:
        party = make("duck.example", key=rsa.generate_private_key(public_exponent=65537, key_size=1024))
        weak = Credential((party.certificate,), party.key, "weak.pem")
        with self.assertRaisesRegex(SSLError, r"^weak.pem: .*\(ee key too small\); get one with a key that is strong"):
            server_context(weak, _H11)

    def test_an_expired_one_is_shown(self) -> None:
        # Whether to go on is for the visitor to decide; the log says it.
        old = issue("duck.example", before=timedelta(days=2), after=-timedelta(days=1)).credential()
        _, client = _shake_hands(server_context(old, _H11), self.client())
        self.assertEqual(client.get_peer_certificate(as_cryptography=True), old.chain[0])
