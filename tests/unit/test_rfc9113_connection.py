"""RFC 9113 sections 3, 6.5, 6.7 and 6.8: how a connection begins, its settings, PING, and how it ends."""

from __future__ import annotations

from tests.unit.http2_case import Http2Case, rows
from tests.unit.http2_frames import (
    LARGEST,
    PREFACE,
    TOP,
    Code,
    Flag,
    Kind,
    Setting,
    data,
    frame,
    goaway,
    headers,
    ping,
    post,
    request,
    settings,
    window_update,
)
from tests.unit.http2_outcome import FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, IGNORED, PROTOCOL_ERROR, answered, ended, row

HALF = request(1, b"/wait")
NO_HTTP2 = ended(Code.PROTOCOL_ERROR, silent=True)
"""GOAWAY may be left out when the client seems to speak something else (3.4)."""

HTTP1 = b"GET / HTTP/1.1\r\nHost: duck.example\r\n\r\n"
TLS = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(32))

PREFACES = [
    row("3.4", "another preface", b"INVALID CONNECTION PREFACE\r\n\r\n", NO_HTTP2, instead=True),
    row("3.4", "a preface with another last byte", PREFACE[:-1] + b"\r" + settings(), NO_HTTP2, instead=True),
    row("3.4", "a preface with another first byte", b"p" + PREFACE[1:] + settings(), NO_HTTP2, instead=True),
    row("3.4", "a request of version 1.1", HTTP1, NO_HTTP2, instead=True),
    row("3.4", "a TLS hello", TLS, NO_HTTP2, instead=True),
    row("3.4", "nothing but zeros", bytes(64), NO_HTTP2, instead=True),
    row("3.4", "a preface that goes wrong in a later segment", [PREFACE[:5], b"garbage"], NO_HTTP2, instead=True),
    row("3.4", "SETTINGS without a preface", settings() + request(1), NO_HTTP2, instead=True),
    row("3.4", "PING before SETTINGS", PREFACE + ping(), NO_HTTP2, instead=True),
    row("3.4", "a request before SETTINGS", PREFACE + request(1), NO_HTTP2, instead=True),
    row("3.4", "WINDOW_UPDATE before SETTINGS", PREFACE + window_update(0, 1), NO_HTTP2, instead=True),
    row("3.4", "GOAWAY before SETTINGS", PREFACE + goaway(), NO_HTTP2, instead=True),
    row("3.4", "DATA before SETTINGS", PREFACE + data(1, b"duck"), NO_HTTP2, instead=True),
    row(
        "3.4",
        "an acknowledgement as the first SETTINGS",
        PREFACE + settings(ack=True),
        NO_HTTP2,
        IGNORED,
        why="It is a SETTINGS frame, but conveys no settings.",
        instead=True,
    ),
    row("3.4", "a preface with bad settings", PREFACE + settings((2, 2)), PROTOCOL_ERROR, instead=True),
    row("3.4", "a preface with broken SETTINGS", PREFACE + frame(Kind.SETTINGS, 0, 0, b"duck"), FRAME_SIZE_ERROR,
        instead=True),
    row("3.4", "a preface with large SETTINGS", PREFACE + frame(Kind.SETTINGS, length=LARGEST + 2), FRAME_SIZE_ERROR,
        instead=True),
    row("3.4", "a second preface", PREFACE, FRAME_SIZE_ERROR),
    row("3.4", "a preface in segments of one byte", [bytes([byte]) for byte in PREFACE + settings()], IGNORED,
        instead=True),
    row("3.4", "a preface and a request in one segment", PREFACE + settings() + request(1), answered(1, 200),
        instead=True),
    row("3.4", "a preface cut in the middle", [PREFACE[:12], PREFACE[12:] + settings()[:4], settings()[4:]], IGNORED,
        instead=True),
]  # fmt: skip

