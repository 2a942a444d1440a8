"""RFC 9113 sections 4 and 6 without the frames about the connection: what a frame may look like."""

from __future__ import annotations

from tests.unit.http2_case import Http2Case, rows
from tests.unit.http2_frames import (
    LARGEST,
    TOP,
    Code,
    Flag,
    Kind,
    asked,
    block,
    continuation,
    data,
    dependency,
    frame,
    goaway,
    headers,
    literal,
    ping,
    post,
    priority,
    push_promise,
    request,
    reset,
    settings,
    window_update,
)
from tests.unit.http2_outcome import (
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    IGNORED,
    PROTOCOL_ERROR,
    answered,
    ended,
    row,
    was_reset,
)

RESERVED = 1 << 31
HALF = request(1, b"/wait")
OPEN = post(1, b"/wait")
CLOSED = request(1)
HELLO = block(*asked())
PLAIN = Flag.END_STREAM | Flag.END_HEADERS


def _large(size: int) -> bytes:
    """A field block of ``size`` bytes for ``/hello``, in which no field is remarkably long."""
    first = HELLO + literal(b"x", b"a" * 8000)
    return first + literal(b"x", b"a" * (size - len(first) - len(literal(b"x", b"a" * 8000)) + 8000))


FORMAT = [
    row("4.1", "an unknown frame on the connection", frame(Kind.UNKNOWN, 0, 0, b"duck"), IGNORED),
    row("4.1", "an unknown frame without a payload", frame(Kind.UNKNOWN), IGNORED),
    row("4.1", "an unknown frame of the largest size", frame(Kind.UNKNOWN, 0, 0, bytes(LARGEST)), IGNORED),
    row("4.1", "an unknown frame with every flag", frame(Kind.UNKNOWN, 0xFF, 0, b"duck"), IGNORED),
    row("4.1", "a frame of type 255", frame(0xFF, 0xFF, 7, b"duck"), IGNORED),
    row("4.1", "flags without meaning on HEADERS", headers(1, HELLO, flags=0xD2), answered(1, 200)),
    row("4.1", "flags without meaning on DATA", [post(1), data(1, b"a", end=True, flags=0xF6)], answered(1, 200)),
    row("4.1", "flags without meaning on PRIORITY", frame(Kind.PRIORITY, 0xFF, 1, dependency()), IGNORED),
    row("4.1", "flags without meaning on RST_STREAM", [HALF, frame(Kind.RST_STREAM, 0xFF, 1, bytes(4))], IGNORED),
    row("4.1", "flags without meaning on SETTINGS", frame(Kind.SETTINGS, 0xFE), IGNORED),
    row("4.1", "flags without meaning on PING", frame(Kind.PING, 0xFE, 0, bytes(8)), IGNORED),
    row("4.1", "flags without meaning on WINDOW_UPDATE", frame(Kind.WINDOW_UPDATE, 0xFF, 0, b"\0\0\0\1"), IGNORED),
    row(
        "4.1",
        "flags without meaning on CONTINUATION",
        [headers(1, b"", whole=False), frame(Kind.CONTINUATION, 0xFF, 1, HELLO)],
        answered(1, 200),
    ),
    row("4.1", "the reserved bit on HEADERS", frame(Kind.HEADERS, PLAIN, RESERVED | 1, HELLO), answered(1, 200)),
    row(
        "4.1",
        "the reserved bit on DATA",
        [post(1), frame(Kind.DATA, Flag.END_STREAM, RESERVED | 1, b"duck")],
        answered(1, 200),
    ),
    row("4.1", "the reserved bit on SETTINGS", frame(Kind.SETTINGS, 0, RESERVED), IGNORED),
    row("4.1", "the reserved bit on PING", frame(Kind.PING, 0, RESERVED, bytes(8)), IGNORED),
    row("4.1", "the reserved bit on PRIORITY", frame(Kind.PRIORITY, 0, RESERVED | 1, dependency()), IGNORED),
    row(
        "4.1", "the reserved bit on RST_STREAM", [HALF, frame(Kind.RST_STREAM, 0, RESERVED | 1, b"\0\0\0\x08")], IGNORED
    ),
    row("4.1", "the reserved bit on WINDOW_UPDATE", frame(Kind.WINDOW_UPDATE, 0, RESERVED, b"\0\0\0\1"), IGNORED),
    row("4.1", "the reserved bit on an unknown frame", frame(Kind.UNKNOWN, 0, RESERVED, b"duck"), IGNORED),
]

