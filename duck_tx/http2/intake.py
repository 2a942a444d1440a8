"""What comes in on one connection, frame by frame (RFC 9113 5 and 6)."""

from __future__ import annotations

from typing import Protocol

from duck_tx.http.head import Rejected
from duck_tx.http.headers import allowed_trailers
from duck_tx.http2.admission import Admission
from duck_tx.http2.control import Control, Controlled
from duck_tx.http2.decode import BlockDecoder, Field
from duck_tx.http2.errors import ConnectionFault, ErrorCode, StreamFault
from duck_tx.http2.fields import Malformed, check_trailers, judge, request_head, too_large
from duck_tx.http2.frames import Flag, FrameType, header_block, unpadded, window_update
from duck_tx.http2.holding import Holding
from duck_tx.http2.identifiers import End
from duck_tx.http2.leftover import Leftover
from duck_tx.http2.limits import Http2Limits
from duck_tx.http2.reception import Reception
from duck_tx.http2.request import Http2Request
from duck_tx.http2.sender import Sender
from duck_tx.http2.stream import Connection, Stream

__all__ = ["Intake"]

_PADDED_OR_PRIORITY = Flag.PADDED | Flag.PRIORITY
_FOR_ALL = frozenset(range(FrameType.CONTINUATION + 1)) - {FrameType.DATA, FrameType.PRIORITY}
"""Types of frames whose size changes what the rest of the connection means, or is fixed."""


class Owner(Connection, Controlled, Protocol):
    """The channel, as far as its intake knows it."""

    sender: Sender
    admission: Admission

    def now(self) -> float:
        """Clock seconds."""

    holding: Holding

    def greeted(self) -> None:
        """The client has begun."""