_VALUES = {
    "a table of nothing": (Setting.HEADER_TABLE_SIZE, 0),
    "no push": (Setting.ENABLE_PUSH, 0),
    "push": (Setting.ENABLE_PUSH, 1),
    "no streams of the server": (Setting.MAX_CONCURRENT_STREAMS, 0),
    "any number of streams": (Setting.MAX_CONCURRENT_STREAMS, 2**32 - 1),
    "the greatest window": (Setting.INITIAL_WINDOW_SIZE, TOP),
    "the smallest frames": (Setting.MAX_FRAME_SIZE, 2**14),
    "the largest frames": (Setting.MAX_FRAME_SIZE, 2**24 - 1),
    "field sections of any size": (Setting.MAX_HEADER_LIST_SIZE, 2**32 - 1),
    "an unknown setting": (Setting.UNKNOWN, 2**32 - 1),
    "setting 0": (0, 1),
    "setting 65535": (65_535, 0),
}

SETTINGS = [
    row("6.5", "SETTINGS on a stream", frame(Kind.SETTINGS, 0, 1), PROTOCOL_ERROR),
    row("6.5", "SETTINGS on an open stream", [post(1), frame(Kind.SETTINGS, 0, 1)], PROTOCOL_ERROR),
    row("6.5", "an acknowledgement on a stream", frame(Kind.SETTINGS, Flag.ACK, 1), PROTOCOL_ERROR),
    row("6.5", "an acknowledgement with a payload", frame(Kind.SETTINGS, Flag.ACK, 0, bytes(6)), FRAME_SIZE_ERROR),
    row("6.5", "an acknowledgement with a byte", frame(Kind.SETTINGS, Flag.ACK, 0, bytes(1)), FRAME_SIZE_ERROR),
    *(
        row("6.5", f"SETTINGS of {size} bytes", frame(Kind.SETTINGS, 0, 0, bytes(size)), FRAME_SIZE_ERROR)
        for size in (1, 3, 5, 7, 13)
    ),
    row("6.5", "SETTINGS of nothing", settings(), IGNORED),
    *(row("6.5.2", name, settings(value), IGNORED) for name, value in _VALUES.items()),
    row("6.5.2", "field sections of no size", settings((Setting.MAX_HEADER_LIST_SIZE, 0)), IGNORED),
    row("6.5.2", "push of 2", settings((Setting.ENABLE_PUSH, 2)), PROTOCOL_ERROR),
    row("6.5.2", "push of any other value", settings((Setting.ENABLE_PUSH, 2**32 - 1)), PROTOCOL_ERROR),
    row("6.5.2", "a window of 2^31", settings((Setting.INITIAL_WINDOW_SIZE, 2**31)), FLOW_CONTROL_ERROR),
    row("6.5.2", "a window of 2^32-1", settings((Setting.INITIAL_WINDOW_SIZE, 2**32 - 1)), FLOW_CONTROL_ERROR),
    row("6.5.2", "frames smaller than allowed", settings((Setting.MAX_FRAME_SIZE, 2**14 - 1)), PROTOCOL_ERROR),
    row("6.5.2", "frames of nothing", settings((Setting.MAX_FRAME_SIZE, 0)), PROTOCOL_ERROR),
    row("6.5.2", "frames larger than allowed", settings((Setting.MAX_FRAME_SIZE, 2**24)), PROTOCOL_ERROR),
    row("6.5.2", "frames of 2^32-1", settings((Setting.MAX_FRAME_SIZE, 2**32 - 1)), PROTOCOL_ERROR),
    row("6.5.3", "a bad value before a good one", settings((Setting.ENABLE_PUSH, 2), (Setting.ENABLE_PUSH, 0)),
        PROTOCOL_ERROR),
    row("6.5.3", "a bad value after good ones", settings((Setting.ENABLE_PUSH, 0), (Setting.MAX_FRAME_SIZE, 1)),
        PROTOCOL_ERROR),
    row("6.5.3", "an acknowledgement of nothing", settings(ack=True), IGNORED, PROTOCOL_ERROR,
        why="The RFC says nothing of one too many."),
    row("6.5.3", "many settings at once", settings(*[(0xBA00 + at, at) for at in range(1000)]), IGNORED),
    row(
        "6.9.2",
        "a window that grows with a stream's beyond the top",
        [HALF, window_update(1, 1), settings((Setting.INITIAL_WINDOW_SIZE, TOP))],
        FLOW_CONTROL_ERROR,
    ),
    row(
        "6.9.2",
        "a window that grows with a stream's to the top",
        [HALF, window_update(1, 1), settings((Setting.INITIAL_WINDOW_SIZE, TOP - 1))],
        IGNORED,
    ),
    row(
        "6.9.2",
        "a window that shrinks and grows again with a stream's",
        [HALF, *(settings((Setting.INITIAL_WINDOW_SIZE, size)) for size in (0, TOP, 1, 65_535))],
        IGNORED,
    ),
]  # fmt: skip