_EITHER = "A frame that carries no state of the connection may be an error of its stream or of the connection."
_PADLESS = "The Pad Length is missing (4.2: FRAME_SIZE_ERROR), and so padding fills the payload (6.1: PROTOCOL_ERROR)."

SIZE = [
    row("4.2", "DATA of the largest size", [post(1), data(1, bytes(LARGEST), end=True)], answered(1, 200)),
    row("4.2", "HEADERS of the largest size", headers(1, _large(LARGEST)), answered(1, 200)),
    row(
        "4.2",
        "CONTINUATION of the largest size",
        headers(1, b"", whole=False) + continuation(1, _large(LARGEST)),
        answered(1, 200),
    ),
    row(
        "4.2",
        "DATA that is too large",
        [OPEN, data(1, bytes(LARGEST + 1))],
        ended(Code.FRAME_SIZE_ERROR),
        was_reset(1, Code.FRAME_SIZE_ERROR),
        why=_EITHER,
    ),
    row("4.2", "HEADERS that are too large", headers(1, _large(LARGEST + 1)), FRAME_SIZE_ERROR),
    row(
        "4.2",
        "CONTINUATION that is too large",
        headers(1, b"", whole=False) + continuation(1, _large(LARGEST + 1)),
        FRAME_SIZE_ERROR,
    ),
    row("4.2", "SETTINGS that are too large", settings(*[(0xBA, 0)] * 2731), FRAME_SIZE_ERROR),
    row("4.2", "a PING that is too large", ping(bytes(LARGEST + 1)), FRAME_SIZE_ERROR),
    row("4.2", "a GOAWAY that is too large", goaway(debug=bytes(LARGEST)), FRAME_SIZE_ERROR),
    row("4.2", "an unknown frame that is too large", frame(Kind.UNKNOWN, payload=bytes(LARGEST + 1)), FRAME_SIZE_ERROR),
    row(
        "4.2",
        "the head alone of HEADERS that are too large",
        frame(Kind.HEADERS, PLAIN, 1, length=2**24 - 1),
        FRAME_SIZE_ERROR,
    ),
    row(
        "4.2",
        "the head alone of SETTINGS that are too large",
        frame(Kind.SETTINGS, length=LARGEST + 2),
        FRAME_SIZE_ERROR,
    ),
    row(
        "4.2",
        "padded HEADERS without a Pad Length",
        frame(Kind.HEADERS, PLAIN | Flag.PADDED, 1),
        ended(Code.FRAME_SIZE_ERROR, Code.PROTOCOL_ERROR),
        why=_PADLESS,
    ),
    row(
        "4.2",
        "padded DATA without a Pad Length",
        [OPEN, frame(Kind.DATA, Flag.PADDED, 1)],
        ended(Code.FRAME_SIZE_ERROR, Code.PROTOCOL_ERROR),
        was_reset(1, Code.FRAME_SIZE_ERROR),
        why=_PADLESS + " " + _EITHER,
    ),
    row(
        "4.2",
        "HEADERS too short for their priority",
        frame(Kind.HEADERS, PLAIN | Flag.PRIORITY, 1, b"\0\0\0\0"),
        FRAME_SIZE_ERROR,
    ),
    row(
        "4.2",
        "padded HEADERS too short for their priority",
        frame(Kind.HEADERS, PLAIN | Flag.PRIORITY | Flag.PADDED, 1, b"\0\0\0\0\0"),
        FRAME_SIZE_ERROR,
    ),
    row("4.2", "PUSH_PROMISE too short for its stream", frame(Kind.PUSH_PROMISE, Flag.END_HEADERS, 1, b"\0\0"),
        ended(Code.FRAME_SIZE_ERROR, Code.PROTOCOL_ERROR), why="A client must not send it either (8.4)."),
]  # fmt: skip

