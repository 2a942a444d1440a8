"""Frames that control a connection or a stream: what they change, beyond the rules that they may break."""

from __future__ import annotations

from tests.unit.http2_case import Http2Case
from tests.unit.http2_frames import (
    Code,
    Kind,
    Setting,
    frame,
    goaway,
    ping,
    post,
    priority,
    request,
    reset,
    settings,
    window_update,
)


class ControlTests(Http2Case):
    def test_settings_are_acknowledged_each(self) -> None:
        client = self.started()
        client.tell((Setting.MAX_FRAME_SIZE, 20_000))
        client.tell()
        self.assertEqual(client.acknowledged, 3)

    def test_settings_that_this_server_has_no_use_for_are_let_pass(self) -> None:
        client = self.started((Setting.ENABLE_PUSH, 0), (Setting.MAX_HEADER_LIST_SIZE, 5), (Setting.UNKNOWN, 7), (8, 1))
        self.proves_alive(client)

    def test_frames_are_no_larger_than_every_client_takes(self) -> None:
        client = self.started((Setting.MAX_FRAME_SIZE, 2**20))
        self.flow.size = 60_000
        client.send(request(1, b"/flow"))
        self.assertEqual(max(client.sizes), 16_384)

    def test_a_smaller_table_is_acknowledged_in_the_next_block(self) -> None:
        client = self.started()
        client.tell((Setting.HEADER_TABLE_SIZE, 0))
        # The decoder of the client insists on it.
        client.decoder.header_table_size = 4096
        client.send(request(1))
        self.assertEqual((client.response(1).status, client.decoder.header_table_size), (200, 0))

    def test_a_ping_comes_back_with_what_was_in_it(self) -> None:
        client = self.started()
        client.send(ping(b"abcdefgh") + ping(b"ijklmnop"))
        self.assertEqual(client.pongs, [b"abcdefgh", b"ijklmnop"])

    def test_an_answer_to_no_ping_is_let_pass(self) -> None:
        client = self.started()
        client.send(ping(b"leaving?", ack=True))
        self.proves_alive(client)

    def test_unknown_frames_and_priorities_are_let_pass(self) -> None:
        client = self.started()
        client.send(frame(Kind.UNKNOWN, 0xFF, 0, b"quack"), frame(Kind.UNKNOWN, 0, 5), priority(1), priority(7, on=7))
        self.proves_alive(client)

    def test_a_client_that_says_goodbye_still_gets_what_it_asked_for(self) -> None:
        client = self.started()
        client.send(request(1, b"/wait"), goaway())
        self.assertFalse(client.wire.closed)
        self.waiting.requests[0].finish()
        client.settle()
        self.assertTrue(client.response(1).complete)
        self.assertTrue(client.wire.closed)

    def test_a_client_that_says_goodbye_with_nothing_open_is_let_go(self) -> None:
        client = self.started()
        client.send(goaway(0, Code.NO_ERROR, b"bye"))
        self.assertEqual(client.goaways, [(0, Code.NO_ERROR)])
        self.assertTrue(client.wire.closed)

    def test_a_reset_ends_the_request_and_frees_its_place(self) -> None:
        client = self.started()
        client.send(request(1, b"/wait"), post(3), reset(1), reset(3))
        self.assertEqual(client.protocol.streams, {})
        self.proves_alive(client)

    def test_a_reset_of_what_is_over_is_let_pass(self) -> None:
        client = self.started()
        client.send(request(1), reset(1), window_update(1, 5), window_update(1, 0))
        self.proves_alive(client)

    def test_many_settings_in_a_frame_cost_as_much_as_many_frames(self) -> None:
        client = self.started()
        values = [(Setting.INITIAL_WINDOW_SIZE, number) for number in range(2000)]
        for _ in range(10):
            client.send(settings(*values))
        self.ends_with(client, Code.ENHANCE_YOUR_CALM)
