"""Frames that cost the client little and the server much, over and over: it gives such a connection up in time.

No time passes in these tests: however a server measures how often something comes, this is too often.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.unit.http2_case import live
from tests.unit.http2_frames import (
    LARGEST,
    TOP,
    Code,
    Kind,
    Setting,
    asked,
    block,
    connect,
    continuation,
    data,
    frame,
    goaway,
    headers,
    literal,
    ping,
    post,
    priority,
    request,
    reset,
    settings,
    window_update,
)
from tests.unit.http2_live import End, LiveCase, Taker

MOST = 20_000
"""How often something may come before the connection has to be over."""

_BATCH = 50
_WAITS = block(*asked(b"/wait"))


class Flood(NamedTuple):
    """``wave`` makes what is sent again and again after ``opening``, from a number that goes up from 0."""

    name: str
    wave: Callable[[int], bytes]
    opening: bytes = b""
    codes: tuple[Code, ...] = (Code.ENHANCE_YOUR_CALM,)
    most: int = MOST


def _stream(number: int) -> int:
    return 2 * number + 101


def _ask(number: int, after: Callable[[int], bytes]) -> bytes:
    """A request, and something that makes the server give it up."""
    return headers(_stream(number), _WAITS) + after(_stream(number))


def _stream_and(number: int, after: Callable[[int], bytes], *fields: tuple[bytes, bytes]) -> bytes:
    """A request whose body is being taken, and something that makes the server give it up."""
    return post(_stream(number), b"/live/", *fields) + after(_stream(number))


def _connect_and(number: int, after: Callable[[int], bytes]) -> bytes:
    """A tunnel, and something that makes the server give it up."""
    return connect(_stream(number)) + after(_stream(number))


OPEN = post(1, b"/wait")
HALF = request(1, b"/wait")
TAKEN = post(1, b"/live/")
TUNNEL = connect(1)

FLOODS = [
    Flood("requests that are reset", lambda number: _ask(number, reset)),
    Flood("open requests that are reset", lambda number: post(_stream(number), b"/wait") + reset(_stream(number))),
    # Made to reset: it is the server that does, and what it had begun goes on behind its back.
    Flood("requests with an increment of nothing", lambda number: _ask(number, lambda at: window_update(at, 0))),
    Flood("requests with an increment too large", lambda number: _ask(number, lambda at: window_update(at, TOP))),
    Flood("requests with DATA after their end", lambda number: _ask(number, lambda at: data(at, b"a"))),
    Flood("requests with HEADERS after their end", lambda number: _ask(number, lambda at: headers(at, b"\x10\1a\1b"))),
    Flood("requests with a short PRIORITY", lambda number: _ask(number, lambda at: frame(2, 0, at, bytes(4)))),
    Flood("requests that are malformed", lambda number: headers(_stream(number), literal(b"X", b"1"))),
    Flood("requests beyond the number of streams", lambda number: headers(_stream(number), _WAITS)),
    Flood("SETTINGS", lambda number: settings()),
    Flood("SETTINGS that change something", lambda number: settings((Setting.INITIAL_WINDOW_SIZE, number)), HALF),
    Flood("acknowledgements of SETTINGS", lambda number: settings(ack=True),
          codes=(Code.ENHANCE_YOUR_CALM, Code.PROTOCOL_ERROR)),
    Flood("PING", lambda number: ping()),
    Flood("answers to PING", lambda number: ping(ack=True)),
    Flood("PRIORITY", lambda number: priority(1)),
    Flood("PRIORITY of ever other streams", lambda number: priority(_stream(number), on=number)),
    Flood("WINDOW_UPDATE of the connection", lambda number: window_update(0, 1)),
    Flood("WINDOW_UPDATE of a stream", lambda number: window_update(1, 1), HALF),
    Flood("WINDOW_UPDATE of a closed stream", lambda number: window_update(1, 1), request(1)),
    Flood("RST_STREAM of a closed stream", lambda number: reset(1), request(1),
          codes=(Code.ENHANCE_YOUR_CALM, Code.STREAM_CLOSED)),
    Flood("DATA of nothing", lambda number: data(1), OPEN),
    Flood("DATA of a closed stream", lambda number: data(1), request(1),
          codes=(Code.ENHANCE_YOUR_CALM, Code.STREAM_CLOSED)),
    Flood("DATA of a stream that was reset", lambda number: data(1), OPEN + window_update(1, 0)),
    Flood("HEADERS of a stream that was reset", lambda number: headers(1, b"\x10\1a\1b"), OPEN + window_update(1, 0)),
    Flood("CONTINUATION of nothing", lambda number: continuation(1, whole=False), headers(1, _WAITS, whole=False)),
    Flood("CONTINUATION of a byte", lambda number: continuation(1, b"\x82", whole=False), headers(1, b"", whole=False),
          codes=(Code.ENHANCE_YOUR_CALM, Code.COMPRESSION_ERROR)),
    # What is not decompressed makes the table of no use (RFC 9113 4.3).
    Flood("CONTINUATION of the largest size", lambda number: continuation(1, bytes(LARGEST), whole=False),
          headers(1, b"", whole=False), codes=(Code.ENHANCE_YOUR_CALM, Code.COMPRESSION_ERROR), most=200),
    Flood("unknown frames", lambda number: frame(Kind.UNKNOWN)),
    Flood("GOAWAY", lambda number: goaway(), HALF),
    Flood("bodies in progress that are reset", lambda number: _stream_and(number, reset)),
    Flood("bodies in progress that are longer than declared",
          lambda number: _stream_and(number, lambda at: data(at, b"ab"), (b"content-length", b"1"))),
    Flood("bodies in progress with malformed trailers",
          lambda number: _stream_and(number, lambda at: headers(at, literal(b"X", b"1")))),
    Flood("DATA of nothing for a body in progress", lambda number: data(1), TAKEN),
    Flood("DATA of padding for a body in progress", lambda number: data(1, pad=20), TAKEN),
    Flood("tunnels that are reset", lambda number: _connect_and(number, reset)),
    Flood("tunnels with HEADERS in them", lambda number: _connect_and(number, lambda at: headers(at, b"\x10\1a\1b"))),
    Flood("tunnels with DATA after their end",
          lambda number: _connect_and(number, lambda at: data(at, end=True) + data(at, b"a"))),
    Flood("DATA of nothing in a tunnel", lambda number: data(1), TUNNEL),
    Flood("DATA of padding in a tunnel", lambda number: data(1, pad=20), TUNNEL),
    Flood("malformed requests for tunnels",
          lambda number: headers(_stream(number), block(*asked(b"/live/", (b":protocol", b"websocket"))))),
]  # fmt: skip

_SENT_AT_MOST = 2 * 1024 * 1024
_UNREAD_AT_MOST = 256 * 1024
_OBJECTS_AT_MOST = 3_000


def _go_along(request: Any) -> None:
    """Take what a client sends, as a body or in a tunnel."""
    if request.upgrade:
        request.tunnel([], End())
    else:
        request.body_stream().start(Taker())


class FloodTests(LiveCase):
    """One test for each flood when the client reads what it gets, and one when it does not."""

    def setUp(self) -> None:
        super().setUp()
        self.live.then = _go_along

    def check(self, flood: Flood, *, reads: bool) -> None:
        before = sum(live().values())
        client = self.started()
        producer: Any = client.wire.producer
        client.send(flood.opening)
        octets = client.octets
        if not reads:
            producer.pauseProducing()
        for number in range(0, flood.most, _BATCH):
            client.send(b"".join(flood.wave(each) for each in range(number, number + _BATCH)))
            if client.wire.closed or client.held_back:
                break
        else:
            self.fail(f"{flood.most} times were too few")
        if reads:
            self.assertEqual(
                [code for _last, code in client.goaways if code in flood.codes][:1], [client.goaways[-1][1]]
            )
            self.assertTrue(client.wire.closed)
            self.assertLess(client.octets - octets, _SENT_AT_MOST)
        else:
            # It may also stop reading until the client reads.
            self.assertLess(client.octets - octets, _UNREAD_AT_MOST)
        self.assertLess(len(self.site.asked), flood.most // 10)
        self.assertLess(sum(live().values()) - before, _OBJECTS_AT_MOST)
        self.waiting.requests.clear()
        self.live.requests.clear()
        self.leaves_nothing(client)


def _add(flood: Flood, *, reads: bool) -> None:
    def test(self: FloodTests) -> None:
        self.check(flood, reads=reads)

    name = "test_" + re.sub("[^a-z0-9]+", "_", flood.name.lower())
    name += (
        "_without_end_end_the_connection" if reads else "_without_end_from_a_client_that_does_not_read_fill_no_memory"
    )
    assert not hasattr(FloodTests, name), name
    setattr(FloodTests, name, test)


for _flood in FLOODS:
    _add(_flood, reads=True)
    _add(_flood, reads=False)


class PatienceTests(LiveCase):
    """What good clients do is no flood."""

    def test_a_page_that_is_left_cancels_a_hundred_requests(self) -> None:
        client = self.started()
        streams = range(1, 200, 2)
        client.send(b"".join(request(stream, b"/wait") for stream in streams))
        client.send(b"".join(reset(stream) for stream in streams))
        self.proves_alive(client, 1001)

    def test_some_requests_of_every_page_are_cancelled(self) -> None:
        client = self.started()
        for number in range(300):
            at = 20 * number + 1
            client.send(b"".join(request(at + 2 * each) for each in range(8)))
            client.send(request(at + 16, b"/wait") + reset(at + 16))
            client.wait(1)
        self.proves_alive(client)

    def test_a_ping_every_second_for_an_hour(self) -> None:
        client = self.started()
        client.send(request(1, b"/wait"))
        for number in range(3600):
            self.assertTrue(client.answers(b"%08d" % number))
            self.clock.advance(1)
        self.proves_alive(client)

    def test_a_window_for_each_frame_of_a_long_body(self) -> None:
        client = self.started()
        client.generous = True
        client.send(request(1, b"/flow"))
        self.assertTrue(client.response(1).complete)
        self.assertEqual(len(client.response(1).body), self.flow.size)
        self.proves_alive(client)

    def test_a_long_body_in_frames_of_a_few_bytes(self) -> None:
        client = self.started()
        client.send(post(1))
        client.upload(1, bytes(50_000), size=10)
        self.assertEqual(client.response(1).status, 200)
        self.proves_alive(client)

    def test_a_thousand_tunnels_that_are_closed_in_order(self) -> None:
        client = self.started()
        self.live.then = lambda request: request.tunnel([], End()).close()
        for stream in range(1, 2001, 2):
            client.send(connect(stream), data(stream, end=True))
            self.assertTrue(client.response(stream).complete)
        self.assertEqual(client.resets, {})
        self.proves_alive(client)

    def test_a_long_talk_in_frames_of_a_few_bytes(self) -> None:
        client = self.started()
        end = End()
        client.send(connect(1))
        tunnel = self.live.requests[0].tunnel([], end)
        for _ in range(3000):
            tunnel.write(b"quack")
            client.upload(1, b"quack", end=False)
            client.grant(1, 5)
        self.assertEqual(end.told, [b"quack" * 3000])
        self.assertEqual(bytes(client.response(1).body), b"quack" * 3000)
        self.proves_alive(client)

    def test_priorities_and_settings_at_the_start(self) -> None:
        client = self.started()
        client.send(b"".join(priority(stream) for stream in range(3, 103, 2)))
        client.send(*(settings((Setting.INITIAL_WINDOW_SIZE, 65_535)) for _ in range(10)))
        client.send(*(frame(0x10, 0, 0, b"\0\0\0\1u=1") for _ in range(100)))
        self.proves_alive(client)

    def test_ten_thousand_requests_leave_nothing_behind(self) -> None:
        client = self.started()
        client.generous = True
        client.send(request(1), post(3), data(3, b"duck", end=True))
        before = sum(live().values())
        for number in range(2, 10_002, 50):
            client.send(b"".join(request(2 * each + 1) for each in range(number, number + 50)))
            client.responses.clear()
        self.site.asked.clear()
        self.assertLess(sum(live().values()) - before, 50)
        self.proves_alive(client)
