"""What goes out on one connection: frames gathered and sent together, and streams that take turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from duck_tx.http.limits import Limits
from duck_tx.http.outlet import Outlet
from duck_tx.http2.encode import EMPTY_TABLE
from duck_tx.http2.flow import Patience, widened
from duck_tx.http2.frames import HEADER, MAX_FRAME, Flag, headers
from duck_tx.http2.limits import Budget
from duck_tx.http2.stream import Stream

__all__ = ["Sender"]

_TOGETHER = 65_536
"""Bytes that are gathered at most before they are sent."""

_AT_ONCE = 262_144
"""Bytes of content for one turn of the reactor, so that other connections have theirs."""

_FIRST_WINDOW = 65_535
_FIRST_TABLE = 4096
_NEVER = float("inf")


class Owner(Protocol):
    """The channel, as far as its sender knows it."""

    budget: Budget

    def now(self) -> float:
        """Clock seconds."""

    def wake_at(self, deadline: float) -> None:
        """Look at the deadlines no later than this."""

    def unburdened(self) -> None:
        """Less is waiting than before."""


class Sender:
    """Sends what the streams have, within the windows that the client gives.

    :param outlet: takes the bytes.
    :ivar window: bytes of content that the client takes on the whole connection.
    :ivar first_window: the same for each new stream.
    :ivar waiting: bytes of all responses that wait for the client.
    :ivar patience: with a client that gives the connection no window.
    """

    def __init__(self, owner: Owner, outlet: Outlet, clock: IReactorTime, limits: Limits) -> None:
        self._owner = owner
        self._outlet = outlet
        self._clock = clock
        self._limits = limits
        self.window = _FIRST_WINDOW
        self.first_window = _FIRST_WINDOW
        self.waiting = 0
        self.patience = Patience(limits)
        self._sent = 0
        self._table = _FIRST_TABLE
        self._prefix = b""
        self._frames: list[bytes | memoryview] = []
        self._size = 0
        self._gathering = False
        self._pumping = False
        self._ready: deque[Stream] = deque()
        self._next_turn: IDelayedCall | None = None

    # Bytes.

    def write(self, data: bytes) -> None:
        """Send whole frames."""
        self._frames.append(data)
        self._size += len(data)
        if not self._gathering or self._size >= _TOGETHER:
            self._flush()

    def gather(self) -> None:
        """Keep what is written from now on, until :meth:`release`."""
        self._gathering = True

    def release(self) -> None:
        """Send what was gathered."""
        self._gathering = False
        if self._ready:
            self.pump()
        if self._frames:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._frames)
        self._frames.clear()
        self._size = 0
        self._outlet.send(data)

    # Responses.

    def respond(self, stream: Stream, block: bytes, body: bytes) -> None:
        """Send a whole response."""
        size = len(body)
        if not size:
            self.write(self._head(stream, block, end_stream=True))
            stream.sent()
        elif size <= MAX_FRAME and size <= stream.window and size <= self.window and not self._ready:
            stream.window -= size
            self.window -= size
            self._sent += size
            head = self._head(stream, block, end_stream=False)
            self.write(head + HEADER.pack(size << 8, Flag.END_STREAM, stream.id) + body)
            stream.sent()
        else:
            self.write(self._head(stream, block, end_stream=False))
            stream.ending = True
            self.put(stream, body)

    def begin(self, stream: Stream, block: bytes) -> None:
        """Send the head of a response."""
        self.write(self._head(stream, block, end_stream=False))

    def put(self, stream: Stream, data: bytes) -> None:
        """Send a piece of content when its turn comes."""
        stream.keep(data)
        self.waiting += len(data)
        self._enqueue(stream)
        if not self._gathering:
            self.pump()

    def end(self, stream: Stream) -> None:
        """Say, behind what is waiting, that nothing more will come but the trailer section that the stream may have."""
        stream.ending = True
        if not stream.pieces:
            trailers = stream.trailers
            if trailers:
                self.write(self._head(stream, trailers, end_stream=True))
            else:
                self.write(HEADER.pack(0, Flag.END_STREAM, stream.id))
            stream.sent()

    def forget(self, stream: Stream) -> None:
        """Send nothing more of this stream."""
        if stream.queued:
            stream.queued = False
            self._ready.remove(stream)
            if not self._ready:
                self.patience.end(self._owner.now())
        if stream.pieces:
            stream.pieces.clear()
            self.waiting -= stream.waiting
            stream.waiting = 0

    def _head(self, stream: Stream, block: bytes, *, end_stream: bool) -> bytes:
        if self._prefix:
            block, self._prefix = self._prefix + block, b""
        return headers(stream.id, block, end_stream=end_stream)

    # Turns.

    def pump(self) -> None:
        """Send what is waiting, a frame of each stream in turn, as far as windows and the connection allow."""
        if self._pumping:
            return
        if self.patience.deadline != _NEVER and self.window > 0:
            self.patience.end(self._owner.now())
        gathering, self._gathering = self._gathering, True
        self._pumping = True
        ready = self._ready
        room = _AT_ONCE
        try:
            while ready and room > 0 and self.window > 0 and not self._outlet.backlogged:
                room -= self._turn(ready.popleft())
        finally:
            self._pumping = False
            self._gathering = gathering
        if self._frames and not gathering:
            self._flush()
        if ready:
            if self.window <= 0:
                if self.patience.deadline == _NEVER:
                    self.patience.wait(self._owner.now(), self._sent)
                    self._owner.wake_at(self.patience.deadline)
            elif not self._outlet.backlogged and self._next_turn is None:
                self._next_turn = self._clock.callLater(0, self._go_on)
        self._owner.unburdened()

    def _go_on(self) -> None:
        self._next_turn = None
        self.pump()

    def _turn(self, stream: Stream) -> int:
        """Send a frame of one stream; bytes of content in it."""
        stream.queued = False
        if stream.waiting < MAX_FRAME and not stream.ending:
            # A small frame now would come back as a small window, and so on.
            stream.refill()
        pieces = stream.pieces
        if not pieces or stream.window <= 0:
            # The client has taken its window back, or what feeds the stream has failed just now.
            if pieces:
                self._starve(stream)
            return 0
        size = min(stream.waiting, MAX_FRAME, stream.window, self.window)
        content = _first(pieces, size)
        stream.window -= size
        stream.waiting -= size
        stream.taken += size
        self.window -= size
        self.waiting -= size
        self._sent += size
        last = stream.ending and not pieces
        flags = Flag.END_STREAM if last and not stream.trailers else 0
        self._frames += (HEADER.pack(size << 8, flags, stream.id), *content)
        self._size += HEADER.size + size
        if last and not flags:
            self.write(self._head(stream, stream.trailers, end_stream=True))
        self._owner.budget.content()
        if pieces:
            self._enqueue(stream)
        elif last:
            stream.sent()
        else:
            stream.refill()
        if self._size >= _TOGETHER:
            self._flush()
        return size

    def _enqueue(self, stream: Stream) -> None:
        if stream.queued:
            return
        if stream.window > 0:
            stream.queued = True
            self._ready.append(stream)
        else:
            self._starve(stream)

    def _starve(self, stream: Stream) -> None:
        """The client gives this stream no window."""
        patience = stream.patience
        if patience is None:
            patience = stream.patience = Patience(self._limits)
        if patience.deadline == _NEVER:
            patience.wait(self._owner.now(), stream.taken)
            self._owner.wake_at(patience.deadline)

    def starved(self, now: float) -> list[Stream]:
        """The streams for which the client has given the connection no window for too long."""
        return list(self._ready) if self.patience.deadline <= now else []

    # What the client says.

    def widen(self, increment: int) -> bool:
        """The client takes more on the whole connection; false if that is too much."""
        window = widened(self.window, increment)
        if window is None:
            return False
        self.window = window
        if self._ready and not self._gathering:
            self.pump()
        return True

    def widen_stream(self, stream: Stream, increment: int) -> bool:
        """The client takes more of one stream; false if that is too much."""
        window = widened(stream.window, increment)
        if window is None:
            return False
        stream.window = window
        if window > 0 and stream.pieces:
            if stream.patience is not None:
                stream.patience.end(self._owner.now())
            self._enqueue(stream)
        return True

    def set_first_window(self, size: int, streams: Iterable[Stream]) -> bool:
        """SETTINGS_INITIAL_WINDOW_SIZE, which holds for the streams that are open as well (RFC 9113 6.9.2); false if
        that makes a window too large."""
        change, self.first_window = size - self.first_window, size
        return not change or all(self.widen_stream(stream, change) for stream in streams)

    def set_table_size(self, size: int) -> None:
        """SETTINGS_HEADER_TABLE_SIZE: the table is not used, but where the client makes it smaller it wants to hear
        that this was understood (RFC 7541 4.2)."""
        if size < self._table:
            self._table = 0
            self._prefix = EMPTY_TABLE

    def stop(self) -> None:
        """The connection is gone."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self._ready.clear()


def _first(pieces: deque[memoryview], size: int) -> list[memoryview]:
    """Take the first ``size`` bytes."""
    taken = []
    while True:
        piece = pieces[0]
        length = len(piece)
        if length > size:
            taken.append(piece[:size])
            pieces[0] = piece[size:]
            return taken
        taken.append(pieces.popleft())
        size -= length
        if not size:
            return taken
