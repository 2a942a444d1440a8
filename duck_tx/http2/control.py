"""Frames that control the connection or a stream, and carry nothing (RFC 9113 6.3 to 6.9)."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from duck_tx.http2.errors import ConnectionFault, ErrorCode, StreamFault
from duck_tx.http2.frames import MAX_WINDOW, Flag, FrameType, Setting, checked_setting, frame, number, settings_in
from duck_tx.http2.identifiers import Identifiers
from duck_tx.http2.limits import Budget
from duck_tx.http2.sender import Sender
from duck_tx.http2.stream import Stream

__all__ = ["Control", "Controlled"]

_SETTINGS_FOR_ONE = 8
"""Settings in a frame that cost the client as much as another frame."""

_ACKNOWLEDGED = frame(FrameType.SETTINGS, Flag.ACK, 0)


class Controlled(Protocol):
    """The channel, as far as these frames concern it."""

    sender: Sender
    streams: dict[int, Stream]
    identifiers: Identifiers
    budget: Budget

    def settings_acknowledged(self) -> None:
        """The client knows our settings."""

    def ping_acknowledged(self, payload: bytes) -> None:
        """The client has seen all that was sent before that PING."""

    def client_leaves(self) -> None:
        """The client wants no more."""


class Control:
    """Takes them.  Each is paid for from the client's budget, whatever is in it."""

    def __init__(self, channel: Controlled) -> None:
        self._channel = channel
        self._sender = channel.sender
        self._streams = channel.streams
        self._identifiers = channel.identifiers
        self._budget = channel.budget

    def take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """Take a frame that is neither DATA nor part of a header block.  Unknown ones mean nothing (4.1).

        :raises ConnectionFault: if the connection has to end.
        :raises StreamFault: if its stream has to.
        """
        self._budget.frame()
        if kind == FrameType.WINDOW_UPDATE:
            self._window_update(stream_id, number(payload) & MAX_WINDOW)
        elif kind == FrameType.SETTINGS:
            self._settings(flags, stream_id, payload)
        elif kind == FrameType.RST_STREAM:
            number(payload)
            self._rst_stream(stream_id)
        elif kind == FrameType.PING:
            self._ping(flags, stream_id, payload)
        elif kind == FrameType.PRIORITY:
            self._priority(stream_id, payload)
        elif kind == FrameType.GOAWAY:
            self._goaway(stream_id, payload)
        elif kind in (FrameType.PUSH_PROMISE, FrameType.CONTINUATION):
            raise _protocol_error("a frame that a client must not send now")

    def _window_update(self, stream_id: int, increment: int) -> None:
        if not stream_id:
            if not increment:
                raise _protocol_error("a window update of nothing")
            if not self._sender.widen(increment):
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window that is too large")
            return
        stream = self._streams.get(stream_id)
        if stream is None:
            if self._identifiers.is_idle(stream_id):
                raise _protocol_error("WINDOW_UPDATE on an idle stream")
        elif not increment:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
        elif not self._sender.widen_stream(stream, increment):
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR)

    def _rst_stream(self, stream_id: int) -> None:
        if self._identifiers.is_idle(stream_id):
            raise _protocol_error("RST_STREAM on an idle stream")
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._identifiers.reset(stream_id)
            stream.lose(Failure(ConnectionLost("the client reset the stream")))
            self._budget.reset()

    def _settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise _protocol_error("SETTINGS on a stream")
        if flags & Flag.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS with content")
            self._channel.settings_acknowledged()
            return
        found = list(settings_in(payload))
        self._budget.frame(len(found) // _SETTINGS_FOR_ONE)
        for identifier, value in found:
            checked_setting(identifier, value)
            if identifier == Setting.INITIAL_WINDOW_SIZE:
                if not self._sender.set_first_window(value, self._streams.values()):
                    raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window that is too large")
            elif identifier == Setting.HEADER_TABLE_SIZE:
                self._sender.set_table_size(value)
        self._sender.write(_ACKNOWLEDGED)

    def _ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise _protocol_error("PING on a stream")
        if len(payload) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a PING is eight bytes long")
        if flags & Flag.ACK:
            self._channel.ping_acknowledged(payload)
        else:
            self._sender.write(frame(FrameType.PING, Flag.ACK, 0, payload))

    def _priority(self, stream_id: int, payload: bytes) -> None:
        """Priorities (5.3) are not followed: streams take turns."""
        if not stream_id:
            raise _protocol_error("PRIORITY without a stream")
        if len(payload) != 5:
            if self._identifiers.is_idle(stream_id):
                # A stream that does not exist cannot be reset.
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a PRIORITY is five bytes long")
            raise StreamFault(stream_id, ErrorCode.FRAME_SIZE_ERROR)

    def _goaway(self, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise _protocol_error("GOAWAY on a stream")
        if len(payload) < 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a GOAWAY is at least eight bytes long")
        self._channel.client_leaves()


def _protocol_error(reason: str) -> ConnectionFault:
    return ConnectionFault(ErrorCode.PROTOCOL_ERROR, reason)
