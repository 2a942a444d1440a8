"""Response heads as header blocks; the ``hpack`` library reads them."""

from __future__ import annotations

from hpack import Decoder, NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from duck_tx.http.response import serialise
from duck_tx.http2.encode import EMPTY_TABLE, encoded_fields, encoded_length, encoded_status
from tests.case import UnitTestCase

_NAMES = st.sampled_from([b"Content-Type", b"X-Duck", b"Vary", b"ETag", b"X-A", b"Set-Cookie", b"Accept-Encoding"])
_VALUES = st.text("abcXYZ09 ;,=\xe9:", max_size=300).map(lambda text: text.strip().encode("latin-1"))


def read(block: bytes) -> list[tuple[bytes, bytes]]:
    return [(bytes(name), bytes(value)) for name, value in Decoder().decode(block, raw=True)]


class EncoderTests(UnitTestCase):
    @given(st.lists(st.tuples(_NAMES, _VALUES), max_size=10))
    def test_the_fields_are_read_as_they_were_set(self, fields: list[tuple[bytes, bytes]]) -> None:
        block = encoded_fields(serialise(fields).lines)
        self.assertEqual(read(block), [(name.lower(), value) for name, value in fields])

    @given(st.integers(0, 10**18))
    def test_a_length_is_read_as_it_was_set(self, length: int) -> None:
        self.assertEqual(read(encoded_length(length)), [(b"content-length", b"%d" % length)])

    def test_every_status_is_read_as_it_was_set(self) -> None:
        for code in (100, *range(200, 600)):
            self.assertEqual(read(encoded_status(code)), [(b":status", b"%d" % code)])

    def test_what_is_in_the_static_table_is_one_byte(self) -> None:
        self.assertEqual(encoded_status(200), b"\x88")
        self.assertEqual(encoded_fields(b"Accept-Encoding: gzip, deflate\r\n"), b"\x90")

    def test_cookies_are_marked_as_never_to_be_put_into_a_table(self) -> None:
        (cookie,) = Decoder().decode(encoded_fields(b"Set-Cookie: a=b\r\n"), raw=True)
        self.assertIsInstance(cookie, NeverIndexedHeaderTuple)
        (plain,) = Decoder().decode(encoded_fields(b"X-Duck: a=b\r\n"), raw=True)
        self.assertNotIsInstance(plain, NeverIndexedHeaderTuple)

    def test_nothing_enters_the_table_of_the_client(self) -> None:
        decoder = Decoder()
        decoder.decode(EMPTY_TABLE + encoded_status(418) + encoded_fields(b"X-Duck: a\r\nVary: b\r\n"), raw=True)
        self.assertEqual((len(decoder.header_table.dynamic_entries), decoder.header_table_size), (0, 0))

    def test_fields_that_recur_and_fields_that_do_not(self) -> None:
        for number in range(5000):
            lines = b"X-Number: %d\r\nX-Duck: quack\r\n" % number
            self.assertEqual(read(encoded_fields(lines))[0], (b"x-number", b"%d" % number))
        long = b"X-Long: " + b"a" * 5000 + b"\r\n"
        self.assertEqual(encoded_fields(long), encoded_fields(long))
