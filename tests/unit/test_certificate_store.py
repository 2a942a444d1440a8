"""Which certificate a client is shown."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from duck_tx.errors import SSLError
from duck_tx.https.context import Policy, server_context
from duck_tx.https.credential import Credential
from duck_tx.https.store import CertificateStore
from tests.case import UnitTestCase
from tests.unit.certificates import issue


def credential(*names: str, is_development: bool = False) -> Credential:
    party = issue(*names)
    return Credential((party.certificate,), party.key, names[0] if names else "none", is_development)


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.made: list[Credential] = []
        self.store = self.new_store()

    def new_store(self, *, strict: bool = False) -> CertificateStore:
        return CertificateStore(self.make, strict=strict)

    def make(self, credential: Credential) -> SSL.Context:
        if credential.source == "refused.example":
            raise SSLError("refused.example: no")
        self.made.append(credential)
        return server_context(credential, Policy())

    def shown(self, name: str | None, store: CertificateStore | None = None) -> str | None:
        """The first name of the certificate that a client is shown, found by asking OpenSSL for it."""
        context = (store or self.store).context_for(name)
        if context is None:
            return None
        certificate = SSL.Connection(context).get_certificate(as_cryptography=True)
        assert certificate is not None
        return next(each.source for each in self.made if each.chain[0] == certificate)


class RenewalTests(_Case):
    def test_all_contexts_are_new_and_show_the_same(self) -> None:
        self.store.use([credential("a.example"), credential("b.example")])
        before = [self.store.context_for(name) for name in ("a.example", "b.example")]
        self.store.renew()
        for name, context in zip(("a.example", "b.example"), before, strict=True):
            self.assertIsNot(self.store.context_for(name), context)
            self.assertEqual(self.shown(name), name)

    def test_one_that_cannot_be_made_leaves_all_as_they_were(self) -> None:
        broken = False

        def make(each: Credential) -> SSL.Context:
            if broken:
                raise SSLError("no")
            return server_context(each, Policy())

        store = CertificateStore(make, strict=False)
        store.use([credential("a.example")])
        context = store.context_for("a.example")
        broken = True
        self.assertRaises(SSLError, store.renew)
        self.assertIs(store.context_for("a.example"), context)


class ChoiceTests(_Case):
    def setUp(self) -> None:
        super().setUp()
        self.credentials = (
            credential("default.example"),
            credential("*.example.org", "192.0.2.1"),
            credential("www.example.org", "*.example.org", "default.example"),
        )
        self.store.use(self.credentials)

    def test_by_its_exact_name_before_any_wildcard(self) -> None:
        self.assertEqual(self.shown("www.example.org"), "www.example.org")

    def test_by_a_wildcard(self) -> None:
        self.assertEqual(self.shown("mail.example.org"), "*.example.org")

    def test_case_and_a_last_dot_make_no_difference(self) -> None:
        self.assertEqual(self.shown("WWW.Example.ORG."), "www.example.org")
        self.assertEqual(self.shown("MAIL.example.org."), "*.example.org")

    def test_for_the_same_name_the_earlier_is_shown(self) -> None:
        self.assertEqual(self.shown("default.example"), "default.example")

    def test_the_first_is_for_all_others(self) -> None:
        for name in (None, "", "unknown.example", "example.org", "a.b.example.org", ".example.org", "192.0.2.9"):
            self.assertEqual(self.shown(name), "default.example", name)

    def test_an_address_is_a_name_too_though_clients_do_not_ask_for_any(self) -> None:
        self.assertEqual(self.shown("192.0.2.1"), "*.example.org")

    def test_a_strict_store_refuses_all_others(self) -> None:
        strict = self.new_store(strict=True)
        strict.use(self.credentials)
        for name in (None, "", "unknown.example", "example.org"):
            self.assertIsNone(self.shown(name, strict), name)
        self.assertEqual(self.shown("www.example.org", strict), "www.example.org")
        self.assertEqual(self.shown("mail.example.org", strict), "*.example.org")

    def test_an_empty_store_has_nothing_to_show(self) -> None:
        self.assertIsNone(self.new_store().context_for("www.example.org"))
        self.assertEqual(self.new_store().credentials, ())

    @given(st.text(st.characters(codec="ascii")))
    def test_any_name_is_answered(self, name: str) -> None:
        self.assertIsNotNone(self.store.context_for(name))


class CoverTests(_Case):
    def test_it_covers_what_one_of_its_certificates_is_for(self) -> None:
        self.store.use([credential("a.example", "192.0.2.1", "2001:db8::1"), credential("*.example.org")])
        for host in ("a.example", "A.Example.", "www.example.org", "192.0.2.1", "[2001:DB8::1]"):
            self.assertTrue(self.store.covers(host), host)
        for host in ("", "b.example", "example.org", "a.b.example.org", "*.example.org", "192.0.2.2", ".example.org"):
            self.assertFalse(self.store.covers(host), host)

    def test_certificates_that_were_made_here_do_not_count(self) -> None:
        self.store.use([credential("localhost", is_development=True)])
        self.assertFalse(self.store.covers("localhost"))
        self.assertEqual(self.shown("localhost"), "localhost")

    def test_an_empty_store_covers_nothing(self) -> None:
        self.assertFalse(self.store.covers("localhost"))

    @given(
        st.lists(
            st.sampled_from(["a.b", "*.b", "b", "*.a.b", "*.1", "*", "1.1.1.1", "*.1.1.1"]), min_size=1, unique=True
        ),
        st.sampled_from(["a.b", "b.b", "b", "x.a.b", ".b", "1", "a.1", "1.1.1.1", "2.1.1.1", "A.B."]),
    )
    def test_store_and_credential_agree(self, names: Sequence[str], host: str) -> None:
        one = credential(*names)
        self.store.use([credential("default.example"), one])
        self.assertEqual(self.store.covers(host), one.covers(host))
        self.assertEqual(self.shown(host), one.source if one.covers(host) else "default.example")


class UseTests(_Case):
    def test_new_certificates_replace_all_earlier_ones(self) -> None:
        self.store.use([credential("a.example"), credential("b.example")])
        new = (credential("c.example"),)
        self.store.use(new)
        self.assertEqual(self.store.credentials, new)
        self.assertEqual(self.shown("a.example"), "c.example")

    def test_one_that_cannot_be_used_leaves_all_as_it_was(self) -> None:
        old = (credential("a.example"), credential("b.example"))
        self.store.use(old)
        with self.assertRaisesRegex(SSLError, "refused.example: no"):
            self.store.use([credential("c.example"), credential("refused.example")])
        self.assertEqual(self.store.credentials, old)
        self.assertEqual((self.shown("b.example"), self.shown("c.example")), ("b.example", "a.example"))

    def test_none_at_all_is_refused(self) -> None:
        self.store.use([credential("a.example")])
        with self.assertRaises(SSLError):
            self.store.use([])
        self.assertEqual(self.shown("a.example"), "a.example")

    def test_those_that_stay_keep_their_contexts_and_so_their_sessions(self) -> None:
        stays, goes = credential("a.example"), credential("b.example")
        self.store.use([goes, stays])
        context = self.store.context_for("a.example")
        self.store.use([stays, credential("c.example")])
        self.assertIs(self.store.context_for("a.example"), context)
        self.assertEqual(len(self.made), 3)

    def test_trying_out_changes_nothing(self) -> None:
        self.store.try_out(credential("a.example"))
        self.assertEqual(self.store.credentials, ())
        self.assertRaises(SSLError, self.store.try_out, credential("refused.example"))

    def test_challenges_are_kept_for_others(self) -> None:
        self.store.use([credential("a.example")])
        self.assertEqual(self.store.challenges, {})