_WITHIN = {
    "DATA": data(1, b"duck"),
    "HEADERS of the stream": headers(1, HELLO),
    "HEADERS of another stream": headers(3, HELLO),
    "PRIORITY": priority(1),
    "PRIORITY of another stream": priority(3),
    "RST_STREAM": reset(1),
    "SETTINGS": settings(),
    "an acknowledgement of SETTINGS": settings(ack=True),
    "PUSH_PROMISE": push_promise(1, 2, HELLO),
    "PING": ping(),
    "GOAWAY": goaway(),
    "WINDOW_UPDATE of the connection": window_update(0, 1),
    "WINDOW_UPDATE of the stream": window_update(1, 1),
    "CONTINUATION of another stream": continuation(3),
    "an unknown frame": frame(Kind.UNKNOWN, 0, 1, b"duck"),
    "an unknown frame of the connection": frame(Kind.UNKNOWN),
}

BLOCKS = [
    *(
        row("4.3", f"{name} within a field block", [headers(1, HELLO, whole=False), sent], PROTOCOL_ERROR)
        for name, sent in _WITHIN.items()
    ),
    row(
        "4.3",
        "PING after a part of CONTINUATION",
        [headers(1, HELLO[:9], whole=False) + continuation(1, HELLO[9:], whole=False), ping()],
        PROTOCOL_ERROR,
    ),
    row(
        "4.3",
        "HEADERS within the block of trailers",
        [OPEN, headers(1, b"", whole=False), headers(3, HELLO)],
        PROTOCOL_ERROR,
    ),
    row(
        "4.3",
        "a field block in several parts",
        headers(1, HELLO[:1], whole=False)
        + b"".join(continuation(1, HELLO[at : at + 10], whole=False) for at in range(1, len(HELLO), 10))
        + continuation(1),
        answered(1, 200),
    ),
    row(
        "4.3",
        "a field block whose parts begin with nothing",
        [headers(1, b"", whole=False), continuation(1, b"", whole=False), continuation(1, HELLO)],
        answered(1, 200),
    ),
]

_ZEROS = "A receiver may look at padding (6.1)."

DATA = [
    row("6.1", "DATA on the connection", data(0, b"duck"), PROTOCOL_ERROR),
    row("6.1", "padding as long as the payload", [OPEN, frame(Kind.DATA, 9, 1, b"\x05duck")], PROTOCOL_ERROR),
    row("6.1", "padding longer than the payload", [OPEN, frame(Kind.DATA, 9, 1, b"\xffduck")], PROTOCOL_ERROR),
    row("6.1", "padding where there is none", [OPEN, frame(Kind.DATA, 9, 1, b"\x01")], PROTOCOL_ERROR),
    row("6.1", "padding of no length", [post(1), data(1, b"duck", pad=0, end=True)], answered(1, 200)),
    row("6.1", "padding of the greatest length", [post(1), data(1, b"duck", pad=255, end=True)], answered(1, 200)),
    row("6.1", "nothing but padding", [post(1), data(1, pad=255, end=True)], answered(1, 200)),
    row(
        "6.1",
        "padding that is not zero",
        [post(1), data(1, b"duck", pad=2, padding=b"ab", end=True)],
        answered(1, 200),
        PROTOCOL_ERROR,
        why=_ZEROS,
    ),
    row("6.1", "DATA of nothing", [post(1), data(1), data(1, b"duck"), data(1, end=True)], answered(1, 200)),
]