PINGS = [
    row("6.7", "PING on a stream", frame(Kind.PING, 0, 1, bytes(8)), PROTOCOL_ERROR),
    row("6.7", "PING on an open stream", [post(1), frame(Kind.PING, 0, 1, bytes(8))], PROTOCOL_ERROR),
    row("6.7", "an answer to PING on a stream", frame(Kind.PING, Flag.ACK, 1, bytes(8)), PROTOCOL_ERROR),
    *(
        row("6.7", f"PING of {size} bytes", frame(Kind.PING, 0, 0, bytes(size)), FRAME_SIZE_ERROR)
        for size in (0, 7, 9, 16)
    ),
    row("6.7", "an answer to PING of 7 bytes", ping(bytes(7), ack=True), FRAME_SIZE_ERROR),
    row("6.7", "an answer that nobody asked for", ping(ack=True), IGNORED),
    row("6.7", "PING among requests", [HALF, ping(), request(3)], answered(3, 200)),
]

GOAWAYS = [
    row("6.8", "GOAWAY on a stream", frame(Kind.GOAWAY, 0, 1, bytes(8)), PROTOCOL_ERROR),
    row("6.8", "GOAWAY on an open stream", [HALF, frame(Kind.GOAWAY, 0, 1, bytes(8))], PROTOCOL_ERROR),
    row("6.8", "GOAWAY of nothing", frame(Kind.GOAWAY), FRAME_SIZE_ERROR),
    row("6.8", "GOAWAY of 7 bytes", frame(Kind.GOAWAY, 0, 0, bytes(7)), FRAME_SIZE_ERROR),
]


@rows(PREFACES)
class PrefaceTests(Http2Case):
    """How a connection begins."""

    def test_3_4_the_first_settings_are_acknowledged_after_the_servers_own(self) -> None:
        client = self.client()
        client.start()
        # The client holds the server to SETTINGS as its first frame.
        self.assertEqual(client.acknowledged, 1)
        self.assertTrue(client.theirs)

    def test_3_4_a_client_that_says_nothing_is_closed_in_time(self) -> None:
        for sent in (b"", PREFACE[:1], PREFACE[:23], PREFACE, PREFACE + settings()[:8]):
            client = self.client()
            client.send(sent)
            client.wait(21)
            self.assertTrue(client.wire.closed, sent)
            self.leaves_nothing(client)

    def test_3_4_a_client_that_leaves_half_way_leaves_nothing(self) -> None:
        for sent in (b"", PREFACE[:1], PREFACE, PREFACE + settings()[:8]):
            client = self.client()
            client.send(sent)
            self.leaves_nothing(client)


