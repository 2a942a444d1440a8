"""What a server sends over HTTP/2, taken frame by frame and held to RFC 9113.

Every frame that comes is checked: sizes, flags, the order of frames on a stream, flow control, the syntax of field
sections.  A server that breaks a rule fails the test at hand, whatever that is about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hpack import Decoder, Encoder
from hyperframe.frame import Frame

from tests.unit.http2_frames import (
    LARGEST,
    TOP,
    WINDOW,
    Field,
    Flag,
    Kind,
    Setting,
    ping,
    settings,
    window_update,
)

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE = re.compile(rb"|[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?")
_PER_CONNECTION = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
_FLAGS = {
    Kind.DATA: Flag.END_STREAM | Flag.PADDED,
    Kind.HEADERS: Flag.END_STREAM | Flag.END_HEADERS | Flag.PADDED | Flag.PRIORITY,
    Kind.SETTINGS: Flag.ACK,
    Kind.PING: Flag.ACK,
    Kind.CONTINUATION: Flag.END_HEADERS,
}


def hold(fact: object, sentence: str) -> None:
    """Complain if the server does not keep a rule."""
    if not fact:
        raise AssertionError(f"the server breaks a rule: {sentence}")


@dataclass
class Response:
    """What has come on a stream."""

    interim: list[list[Field]] = field(default_factory=list)
    fields: list[Field] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    trailers: list[Field] | None = None
    complete: bool = False
    resets: list[int] = field(default_factory=list)

    @property
    def status(self) -> int:
        """The final status, or 0."""
        return int(dict(self.fields).get(b":status", 0))

    def __getitem__(self, name: bytes) -> bytes | None:
        return dict(self.fields).get(name)


class Reader:
    """One connection's frames.

    :ivar responses: by stream.
    :ivar goaways: (last stream, code) of each GOAWAY.
    :ivar pongs: what came back in PING frames with ACK.
    :ivar acknowledged: how many of our SETTINGS were acknowledged.
    :ivar theirs: the server's settings.
    :ivar octets: bytes that have come.
    :ivar sizes: payload lengths of the DATA frames that have come.
    :ivar generous: give back the window for all that comes, at once.
    :ivar acknowledges: acknowledge the server's settings; not before this side has sent its preface.
    :ivar owed: frames that are to be sent in return.
    """

    def __init__(self) -> None:
        self.responses: dict[int, Response] = {}
        self.goaways: list[tuple[int, int]] = []
        self.pongs: list[bytes] = []
        self.acknowledged = 0
        self.theirs: dict[int, int] = {}
        self.octets = 0
        self.sizes: list[int] = []
        self.generous = False
        self.acknowledges = False
        self.owed: list[bytes] = []
        self.encoder = Encoder()
        self.decoder = Decoder()
        self._unread = bytearray()
        self._fragments: tuple[int, bool, bytes] | None = None
        self._frames = 0
        self._largest = LARGEST
        self._windows = {0: WINDOW}
        self._first_window = WINDOW
        self._granted = {0: WINDOW}
        self._changes: list[tuple[tuple[int, int], ...]] = []

    def response(self, stream: int) -> Response:
        return self.responses.setdefault(stream, Response())

    @property
    def resets(self) -> dict[int, list[int]]:
        """The codes of RST_STREAM by stream."""
        return {stream: response.resets for stream, response in self.responses.items() if response.resets}

    @property
    def failed(self) -> bool:
        """Whether the server has given the connection up for an error."""
        return any(code for _last, code in self.goaways)

    # What is sent.

    def changes(self, *values: tuple[int, int]) -> None:
        """These settings are sent; they count when they are acknowledged."""
        self._changes.append(values)

    def grants(self, stream: int, octets: int) -> None:
        """The server may send more."""
        self._windows[stream] = self._window_of(stream) + octets

    def granted(self, stream: int) -> int:
        """How much may be sent on a stream (0: on the connection)."""
        return self._granted.get(stream, self.theirs.get(Setting.INITIAL_WINDOW_SIZE, WINDOW))

    def spend(self, stream: int, octets: int) -> None:
        """Count bytes that are sent on a stream (0: on one that is closed)."""
        for each in {0, stream}:
            self._granted[each] = self.granted(each) - octets

    # What comes.

    def feed(self, came: bytes) -> None:
        """Take what has come.

        :raises AssertionError: if it breaks a rule.
        """
        self.octets += len(came)
        self._unread += came
        while len(self._unread) >= 9:
            length = int.from_bytes(self._unread[:3], "big")
            if len(self._unread) < 9 + length:
                break
            head, payload = bytes(self._unread[:9]), bytes(self._unread[9 : 9 + length])
            del self._unread[: 9 + length]
            self._take(head, payload)

    def _take(self, head: bytes, payload: bytes) -> None:
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
        self._frames += 1
        hold(self._frames > 1 or (kind == Kind.SETTINGS and not flags), "its first frame must be SETTINGS (3.4)")
        hold(not self.failed, "nothing comes after GOAWAY with an error (5.4.1)")
        hold(len(payload) <= self._largest, f"a frame of {len(payload)} is larger than {self._largest} (4.2)")
        hold(stream <= TOP, "the reserved bit must be unset (4.1)")
        hold(not flags & ~_FLAGS.get(Kind(kind), 0), f"flags {flags:#x} have no meaning for {Kind(kind).name} (4.1)")
        if self._fragments is not None:
            hold(kind == Kind.CONTINUATION and stream == self._fragments[0], "a field block was interrupted (4.3)")
        frame, _length = Frame.parse_frame_header(memoryview(head))
        frame.parse_body(memoryview(payload))
        if stream:
            hold(stream % 2, f"a client never opened stream {stream}, and push is not used (5.1.1)")
            hold(not self.response(stream).resets, f"RST_STREAM was the last frame of stream {stream} (5.4.2)")
        if kind == Kind.DATA:
            self._take_data(stream, frame.data, len(payload), bool(flags & Flag.END_STREAM))  # type: ignore[attr-defined]
        elif kind == Kind.HEADERS:
            self._fragments = (stream, bool(flags & Flag.END_STREAM), b"")
            self._take_fragment(frame.data, flags)  # type: ignore[attr-defined]
        elif kind == Kind.CONTINUATION:
            hold(self._fragments, "CONTINUATION must follow HEADERS (6.10)")
            self._take_fragment(payload, flags)
        elif kind == Kind.RST_STREAM:
            self.response(stream).resets.append(int.from_bytes(payload, "big"))
        elif kind == Kind.SETTINGS:
            self._take_settings(frame.settings, bool(flags & Flag.ACK))  # type: ignore[attr-defined]
        elif kind == Kind.PING:
            if flags & Flag.ACK:
                self.pongs.append(payload)
            else:
                self.owed.append(ping(payload, ack=True))
        elif kind == Kind.GOAWAY:
            last, code = int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")
            hold(not self.goaways or last <= self.goaways[-1][0], "the last stream of GOAWAY never grows (6.8)")
            self.goaways.append((last, code))
        elif kind == Kind.WINDOW_UPDATE:
            increment = int.from_bytes(payload, "big")
            hold(0 < increment <= TOP, "an increment is from 1 to 2^31-1 (6.9)")
            self._granted[stream] = self.granted(stream) + increment
            hold(self._granted[stream] <= TOP, "a window is 2^31-1 at most (6.9.1)")
        else:
            hold(False, f"a server does not send {Kind(kind).name} (6.3, 8.4)")

    def _take_settings(self, values: dict[int, int], ack: bool) -> None:
        if not ack:
            was = self.theirs.get(Setting.INITIAL_WINDOW_SIZE, WINDOW)
            self.theirs.update(values)
            hold(not values.get(Setting.ENABLE_PUSH), "a server does not enable push (6.5.2)")
            hold(self.theirs.get(Setting.INITIAL_WINDOW_SIZE, WINDOW) <= TOP, "a window is 2^31-1 at most (6.5.2)")
            hold(LARGEST <= self.theirs.get(Setting.MAX_FRAME_SIZE, LARGEST) < 2**24, "MAX_FRAME_SIZE's range (6.5.2)")
            more = self.theirs.get(Setting.INITIAL_WINDOW_SIZE, WINDOW) - was
            self._granted = {stream: size + (more if stream else 0) for stream, size in self._granted.items()}
            self.encoder.header_table_size = min(4096, self.theirs.get(Setting.HEADER_TABLE_SIZE, 4096))
            if self.acknowledges:
                self.owed.append(settings(ack=True))
            return
        self.acknowledged += 1
        for name, value in self._changes.pop(0) if self._changes else ():
            if name == Setting.INITIAL_WINDOW_SIZE:
                more = value - self._first_window
                self._first_window = value
                self._windows = {each: size + (more if each else 0) for each, size in self._windows.items()}
            elif name == Setting.MAX_FRAME_SIZE:
                self._largest = value
            elif name == Setting.HEADER_TABLE_SIZE:
                self.decoder.max_allowed_table_size = value

    def _window_of(self, stream: int) -> int:
        return self._windows.get(stream, self._first_window)

    def _take_data(self, stream: int, content: bytes, octets: int, end: bool) -> None:
        response = self.response(stream)
        hold(response.fields and not response.complete, f"DATA comes between HEADERS and the end of {stream} (8.1)")
        self.sizes.append(octets)
        for each in (0, stream):
            self._windows[each] = self._window_of(each) - octets
            hold(self._windows[each] >= 0 or not octets, f"{octets} bytes are beyond the window of {each} (6.9.1)")
            if self.generous and octets and not (end and each):
                self._windows[each] += octets
                self.owed.append(window_update(each, octets))
        response.body += content
        if end:
            self._end(response)

    def _take_fragment(self, fragment: bytes, flags: int) -> None:
        assert self._fragments is not None
        stream, end, before = self._fragments
        if not flags & Flag.END_HEADERS:
            self._fragments = (stream, end, before + fragment)
            return
        self._fragments = None
        fields = [(bytes(name), bytes(value)) for name, value in self.decoder.decode(before + fragment, raw=True)]
        response = self.response(stream)
        hold(not response.complete, f"stream {stream} was at its end (5.1)")
        status = self._check(fields, trailers=bool(response.fields))
        if response.fields:
            hold(end, "trailers end their stream (8.1)")
            response.trailers = fields
        elif status < 200:
            hold(not end and status != 101, "an interim response does not end a stream, nor is it 101 (8.1, 8.6)")
            response.interim.append(fields)
        else:
            response.fields = fields
        if end:
            self._end(response)

    def _check(self, fields: list[Field], *, trailers: bool) -> int:
        """The status of a field section, which has to be right (8.2, 8.3)."""
        names = [name for name, _value in fields]
        regular = fields if trailers else fields[1:]
        hold(trailers or names[:1] == [b":status"], f"{names} must begin with :status (8.3.2)")
        for name, value in regular:
            hold(_NAME.fullmatch(name), f"{name!r} is no field name in lower case (8.2.1)")
            hold(_VALUE.fullmatch(value), f"{value!r} is no field value (8.2.1)")
            hold(name not in _PER_CONNECTION, f"{name!r} is about a connection of version 1 (8.2.2)")
        return 0 if trailers else int(fields[0][1])

    def _end(self, response: Response) -> None:
        response.complete = True
        length = response[b"content-length"]
        # The response to HEAD and 304 have a length and nothing of it.
        if length is not None and response.body:
            hold(int(length) == len(response.body), f"{len(response.body)} bytes came, {length!r} were told (8.1.1)")
