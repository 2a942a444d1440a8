"""The HTTPS side of the tree: what there is with which settings, and who is handed what."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred, succeed

from duck_tx.errors import PortError, SSLError
from duck_tx.https.acme.answer import HTTP_01, TLS_ALPN_01, answering_credential
from duck_tx.https.factory import TLSFactory
from duck_tx.https.handover import packed
from duck_tx.https.hello import Hello
from duck_tx.https.transport import TLSTransport
from duck_tx.settings import Settings, override
from duck_tx.tree import Tree
from tests.authority import issue
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.reactor import HandedOver

DUCK = issue("duck.example", "*.pond.example")


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.certfile, self.key = DUCK.write(self.directory)

    def tree(self, **values: object) -> Tree:
        """A tree with HTTPS, unless told otherwise."""
        own = {
            "gateway__enabled": False,
            "server__port": 0,
            "server__state_dir": str(self.directory / "state"),
            "https__enabled": True,
            "https__certfile": str(self.certfile),
            "https__private_key": str(self.key),
            "https__redirect_port": 0,
        }
        return Tree(
            override(Settings(), {key.replace("__", "."): value for key, value in (own | values).items()}, "").settings,
            HandedOver(),
            up=lambda: None,
            down=lambda: None,
            failed=lambda error: None,
            interrupt=lambda number, earlier: None,
            describe=dict,
        )

    def loaded(self, **values: object) -> Tree:
        """A tree whose certificates are read."""
        tree = self.tree(**values)
        self.secure(tree).certificates.startService()
        self.addCleanup(self.secure(tree).certificates.stopService)
        return tree

    def secure(self, tree: Tree) -> Any:
        assert tree.secure is not None
        return tree.secure

    def factory(self, tree: Tree) -> TLSFactory:
        factory = self.secure(tree).listener(tree.site).factory
        assert isinstance(factory, TLSFactory)
        return factory


class WhatThereIsTests(_Case):
    def names(self, **values: object) -> list[str]:
        return [str(child.name) for child in self.tree(**values).service]

    def test_without_https_there_is_nothing_of_it(self) -> None:
        tree = self.tree(https__enabled=False)
        self.assertEqual((tree.secure, tree.redirect, tree.site.secure), (None, None, False))
        self.assertNotIn("certificates", [str(child.name) for child in tree.service])

    def test_certificates_are_read_before_the_port_listens(self) -> None:
        self.assertEqual(
            self.names(),
            ["checks", "signals", "access log", "automations", "certificates", "server", "metadata", "hooks"],
        )

    def test_the_redirect_site_is_there_where_it_is_forced(self) -> None:
        names = self.names(https__force=True)
        self.assertEqual(names[names.index("server") + 1], "force-https")
        self.assertIsNone(self.tree().redirect)

    def test_certificates_are_asked_for_when_both_ports_can_answer(self) -> None:
        acme = {"https__acme__email": "you@duck.example", "server__domain": "duck.example"}
        self.assertEqual(
            self.names(https__force=True, https__certfile=None, https__private_key=None, **acme)[4:8],
            ["certificates", "server", "force-https", "acme"],
        )

    def test_the_port_speaks_tls(self) -> None:
        tree = self.tree()
        self.assertTrue(tree.site.secure)
        self.assertIs(self.secure(tree).listener(tree.site).transport, TLSTransport)

    def test_the_redirect_site_is_neither_secure_nor_logged_unless_wanted(self) -> None:
        for wanted in (False, True):
            tree = self.tree(https__force=True, https__redirect_log=wanted)
            assert tree.redirect is not None
            self.assertFalse(tree.redirect.site.secure)
            self.assertEqual(tree.redirect.site.access_log is not None, wanted)


class ChecksTests(_Case):
    def setUp(self) -> None:
        super().setUp()
        self.taken = socket.socket()
        self.addCleanup(self.taken.close)
        self.taken.bind(("127.0.0.1", 0))
        self.taken.listen()
        self.port = self.taken.getsockname()[1]

    def fault(self, **values: object) -> str:
        """The first fault; the others are dropped."""
        with logged_lines(), self.assertRaises((PortError, SSLError)) as caught:
            self.tree(**values).run_checks()
        return str(caught.exception)

    def test_all_that_is_in_order_passes_and_leaves_nothing(self) -> None:
        before = sorted(self.directory.rglob("*"))
        self.tree(https__force=True).run_checks()
        self.assertEqual(sorted(self.directory.rglob("*")), before)

    def test_ports_come_first_then_certificates(self) -> None:
        wrong = {"https__force": True, "https__certfile": "/nowhere/cert.pem", "server__addr": "127.0.0.1"}
        self.assertIn("choose another with --port.", self.fault(server__port=self.port, **wrong))
        self.assertIn("choose another with --redirect-port.", self.fault(https__redirect_port=self.port, **wrong))
        self.assertIn("/nowhere/cert.pem", self.fault(**wrong))

    def test_the_port_of_a_redirect_site_that_is_not_there_may_be_taken(self) -> None:
        self.tree(https__redirect_port=self.port, server__addr="127.0.0.1").run_checks()

    def test_the_key_of_another_certificate_is_found(self) -> None:
        other = issue("other.example").write(self.directory / "other")
        self.assertIn("other", self.fault(https__private_key=str(other[1])))


class HstsTests(_Case):
    def promise(self, **values: object) -> bytes | None:
        promise: bytes | None = self.secure(self.loaded(**values)).hsts()
        return promise

    def test_nothing_is_promised_before_it_can_be_kept(self) -> None:
        self.assertIsNone(self.secure(self.tree(https__force=True)).hsts())

    def test_a_year_where_plain_http_is_redirected(self) -> None:
        self.assertEqual(self.promise(https__force=True), b"max-age=31536000")
        self.assertIsNone(self.promise())

    def test_what_was_set_wins(self) -> None:
        self.assertEqual(self.promise(https__hsts=5), b"max-age=5")
        self.assertIsNone(self.promise(https__force=True, https__hsts=0))
        self.assertEqual(
            self.promise(https__hsts=63_072_000, https__hsts_subdomains=True, https__hsts_preload=True),
            b"max-age=63072000; includeSubDomains; preload",
        )

    def test_nothing_is_promised_with_a_development_certificate(self) -> None:
        own = {"https__certfile": None, "https__private_key": None, "server__debug": True}
        self.assertIsNone(self.promise(https__force=True, **own))

    def test_it_is_said_over_tls_and_never_in_plain(self) -> None:
        tree = self.loaded(https__force=True)
        assert tree.redirect is not None
        self.assertIn(b"\r\nStrict-Transport-Security: max-age=31536000\r\n", tree.site.own_fields())
        self.assertNotIn(b"Strict-Transport-Security", tree.redirect.site.own_fields())


class HandedTests(_Case):
    """What the parts are handed."""

    def offered(self, **values: object) -> set[bytes]:
        """The protocols that a client is offered."""
        found = set()
        context = self.factory(self.loaded(**values)).context_for(Hello())
        assert context is not None
        for protocol in (b"h2", b"http/1.1"):
            if self.accepts(context, protocol):
                found.add(protocol)
        return found

    def accepts(self, server: SSL.Context, protocol: bytes | None = None, version: int | None = None) -> bool:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if protocol is not None:
            context.set_alpn_protos([protocol])
        if version is not None:
            context.set_max_proto_version(version)
        client, end = SSL.Connection(context), SSL.Connection(server)
        client.set_connect_state()
        end.set_accept_state()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        end.bio_write(client.bio_read(65_536))
        try:
            end.do_handshake()
        except SSL.WantReadError:
            return True
        except SSL.Error:
            return False
        raise AssertionError("the handshake ended without the client")

    def test_http2_is_offered_unless_it_is_off(self) -> None:
        self.assertEqual(self.offered(), {b"h2", b"http/1.1"})
        self.assertEqual(self.offered(http2__enabled=False), {b"http/1.1"})

    def test_the_lowest_version_is_that_of_the_settings(self) -> None:
        for lowest, taken in (("1.2", True), ("1.3", False)):
            context = self.factory(self.loaded(https__min_version=lowest)).context_for(Hello())
            assert context is not None
            self.assertEqual(self.accepts(context, version=SSL.TLS1_2_VERSION), taken)

    def test_unknown_names_are_refused_where_that_is_wanted(self) -> None:
        self.assertIsNotNone(self.factory(self.loaded()).context_for(Hello("unknown.example")))
        self.assertIsNone(self.factory(self.loaded(https__strict_sni=True)).context_for(Hello("unknown.example")))

    def test_a_handshake_has_the_time_of_the_settings(self) -> None:
        self.assertEqual(self.factory(self.tree(https__handshake_timeout=3.5)).timeout, 3.5)

    def test_redirects_lead_to_names_of_certificates_and_of_settings_only(self) -> None:
        keeps = self.secure(self.loaded(https__redirect_hosts=("extra.example", "*.lake.example")))._keeps
        for host in ("duck.example", "a.pond.example", "extra.example", "a.lake.example"):
            self.assertTrue(keeps(host), host)
        for host in ("evil.example", "pond.example", "lake.example", "duck.example.evil.example", ""):
            self.assertFalse(keeps(host), host)


class _Followers:
    """Other processes, which take down what they are told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def reload_certificates(self) -> None:
        self.told.append(("reload",))

    def answer(self, kind: str, key: bytes, value: bytes) -> None:
        self.told.append((kind, key, value))

    def settled(self) -> Deferred[None]:
        return succeed(None)


