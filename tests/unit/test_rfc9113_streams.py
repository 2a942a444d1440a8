"""RFC 9113 section 5: the states of streams, their identifiers, how many there may be, and errors on them."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from tests.unit.http2_case import Http2Case, rows
from tests.unit.http2_frames import (
    TOP,
    Code,
    Kind,
    Setting,
    asked,
    block,
    continuation,
    data,
    frame,
    headers,
    post,
    priority,
    push_promise,
    request,
    reset,
    window_update,
)
from tests.unit.http2_outcome import IGNORED, PROTOCOL_ERROR, Outcome, answered, ended, row, was_reset

OPEN = post(1, b"/wait")
HALF = request(1, b"/wait")
CLOSED = request(1)
LEFT = [HALF, reset(1)]
"""A stream that the client has reset."""

GIVEN_UP = [OPEN, window_update(1, 0)]
"""A stream that the server has reset, for a stream error."""

HELLO = block(*asked())
TRAILERS = block((b"x-sum", b"1"))

WAS_CLOSED: tuple[Outcome, ...] = (was_reset(1, Code.STREAM_CLOSED), ended(Code.STREAM_CLOSED))
NOT_NEW: tuple[Outcome, ...] = (
    *WAS_CLOSED,
    ended(Code.PROTOCOL_ERROR),
    IGNORED,
)
_DATA = "A stream error by 6.1; 5.1 lets frames on closed streams be an error of the connection."
_HEADERS = (
    "By 5.1 any frame on a closed stream may be discarded or be an error of the connection, by 5.1.1 an identifier "
    "that is not new is one; and STREAM_CLOSED is what a frame after the end of a stream means (7)."
)

IDLE = [
    row("5.1", "idle, DATA", data(1, b"duck"), PROTOCOL_ERROR),
    row("5.1", "idle, DATA of nothing", data(1, end=True), PROTOCOL_ERROR),
    row("5.1", "idle, RST_STREAM", reset(1), PROTOCOL_ERROR),
    row("5.1", "idle, WINDOW_UPDATE", window_update(1, 1), PROTOCOL_ERROR),
    row("5.1", "idle, CONTINUATION", continuation(1, HELLO), PROTOCOL_ERROR),
    row("5.1", "idle, PUSH_PROMISE", push_promise(1, 2, HELLO), PROTOCOL_ERROR),
    row("5.1", "idle above others, DATA", [CLOSED, data(3, b"duck")], PROTOCOL_ERROR),
    row("5.1", "idle above others, RST_STREAM", [CLOSED, reset(3)], PROTOCOL_ERROR),
    row("5.1", "idle above others, WINDOW_UPDATE", [HALF, window_update(3, 1)], PROTOCOL_ERROR),
    row("5.1", "idle, PRIORITY", priority(1), IGNORED),
    row("5.1", "idle, PRIORITY and then HEADERS", [priority(1), request(1)], answered(1, 200)),
    row("5.1", "idle, PRIORITY of a later stream opens none", [priority(9), request(1)], answered(1, 200)),
    row("5.1", "idle, an unknown frame", frame(Kind.UNKNOWN, 0, 1, b"duck"), IGNORED),
    row("5.1", "idle and the server's, HEADERS", request(2), PROTOCOL_ERROR),
    row("5.1", "idle and the server's, DATA", data(2, b"duck"), PROTOCOL_ERROR),
    row("5.1", "idle and the server's, RST_STREAM", reset(2), PROTOCOL_ERROR),
    row("5.1", "idle and the server's, WINDOW_UPDATE", window_update(2, 1), PROTOCOL_ERROR),
    row("5.1", "idle and the server's, PRIORITY", priority(2), IGNORED),
]

OPENED = [
    row("5.1", "open, DATA", [post(1), data(1, b"du"), data(1, b"ck", end=True)], answered(1, 200)),
    row("5.1", "open, trailers", [post(1), data(1, b"duck"), headers(1, TRAILERS)], answered(1, 200)),
    row("5.1", "open, WINDOW_UPDATE", [OPEN, window_update(1, 1)], IGNORED),
    row("5.1", "open, PRIORITY", [OPEN, priority(1)], IGNORED),
    row("5.1", "open, RST_STREAM", [OPEN, reset(1)], IGNORED),
    row("5.1", "open, an unknown frame", [OPEN, frame(Kind.UNKNOWN, 1, 1, b"duck")], IGNORED),
    row("5.1", "open, PUSH_PROMISE", [OPEN, push_promise(1, 2, HELLO)], PROTOCOL_ERROR),
    row("5.1", "open, CONTINUATION", [OPEN, continuation(1, TRAILERS)], PROTOCOL_ERROR),
]

HALF_CLOSED = [
    row("5.1", "half-closed, DATA", [HALF, data(1, b"duck")], was_reset(1, Code.STREAM_CLOSED)),
    row("5.1", "half-closed, DATA of nothing", [HALF, data(1, end=True)], was_reset(1, Code.STREAM_CLOSED)),
    row("5.1", "half-closed, HEADERS", [HALF, headers(1, HELLO)], was_reset(1, Code.STREAM_CLOSED)),
    row("5.1", "half-closed, trailers", [HALF, headers(1, TRAILERS)], was_reset(1, Code.STREAM_CLOSED)),
    row(
        "5.1",
        "half-closed, trailers in two parts",
        [HALF, headers(1, TRAILERS[:3], whole=False) + continuation(1, TRAILERS[3:])],
        was_reset(1, Code.STREAM_CLOSED),
    ),
    row(
        "5.1",
        "half-closed by DATA, DATA",
        [OPEN, data(1, b"du", end=True), data(1, b"ck", end=True)],
        was_reset(1, Code.STREAM_CLOSED),
    ),
    row(
        "5.1",
        "half-closed by trailers, DATA",
        [OPEN, headers(1, TRAILERS), data(1, b"duck", end=True)],
        was_reset(1, Code.STREAM_CLOSED),
    ),
    row(
        "5.1",
        "half-closed by trailers, trailers",
        [OPEN, headers(1, TRAILERS), headers(1, TRAILERS)],
        was_reset(1, Code.STREAM_CLOSED),
    ),
    row("5.1", "half-closed, WINDOW_UPDATE", [HALF, window_update(1, 1)], IGNORED),
    row("5.1", "half-closed, PRIORITY", [HALF, priority(1)], IGNORED),
    row("5.1", "half-closed, RST_STREAM", [HALF, reset(1)], IGNORED),
    row("5.1", "half-closed, an unknown frame", [HALF, frame(Kind.UNKNOWN, 0, 1, b"duck")], IGNORED),
    row("5.1", "half-closed, CONTINUATION", [HALF, continuation(1, TRAILERS)], PROTOCOL_ERROR),
    row("5.1", "half-closed, PUSH_PROMISE", [HALF, push_promise(1, 2, HELLO)], PROTOCOL_ERROR),
]

ENDED = [
    row("5.1", "closed by both, DATA", [CLOSED, data(1, b"duck")], *WAS_CLOSED, why=_DATA),
    row("5.1", "closed by both, HEADERS", [CLOSED, request(1)], *NOT_NEW, why=_HEADERS),
    row("5.1", "closed by both, trailers", [CLOSED, headers(1, TRAILERS)], *NOT_NEW, why=_HEADERS),
    row("5.1", "closed by both, WINDOW_UPDATE", [CLOSED, window_update(1, 1)], IGNORED),
    row("5.1", "closed by both, PRIORITY", [CLOSED, priority(1)], IGNORED),
    row("5.1", "closed by both, RST_STREAM", [CLOSED, reset(1)], IGNORED),
    row("5.1", "closed by both, an unknown frame", [CLOSED, frame(Kind.UNKNOWN, 0, 1, b"duck")], IGNORED),
    row("5.1", "closed by both, CONTINUATION", [CLOSED, continuation(1, TRAILERS)], PROTOCOL_ERROR),
    row("5.1", "closed by both, PUSH_PROMISE", [CLOSED, push_promise(1, 2, HELLO)], PROTOCOL_ERROR),
    row("5.1", "closed by the client, DATA", [*LEFT, data(1, b"duck")], *WAS_CLOSED, why=_DATA),
    row("5.1", "closed by the client, HEADERS", [*LEFT, request(1)], *NOT_NEW, why=_HEADERS),
    row("5.1", "closed by the client when open, DATA", [OPEN, reset(1), data(1, b"a")], *WAS_CLOSED, why=_DATA),
    row("5.1", "closed by the client when open, trailers", [OPEN, reset(1), headers(1, TRAILERS)], *NOT_NEW,
        why=_HEADERS),
    row("5.1", "closed by the client, PRIORITY", [*LEFT, priority(1)], IGNORED),
    row("5.1", "closed by the client, an unknown frame", [*LEFT, frame(Kind.UNKNOWN, 0, 1)], IGNORED),
    row("5.1", "closed by the client, CONTINUATION", [*LEFT, continuation(1, TRAILERS)], PROTOCOL_ERROR),
    row("5.1", "closed by the client, RST_STREAM again", [*LEFT, reset(1)], IGNORED, ended(Code.STREAM_CLOSED),
        why="5.1 lets frames on closed streams be an error of the connection, and 5.4.2 forbids RST_STREAM."),
    row("5.1", "passed over, DATA", [request(5), data(3, b"duck")], was_reset(3, Code.STREAM_CLOSED),
        ended(Code.STREAM_CLOSED, Code.PROTOCOL_ERROR),
        why=_DATA + " By 5.1.1 an unexpected identifier is a PROTOCOL_ERROR."),
    row("5.1", "passed over, PRIORITY", [request(5), priority(3)], IGNORED),
    row("5.1", "passed over, an unknown frame", [request(5), frame(Kind.UNKNOWN, 0, 3)], IGNORED),
]  # fmt: skip

RESET_BY_SERVER = {
    "DATA": [data(1, b"duck")],
    "the end of DATA": [data(1, b"duck", end=True)],
    "trailers": [headers(1, TRAILERS)],
    "trailers in two parts": [headers(1, TRAILERS[:3], whole=False) + continuation(1, TRAILERS[3:])],
    "WINDOW_UPDATE": [window_update(1, 1)],
    "RST_STREAM": [reset(1)],
    "PRIORITY": [priority(1)],
    "an unknown frame": [frame(Kind.UNKNOWN, 0, 1, b"duck")],
    "all that was on its way": [data(1, b"duck"), window_update(1, 9), headers(1, TRAILERS), reset(1)],
}

IDENTIFIERS = [
    row("5.1.1", "an even identifier", request(2), PROTOCOL_ERROR),
    row("5.1.1", "an even identifier after an odd one", [request(1), request(4)], PROTOCOL_ERROR),
    row("5.1.1", "an identifier below one that waits", [request(5, b"/wait"), request(3)], PROTOCOL_ERROR),
    row("5.1.1", "an identifier below one that is closed", [request(5), request(3)], PROTOCOL_ERROR),
    row("5.1.1", "identifiers with gaps", [request(1, b"/wait"), request(7, b"/wait"), request(101)],
        answered(101, 200)),
    row("5.1.1", "the greatest identifier", request(TOP), answered(TOP, 200), life=0),
    row("5.1.1", "an identifier below the greatest", [request(TOP), request(TOP - 2)], PROTOCOL_ERROR),
]  # fmt: skip

ERRORS = [
    row(
        "5.4.1",
        "what follows an error of the connection",
        data(0) + request(1) + data(0) + b"garbage",
        PROTOCOL_ERROR,
    ),
    row(
        "5.4.2",
        "what follows an error of a stream on that stream",
        [OPEN, window_update(1, 0) * 2 + data(1, b"a") + headers(1, TRAILERS) + window_update(1, TOP)],
        was_reset(1, Code.PROTOCOL_ERROR),
    ),
    row("5.4.2", "an error of one stream beside another",
        [OPEN, post(3), window_update(1, 0), data(3, b"a", end=True)], was_reset(1, Code.PROTOCOL_ERROR)),
    row("5.4.2", "DATA on a closed stream and once more", [CLOSED, data(1, b"a") * 2], *WAS_CLOSED, why=_DATA),
    row("5.4.2", "DATA and a short PRIORITY on a closed stream",
        [CLOSED, data(1, b"a") + frame(Kind.PRIORITY, 0, 1, bytes(4))], *WAS_CLOSED, why=_DATA),
    row("5.4.2", "RST_STREAM with an unknown code", [HALF, reset(1, 0xBADBAD)], IGNORED),
    row("5.4.2", "RST_STREAM with no error", [HALF, reset(1, Code.NO_ERROR)], IGNORED),
]  # fmt: skip

EXTENSIONS = [
    row("5.5", "an unknown frame before any stream", frame(Kind.UNKNOWN, 0, 0, b"duck"), IGNORED),
    row("5.5", "an unknown frame on the server's stream", frame(Kind.UNKNOWN, 0, 2, b"duck"), IGNORED),
    row(
        "5.5",
        "an unknown frame between HEADERS and DATA",
        [post(1), frame(Kind.UNKNOWN, 0xFF, 1, b"duck"), data(1, b"a", end=True)],
        answered(1, 200),
    ),
    row(
        "5.5",
        "an unknown frame within a field block",
        headers(1, HELLO, whole=False) + frame(Kind.UNKNOWN, 0, 1) + continuation(1),
        PROTOCOL_ERROR,
    ),
    row("5.5", "PRIORITY_UPDATE of RFC 9218", frame(0x10, 0, 0, b"\0\0\0\1u=1"), IGNORED),
]


@rows(
    IDLE
    + OPENED
    + HALF_CLOSED
    + ENDED
    + [
        row("5.1", f"closed by the server, {name}", [*GIVEN_UP, *sent], was_reset(1, Code.PROTOCOL_ERROR))
        for name, sent in RESET_BY_SERVER.items()
    ]
)
class StateTests(Http2Case):
    """What may come in which state.  A stream that the server has reset has that reset and no other."""


@rows(IDENTIFIERS + ERRORS + EXTENSIONS)
class StreamTests(Http2Case):
    """Identifiers, errors, and what others may have added."""

    def test_5_1_a_stream_that_the_client_resets_is_over(self) -> None:
        client = self.started()
        client.send(HALF)
        (waiting,) = self.waiting.requests
        told: list[Failure] = []
        waiting.notifyFinish().addErrback(told.append)
        client.send(reset(1))
        self.assertEqual(len(told), 1)
        self.assertIsInstance(told[0].value, Exception)
        waiting.write(b"too late")
        self.assertEqual(client.responses, {})
        self.proves_alive(client)

    def test_5_1_a_stream_that_the_server_resets_is_over_for_its_resource(self) -> None:
        client = self.started()
        client.send(HALF)
        (waiting,) = self.waiting.requests
        told: list[Failure] = []
        waiting.notifyFinish().addErrback(told.append)
        client.send(window_update(1, 0))
        self.assertEqual(client.resets, {1: [Code.PROTOCOL_ERROR]})
        self.assertEqual(len(told), 1)
        waiting.write(b"too late")
        client.settle()
        self.assertEqual(client.response(1).fields, [])
        self.proves_alive(client)

    def test_5_4_3_a_connection_that_is_lost_ends_every_stream(self) -> None:
        client = self.started()
        client.send(request(1, b"/wait") + request(3, b"/wait") + post(5, b"/wait"))
        told: list[Failure] = []
        for each in self.waiting.requests:
            each.notifyFinish().addErrback(told.append)
        client.protocol.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(len(told), 2)
        self.assertEqual(self.site.channels, set())

    def test_5_4_1_an_error_of_the_connection_ends_every_stream(self) -> None:
        client = self.started()
        client.send(request(1, b"/wait") + request(3, b"/wait"))
        told: list[Failure] = []
        for each in self.waiting.requests:
            each.notifyFinish().addErrback(told.append)
        client.send(data(0))
        self.ends_with(client, Code.PROTOCOL_ERROR)
        client.lose()
        self.assertEqual(len(told), 2)

    def test_5_4_1_the_last_stream_that_was_seen_is_told(self) -> None:
        for streams in ((), (1,), (1, 3), (7,)):
            client = self.started()
            client.send(*(request(stream) for stream in streams), data(0))
            self.assertEqual(client.goaways, [(max(streams, default=0), Code.PROTOCOL_ERROR)])
            client.lose()


class ConcurrencyTests(Http2Case):
    def most(self) -> int:
        most = self.started().theirs[Setting.MAX_CONCURRENT_STREAMS]
        self.assertGreaterEqual(most, 100)
        return most

    def test_5_1_2_as_many_streams_as_the_server_allows_are_served(self) -> None:
        client, most = self.started(), self.most()
        streams = range(1, 2 * most, 2)
        client.send(*(request(stream, b"/wait") for stream in streams))
        self.assertEqual(len(self.waiting.requests), most)
        for each in self.waiting.requests:
            each.write(b"quack")
            each.finish()
        client.settle()
        self.assertTrue(all(client.response(stream).complete for stream in streams))
        self.proves_alive(client)

    def check_one_too_many(self, ask: Callable[[int], bytes]) -> None:
        client, most = self.started(), self.most()
        client.send(*(ask(stream) for stream in range(1, 2 * most, 2)))
        self.assertEqual(client.resets, {})
        client.send(ask(2 * most + 1))
        codes = client.response(2 * most + 1).resets
        self.assertEqual(len(codes), 1, "the stream was not refused")
        # The choice of the two is for whether the client may try again (8.7).
        self.assertIn(codes[0], (Code.REFUSED_STREAM, Code.PROTOCOL_ERROR))
        self.assertLessEqual(len(self.waiting.requests), most)
        client.send(reset(1))
        self.proves_alive(client)

    def test_5_1_2_a_stream_too_many_is_refused_and_one_may_come_when_another_has_gone(self) -> None:
        self.check_one_too_many(lambda stream: request(stream, b"/wait"))

    def test_5_1_2_streams_whose_bodies_are_yet_to_come_count(self) -> None:
        self.check_one_too_many(lambda stream: post(stream, b"/wait"))

    def test_5_1_2_a_refused_stream_leaves_the_field_table_in_step(self) -> None:
        client, most = self.started(), self.most()
        client.send(*(request(stream, b"/wait") for stream in range(1, 2 * most, 2)))
        fields = [*asked(b"/duck"), (b"x-duck", b"quack")]
        client.send(headers(2 * most + 1, client.encoder.encode(fields)))
        self.assertEqual(len(client.response(2 * most + 1).resets), 1)
        client.send(reset(1))
        client.send(headers(2 * most + 3, client.encoder.encode(fields)))
        self.assertIn(b"x-duck: quack", client.response(2 * most + 3).body)
