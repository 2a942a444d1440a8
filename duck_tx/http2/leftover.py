"""The rest of a body that nobody wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duck_tx.http.arriving import DISCARDED_AT_MOST
from duck_tx.http2.flow import Inflow
from duck_tx.http2.frames import window_update

if TYPE_CHECKING:
    from duck_tx.http2.holding import Writing
    from duck_tx.http2.stream import Stream

__all__ = ["Leftover"]

_NEVER = float("inf")


class Leftover:
    """Reads it away, up to a bound, and gives the client some time to notice that it has its response.

    The stream could be reset as soon as the response is out (RFC 9113 8.1), but there are clients that then throw the
    response away.

    :param window: bytes that the client may be ahead.
    """

    is_tunnel = False
    holds_open = False

    def __init__(self, stream: Stream, sender: Writing, window: int) -> None:
        self._stream = stream
        self._sender = sender
        self._inflow = Inflow(window)
        self._room = DISCARDED_AT_MOST
        self._until = _NEVER

    def wait(self, until: float) -> None:
        """The response is out: wait for the end of the request until then, in clock seconds."""
        self._until = until
        self._stream.wake_at(until)

    # What the client sends.

    def take(self, content: bytes, size: int, now: float) -> bool:
        """Take the content of a frame of ``size`` bytes; false if it was more than the window."""
        if not self._inflow.take(size):
            return False
        self._room -= size
        if self._room >= 0:
            increment = self._inflow.give_back(size)
            if increment:
                self._sender.write(window_update(self._stream.id, increment))
        return True

    def hear(self, partial: int, now: float) -> bool:
        """A part of a frame has come, for which nobody waits."""
        return False

    def close(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The client has said all."""
        if self._until != _NEVER:
            self._stream.end()

    # Time.

    def excuse(self, seconds: float) -> None:
        """For so long the client could not send; there is nothing that it should."""

    def deadline(self) -> float:
        """Clock seconds at which the stream is reset."""
        return self._until

    def remind(self, now: float) -> bool:
        """Reset the stream if it is time to; false if it is not."""
        if self._until > now:
            return False
        self._stream.dismiss()
        return True

    def going_away(self) -> None:
        """The server stops; that is soon over."""

    # The end.

    def give_up(self) -> None:
        """The response is out."""

    def lose(self) -> None:
        """The stream is over."""
