"""Requests as their frames come in; the rules that frames may break have tests of their own."""

from __future__ import annotations

from typing import Any, ClassVar

from duck_tx.http2.limits import Http2Limits
from tests.unit.http2_case import Http2Case
from tests.unit.http2_client import Client
from tests.unit.http2_frames import Code, asked, block, continuation, data, headers, post, request, reset


class IntakeTests(Http2Case):
    limits: ClassVar[dict[str, Any]] = {"max_body": 1000, "body_memory": 100_000, "max_header_block": 20_000}

    def test_a_request_is_answered_when_its_body_is_whole(self) -> None:
        client = self.started()
        client.send(post(1, b"/wait"), data(1, b"qu"))
        self.assertEqual(self.waiting.requests, [])
        client.send(data(1, b"ack"), data(1, end=True))
        self.assertEqual(self.waiting.requests[0].content.read(), b"quack")

    def test_trailers_end_a_body_and_are_dropped(self) -> None:
        client = self.started()
        client.send(post(1, b"/wait"), data(1, b"quack"), headers(1, block((b"x-sum", b"5"))))
        asked = self.waiting.requests[0]
        self.assertEqual((asked.content.read(), asked.getHeader(b"x-sum")), (b"quack", None))

    def test_a_length_that_is_not_kept_to_is_malformed(self) -> None:
        client = self.started()
        length = (b"content-length", b"5")
        client.send(post(1, b"/e", length), data(1, b"quacks"))
        client.send(post(3, b"/e", length), data(3, b"qua", end=True))
        client.send(request(5, b"/e", length))
        client.send(post(7, b"/e", length), headers(7, block((b"x", b"1"))))
        self.assertEqual(client.resets, {stream: [Code.PROTOCOL_ERROR] for stream in (1, 3, 5, 7)})
        self.proves_alive(client)
        self.assertEqual(self.site.asked, [b"/hello"])

    def test_a_body_that_grows_too_large_gets_413_and_the_rest_is_dropped(self) -> None:
        client = self.started()
        client.send(post(1), data(1, bytes(900)), data(1, bytes(900)), data(1, bytes(900)), data(1, end=True))
        response = client.response(1)
        self.assertEqual((response.status, response.complete, response.resets), (413, True, []))
        self.assertEqual(self.site.refused[413], 1)
        self.proves_alive(client)

    def test_a_whole_body_that_is_too_large_needs_no_reset(self) -> None:
        client = self.started()
        client.send(post(1), data(1, bytes(1001), end=True))
        self.assertEqual((client.response(1).status, client.resets), (413, {}))

    def test_an_answer_that_waits_for_a_window_is_given_although_the_client_goes_on(self) -> None:
        client = self.started((4, 0))
        client.send(post(1, b"/e", (b"content-length", b"1001")), data(1, b"quack"))
        self.assertEqual((client.response(1).status, client.response(1).complete), (413, False))
        client.send(data(1, b"quack"), headers(1, block((b"x-sum", b"5"))))
        client.grant(1, 1000)
        self.assertEqual((client.response(1).complete, client.resets), (True, {}))
        self.proves_alive(client, stream=0)

    def test_requests_beyond_the_number_of_streams_may_be_sent_again(self) -> None:
        self.site.http2 = Http2Limits(max_streams=2)
        client = self.started()
        client.send(request(1, b"/wait"), request(3, b"/wait"), request(5, b"/wait"))
        self.assertEqual(client.resets, {5: [Code.REFUSED_STREAM]})
        self.waiting.requests[0].finish()
        client.send(request(7, b"/wait"))
        self.assertEqual(len(self.waiting.requests), 3)

    def test_a_refused_request_leaves_the_table_in_step(self) -> None:
        self.site.http2 = Http2Limits(max_streams=1)
        client = self.started()
        fields = [*asked(b"/wait"), (b"x-duck", b"quack")]
        for stream in (1, 3):
            client.send(headers(stream, client.encoder.encode(fields)))
        self.waiting.requests[0].finish()
        client.send(headers(5, client.encoder.encode(fields)))
        self.assertEqual(self.waiting.requests[1].getHeader(b"x-duck"), b"quack")

    def test_what_the_client_had_sent_for_a_refused_stream_is_dropped(self) -> None:
        self.site.http2 = Http2Limits(max_streams=1)
        client = self.started()
        client.send(request(1, b"/wait"), post(3), data(3, b"quack"), headers(3, block((b"x", b"1"))))
        self.assertEqual(client.resets, {3: [Code.REFUSED_STREAM]})
        self.assertTrue(client.answers())

    def test_a_large_block_in_many_frames_is_read_and_answered(self) -> None:
        client = self.started()
        fragment = block(*asked(b"/e", *[(b"x-duck", b"a" * 3000)] * 8))
        parts = [fragment[at : at + 1000] for at in range(0, len(fragment), 1000)]
        client.send(headers(1, parts[0], whole=False), *(continuation(1, part, whole=False) for part in parts[1:]))
        self.assertEqual(client.response(1).fields, [])
        client.send(continuation(1))
        self.assertEqual(client.response(1).status, 431)
        self.proves_alive(client)

    def test_a_block_without_an_end_ends_the_connection(self) -> None:
        client = self.started()
        client.send(headers(1, b"", whole=False), *(continuation(1, bytes(10_000), whole=False) for _ in range(6)))
        self.ends_with(client, Code.ENHANCE_YOUR_CALM)

    def test_requests_wait_while_a_client_does_not_take_what_it_asked_for(self) -> None:
        client = self.started((4, 0))
        self.flow.size = 100_000
        client.send(*(request(stream, b"/flow") for stream in range(1, 201, 2)))
        produced = self.flow.produced
        self.assertLess(produced, 6 * 1024 * 1024)
        client.send(*(reset(stream) for stream in range(1, 101, 2)))
        self.assertGreater(self.flow.produced, produced)
        self.assertLess(client.protocol.sender.waiting, 6 * 1024 * 1024)


class CountingTests(Http2Case):
    def client_with(self, limits: Http2Limits) -> Client:
        self.site.http2 = limits
        return self.started()

    def test_requests_that_the_client_has_the_server_reset_are_counted(self) -> None:
        client = self.client_with(Http2Limits(max_resets=10))
        for stream in range(1, 41, 2):
            client.send(request(stream, b"/wait") + data(stream))
        self.ends_with(client, Code.ENHANCE_YOUR_CALM)
        self.assertEqual(len(self.waiting.requests), 11)

    def test_requests_that_are_answered_in_time_may_be_reset_too(self) -> None:
        client = self.client_with(Http2Limits(max_resets=10))
        for stream in range(1, 101, 2):
            client.send(request(stream) + reset(stream))
        self.proves_alive(client)
