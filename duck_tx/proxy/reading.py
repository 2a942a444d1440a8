"""The reading half of a connection to a server: its response, piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.protocol import Protocol

from duck_tx.proxy.answer import AnswerHead, AnswerReader, BadAnswer
from duck_tx.proxy.asker import Asker, Listener
from duck_tx.proxy.trouble import Trouble

if TYPE_CHECKING:
    from duck_tx.proxy.pool import Pool

__all__ = ["NEVER", "Reading", "State"]

NEVER = float("inf")


class State:
    """What a connection waits for; plain numbers, as each piece asks."""

    CONNECTING = 0
    IDLE = 1
    HEAD = 2
    LENGTH = 3
    CHUNKS = 4
    CLOSE = 5
    WHOLE = 6
    TUNNEL = 7
    CLOSED = 8


class Reading(Protocol):
    """The reading half of :class:`duck_tx.proxy.connection.UpstreamConnection`."""

    transport: Any
    state = State.CONNECTING
    deadline = NEVER
    served = 0
    has_answered = False
    asker: Listener | None = None
    _asking: Asker | None = None
    _reader: AnswerReader | None = None
    _buffer = b""
    _left = 0
    _interims = 0
    _bodyless = False
    _reusable = False
    _paused = False
    _kept_for: int | None = None

    def __init__(self, pool: Pool, asker: Asker) -> None:
        self.pool = pool
        self.asker = self._asking = asker
        self._limits = pool.limits
        self._seconds = pool.seconds

    def fail(self, trouble: Trouble) -> None:
        """Cut the connection, for this reason."""
        raise NotImplementedError

    def abort(self) -> None:
        """Cut the connection."""
        raise NotImplementedError

    def acknowledge(self) -> None:
        """Tell the server's system now that what it has sent is here."""
        raise NotImplementedError

    def dataReceived(self, data: bytes) -> None:
        state = self.state
        try:
            if state == State.HEAD:
                self._read_head(data)
            elif state == State.LENGTH:
                self._read_length(data)
            elif state == State.CHUNKS:
                self._read_chunks(data)
            elif state == State.CLOSE or state == State.TUNNEL:
                if state == State.CLOSE:
                    self._heard()
                assert self.asker is not None
                self.asker.received(data)
            elif state == State.WHOLE:
                self._reusable = False
            elif state != State.CLOSED:
                # Something that nobody has asked for.
                self.abort()
        except BadAnswer as bad:
            self.fail(Trouble(str(bad)))

    def _read_head(self, data: bytes) -> None:
        self.has_answered = True
        buffer = self._buffer + data if self._buffer else data
        searched = len(self._buffer)
        limits, reader, asker = self._limits, self._reader, self._asking
        assert reader is not None and asker is not None
        while True:
            end = buffer.find(b"\r\n\r\n", max(0, searched - 3)) + 4
            if (end if end > 3 else len(buffer)) > limits.max_head:
                raise BadAnswer("the head of its response is too large")
            if end < 4:
                self._buffer = buffer
                self.acknowledge()
                return
            self._buffer = b""
            head = reader.read_head(buffer[:end], bodyless=self._bodyless)
            buffer = buffer[end:]
            if head.code >= 200:
                break
            if head.code == 101:
                self.state = State.TUNNEL
                asker.switched(head, buffer)
                return
            self._interims += 1
            if self._interims > limits.max_interim:
                raise BadAnswer("it sent too many interim responses")
            asker.interim(head)
            if self.asker is not asker or self.state != State.HEAD or not buffer:
                return
            searched = 0
        self._begin_body(head, buffer)

    def _begin_body(self, head: AnswerHead, rest: bytes) -> None:
        asker = self._asking
        assert asker is not None
        self._reusable = head.keep_alive
        self._kept_for = head.kept_for
        length = head.length
        if length is not None:
            size = len(rest)
            if size >= length:
                if size > length:
                    rest = rest[:length]
                    self._reusable = False
                self._whole()
                asker.answered(head, rest, whole=True)
                return
            self.state = State.LENGTH
            self._left = length - size
        elif head.chunked:
            self.state = State.CHUNKS
            reader = self._reader
            assert reader is not None
            if rest:
                rest = reader.read_chunks(rest)
                if reader.complete and not reader.trailers:
                    self._whole()
                    asker.answered(head, rest, whole=True)
                    return
        else:
            self.state = State.CLOSE
        self._heard()
        self.acknowledge()
        asker.answered(head, rest, whole=False)
        if self.state == State.CHUNKS and self._reader is not None and self._reader.complete:
            self._end_chunks()

    def _read_length(self, data: bytes) -> None:
        asker = self.asker
        assert asker is not None
        self._left -= len(data)
        if self._left > 0:
            self._heard()
            asker.received(data)
            return
        if self._left < 0:
            data = data[: self._left]
            self._reusable = False
        self._whole()
        asker.received(data)
        if self.asker is asker:
            asker.ended([])

    def _read_chunks(self, data: bytes) -> None:
        asker, reader = self.asker, self._reader
        assert asker is not None and reader is not None
        try:
            content = reader.read_chunks(data)
        except BadAnswer:
            # However the bytes were cut into pieces, what was right goes out.
            content = reader.take()
            if content:
                asker.received(content)
            raise
        self._heard()
        if content:
            asker.received(content)
        if reader.complete and self.asker is asker:
            self._end_chunks()

    def _end_chunks(self) -> None:
        asker, reader = self.asker, self._reader
        assert asker is not None and reader is not None
        self._whole()
        asker.ended(reader.trailers)

    def _whole(self) -> None:
        self.state = State.WHOLE
        self.deadline = NEVER
        self.served += 1
        if self._reader is not None and self._reader.surplus:
            self._reusable = False

    def _heard(self) -> None:
        if not self._paused:
            self.deadline = self._seconds() + self._limits.idle_timeout

    def pause(self) -> None:
        """Read no more for now; the server's time stands still."""
        if not self._paused and self.state != State.CLOSED:
            self._paused = True
            self.deadline = NEVER
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Read on."""
        if self._paused and self.state != State.CLOSED:
            self._paused = False
            if self.state in (State.LENGTH, State.CHUNKS, State.CLOSE):
                self._heard()
            self.transport.resumeProducing()
