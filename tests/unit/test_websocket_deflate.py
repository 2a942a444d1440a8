"""What is agreed on about compression, and what it does."""

from __future__ import annotations

import zlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.websocket.deflate import Agreement, Deflater, Inflater, agree
from duck_tx.websocket.fields import extensions
from duck_tx.websocket.frames import Code, Fault
from duck_tx.websocket.limits import WebSocketLimits
from tests.case import UnitTestCase
from tests.unit.websocket_rows import deflated

_MUCH = 1_000_000


def agreed(*lines: bytes, **limits: Any) -> Agreement | None:
    return agree(extensions(lines), WebSocketLimits(**limits))


class AgreementTests(UnitTestCase):
    def answer(self, line: bytes, **limits: Any) -> bytes | None:
        agreement = agreed(line, **limits)
        return None if agreement is None else agreement.answer

    def test_a_plain_offer_is_taken(self) -> None:
        # Nothing is said of the server's window: less than the client reckons with does no harm.
        self.assertEqual(agreed(b"permessage-deflate"), Agreement(12, True, 15, True, b"permessage-deflate"))

    def test_a_client_that_can_is_asked_for_a_smaller_window(self) -> None:
        taken = b"permessage-deflate; client_max_window_bits=12"
        self.assertEqual(self.answer(b"permessage-deflate; client_max_window_bits"), taken)
        self.assertEqual(self.answer(b"permessage-deflate; client_max_window_bits=15"), taken)
        agreement = agreed(b"permessage-deflate; client_max_window_bits=8")
        self.assertEqual(agreement, Agreement(12, True, 8, True, b"permessage-deflate; client_max_window_bits=8"))

    def test_the_servers_window_is_as_small_as_the_client_wants(self) -> None:
        agreement = agreed(b'permessage-deflate; server_max_window_bits="10"')
        self.assertEqual(agreement, Agreement(10, True, 15, True, b"permessage-deflate; server_max_window_bits=10"))
        agreement = agreed(b"permessage-deflate; server_max_window_bits=15", compression_window=15)
        self.assertEqual(agreement, Agreement(15, True, 15, True, b"permessage-deflate; server_max_window_bits=15"))

    def test_no_context_is_taken_over_if_either_side_wants_that(self) -> None:
        agreement = agreed(b"permessage-deflate; server_no_context_takeover")
        answer = b"permessage-deflate; server_no_context_takeover"
        self.assertEqual(agreement, Agreement(12, False, 15, True, answer))
        agreement = agreed(b"permessage-deflate; client_no_context_takeover")
        answer = b"permessage-deflate; client_no_context_takeover"
        self.assertEqual(agreement, Agreement(12, True, 15, False, answer))
        agreement = agreed(b"permessage-deflate", compression_takeover=False)
        answer = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"
        self.assertEqual(agreement, Agreement(12, False, 15, False, answer))

    def test_an_offer_that_cannot_be_fulfilled_is_declined(self) -> None:
        for parameters in (
            b"server_max_window_bits",
            b"server_max_window_bits=8",
            b"server_max_window_bits=16",
            b"server_max_window_bits=010",
            b"client_max_window_bits=7",
            b"client_max_window_bits=1_0",
            b"server_no_context_takeover=1",
            b"client_no_context_takeover=0",
            b"client_max_window_bits; client_max_window_bits",
            b"duck",
        ):
            self.assertIsNone(agreed(b"permessage-deflate; " + parameters), parameters)

    def test_the_first_offer_that_can_be_taken_is(self) -> None:
        line = b"x-webkit-deflate-frame, permessage-deflate; duck, permessage-deflate; server_max_window_bits=9"
        self.assertEqual(self.answer(line), b"permessage-deflate; server_max_window_bits=9")

    def test_without_compression_no_offer_is_taken(self) -> None:
        self.assertIsNone(agreed(b"permessage-deflate", compression=False))
        self.assertIsNone(agreed())


class CodingTests(UnitTestCase):
    @given(st.lists(st.binary(max_size=400), max_size=6), st.integers(9, 15), st.booleans())
    def test_messages_come_out_as_they_went_in(self, messages: list[bytes], bits: int, takeover: bool) -> None:
        deflater, inflater = Deflater(bits, takeover), Inflater(bits, takeover)
        for message in messages * 2:
            self.assertEqual(inflater.inflate(deflater.deflate(message), _MUCH, True), message)

    @given(st.binary(min_size=1, max_size=400), st.integers(1, 20))
    def test_pieces_give_the_same_as_the_whole(self, message: bytes, size: int) -> None:
        coded = deflated(message)
        inflater = Inflater(15, True)
        pieces = [
            inflater.inflate(coded[at : at + size], _MUCH, at + size >= len(coded)) for at in range(0, len(coded), size)
        ]
        self.assertEqual(b"".join(pieces), message)

    def test_what_was_sent_before_makes_a_message_shorter_only_with_takeover(self) -> None:
        message = bytes(range(200))
        kept, fresh = Deflater(12, True), Deflater(12, False)
        self.assertEqual(kept.deflate(message), fresh.deflate(message))
        self.assertLess(len(kept.deflate(message)), 20)
        self.assertGreater(len(fresh.deflate(message)), 150)

    def test_a_client_with_the_smallest_window_is_understood(self) -> None:
        self.assertEqual(Inflater(8, True).inflate(deflated(b"duck" * 500, 9), _MUCH, True), b"duck" * 500)

    def test_no_more_is_made_than_there_is_room_for(self) -> None:
        coded = deflated(bytes(1000))
        self.assertEqual(Inflater(15, True).inflate(coded, 1000, True), bytes(1000))
        for last in (True, False):
            with self.assertRaises(Fault) as caught:
                Inflater(15, True).inflate(coded, 999, last)
            self.assertEqual(caught.exception.code, Code.TOO_BIG)

    def test_what_is_not_compressed_is_invalid_data(self) -> None:
        for data in (b"duck", b"\x06", zlib.compress(b"duck"), deflated(b"duck") + b"\x03\x00duck"):
            with self.assertRaises(Fault) as caught:
                Inflater(15, True).inflate(data, _MUCH, True)
            self.assertEqual(caught.exception.code, Code.INVALID_DATA, data)

    def test_what_refers_to_a_window_that_was_not_kept_is_invalid_data(self) -> None:
        compressor = zlib.compressobj(wbits=-15)
        inflater = Inflater(15, False)
        for each in (False, True):
            coded = compressor.compress(b"quack, quack, duck") + compressor.flush(zlib.Z_SYNC_FLUSH)
            if each:
                with self.assertRaises(Fault):
                    inflater.inflate(coded[:-4], _MUCH, True)
            else:
                inflater.inflate(coded[:-4], _MUCH, True)
