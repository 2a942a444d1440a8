"""Which precompressed sibling a client would rather have, RFC 9110 12.5.3."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.content.coding import CODINGS, preferred
from tests.case import UnitTestCase


def _tokens(value: bytes) -> list[bytes]:
    return [coding.token for coding in preferred(value)]


class PreferredTests(UnitTestCase):
    def test_ours_decides_between_codings_liked_equally(self) -> None:
        self.assertEqual(_tokens(b"gzip, deflate, br, zstd"), [b"br", b"zstd", b"gzip"])
        self.assertEqual(_tokens(b"gzip;q=0.5, br;q=0.5"), [b"br", b"gzip"])

    def test_the_weights_of_the_client_come_first(self) -> None:
        self.assertEqual(_tokens(b"br;q=0.2, gzip;q=0.9, zstd;q=0.5"), [b"gzip", b"zstd", b"br"])
        self.assertEqual(_tokens(b"br;q=0.999, gzip"), [b"gzip", b"br"])

    def test_weight_zero_is_a_refusal(self) -> None:
        self.assertEqual(_tokens(b"br;q=0, gzip;q=0.001, zstd;q=0.000"), [b"gzip"])

    def test_a_star_stands_for_all_that_are_not_named(self) -> None:
        self.assertEqual(_tokens(b"*"), [b"br", b"zstd", b"gzip"])
        self.assertEqual(_tokens(b"br;q=0, *"), [b"zstd", b"gzip"])
        self.assertEqual(_tokens(b"gzip, *;q=0"), [b"gzip"])
        self.assertEqual(_tokens(b"gzip;q=0.5, *;q=0.7"), [b"br", b"zstd", b"gzip"])

    def test_a_client_may_prefer_the_plain_file(self) -> None:
        self.assertEqual(_tokens(b"identity, gzip;q=0.5"), [])
        self.assertEqual(_tokens(b"identity;q=0.5, gzip;q=0.8, br;q=0.3"), [b"gzip"])
        self.assertEqual(_tokens(b"identity;q=0.5, gzip;q=0.5"), [b"gzip"])

    def test_nothing_is_taken_for_granted(self) -> None:
        for value in (b"", b"identity", b"deflate", b"identity;q=0", b"*;q=0", b" , ,"):
            self.assertEqual(_tokens(value), [], value)

    def test_case_space_and_the_old_name_of_gzip_are_understood(self) -> None:
        self.assertEqual(_tokens(b" GZip ; Q=0.5 ,\tBR"), [b"br", b"gzip"])
        self.assertEqual(_tokens(b"x-gzip"), [b"gzip"])

    def test_elements_that_cannot_be_read_are_ignored(self) -> None:
        for element in (
            b"br;q=2",
            b"br;q=",
            b"br;q=0.1234",
            b"br;q=-1",
            b"br;level=9",
            b"br;q=1;q=1",
            b";q=1",
            b"br;q=.5",
        ):
            self.assertEqual(_tokens(element + b", gzip"), [b"gzip"], element)

    @given(st.binary(max_size=40) | st.text("brgzipstd*;q=01., ", max_size=40).map(str.encode))
    def test_any_bytes_are_taken(self, value: bytes) -> None:
        taken = preferred(value)
        self.assertEqual(len(set(taken)), len(taken))
        self.assertLessEqual(set(taken), set(CODINGS))
