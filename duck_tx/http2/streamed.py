"""The body of one request, handed over while it comes in DATA frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duck_tx.http.head import Rejected
from duck_tx.http.streaming import BodyStream
from duck_tx.http2.holding import StreamWindow
from duck_tx.http2.tally import Tally

if TYPE_CHECKING:
    from duck_tx.http2.request import Http2Request
    from duck_tx.http2.stream import Stream

__all__ = ["StreamedBody"]

_NEVER = float("inf")
_SMALL = 1024
"""Bytes up to which pieces that wait are put together, so that many small ones take no more room than they should."""


class StreamedBody(BodyStream):
    """Takes what comes, within the limits of all bodies; the time in which its taker has enough is not the client's.

    :param since: clock seconds at which the head was complete.
    """

    is_tunnel = False
    holds_open = False

    def __init__(self, stream: Stream, request: Http2Request, tally: Tally, window: StreamWindow, since: float) -> None:
        super().__init__(request, tally.declared)
        self._stream = stream
        self._tally = tally
        self._window = window
        self._since = since

    # What the client sends.

    def take(self, content: bytes, size: int, now: float) -> bool:
        """Take the content of a frame of ``size`` bytes; false if it was more than the window.

        :raises Malformed: if it is more than what was declared.
        :raises Rejected: 413.
        """
        self._tally.count(len(content), now)
        if not self._window.take(size, len(content)):
            return False
        if content:
            self.is_awaited = False
            self.put(content)
        return True

    def put(self, data: bytes) -> None:
        """Hand a piece on, or keep it until there is a taker for it."""
        waiting = self._waiting
        if waiting and len(waiting[-1]) < _SMALL:
            waiting[-1] += data
        else:
            super().put(data)

    def hear(self, partial: int, now: float) -> bool:
        """So many bytes of the next piece have come."""
        self._tally.hear(partial, now)
        return True

    def close(self, trailers: list[tuple[bytes, bytes]]) -> None:
        """The client has said all.

        :raises Malformed: if that is less than what was declared.
        """
        self._tally.end()
        self.end(trailers)

    # Time.

    def excuse(self, seconds: float) -> None:
        """For so long the client could not send."""
        if self.is_flowing:
            self._tally.excuse(seconds)

    def deadline(self) -> float:
        """Clock seconds at which the client has been too slow."""
        return self._tally.deadline() if self.is_flowing and self._stream.open else _NEVER

    def remind(self, now: float) -> bool:
        """Do what the time has come for; false if it is nothing."""
        if self.deadline() > now:
            return False
        self._stream.refuse(Rejected(408, "The request did not arrive in time."))
        return True

    def _started(self) -> None:
        super()._started()
        self._resumed()

    def _paused(self) -> None:
        self._since = self._stream.site.seconds()

    def _resumed(self) -> None:
        self._tally.excuse(self._stream.site.seconds() - self._since)
        self._stream.wake_at(self.deadline())

    def going_away(self) -> None:
        """The server stops: a request that has begun is finished."""

    # What becomes of it.

    def discard(self) -> None:
        """Nobody wants the rest."""
        self._stream.ignore(self)
        super().discard()

    def give_up(self) -> None:
        """There is a response, and the taker hears no more."""
        if not self._over:
            self._let_go()

    def lose(self) -> None:
        """The stream is over; the request, which knows whether it was answered, tells the taker."""

    def _taken(self, size: int) -> None:
        self._window.taken(size)
