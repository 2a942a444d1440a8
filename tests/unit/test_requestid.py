"""Request ids: which are kept, and which are made."""

from __future__ import annotations

from duck_tx.http.requestid import RequestIds, is_request_id
from tests.case import UnitTestCase


class RequestIdsTests(UnitTestCase):
    def test_ids_of_one_process_and_of_two_differ_and_are_harmless(self) -> None:
        fresh, elsewhere = RequestIds(), RequestIds()
        made = [each() for each in (fresh, elsewhere) for _ in range(1000)]
        self.assertEqual(len(set(made)), 2000)
        for each in made:
            self.assertRegex(each, r"\A[0-9a-f]{16}-[0-9a-f]+\Z")

    def test_a_prefix_may_be_given(self) -> None:
        fresh = RequestIds("w1.")
        self.assertEqual([fresh(), fresh()], ["w1.1", "w1.2"])

    def test_a_prefix_that_could_not_be_kept_is_refused(self) -> None:
        for bad in ("a b", "é", "\n", "x" * 101, "\udc80"):
            self.assertRaises(ValueError, RequestIds, bad)

    def test_only_short_and_harmless_texts_are_ids(self) -> None:
        for good in (b"a", b"7f3.A_b-9", b"x" * 128):
            self.assertTrue(is_request_id(good))
        for bad in (b"", b"x" * 129, b"a b", b"a\n", b'"', b"\xc3\xa9", b"a/b"):
            self.assertFalse(is_request_id(bad))