HEADERS = [
    row("6.2", "HEADERS on the connection", headers(0, HELLO), PROTOCOL_ERROR),
    row("6.2", "padding as long as the payload", frame(Kind.HEADERS, 13, 1, bytes([len(HELLO) + 1]) + HELLO),
        PROTOCOL_ERROR),
    row("6.2", "padding longer than the payload", frame(Kind.HEADERS, 13, 1, b"\xff" + HELLO), PROTOCOL_ERROR),
    row("6.2", "padding where there is none", frame(Kind.HEADERS, 13, 1, b"\x01"), PROTOCOL_ERROR),
    row("6.2", "padding into the priority", headers(1, b"duck", pad=9, padding=b"", priority=dependency()),
        ended(Code.PROTOCOL_ERROR, Code.FRAME_SIZE_ERROR),
        why="The padding is shorter than the payload, but what is left is too small for the priority (4.2)."),
    row("6.2", "padding of no length", headers(1, HELLO, pad=0), answered(1, 200)),
    row("6.2", "padding of the greatest length", headers(1, HELLO, pad=255), answered(1, 200)),
    row("6.2", "padding that is not zero", headers(1, HELLO, pad=2, padding=b"ab"), answered(1, 200), PROTOCOL_ERROR,
        why=_ZEROS),
    row("6.2", "a priority", headers(1, HELLO, priority=dependency()), answered(1, 200)),
    row("6.2", "a priority and padding", headers(1, HELLO, pad=7, priority=dependency(1 << 31)), answered(1, 200)),
    row("6.2", "a priority and nothing else before CONTINUATION",
        headers(1, b"", priority=dependency(), whole=False) + continuation(1, HELLO), answered(1, 200)),
    row("6.2", "a priority that depends on itself", headers(1, HELLO, priority=dependency(1)),
        answered(1, 200), was_reset(1, Code.PROTOCOL_ERROR),
        why="RFC 7540 5.3.1 took it for a stream error; RFC 9113 5.3.2 has dropped all but the format."),
    row("6.2", "an end of the stream before its CONTINUATION", headers(1, b"", whole=False) + continuation(1, HELLO),
        answered(1, 200)),
]  # fmt: skip

PRIORITY = [
    row("6.3", "PRIORITY on the connection", priority(0), PROTOCOL_ERROR),
    *(
        row(
            "6.3",
            f"PRIORITY of {size} bytes",
            [HALF, frame(Kind.PRIORITY, 0, 1, bytes(size))],
            was_reset(1, Code.FRAME_SIZE_ERROR),
        )
        for size in (0, 4, 6)
    ),
    row(
        "6.3",
        "PRIORITY of 4 bytes on an idle stream",
        frame(Kind.PRIORITY, 0, 1, bytes(4)),
        ended(Code.FRAME_SIZE_ERROR),
        was_reset(1, Code.FRAME_SIZE_ERROR),
        why="It is a stream error, but RST_STREAM must not be sent for an idle stream (6.4).",
    ),
    row(
        "6.3",
        "PRIORITY that depends on its own stream",
        [HALF, priority(1, on=1)],
        IGNORED,
        was_reset(1, Code.PROTOCOL_ERROR),
        why="RFC 7540 5.3.1 took it for a stream error; RFC 9113 5.3.2 has dropped all but the format.",
    ),
    row("6.3", "PRIORITY that depends on a stream to come", [HALF, priority(1, on=TOP)], IGNORED),
]

RST_STREAM = [
    row("6.4", "RST_STREAM on the connection", reset(0), PROTOCOL_ERROR),
    *(
        row("6.4", f"RST_STREAM of {size} bytes", [HALF, frame(Kind.RST_STREAM, 0, 1, bytes(size))], FRAME_SIZE_ERROR)
        for size in (0, 3, 5)
    ),
]

