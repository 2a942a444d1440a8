"""Masks on and off, whatever the size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.websocket.masking import mask, turned
from tests.case import UnitTestCase
from tests.unit.websocket_frames import KEY, xored

_KEYS = st.binary(min_size=4, max_size=4)


class MaskingTests(UnitTestCase):
    @given(st.binary(max_size=300), _KEYS)
    def test_every_byte_is_xored_with_one_of_four(self, payload: bytes, key: bytes) -> None:
        self.assertEqual(mask(payload, key), xored(payload, key))

    def test_large_payloads_are_masked_as_small_ones_are(self) -> None:
        for size in (4095, 4096, 4097, 4099, 8191, 8192, 8193, 100_001):
            payload = (bytes(range(251)) * (size // 251 + 1))[:size]
            self.assertEqual(mask(payload, KEY), xored(payload, KEY), size)

    @given(st.binary(max_size=50), _KEYS, st.integers(0, 50))
    def test_a_payload_in_pieces_is_unmasked_with_the_key_turned(self, payload: bytes, key: bytes, at: int) -> None:
        pieces = mask(payload[:at], key) + mask(payload[at:], turned(key, len(payload[:at])))
        self.assertEqual(pieces, mask(payload, key))
