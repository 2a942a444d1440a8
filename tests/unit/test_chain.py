"""Certificates in the order in which clients want them."""

from __future__ import annotations

from functools import cache

from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from duck_tx.https.chain import has_issued, in_order, is_self_signed, rank
from tests.case import UnitTestCase
from tests.unit.certificates import DAY, NOW, Party, authority, issue, rsa_key, signed_with_sha1


@cache
def parties() -> dict[str, Party]:
    """A leaf below two intermediates, with everything that may lie in the same file."""
    root = authority("root")
    upper = authority("upper", root)
    lower = authority("lower", upper)
    old_root = authority("old root")
    return {
        "root": root,
        "upper": upper,
        "lower": lower,
        "leaf": issue("www.example.org", issuer=lower),
        "cross": authority("root", old_root, key=root.key),
        "upper again": authority("upper", root, key=upper.key, ends=NOW + 10 * DAY),
        "namesake": authority("lower", upper),
        "stranger": authority("stranger"),
    }


def certificates(*names: str) -> tuple[x509.Certificate, ...]:
    return tuple(parties()[name].certificate for name in names)


class ChainTests(UnitTestCase):
    def assert_chain(self, given: tuple[str, ...], expected: tuple[str, ...], strangers: tuple[str, ...] = ()) -> None:
        chain = in_order(parties()["leaf"].certificate, certificates(*given))
        self.assertEqual(chain.certificates, certificates(*expected))
        self.assertEqual(set(chain.strangers), set(certificates(*strangers)))

    def test_each_certificate_is_followed_by_its_issuer(self) -> None:
        self.assert_chain(("upper", "lower"), ("leaf", "lower", "upper"))

    def test_the_root_is_left_out(self) -> None:
        self.assert_chain(("root", "lower", "upper", "leaf"), ("leaf", "lower", "upper"))

    def test_a_chain_may_end_early(self) -> None:
        self.assert_chain((), ("leaf",))
        self.assert_chain(("lower",), ("leaf", "lower"))

    def test_what_lies_beyond_a_gap_is_no_part_of_the_chain(self) -> None:
        self.assert_chain(("upper", "root"), ("leaf",), ("upper", "root"))

    def test_a_namesake_with_another_key_is_a_stranger(self) -> None:
        self.assert_chain(("namesake", "lower"), ("leaf", "lower"), ("namesake",))

    def test_a_cross_signed_root_leads_on(self) -> None:
        self.assert_chain(("root", "cross", "upper", "lower"), ("leaf", "lower", "upper", "cross"))

    def test_of_two_certificates_of_one_issuer_the_one_that_lasts_longer_is_taken(self) -> None:
        self.assert_chain(("upper again", "upper", "lower"), ("leaf", "lower", "upper"))

    def test_what_is_there_twice_is_shown_once(self) -> None:
        self.assert_chain(("lower", "leaf", "lower", "leaf"), ("leaf", "lower"))

    def test_a_certificate_that_signed_itself_needs_nobody(self) -> None:
        alone = issue("localhost").certificate
        self.assertTrue(is_self_signed(alone))
        self.assertEqual(in_order(alone, [alone]).certificates, (alone,))

    def test_where_a_signature_cannot_be_verified_the_names_have_to_do(self) -> None:
        root = authority("root", key=rsa_key())
        leaf = signed_with_sha1(issue("old.example", issuer=root)).certificate
        self.assertTrue(has_issued(root.certificate, leaf))
        self.assertFalse(has_issued(authority("other").certificate, leaf))
        self.assertEqual(in_order(leaf, [root.certificate]).strangers, ())
        self.assertTrue(is_self_signed(signed_with_sha1(root).certificate))

    def test_a_namesake_with_a_key_of_another_kind_is_a_stranger(self) -> None:
        leaf = issue("www.example.org", issuer=authority("root", key=rsa_key())).certificate
        self.assertFalse(has_issued(authority("root").certificate, leaf))

    def test_an_authority_of_the_same_name_as_its_leaf_is_no_reason_to_stop(self) -> None:
        ca = authority("localhost")
        leaf = issue("localhost", issuer=ca)
        chain = in_order(leaf.certificate, [ca.certificate])
        self.assertFalse(is_self_signed(leaf.certificate))
        self.assertEqual((chain.certificates, chain.strangers), ((leaf.certificate,), ()))

    @given(st.permutations(sorted(parties())))
    def test_any_order_gives_the_same_chain(self, names: list[str]) -> None:
        self.assert_chain(tuple(names), ("leaf", "lower", "upper", "cross"), ("namesake", "stranger"))

    @given(st.data(), st.lists(st.sampled_from(sorted(parties()))))
    def test_any_order_of_any_part_gives_the_same_chain(self, data: st.DataObject, names: list[str]) -> None:
        [leaf] = certificates("leaf")
        expected = in_order(leaf, certificates(*names))
        self.assertEqual(in_order(leaf, certificates(*data.draw(st.permutations(names)))), expected)
        for certificate, issuer in zip(expected.certificates, expected.certificates[1:], strict=False):
            certificate.verify_directly_issued_by(issuer)

    def test_no_two_certificates_have_the_same_rank(self) -> None:
        ranks = [rank(each) for each in certificates(*parties())]
        self.assertEqual(len(set(ranks)), len(ranks))
