"""RFC 8441: extended CONNECT, and the setting that allows it."""

from __future__ import annotations

from tests.unit.http2_case import rows
from tests.unit.http2_frames import (
    Code,
    Field,
    Setting,
    block,
    connect,
    data,
    headers,
    post,
    priority,
    reset,
    settings,
    window_update,
)
from tests.unit.http2_live import LiveCase
from tests.unit.http2_outcome import IGNORED, PROTOCOL_ERROR, Row, answered, malformed, row

CONNECT = (b":method", b"CONNECT")
PROTOCOL = (b":protocol", b"websocket")
SCHEME = (b":scheme", b"https")
AUTHORITY = (b":authority", b"duck.example")
PATH = (b":path", b"/hello")
HOST = (b"host", b"duck.example")


def bad(name: str, *fields: Field) -> Row:
    """A request of these fields is malformed."""
    return row("8441 4", name, headers(1, block(*fields), end=False), malformed())


SETTINGS = [
    row("8441 3", "ENABLE_CONNECT_PROTOCOL of a client", settings((Setting.ENABLE_CONNECT_PROTOCOL, 1)), IGNORED),
    row("8441 3", "ENABLE_CONNECT_PROTOCOL of 2", settings((Setting.ENABLE_CONNECT_PROTOCOL, 2)), PROTOCOL_ERROR),
]

REQUESTS = [
    bad("GET with :protocol", (b":method", b"GET"), PROTOCOL, SCHEME, AUTHORITY, PATH),
    bad("POST with :protocol", (b":method", b"POST"), PROTOCOL, SCHEME, AUTHORITY, PATH),
    bad("connect in small letters", (b":method", b"connect"), PROTOCOL, SCHEME, AUTHORITY, PATH),
    bad(":protocol without :method", PROTOCOL, SCHEME, AUTHORITY, PATH),
    bad(":protocol without :scheme", CONNECT, PROTOCOL, AUTHORITY, PATH),
    bad(":protocol without :path", CONNECT, PROTOCOL, SCHEME, AUTHORITY),
    bad(":protocol without either", CONNECT, PROTOCOL, AUTHORITY),
    bad(":protocol of nothing", CONNECT, (b":protocol", b""), SCHEME, AUTHORITY, PATH),
    bad(":protocol of two words", CONNECT, (b":protocol", b"web socket"), SCHEME, AUTHORITY, PATH),
    bad(":protocol of two names", CONNECT, (b":protocol", b"websocket, h2c"), SCHEME, AUTHORITY, PATH),
    bad(":protocol with two versions", CONNECT, (b":protocol", b"a/1/2"), SCHEME, AUTHORITY, PATH),
    bad("two of :protocol", CONNECT, PROTOCOL, PROTOCOL, SCHEME, AUTHORITY, PATH),
    bad(":protocol behind a field", CONNECT, SCHEME, AUTHORITY, PATH, (b"x-duck", b"1"), PROTOCOL),
    bad(":path of nothing", CONNECT, PROTOCOL, SCHEME, AUTHORITY, (b":path", b"")),
    bad(":path of a star", CONNECT, PROTOCOL, SCHEME, AUTHORITY, (b":path", b"*")),
    bad(":path with a fragment", CONNECT, PROTOCOL, SCHEME, AUTHORITY, (b":path", b"/a#b")),
    bad(":scheme of nothing", CONNECT, PROTOCOL, (b":scheme", b""), AUTHORITY, PATH),
    bad("an authority with a user", CONNECT, PROTOCOL, SCHEME, (b":authority", b"me@duck.example"), PATH),
    bad("another host", CONNECT, PROTOCOL, SCHEME, AUTHORITY, PATH, (b"host", b"goose.example")),
    bad("a length", CONNECT, PROTOCOL, SCHEME, AUTHORITY, PATH, (b"content-length", b"0")),
    bad("an Upgrade", CONNECT, PROTOCOL, SCHEME, AUTHORITY, PATH, (b"upgrade", b"websocket")),
    bad("a Connection", CONNECT, PROTOCOL, SCHEME, AUTHORITY, PATH, (b"connection", b"upgrade")),
    row("8441 4", ":protocol in trailers", [post(1), headers(1, block(PROTOCOL))], malformed()),
    row("8441 4", "nobody who speaks it", connect(1, b"/hello"), answered(1, 501)),
    row("8441 4", "nobody, and half closed", connect(1, b"/hello", end=True), answered(1, 501)),
    row("8441 4", "nobody, and more", [connect(1, b"/hello"), data(1, b"duck"), data(1, end=True)], answered(1, 501)),
    row("8441 4", "no host", headers(1, block(CONNECT, PROTOCOL, SCHEME, PATH)), answered(1, 400)),
    row("8441 4", "a host and no authority", headers(1, block(CONNECT, PROTOCOL, SCHEME, PATH, HOST)),
        answered(1, 501)),
]  # fmt: skip


