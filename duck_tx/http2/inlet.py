"""What comes in on one connection, cut into frames."""

from __future__ import annotations

from collections.abc import Callable

from duck_tx.http.limits import Limits
from duck_tx.http.outlet import Outlet
from duck_tx.http2.errors import ConnectionFault, ErrorCode, StreamFault
from duck_tx.http2.frames import HEADER, MAX_FRAME, MAX_WINDOW, PREFACE, Flag, FrameType
from duck_tx.http2.intake import Intake

__all__ = ["Inlet"]

_HEADER = HEADER.size
_NEVER = float("inf")


class Inlet:
    """Keeps what is not a whole frame yet, and hands over what is.

    Nothing is taken while the outlet is backlogged: what a client asks for must not pile up.

    :param now: gives clock seconds.
    :ivar rest: bytes that were not taken.
    :ivar greeted: the preface has come, and the first SETTINGS frame has begun.
    """

    def __init__(self, intake: Intake, outlet: Outlet, limits: Limits, now: Callable[[], float]) -> None:
        self._intake = intake
        self._outlet = outlet
        self._limits = limits
        self._now = now
        self._introduced = False
        self._closed = False
        self._skip = 0
        self._greet_by = now() + limits.first_byte_timeout
        self._frame_by = _NEVER
        self._block_by = _NEVER
        self.rest = b""
        self.greeted = False

    def add(self, data: bytes) -> None:
        """More has come."""
        self.rest = self.rest + data if self.rest else data

    def close(self) -> None:
        """Drop what comes from now on."""
        self._closed = True
        self.rest = b""
        self._greet_by = self._frame_by = self._block_by = _NEVER

    # Frames.

    def read(self) -> None:
        """Take all that can be taken.

        :raises ConnectionFault: if the connection has to end.
        """
        data = self.rest
        at = 0
        if not self._introduced:
            if not data.startswith(PREFACE):
                if PREFACE.startswith(data):
                    return
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "this is not HTTP/2")
            self._introduced = True
            at = len(PREFACE)
        at = self._read_frames(data, at)
        if not self._closed:
            self.rest = data[at:]
            self._set_deadlines(at > 0)

    def _read_frames(self, data: bytes, at: int) -> int:
        """Take whole frames; where the first begins that is not whole, or has to wait."""
        size = len(data)
        outlet, intake = self._outlet, self._intake
        take = intake.take
        unpack = HEADER.unpack_from
        if self._skip:
            at = min(self._skip, size)
            self._skip -= at
        while size - at >= _HEADER and not outlet.backlogged and not self._closed:
            head, flags, stream_id = unpack(data, at)
            kind = head & 0xFF
            end = at + _HEADER + (head >> 8)
            if not self.greeted:
                self._greet(kind, flags)
            try:
                if head >> 8 > MAX_FRAME:
                    intake.too_long(kind, stream_id & MAX_WINDOW, head >> 8)
                elif end <= size:
                    take(kind, flags, stream_id & MAX_WINDOW, data[at + _HEADER : end])
                else:
                    break
            except StreamFault as fault:
                intake.reset(fault)
            if end > size:
                self._skip = end - size
                return size
            at = end
        return at

    def _greet(self, kind: int, flags: int) -> None:
        if kind != FrameType.SETTINGS or flags & Flag.ACK:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        self.greeted = True
        self._greet_by = _NEVER
        self._intake.greeted()

    # Time.

    @property
    def deadline(self) -> float:
        """Clock seconds at which the client has been too slow with something that it has begun to send."""
        return min(self._greet_by, self._frame_by, self._block_by)

    def excuse(self, seconds: float) -> None:
        """For so long nothing was read, as the client did not read."""
        self._block_by += seconds

    def _set_deadlines(self, moved: bool) -> None:
        if not self._intake.block_open:
            self._block_by = _NEVER
        elif self._block_by == _NEVER:
            self._block_by = self._now() + self._limits.header_timeout
        if (not self.rest and not self._skip) or self._outlet.backlogged or self._is_content():
            self._frame_by = _NEVER
        elif moved or self._frame_by == _NEVER:
            self._frame_by = self._now() + self._limits.header_timeout

    def _is_content(self) -> bool:
        """Whether the frame that has come in part is a piece of a body, which has deadlines of its own."""
        rest = self.rest
        if len(rest) < _HEADER or rest[3] != FrameType.DATA:
            return False
        return self._intake.hear(HEADER.unpack_from(rest)[2] & MAX_WINDOW, len(rest) - _HEADER)