class Intake:
    """Takes the frames of a client, each by the state that its stream is in.

    :ivar block_open: a header block has begun, and its end has not come.
    """

    def __init__(self, channel: Owner, limits: Http2Limits) -> None:
        self._channel = channel
        self._sender = channel.sender
        self._streams = channel.streams
        self._identifiers = channel.identifiers
        self._budget = channel.budget
        self._control = Control(channel).take
        self._limits = channel.site.limits
        self._max_streams = limits.max_streams
        self._decoder = BlockDecoder(judge)
        self._inflow = channel.holding.inflow
        self._reception = Reception(channel, limits)
        self._largest_block = 2 * self._limits.max_header_block + self._limits.max_uri
        self._block = b""
        self._block_stream = 0
        self._block_ends = False
        self.block_open = False

    def take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """Take a whole frame.

        :raises ConnectionFault: if the connection has to end.
        :raises StreamFault: if its stream has to.
        """
        if self.block_open:
            self._continue_block(kind, flags, stream_id, payload)
        elif kind == FrameType.HEADERS:
            self._headers(flags, stream_id, payload)
        elif kind == FrameType.DATA:
            self._data(flags, stream_id, payload)
        else:
            self._control(kind, flags, stream_id, payload)

    def greeted(self) -> None:
        """The client's first frame has begun, and it is the right one."""
        self._channel.greeted()

    def hear(self, stream_id: int, size: int) -> bool:
        """A part of a DATA frame has come; false if nobody waits for it."""
        stream = self._streams.get(stream_id)
        if stream is None or not stream.open:
            return False
        if stream.upload is None:
            return stream.arrival is not None and stream.arrival.hear(size, self._channel.now())
        stream.upload.hear(size, self._channel.now())
        return True

    def too_long(self, kind: int, stream_id: int, length: int) -> None:
        """A frame longer than allowed has begun; if nothing is raised, it can be skipped (RFC 9113 4.2).

        :raises ConnectionFault: if it could have changed the state of the connection.
        """
        if self.block_open or stream_id not in self._streams or kind in _FOR_ALL:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a frame longer than allowed")
        if kind == FrameType.DATA:
            self._count(length)
        self.reset(StreamFault(stream_id, ErrorCode.FRAME_SIZE_ERROR))

    def reset(self, fault: StreamFault) -> None:
        """Reset a stream as its client has made necessary.

        :raises ConnectionFault: if that happens too often.
        """
        stream = self._streams.get(fault.stream_id)
        if stream is not None:
            stream.cut(fault.code)
        elif self._identifiers.end_of(fault.stream_id) != End.CUT:
            self._channel.reset(fault.stream_id, fault.code)
        self._budget.reset()

    # Header blocks.

    def _headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id & 1:
            raise _protocol_error("HEADERS on a stream that is no client's")
        if flags & _PADDED_OR_PRIORITY:
            payload = header_block(flags, payload)
        if flags & Flag.END_HEADERS:
            self._whole_block(stream_id, bool(flags & Flag.END_STREAM), payload)
        else:
            self.block_open = True
            self._block = payload
            self._block_stream = stream_id
            self._block_ends = bool(flags & Flag.END_STREAM)

    def _continue_block(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind != FrameType.CONTINUATION or stream_id != self._block_stream:
            raise _protocol_error("another frame within a header block")
        self._budget.frame()
        self._block += payload
        if len(self._block) > self._largest_block:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block without an end")
        if flags & Flag.END_HEADERS:
            block, self._block = self._block, b""
            self.block_open = False
            self._whole_block(stream_id, self._block_ends, block)

    def _whole_block(self, stream_id: int, ends: bool, block: bytes) -> None:
        # Whatever becomes of the stream: the table is that of all.
        fields, fits = self._decoder.decode(block, self._largest_block)
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._trailers(stream, ends, fields, fits)
        elif self._identifiers.is_idle(stream_id):
            self._identifiers.use(stream_id)
            self._request(stream_id, ends, fields, fits)
        else:
            self._late_block(stream_id)

    def _request(self, stream_id: int, ends: bool, fields: list[Field], fits: bool) -> None:
        if stream_id > self._identifiers.last_accepted:
            self._identifiers.cut(stream_id)
            return
        if len(self._streams) >= self._max_streams:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM)
        now = self._channel.now()
        stream = Stream(self._channel, stream_id, self._sender.first_window)
        stream.open = not ends
        try:
            if not fits:
                raise too_large()
            head = request_head(fields, self._limits)
        except Malformed:
            raise _malformed(stream_id) from None
        except Rejected as rejected:
            self._streams[stream_id] = stream
            stream.reject(rejected)
            return
        line, headers, host, length, _, protocol = head
        if ends and length:
            raise _malformed(stream_id)
        self._budget.request()
        self._streams[stream_id] = stream
        if protocol:
            self._reception.connect(stream, head, now)
            return
        request = stream.request = Http2Request(stream, line, headers, host, now)
        if ends:
            self._channel.admission.admit(stream)
        else:
            self._reception.await_body(stream, request, head, now)

    def _trailers(self, stream: Stream, ends: bool, fields: list[Field], fits: bool) -> None:
        if not stream.open:
            raise StreamFault(stream.id, ErrorCode.STREAM_CLOSED)
        arrival = stream.arrival
        if not ends or (arrival is not None and arrival.is_tunnel):
            # In a tunnel there is nothing but DATA (8.5).
            raise _malformed(stream.id)
        if isinstance(arrival, Leftover):
            stream.open = False
            arrival.close([])
            return
        try:
            if not fits:
                raise too_large()
            check_trailers(fields, self._limits)
            trailers = allowed_trailers(field.pair for field in fields)
            if arrival is not None:
                stream.open = False
                arrival.close(trailers)
                return
        except Malformed:
            raise self._spoilt(stream) from None
        except Rejected as rejected:
            stream.open = False
            if arrival is None:
                stream.reject(rejected)
            else:
                stream.refuse(rejected)
            return
        assert stream.request is not None
        stream.request.body_trailers = trailers
        self._complete(stream)

    def _late_block(self, stream_id: int) -> None:
        end = self._identifiers.end_of(stream_id)
        if end == End.CUT:
            self._budget.frame()
        elif end == End.RESET:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED)
        elif end == End.SKIPPED:
            raise _protocol_error("a stream identifier below that of an earlier stream")
        else:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, "HEADERS on a stream that is closed")

    # Content.

    def _data(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._identifiers.is_idle(stream_id):
            raise _protocol_error("DATA on an idle stream")
        size = len(payload)
        content = unpadded(payload) if flags & Flag.PADDED else payload
        self._count(size)
        stream = self._streams.get(stream_id)
        if stream is None or not stream.open:
            if stream is None and self._identifiers.end_of(stream_id) == End.CUT:
                self._budget.frame()
                return
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED)
        ends = flags & Flag.END_STREAM
        upload = stream.upload
        if upload is None:
            self._hand_on(stream, content, size, bool(ends))
            return
        if not upload.inflow.take(size):
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR)
        if not content and not ends:
            self._budget.frame()
        try:
            upload.take(content, self._channel.now())
        except Malformed:
            raise _malformed(stream_id) from None
        except Rejected as rejected:
            stream.open = not ends
            stream.reject(rejected)
            return
        if ends:
            self._complete(stream)
            return
        increment = upload.inflow.give_back(size)
        if increment:
            self._sender.write(window_update(stream_id, increment))

    def _hand_on(self, stream: Stream, content: bytes, size: int, ends: bool) -> None:
        """DATA has come that is not to be kept."""
        arrival = stream.arrival
        assert arrival is not None
        if not content and not ends:
            self._budget.frame()
        stream.open = not ends
        try:
            if not arrival.take(content, size, self._channel.now()):
                raise StreamFault(stream.id, ErrorCode.FLOW_CONTROL_ERROR)
            if ends and stream.arrival is arrival:
                arrival.close([])
        except Malformed:
            raise self._spoilt(stream) from None
        except Rejected as rejected:
            stream.refuse(rejected)

    def _spoilt(self, stream: Stream) -> StreamFault:
        """What is the matter with a stream whose request turns out to be malformed."""
        request = stream.request
        if request is not None and request.arriving is not None:
            request.arriving.fail(Rejected(400, "The request body is malformed."))
        return _malformed(stream.id)

    def _count(self, size: int) -> None:
        """Count content, whatever becomes of it, by the window of the connection."""
        if not self._inflow.take(size):
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more than the window of the connection")
        increment = self._inflow.give_back(size)
        if increment:
            self._sender.write(window_update(0, increment))

    def _complete(self, stream: Stream) -> None:
        """The client has said all: the request can be answered."""
        upload, stream.upload = stream.upload, None
        stream.open = False
        assert upload is not None and stream.request is not None
        try:
            body = upload.whole()
        except Malformed:
            upload.close()
            raise _malformed(stream.id) from None
        except Rejected as rejected:
            stream.reject(rejected)
            return
        stream.request.take_body(body)
        self._channel.admission.admit(stream)


def _protocol_error(reason: str) -> ConnectionFault:
    return ConnectionFault(ErrorCode.PROTOCOL_ERROR, reason)


def _malformed(stream_id: int) -> StreamFault:
    return StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
