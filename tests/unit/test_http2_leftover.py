"""The rest of bodies that nobody wants."""

from __future__ import annotations

from typing import Any, ClassVar

from duck_tx.http2.limits import Http2Limits
from tests.unit.http2_client import Client
from tests.unit.http2_frames import LARGEST, Code, block, data, frame, headers, post, request, reset
from tests.unit.http2_live import LiveCase

LENGTH = (b"content-length", b"300000")


class LeftoverTests(LiveCase):
    limits: ClassVar[dict[str, Any]] = {"max_body": 200_000, "linger_timeout": 2.0}

    def answered(self, client: Client, stream: int = 1) -> None:
        """A response is out, and its request is not at its end."""
        client.send(post(stream, b"/e", LENGTH))
        self.assertEqual((client.response(stream).status, client.response(stream).complete), (413, True))

    def sent(self, client: Client) -> int:
        """Send until no more window comes."""
        sent = 0
        while (room := min(client.granted(1), client.granted(0), LARGEST)) > 0:
            client.spend(1, room)
            client.send(data(1, bytes(room)))
            sent += room
        return sent

    def test_the_client_may_end_it(self) -> None:
        for sent in (data(1, bytes(100), end=True), data(1, bytes(100)) + data(1, end=True)):
            client = self.started()
            self.answered(client)
            client.send(sent)
            self.assertEqual((client.resets, client.protocol.streams), ({}, {}))
            self.proves_alive(client)
            self.leaves_nothing(client)

    def test_trailers_end_it_too_whatever_they_are(self) -> None:
        for fields in ([(b"x-sum", b"5")], [(b"x", b"1")] * 200, [(b"X", b"1")]):
            client = self.started()
            self.answered(client)
            client.send(headers(1, block(*fields)))
            self.assertEqual((client.resets, client.protocol.streams), ({}, {}))
            self.proves_alive(client)

    def test_or_give_it_up(self) -> None:
        client = self.started()
        self.answered(client)
        client.send(data(1, bytes(100)), reset(1))
        self.assertEqual((client.resets, client.protocol.streams), ({}, {}))
        self.proves_alive(client)

    def test_it_is_reset_after_a_while(self) -> None:
        client = self.started()
        self.answered(client)
        client.wait(1)
        self.assertEqual(client.resets, {})
        client.wait(3)
        self.assertEqual(client.resets, {1: [Code.NO_ERROR]})
        client.send(data(1, b"late"))
        self.proves_alive(client)

    def test_only_so_much_of_it_is_read(self) -> None:
        client = self.started()
        self.answered(client)
        self.assertLessEqual(self.sent(client), 262_144 + 262_144)
        client.wait(3)
        self.assertEqual(client.resets, {1: [Code.NO_ERROR]})
        self.proves_alive(client)

    def test_a_small_window_is_given_back(self) -> None:
        self.site.http2 = Http2Limits(stream_window=20_000)
        client = self.started()
        self.answered(client)
        self.assertGreater(self.sent(client), 240_000)

    def test_more_than_the_window_ends_it(self) -> None:
        client = self.started()
        self.answered(client)
        client.send(*(data(1, bytes(LARGEST)) for _ in range(50)))
        self.assertEqual(client.resets, {1: [Code.FLOW_CONTROL_ERROR]})
        self.proves_alive(client)

    def test_a_part_of_a_frame_is_not_waited_for_longer_than_others(self) -> None:
        client = self.started()
        client.send(post(3, b"/live/"))
        body = self.live.requests[0].body_stream()
        body.discard()
        client.send(frame(0, 0, 3, b"duck", length=LARGEST))
        client.wait(25)
        self.assertTrue(client.wire.closed)

    def test_other_requests_go_on_meanwhile(self) -> None:
        client = self.started()
        self.answered(client)
        client.send(request(3))
        self.assertEqual(client.response(3).status, 200)
        client.send(data(1, end=True))
        self.proves_alive(client)

    def test_a_server_that_stops_waits_for_it(self) -> None:
        for ends in (True, False):
            client = self.started()
            self.answered(client)
            self.site.drain()
            client.wait(0.5)
            self.assertEqual((client.resets, client.wire.closed), ({}, False))
            if ends:
                client.send(data(1, end=True))
                self.assertEqual(client.resets, {})
            else:
                client.wait(3)
                self.assertEqual(client.resets, {1: [Code.NO_ERROR]})
            self.assertTrue(client.wire.closed)
            client.lose()

    def test_many_of_them_cost_no_more_than_their_time(self) -> None:
        client = self.started()
        for stream in range(1, 257, 2):
            self.answered(client, stream)
        client.send(post(257, b"/e", LENGTH))
        self.assertEqual(client.resets, {257: [Code.REFUSED_STREAM]})
        client.wait(3)
        self.assertEqual(client.protocol.streams, {})
        self.proves_alive(client)
