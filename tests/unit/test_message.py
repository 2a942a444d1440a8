"""The forms of what is said over the control socket."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.errors import ApplicationError
from duck_tx.process import message
from duck_tx.process.message import arguments_of, as_json, gathered, spread
from tests.case import UnitTestCase


class JSONTests(UnitTestCase):
    def test_it_is_short_and_in_ascii(self) -> None:
        self.assertEqual(as_json({"a": [1, None, "ü"]}), b'{"a":[1,null,"\\u00fc"]}')

    def test_what_json_does_not_have_is_told_as_text(self) -> None:
        self.assertEqual(as_json([Path("/x"), 1j]), b'["/x","1j"]')

    def test_a_path_that_is_no_unicode_comes_through(self) -> None:
        name = b"k\xe4tzchen".decode(errors="surrogateescape")
        self.assertEqual(json.loads(as_json(name)), name)

    def test_what_is_too_long_is_refused(self) -> None:
        self.patch(message, "LONGEST_ANSWER", 10)
        self.assertEqual(as_json("12345678"), b'"12345678"')
        with self.assertRaisesRegex(ApplicationError, "longer than 10 bytes"):
            as_json("123456789")

    def test_arguments_are_an_object(self) -> None:
        self.assertEqual(arguments_of(b'{"n": 4}'), {"n": 4})
        for wrong in (b"", b"[]", b"{", b"4", b"\xff", b"[" * 60_000, b"9" * 60_000):
            with self.assertRaisesRegex(ApplicationError, "no JSON object"):
                arguments_of(wrong)


class SpreadTests(UnitTestCase):
    def test_a_short_value_stays_whole(self) -> None:
        self.assertEqual(spread(b"answer", b"x"), {b"answer": b"x"})
        self.assertEqual(spread(b"answer", b""), {b"answer": b""})
        self.assertEqual(spread(b"answer", b"x" * 65535), {b"answer": b"x" * 65535})

    def test_a_long_one_goes_on_under_further_names(self) -> None:
        found = spread(b"answer", b"x" * 65535 + b"y" * 65535 + b"z")
        self.assertEqual(found, {b"answer": b"x" * 65535, b"answer.1": b"y" * 65535, b"answer.2": b"z"})

    def test_without_a_beginning_there_is_no_value(self) -> None:
        self.assertRaises(KeyError, gathered, b"answer", {b"answer.1": b"x"})

    @given(st.binary(min_size=1, max_size=40), st.integers(1, 12_000))
    def test_what_was_spread_is_gathered(self, piece: bytes, times: int) -> None:
        found = spread(b"a", piece * times)
        self.assertEqual(gathered(b"a", {**found, b"b": b"other"}), piece * times)
        self.assertLessEqual(max(map(len, found.values())), 65535)