@rows(SETTINGS + REQUESTS)
class ConnectTests(LiveCase):
    """What may ask for another protocol."""

    def test_the_setting_is_sent(self) -> None:
        client = self.started()
        self.assertEqual(client.theirs[Setting.ENABLE_CONNECT_PROTOCOL], 1)

    def test_a_request_for_another_protocol_is_seen_as_one(self) -> None:
        client = self.started()
        client.send(connect(1, b"/live/chat?a=b", (b"sec-websocket-version", b"13"), protocol=b"WebSocket"))
        asked = self.live.requests[0]
        self.assertEqual((asked.upgrade, asked.method, asked.uri), (b"websocket", b"CONNECT", b"/live/chat?a=b"))
        self.assertEqual((asked.host_header, asked.getHeader(b"sec-websocket-version")), (b"duck.example", b"13"))
        self.assertEqual(asked.body_stream().length, 0)

    def test_a_protocol_may_have_a_version(self) -> None:
        client = self.started()
        client.send(connect(1, protocol=b"duck/2.0"))
        self.assertEqual(self.live.requests[0].upgrade, b"duck/2.0")

    def test_other_requests_ask_for_none(self) -> None:
        client = self.started()
        client.send(post(1, b"/live/"))
        self.assertEqual(self.live.requests[0].upgrade, b"")
        self.assertRaises(RuntimeError, self.live.requests[0].tunnel, [], None)


class ConnectedTests(LiveCase):
    """What may come on a stream that speaks another protocol (RFC 9113 8.5)."""

    def test_frames_that_manage_the_stream_are_taken(self) -> None:
        client = self.started()
        _, end = self.opened(client)
        client.send(priority(1), window_update(1, 10), data(1, b"quack"))
        self.assertEqual((end.told, client.resets), ([b"quack"], {}))
        client.send(reset(1))
        self.assertEqual(end.told, [b"quack", "lost"])

    def test_header_blocks_are_not(self) -> None:
        for end_stream in (False, True):
            client = self.started()
            _, end = self.opened(client)
            client.send(headers(1, block((b"x-sum", b"1")), end=end_stream))
            self.assertEqual((client.resets, end.told), ({1: [Code.PROTOCOL_ERROR]}, ["lost"]))
            self.proves_alive(client)

    def test_nor_are_they_before_it_is_granted(self) -> None:
        client = self.started()
        client.send(connect(1), headers(1, block((b"x-sum", b"1"))))
        self.assertEqual(client.resets, {1: [Code.PROTOCOL_ERROR]})
        self.proves_alive(client)

    def test_nothing_comes_behind_the_end(self) -> None:
        client = self.started()
        self.opened(client)
        client.send(data(1, end=True), data(1, b"quack"))
        self.assertEqual(client.resets, {1: [Code.STREAM_CLOSED]})
        self.proves_alive(client)
