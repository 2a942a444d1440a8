"""A WebSocket that the proxy passes on, and its frames."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.proxy.limits import UpstreamLimits
from duck_tx.proxy.websocket import FrameEdges
from tests.case import UnitTestCase
from tests.unit.proxy_case import ProxyCase
from tests.unit.test_proxy_passage import ASK, SWITCH
from tests.unit.wire_case import Connection

GOING_AWAY = b"\x88\x02\x03\xe9"
REPLY = b"\x88\x82abcd" + bytes(one ^ other for one, other in zip(b"\x03\xe9", b"ab", strict=True))


def frame(size: int, *, opcode: int = 1, masked: bool = False) -> bytes:
    """A frame with so many bytes in it."""
    mask = 0x80 if masked else 0
    if size < 126:
        head = bytes([0x80 | opcode, mask | size])
    elif size < 65536:
        head = bytes([0x80 | opcode, mask | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, mask | 127]) + size.to_bytes(8, "big")
    return head + (b"mask" if masked else b"") + b"x" * size


class FrameEdgesTests(UnitTestCase):
    @given(
        st.lists(st.tuples(st.sampled_from([0, 1, 125, 126, 127, 300, 65535, 65536]), st.booleans()), max_size=4),
        st.lists(st.integers(1, 70_000), max_size=6),
    )
    def test_they_are_found_however_the_bytes_are_cut(self, frames: list[tuple[int, bool]], cuts: list[int]) -> None:
        every = [frame(size, masked=masked) for size, masked in frames]
        edges = {sum(map(len, every[:count])) for count in range(len(every) + 1)}
        data = b"".join(every)
        found, at = FrameEdges(), 0
        for end in sorted({*(cut for cut in cuts if cut < len(data)), len(data)}):
            self.assertEqual(found.read(data[at:end]), end - at)
            self.assertEqual(found.is_at_edge, end in edges)
            at = end
        self.assertFalse(found.has_closed)

    def test_one_may_stop_at_the_next(self) -> None:
        found = FrameEdges()
        data = frame(3) + frame(4)
        self.assertEqual(found.read(data, to_edge=True), 0)
        self.assertEqual(found.read(data[:3]), 3)
        self.assertEqual(found.read(data[3:], to_edge=True), 2)
        self.assertEqual(found.read(data[5:6]), 1)
        self.assertEqual(found.read(data[6:], to_edge=True), 5)

    def test_a_close_is_seen(self) -> None:
        found = FrameEdges()
        found.read(frame(2) + frame(2, opcode=8))
        self.assertTrue(found.has_closed)


class GoodbyeTests(ProxyCase):
    limits = UpstreamLimits(tunnel_timeout=100)

    def tunnel(self) -> Connection:
        client = self.ask(ASK)
        self.answer(SWITCH)
        client.settle()
        client.take()
        self.far.take()
        return client

    def test_a_client_is_told_and_its_reply_tells_the_server(self) -> None:
        client = self.tunnel()
        self.far.send(frame(2))
        client.take()
        self.site.drain()
        self.assertEqual((client.take(), client.wire.closed, self.far.wire.closed), (GOING_AWAY, False, False))
        # Both have something under way.
        self.far.send(frame(3))
        client.send(frame(1, masked=True), REPLY)
        self.assertEqual((client.take(), self.far.take()), (b"", frame(1, masked=True) + REPLY))
        self.far.send(GOING_AWAY)
        self.far.half_close()
        self.assertEqual((client.take(), client.wire.closed), (b"", True))
        client.lose()
        self.assertTrue(self.far.wire.closed)
        self.assertEqual(self.server.in_flight, 0)

    def test_it_is_told_between_two_frames(self) -> None:
        client = self.tunnel()
        message = frame(300)
        self.far.send(message[:50])
        self.site.drain()
        self.assertEqual(client.take(), message[:50])
        self.far.send(message[50:] + frame(1))
        self.assertEqual(client.take(), message[50:] + GOING_AWAY)

    def test_where_the_server_has_said_goodbye_nothing_is_added(self) -> None:
        client = self.tunnel()
        self.far.send(GOING_AWAY)
        self.site.drain()
        self.assertEqual((client.take(), client.wire.closed), (GOING_AWAY, True))

    def test_nor_where_it_is_about_to(self) -> None:
        client = self.tunnel()
        self.far.send(GOING_AWAY[:1])
        self.site.drain()
        self.far.send(GOING_AWAY[1:])
        self.assertEqual(client.take(), GOING_AWAY)

    def test_who_does_not_reply_is_cut(self) -> None:
        client = self.tunnel()
        self.site.drain()
        self.clock.pump([1] * 4)
        client.send(frame(1, masked=True))
        self.assertFalse(client.wire.closed)
        self.clock.pump([1] * 3)
        self.assertTrue(client.wire.closed)
        self.assertTrue(self.far.wire.closed)