@rows(SETTINGS)
class SettingsTests(Http2Case):
    """Settings of the client."""

    def test_6_5_3_each_settings_frame_is_acknowledged_at_once(self) -> None:
        client = self.started()
        for expected in (2, 3, 4):
            client.tell((Setting.UNKNOWN, 1))
            self.assertEqual(client.acknowledged, expected)
        client.send(settings() * 3)
        self.assertEqual(client.acknowledged, 7)

    def test_6_5_3_an_acknowledgement_is_not_acknowledged(self) -> None:
        client = self.started()
        self.assertEqual(client.acknowledged, 1)
        client.wait(1)
        self.assertEqual(client.acknowledged, 1)

    def test_6_5_3_the_last_of_several_values_counts(self) -> None:
        client = self.started()
        client.tell((Setting.INITIAL_WINDOW_SIZE, 100), (Setting.INITIAL_WINDOW_SIZE, 5))
        client.send(request(1))
        self.assertEqual(bytes(client.response(1).body), b"Hello")
        self.assertFalse(client.response(1).complete)
        client.grant(1, 8)
        self.assertEqual(bytes(client.response(1).body), b"Hello, world!")
        self.assertTrue(client.response(1).complete)

    def test_6_5_2_a_client_that_does_not_acknowledge_is_served_for_a_while(self) -> None:
        client = self.client()
        client.send(PREFACE + settings())
        client.wait(1)
        self.proves_alive(client)

    def test_6_5_2_larger_frames_may_be_sent_only_where_the_client_takes_them(self) -> None:
        client = self.started()
        client.generous = True
        client.send(request(1, b"/flow"))
        self.assertLessEqual(max(client.sizes), LARGEST)

    def test_6_9_2_a_window_that_shrinks_below_nothing_has_to_grow_above_it(self) -> None:
        client = self.started()
        client.send(request(1, b"/flow"))
        self.assertEqual(len(client.response(1).body), 65_535)
        client.grant(0, 1_000_000)
        client.tell((Setting.INITIAL_WINDOW_SIZE, 1000))
        client.grant(1, 64_535)
        self.assertEqual(len(client.response(1).body), 65_535)
        client.grant(1, 1)
        self.assertEqual(len(client.response(1).body), 65_536)
        client.tell((Setting.INITIAL_WINDOW_SIZE, 1010))
        self.assertEqual(len(client.response(1).body), 65_546)

    def test_6_9_2_settings_do_not_change_the_window_of_the_connection(self) -> None:
        client = self.started()
        client.tell((Setting.INITIAL_WINDOW_SIZE, 1_000_000))
        client.send(request(1, b"/flow"))
        self.assertEqual(len(client.response(1).body), 65_535)


@rows(PINGS)
class PingTests(Http2Case):
    """PING of the client."""

    def test_6_7_the_payload_comes_back(self) -> None:
        client = self.started()
        for payload in (bytes(8), b"\xff" * 8, b"duckduck"):
            client.send(ping(payload))
        self.assertEqual(client.pongs, [bytes(8), b"\xff" * 8, b"duckduck"])

    def test_6_7_a_ping_is_answered_before_a_body_that_waits_for_its_window(self) -> None:
        client = self.started()
        client.send(request(1, b"/flow"))
        self.assertTrue(client.answers())


@rows(GOAWAYS)
class GoawayTests(Http2Case):
    """GOAWAY of the client, and of a site that drains is in the tests of exchanges."""

    def test_6_8_what_is_in_progress_is_finished_after_the_client_says_goodbye(self) -> None:
        for sent in (goaway(), goaway(TOP, 0xBADBAD), goaway(0, 0, b"debug " * 100), goaway(TOP) + goaway()):
            client = self.started()
            client.send(HALF + post(3))
            client.send(sent)
            self.assertTrue(client.answers(), "PING is not answered after GOAWAY")
            self.assertFalse(client.wire.closed)
            client.send(data(3, b"duck", end=True))
            asked = self.waiting.requests.pop()
            asked.write(b"late")
            asked.finish()
            client.settle()
            self.assertEqual(bytes(client.response(1).body), b"late")
            self.assertTrue(client.response(3).body.endswith(b"duck"))
            self.assertFalse(client.failed)
            client.wait(61)
            self.assertTrue(client.wire.closed)
            self.leaves_nothing(client)

    def test_6_8_goodbye_with_nothing_in_progress_is_no_error(self) -> None:
        client = self.started()
        client.send(goaway())
        # It may end here, or answer this; the RFC leaves it open.
        if not client.wire.closed:
            self.assertTrue(client.answers())
        self.assertFalse(client.failed)
        self.leaves_nothing(client)


@rows(
    [
        row("7", "GOAWAY for an unknown error on a stream", frame(Kind.GOAWAY, 0, 3, bytes(4) + b"\xff" * 4),
            PROTOCOL_ERROR),
        row("5.4", "two errors in one segment", frame(Kind.PING, 0, 1, bytes(8)) + headers(0, b""), PROTOCOL_ERROR),
    ]
)  # fmt: skip
class ErrorTests(Http2Case):
    """Error codes."""
