"""Header blocks as received; the ``hpack`` library writes most of them."""

from __future__ import annotations

from hpack import Encoder, HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from duck_tx.http2.decode import BlockDecoder
from duck_tx.http2.errors import ConnectionFault, ErrorCode
from tests.case import UnitTestCase

_MUCH = 65_536
_FIELDS = st.lists(
    st.tuples(
        st.sampled_from([b"cookie", b":path", b"x-a", b"x-b", b"user-agent"]),
        st.one_of(st.binary(max_size=40), st.sampled_from([b"/", b"gzip, deflate", b"duck"])),
        st.booleans(),
    ),
    max_size=12,
)


def nothing(name: bytes, value: bytes) -> int:
    return 0


def decoded(decoder: BlockDecoder, block: bytes, limit: int = _MUCH) -> list[tuple[bytes, bytes]]:
    fields, _ = decoder.decode(block, limit)
    return [field.pair for field in fields]


class DecoderTests(UnitTestCase):
    @given(st.lists(_FIELDS, max_size=6), st.booleans(), st.sampled_from([0, 60, 200, 4096]))
    def test_it_reads_what_an_encoder_writes(
        self, blocks: list[list[tuple[bytes, bytes, bool]]], huffman: bool, table: int
    ) -> None:
        encoder = Encoder()
        encoder.header_table_size = table
        decoder = BlockDecoder(nothing)
        for fields in blocks:
            kinds = [
                (NeverIndexedHeaderTuple if secret else HeaderTuple)(name, value) for name, value, secret in fields
            ]
            block = encoder.encode(kinds, huffman=huffman)
            self.assertEqual(decoded(decoder, block), [(name, value) for name, value, _ in fields])

    @given(st.binary(max_size=60))
    def test_garbage_is_fields_or_an_error_of_compression(self, garbage: bytes) -> None:
        try:
            BlockDecoder(nothing).decode(garbage, _MUCH)
        except ConnectionFault as fault:
            self.assertEqual(fault.code, ErrorCode.COMPRESSION_ERROR)

    def test_a_field_is_judged_once_however_often_it_comes(self) -> None:
        judged = []

        def judge(name: bytes, value: bytes) -> int:
            judged.append((name, value))
            return len(judged)

        decoder = BlockDecoder(judge)
        judged.clear()
        encoder = Encoder()
        for _ in range(3):
            fields, _ = decoder.decode(encoder.encode([(b"x-duck", b"quack")]), _MUCH)
            self.assertEqual(fields, [((b"x-duck", b"quack"), 1, 6 + 5 + 32)])
        self.assertEqual(judged, [(b"x-duck", b"quack")])

    def test_a_list_that_is_too_large_is_cut_and_the_table_kept_in_step(self) -> None:
        encoder, decoder = Encoder(), BlockDecoder(nothing)
        block = encoder.encode([(b"x-a", b"1" * 100), (b"x-b", b"2" * 100), (b"x-c", b"3")])
        fields, whole = decoder.decode(block, 150)
        self.assertEqual(([field.pair[0] for field in fields], whole), ([b"x-a"], False))
        again = encoder.encode([(b"x-b", b"2" * 100), (b"x-c", b"3")])
        self.assertEqual(decoded(decoder, again), [(b"x-b", b"2" * 100), (b"x-c", b"3")])

    def test_what_a_few_bytes_stand_for_takes_no_memory_beyond_the_limit(self) -> None:
        encoder, decoder = Encoder(), BlockDecoder(nothing)
        decoder.decode(encoder.encode([(b"x-bomb", b"0" * 4000)]), _MUCH)
        fields, whole = decoder.decode(b"\xbe" * 10_000, _MUCH)
        self.assertEqual((len(fields), whole), (_MUCH // 4038, False))

    def test_a_field_larger_than_the_table_empties_it(self) -> None:
        encoder, decoder = Encoder(), BlockDecoder(nothing)
        decoder.decode(encoder.encode([(b"x-a", b"1"), (b"x-b", b"2" * 5000)]), _MUCH)
        self.assertRaises(ConnectionFault, decoder.decode, b"\xbe", _MUCH)

    def test_the_table_shrinks_as_told(self) -> None:
        encoder, decoder = Encoder(), BlockDecoder(nothing)
        decoder.decode(encoder.encode([(b"x-a", b"1"), (b"x-b", b"2")]), _MUCH)
        self.assertEqual(decoded(decoder, b"\x3f\x05" + b"\xbe"), [(b"x-b", b"2")])
        self.assertRaises(ConnectionFault, decoder.decode, b"\xbf", _MUCH)

    def test_what_is_wrong_is_an_error_of_compression(self) -> None:
        for block in (
            b"\x80",  # index 0
            b"\xbe",  # an index beyond the table
            b"\xff\x80\x80\x80\x80\x01",  # an integer that is too long
            b"\xff",  # an integer that ends early
            b"\x82\x20",  # a table size behind a field
            b"\x3f\xe2\x1f",  # a table of 4097 bytes
            b"\x00\x03ab",  # a name that ends early
            b"\x00\x01a",  # no value
            b"\x00\x01a\x05b",  # a value that ends early
            b"\x7f\x00",  # the name of a field beyond the table
            b"\x04\x84\xff\xff\xff\xff",  # EOS in a string
            b"\x04\x82\x1f\xff",  # more than seven bits of padding
            b"\x04\x81\x18",  # padding that is not of ones
        ):
            fault = self.assertRaises(ConnectionFault, BlockDecoder(nothing).decode, block, _MUCH)
            self.assertEqual(fault.code, ErrorCode.COMPRESSION_ERROR, block)

    def test_strings_that_recur_and_strings_that_do_not(self) -> None:
        encoder = Encoder()
        for number in range(5000):
            value = b"value %d" % (number if number % 2 else 0)
            block = encoder.encode([(b":path", value, True)])
            self.assertEqual(decoded(BlockDecoder(nothing), block), [(b":path", value)])
