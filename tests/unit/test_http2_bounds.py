"""The deadlines and limits of requests over HTTP/2, which are those of version 1.1."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.unit.http2_case import Http2Case
from tests.unit.http2_client import Client
from tests.unit.http2_frames import (
    LARGEST,
    TOP,
    WINDOW,
    Code,
    Field,
    Kind,
    Setting,
    asked,
    block,
    continuation,
    data,
    frame,
    headers,
    post,
    request,
    reset,
    window_update,
)
from tests.unit.http2_outcome import Outcome, answered, ended, was_reset


class SlowTests(Http2Case):
    """Clients that are too slow."""

    def ends_soon(self, client: Client, seconds: float, *more: Any) -> None:
        """Stream 1, or the connection with it, is over in this time; nothing of it came to a resource."""
        client.wait(seconds)
        response = client.response(1)
        self.assertTrue(client.wire.closed or response.complete or response.resets, client.responses)
        self.assertEqual(self.waiting.requests, [])

    def test_a_body_that_stops_is_given_up(self) -> None:
        client = self.started()
        client.send(post(1, b"/wait"), data(1, b"duck"))
        self.ends_soon(client, 23)

    def test_a_body_that_stops_within_a_frame_is_given_up(self) -> None:
        client = self.started()
        client.send(post(1, b"/wait"), frame(Kind.DATA, 0, 1, b"duck", length=LARGEST))
        self.ends_soon(client, 62)

    def test_a_frame_that_stops_where_nobody_waits_for_it_ends_the_connection(self) -> None:
        for before in (request(1), post(1, b"/wait") + reset(1), post(1, b"/wait") + window_update(1, 0)):
            client = self.started()
            client.send(before, frame(Kind.DATA, 0, 1, b"duck", length=LARGEST))
            client.wait(62)
            self.assertTrue(client.wire.closed)
            self.leaves_nothing(client)

    def test_a_body_that_dribbles_is_given_up(self) -> None:
        client = self.started()
        client.send(post(1, b"/wait"))
        for _ in range(23):
            client.send(data(1, b"d"))
            client.wait(1)
        self.ends_soon(client, 0)

    def test_a_slow_body_holds_up_no_other_stream(self) -> None:
        client = self.started()
        client.send(post(1, b"/wait"))
        for number in range(10):
            client.send(data(1, b"d"), request(2 * number + 3))
            self.assertTrue(client.response(2 * number + 3).complete)
            client.wait(1)

    def test_a_field_block_that_stops_ends_the_connection(self) -> None:
        for sent in (headers(1, block(*asked(b"/wait")), whole=False), headers(1, b"x" * 99)[:20], b"\0\0"):
            client = self.started()
            client.send(sent)
            client.wait(62)
            self.assertTrue(client.wire.closed)
            self.leaves_nothing(client)

    def test_a_field_block_that_dribbles_ends_the_connection(self) -> None:
        client = self.started()
        client.send(headers(1, b"", whole=False))
        for octet in block(*asked(b"/wait")):
            client.wait(1)
            client.send(continuation(1, bytes([octet]), whole=False))
            if client.wire.closed:
                break
        self.assertLess(self.clock.seconds(), 1025)
        self.assertTrue(client.wire.closed)

    def test_a_client_that_never_gives_a_window_is_given_up(self) -> None:
        client = self.started()
        client.send(request(1, b"/flow"))
        self.ends_soon(client, 33)
        self.assertEqual(self.flow.stopped, 1)

    def test_a_client_that_gives_no_window_from_the_start_is_given_up(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, 0))
        client.send(request(1))
        self.ends_soon(client, 33)

    def test_a_client_that_gives_the_window_byte_by_byte_is_given_up(self) -> None:
        client = self.started()
        client.send(request(1, b"/flow"))
        client.grant(0, 1_000_000)
        for _ in range(100):
            client.wait(1)
            if client.wire.closed or client.response(1).resets:
                break
            client.grant(1, 1)
        # The first 64 KiB bought it a minute at 1,000 bytes a second.
        self.ends_soon(client, 0)
        self.assertEqual(self.flow.stopped, 1)

    def test_a_client_that_gives_its_window_steadily_is_served(self) -> None:
        client = self.started()
        client.send(request(1, b"/flow"))
        for _ in range(120):
            client.wait(1)
            client.grant(0, 2000)
            client.grant(1, 2000)
        self.assertEqual(len(client.response(1).body), WINDOW + 240_000)
        self.assertFalse(client.wire.closed)

    def test_a_client_that_does_not_read_is_cut_off(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, TOP))
        client.send(request(1, b"/flow"))
        producer: Any = client.wire.producer
        producer.pauseProducing()
        client.grant(0, TOP - WINDOW)
        client.wait(33)
        self.assertTrue(client.wire.aborted)
        self.assertEqual(self.flow.stopped, 1)


class LimitTests(Http2Case):
    """The limits of requests, which are those of version 1.1."""

    limits: ClassVar[dict[str, Any]] = {
        "max_body": 100_000,
        "max_uri": 1000,
        "max_headers": 20,
        "max_header_line": 5000,
        "max_header_block": 20_000,
    }

    def check(self, sent: list[bytes], *outcomes: Outcome) -> None:
        client = self.started()
        client.send(post(101, b"/e"))
        client.send(*sent)
        self.has_outcome(client, *outcomes)
        self.assertEqual(self.site.asked, [])
        if not client.wire.closed:
            client.send(data(101, b"duck", end=True))
            self.assertTrue(client.response(101).body.endswith(b"duck"))
            self.proves_alive(client)
        self.leaves_nothing(client)

    def test_a_long_path_gets_414(self) -> None:
        self.check([request(103, b"/" + b"a" * 2000)], answered(103, 414))

    def test_a_large_field_gets_431(self) -> None:
        self.check([request(103, b"/e", (b"x-duck", b"a" * 6000))], answered(103, 431))

    def test_many_fields_get_431(self) -> None:
        self.check([request(103, b"/e", *[(b"x-duck", b"a")] * 30)], answered(103, 431))

    def test_a_large_header_section_gets_431(self) -> None:
        fields: list[Field] = [(b"x-duck", b"a" * 4000)] * 6
        fragment = block(*asked(b"/e", *fields))
        sent = headers(103, fragment[:LARGEST], whole=False) + continuation(103, fragment[LARGEST:])
        self.check([sent], answered(103, 431), ended(Code.ENHANCE_YOUR_CALM))

    def test_many_trailer_fields_get_431(self) -> None:
        self.check([post(103), headers(103, block(*[(b"x-duck", b"a")] * 30))], answered(103, 431))

    def test_a_large_trailer_section_is_refused(self) -> None:
        fields: list[Field] = [(b"x-duck", b"a" * 4000)] * 6
        fragment = block(*fields)
        sent = headers(103, fragment[:LARGEST], whole=False) + continuation(103, fragment[LARGEST:])
        self.check(
            [post(103), sent],
            answered(103, 431),
            was_reset(103, Code.ENHANCE_YOUR_CALM),
            was_reset(103, Code.PROTOCOL_ERROR),
            ended(Code.ENHANCE_YOUR_CALM),
        )

    def test_a_length_that_is_too_large_gets_413_at_once(self) -> None:
        self.check([post(103, b"/e", (b"content-length", b"100001"))], answered(103, 413))

    def test_whoever_expects_an_invitation_for_too_much_gets_413(self) -> None:
        client = self.started()
        client.send(post(1, b"/e", (b"content-length", b"100001"), (b"expect", b"100-continue")))
        self.assertEqual(client.response(1).interim, [])
        self.assertEqual(client.response(1).status, 413)

    def test_a_body_that_becomes_too_large_gets_413(self) -> None:
        self.check([post(103), *[data(103, bytes(15_000))] * 8], answered(103, 413))

    def test_a_body_of_just_the_limit_is_taken(self) -> None:
        client = self.started()
        client.send(post(1, b"/e", (b"content-length", b"100000")))
        client.generous = True
        client.upload(1, bytes(100_000))
        self.assertEqual(client.response(1).status, 200)
        self.assertTrue(client.response(1).complete)

    def test_refusals_are_counted(self) -> None:
        self.check([request(103, b"/" + b"a" * 2000)], answered(103, 414))
        self.assertEqual(self.site.refused, {414: 1})


class NoLimitTests(Http2Case):
    limits: ClassVar[dict[str, Any]] = {"max_body": 0, "body_memory": 1000}

    def test_a_body_may_be_of_any_size_where_nothing_limits_it(self) -> None:
        client = self.started()
        client.generous = True
        client.send(post(1))
        client.upload(1, bytes(2_000_000))
        self.assertTrue(client.response(1).body.endswith(bytes(2_000_000)))