_WITH = {"the connection": 0, "a stream": 1}

WINDOW_UPDATE = [
    *(
        row(
            "6.9",
            f"WINDOW_UPDATE of {size} bytes on {name}",
            [HALF, frame(Kind.WINDOW_UPDATE, 0, stream, bytes(size))],
            FRAME_SIZE_ERROR,
        )
        for size in (0, 3, 5)
        for name, stream in _WITH.items()
    ),
    row("6.9", "an increment of nothing on the connection", window_update(0, 0), PROTOCOL_ERROR),
    row(
        "6.9",
        "an increment of nothing on a stream that waits",
        [HALF, window_update(1, 0)],
        was_reset(1, Code.PROTOCOL_ERROR),
    ),
    row(
        "6.9",
        "an increment of nothing on an open stream",
        [OPEN, window_update(1, 0)],
        was_reset(1, Code.PROTOCOL_ERROR),
    ),
    row("6.9", "an increment of nothing but the reserved bit", window_update(0, RESERVED), PROTOCOL_ERROR),
    row("6.9", "an increment with the reserved bit", window_update(0, RESERVED | 1), IGNORED),
    row("6.9.1", "an increment beyond the top on the connection", window_update(0, TOP), FLOW_CONTROL_ERROR),
    row(
        "6.9.1",
        "increments that together go beyond the top",
        [window_update(0, 2**30)] * 2,
        FLOW_CONTROL_ERROR,
    ),
    row(
        "6.9.1",
        "an increment beyond the top on a stream",
        [HALF, window_update(1, TOP)],
        was_reset(1, Code.FLOW_CONTROL_ERROR),
    ),
    row(
        "6.9.1",
        "increments on an open stream that together go beyond the top",
        [OPEN, window_update(1, 2**30), window_update(1, 2**30)],
        was_reset(1, Code.FLOW_CONTROL_ERROR),
    ),
    row("6.9.1", "an increment to the top on the connection", window_update(0, TOP - 65_535), IGNORED),
    row("6.9.1", "an increment to the top on a stream", [HALF, window_update(1, TOP - 65_535)], IGNORED),
]

CONTINUATION = [
    row("6.10", "CONTINUATION on the connection", continuation(0, HELLO), PROTOCOL_ERROR),
    row("6.10", "CONTINUATION on an idle stream", continuation(1, HELLO), PROTOCOL_ERROR),
    row("6.10", "CONTINUATION after a whole field block", [HALF, continuation(1, HELLO)], PROTOCOL_ERROR),
    row(
        "6.10",
        "CONTINUATION after the last CONTINUATION",
        [headers(1, block(*asked(b"/wait")), whole=False) + continuation(1), continuation(1)],
        PROTOCOL_ERROR,
    ),
    row("6.10", "CONTINUATION after DATA", [OPEN, data(1, b"duck"), continuation(1, HELLO)], PROTOCOL_ERROR),
    row(
        "6.10",
        "CONTINUATION on the connection within a field block",
        [headers(1, HELLO, whole=False), continuation(0)],
        PROTOCOL_ERROR,
    ),
]

PUSH_PROMISE = [
    row("6.6", "PUSH_PROMISE on an open stream", [OPEN, push_promise(1, 2, HELLO)], PROTOCOL_ERROR),
    row("6.6", "PUSH_PROMISE on an idle stream", push_promise(1, 2, HELLO), PROTOCOL_ERROR),
    row("6.6", "PUSH_PROMISE on the connection", push_promise(0, 2, HELLO), PROTOCOL_ERROR),
]


@rows(FORMAT + SIZE + BLOCKS)
class Section4Tests(Http2Case):
    """Frames and field blocks."""


@rows(DATA + HEADERS + PRIORITY + RST_STREAM + PUSH_PROMISE + WINDOW_UPDATE + CONTINUATION)
class Section6Tests(Http2Case):
    """Frames on streams."""
