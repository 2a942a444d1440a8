"""What comes on the stream of a tunnel (RFC 8441 4): handed on as it comes, or kept while nobody takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from duck_tx.http2.holding import StreamWindow

if TYPE_CHECKING:
    from duck_tx.http2.tunnel import StreamTunnel

__all__ = ["Arrival", "Arriving"]

_NEVER = float("inf")
_PIECE = 65_536


class Arriving(Protocol):
    """Whatever takes the content of a stream while it comes.

    :ivar is_tunnel: it is no content of HTTP's.
    """

    is_tunnel: bool

    @property
    def holds_open(self) -> bool:
        """Whether the stream lives on when all is said from our side."""

    def take(self, content: bytes, size: int, now: float) -> bool:
        """Take the content of a frame of ``size`` bytes; false if it was more than the window."""

    def hear(self, partial: int, now: float) -> bool:
        """So many bytes of the next piece have come; false if nobody waits for it."""

    def close(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The client has said all."""

    def excuse(self, seconds: float) -> None:
        """For so long the client could not send."""

    def deadline(self) -> float:
        """Clock seconds at which :meth:`remind` has something to do."""

    def remind(self, now: float) -> bool:
        """Do what the time has come for; false if it is nothing."""

    def going_away(self) -> None:
        """The server stops."""

    def give_up(self) -> None:
        """Nobody wants the rest: something else takes what still comes."""

    def lose(self) -> None:
        """The stream is over."""


class Arrival:
    """Keeps what comes before there is a tunnel, and while that is paused: no more than the window of the stream.

    :ivar tunnel: who takes it, once the request has been granted.
    :ivar is_over: the stream is.
    :ivar is_ended: the client has said all, and the tunnel has heard it.
    """

    is_tunnel = True

    def __init__(self, window: StreamWindow) -> None:
        self.tunnel: StreamTunnel | None = None
        self.is_over = False
        self.is_ended = False
        self._window = window
        self._waiting = bytearray()
        self._flowing = False
        self._handing = False
        self._closed = False

    # What the client sends.

    def take(self, content: bytes, size: int, now: float) -> bool:
        """Take the content of a frame of ``size`` bytes; false if it was more than the window."""
        if not self._window.take(size, len(content)):
            return False
        self._waiting += content
        self._hand_on()
        return True

    def hear(self, partial: int, now: float) -> bool:
        """So many bytes of the next piece have come.  How long that may take is the business of the tunnel's end."""
        return True

    def close(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The client has said all."""
        self._closed = True
        self._hand_on()

    @property
    def holds_open(self) -> bool:
        """Whether the stream lives on when all is said from our side."""
        return self.tunnel is not None and not self.is_ended

    # What the tunnel wants.

    def pause(self) -> None:
        """Hand on nothing more for now; the client soon has to wait."""
        self._flowing = False

    def resume(self) -> None:
        """Go on."""
        self._flowing = True
        self._hand_on()

    def _hand_on(self) -> None:
        tunnel = self.tunnel
        if tunnel is None or self._handing:
            return
        self._handing = True
        waiting = self._waiting
        while self._flowing and waiting:
            data = bytes(waiting[:_PIECE])
            del waiting[:_PIECE]
            tunnel.received(data)
            self._window.taken(len(data))
        self._handing = False
        if self._closed and self._flowing and not self.is_ended and not self.is_over:
            self.is_ended = True
            tunnel.ended()

    # Time.

    def excuse(self, seconds: float) -> None:
        """For so long the client could not send; it need not."""

    def deadline(self) -> float:
        """Clock seconds at which the tunnel's end wants to be reminded."""
        return _NEVER if self.tunnel is None else self.tunnel.deadline

    def remind(self, now: float) -> bool:
        """Tell the tunnel's end if the time has come; false if it has not."""
        if self.deadline() > now:
            return False
        assert self.tunnel is not None
        self.tunnel.expire()
        return True

    def going_away(self) -> None:
        """The server stops."""
        if self.tunnel is not None:
            self.tunnel.go_away()

    # The end.

    def give_up(self) -> None:
        """The request was not granted."""
        self.lose()

    def lose(self) -> None:
        """The stream is over."""
        self.is_over = True
        self._flowing = False
        waiting = len(self._waiting)
        self._waiting.clear()
        self._window.taken(waiting)
        if self.tunnel is not None:
            self.tunnel.lose()