class OtherProcessesTests(_Case):
    """Where several processes serve: one has the certificates, and the others follow."""

    def test_others_are_told_when_there_are_other_certificates(self) -> None:
        secure, followers = self.secure(self.tree()), _Followers()
        secure.lead(followers)
        secure.certificates.startService()
        self.addCleanup(secure.certificates.stopService)
        before = len(followers.told)
        secure.certificates.reload()
        self.assertEqual(len(followers.told), before)
        issue("duck.example").write(self.directory)
        secure.certificates.reload()
        self.assertEqual(followers.told[before:], [("reload",)])

    def test_others_are_told_what_to_answer_an_authority(self) -> None:
        acme = {"https__acme__email": "you@duck.example", "server__domain": "duck.example"}
        tree = self.tree(https__force=True, https__certfile=None, https__private_key=None, **acme)
        secure, followers = self.secure(tree), _Followers()
        secure.lead(followers)
        answers = secure.acme._make_answers()
        for kind, name in ((HTTP_01, "duck.example"), (TLS_ALPN_01, "duck.example")):
            answers._show(kind, name, "token", "token.key")
        answers.close()
        secure._reactor.turn()
        (http, tls, *gone) = followers.told
        self.assertEqual(http, ("http", b"token", b"token.key"))
        self.assertEqual(tls[:2], ("tls", b"duck.example"))
        self.assertEqual(gone, [("http", b"token", b""), ("tls", b"duck.example", b"")])
        self.assertEqual(secure.certificates.store.challenges, {})

    def test_the_others_are_the_worker_processes(self) -> None:
        tree = self.tree(
            server__force_worker_processes=True, server__workers=1, server__domain="duck.example",
            https__force=True, https__acme__email="you@duck.example", https__certfile=None, https__private_key=None,
        )  # fmt: skip
        secure = self.secure(tree)
        secure.acme._make_answers()._show(HTTP_01, "duck.example", "token", "token.key")
        secure._reactor.turn()
        assert tree.workers is not None
        self.assertEqual(tree.workers._answers, {("http", b"token"): b"token.key"})
        self.assertEqual(secure.certificates.store.changed, tree.workers.reload_certificates)

    def test_who_follows_answers_as_it_is_told(self) -> None:
        secure = self.secure(self.tree())
        pem = packed(answering_credential("duck.example", "token.key", datetime.now(UTC)))
        secure.follow("http", b"token", b"token.key")
        secure.follow("tls", b"duck.example", pem)
        self.assertEqual(secure._http_answers, {b"token": b"token.key"})
        self.assertEqual(list(secure.certificates.store.challenges), ["duck.example"])
        secure.follow("http", b"token", b"")
        secure.follow("tls", b"duck.example", b"")
        self.assertEqual((secure._http_answers, secure.certificates.store.challenges), ({}, {}))

    def test_who_follows_reads_the_files_when_it_is_told(self) -> None:
        secure = self.secure(self.tree())
        secure.reload()
        self.assertEqual(secure.certificates.store.credentials, ())
        secure.certificates.startService()
        self.addCleanup(secure.certificates.stopService)
        before = secure.certificates.store.context_for("duck.example")
        secure.reload()
        # Whoever learns the keys of session tickets later shall not read what was said with earlier ones.
        self.assertIsNot(secure.certificates.store.context_for("duck.example"), before)
