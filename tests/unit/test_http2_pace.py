"""Many streams of one HTTP/2 connection at a time, each at the pace at which its client takes it."""

from __future__ import annotations

import random
from typing import Any

from tests.unit.http2_case import PIECE, Http2Case
from tests.unit.http2_frames import (
    LARGEST,
    TOP,
    WINDOW,
    Setting,
    request,
    reset,
)


class ManyTests(Http2Case):
    """Many streams at a time."""

    def test_responses_come_in_the_order_in_which_they_are_made(self) -> None:
        client = self.started()
        streams = list(range(1, 160, 2))
        client.send(*(request(stream, b"/wait?%d" % stream) for stream in streams))
        waiting = {int(each.uri.partition(b"?")[2]): each for each in self.waiting.requests}
        random.Random(4).shuffle(streams)
        for number, stream in enumerate(streams, 1):
            waiting[stream].write(b"for %d" % stream)
            waiting[stream].finish()
            client.settle()
            self.assertEqual(bytes(client.response(stream).body), b"for %d" % stream)
            self.assertEqual(sum(response.complete for response in client.responses.values()), number)

    def test_a_stream_without_a_window_holds_up_no_other(self) -> None:
        client = self.started()
        client.grant(0, 10_000_000)
        client.send(request(1, b"/flow"))
        self.assertEqual(len(client.response(1).body), WINDOW)
        client.send(request(3), request(5, b"/flow"), request(7))
        self.assertTrue(client.response(3).complete)
        self.assertEqual(len(client.response(5).body), WINDOW)
        self.assertTrue(client.response(7).complete)

    def test_streams_share_the_window_of_the_connection(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, TOP))
        client.grant(0, 1)
        client.send(*(request(stream, b"/flow") for stream in (1, 3, 5, 7)))
        for _ in range(200):
            client.grant(0, LARGEST)
        came = [len(client.response(stream).body) for stream in (1, 3, 5, 7)]
        self.assertEqual(sum(came), WINDOW + 1 + 200 * LARGEST)
        # None starves: each gets a fair part, the first perhaps what was there before the others came.
        self.assertGreater(min(came), 200 * LARGEST // 8)

    def test_an_exhausted_connection_still_answers_what_needs_no_window(self) -> None:
        client = self.started()
        client.send(request(1, b"/flow"))
        self.assertEqual(len(client.response(1).body), WINDOW)
        client.send(request(3, method=b"HEAD"), request(5))
        self.assertTrue(client.response(3).complete)
        self.assertEqual(client.response(5).status, 200)
        self.assertEqual(client.response(5).body, b"")
        client.grant(0, 13)
        self.assertEqual(len(client.response(1).body) + len(client.response(5).body), WINDOW + 13)


class PaceTests(Http2Case):
    """A response goes as fast as the client takes it."""

    _AHEAD = 1024 * 1024
    """Bytes that a resource may be ahead of its client."""

    def test_a_resource_waits_for_the_window(self) -> None:
        client = self.started()
        client.send(request(1, b"/flow"))
        self.assertLessEqual(self.flow.produced, self._AHEAD)
        produced = self.flow.produced
        for _ in range(100):
            client.grant(0, 100_000)
            client.grant(1, 100_000)
            self.assertLessEqual(self.flow.produced, len(client.response(1).body) + self._AHEAD)
        self.assertEqual(len(client.response(1).body), WINDOW + 10_000_000)
        self.assertGreater(self.flow.produced, produced)
        self.assertEqual(bytes(client.response(1).body[:2_000_000]), (PIECE * 40)[:2_000_000])

    def test_a_resource_waits_for_the_connection_that_takes_no_more(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, TOP))
        client.grant(0, TOP - WINDOW)
        producer: Any = client.wire.producer
        producer.pauseProducing()
        self.flow.size = 4 * self._AHEAD
        client.send(request(1, b"/flow"))
        self.assertLessEqual(self.flow.produced, self._AHEAD)
        self.assertLessEqual(len(client.response(1).body), self._AHEAD)
        for _ in range(200):
            producer.resumeProducing()
            client.settle()
        self.assertTrue(client.response(1).complete)
        self.assertEqual(len(client.response(1).body), 4 * self._AHEAD)

    def test_a_client_that_resets_stops_the_resource(self) -> None:
        client = self.started()
        client.send(request(1, b"/flow"), reset(1))
        self.assertEqual(self.flow.stopped, 1)
        client.grant(0, WINDOW)
        self.proves_alive(client)

    def test_a_client_that_leaves_stops_the_resources(self) -> None:
        client = self.started()
        client.send(request(1, b"/flow"), request(3, b"/flow"))
        client.lose()
        self.assertEqual(self.flow.stopped, 2)

    def test_a_window_of_single_bytes_is_used(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, 0))
        client.send(request(1))
        self.assertEqual((client.response(1).status, bytes(client.response(1).body)), (200, b""))
        for number in range(1, 14):
            client.grant(1, 1)
            self.assertEqual(bytes(client.response(1).body), b"Hello, world!"[:number])
        self.assertTrue(client.response(1).complete)

    def test_a_response_of_nothing_needs_no_window(self) -> None:
        client = self.started((Setting.INITIAL_WINDOW_SIZE, 0))
        client.send(request(1, b"/wait"))
        self.waiting.requests[0].finish()
        client.settle()
        self.assertTrue(client.response(1).complete)
