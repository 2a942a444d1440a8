"""Content that is handed on while it comes, and the windows that the client gets as it is taken (RFC 9113 5.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from duck_tx.http2.flow import Inflow
from duck_tx.http2.frames import window_update

if TYPE_CHECKING:
    from duck_tx.http2.stream import Stream

__all__ = ["Holding", "StreamWindow"]

_AT_MOST = 4_194_304
"""Bytes that may wait on one connection before the window of the whole connection gets smaller."""


class Writing(Protocol):
    """The sender, as far as windows are concerned."""

    def write(self, data: bytes) -> None:
        """Send whole frames."""


class Holding:
    """What waits on one connection for those who take it.

    A stream whose content nobody takes gets no window, and the connection goes on: what such a stream holds is
    bounded by its window.  Only where there are many of them they make the window of the connection smaller, by what
    they hold beyond a bound, and so in the end all streams wait for them.

    :param inflow: the window of the connection, in which all that comes is counted and given back at once.
    :param now: gives clock seconds.
    """

    def __init__(self, inflow: Inflow, sender: Writing, now: Callable[[], float]) -> None:
        self.inflow = inflow
        self._sender = sender
        self._now = now
        self._waiting = 0
        self._kept_back = 0
        self._since = 0.0
        self._in_the_way = 0.0

    def hold(self, size: int) -> None:
        """So much has come that waits."""
        self._waiting += size
        if self._waiting > _AT_MOST:
            more = self._waiting - _AT_MOST - self._kept_back
            if not self._kept_back:
                self._since = self._now()
            self._kept_back += more
            self.inflow.keep_back(more)

    def let_go(self, size: int) -> None:
        """So much of it waits no more."""
        self._waiting -= size
        if self._kept_back:
            less = self._kept_back - max(0, self._waiting - _AT_MOST)
            self._kept_back -= less
            if not self._kept_back:
                self._in_the_way += self._now() - self._since
            increment = self.inflow.give_back(less)
            if increment:
                self._sender.write(window_update(0, increment))

    def excuse(self, now: float) -> float:
        """Seconds, since this was asked last, in which the client may have been able to send nothing at all."""
        seconds, self._in_the_way = self._in_the_way, 0.0
        if self._kept_back:
            seconds += now - self._since
            self._since = now
        return seconds


class StreamWindow:
    """The window of one stream, given back as what came is taken.

    :param size: bytes that the client may be ahead.
    """

    __slots__ = ("_holding", "_inflow", "_sender", "_stream")

    def __init__(self, stream: Stream, sender: Writing, size: int, holding: Holding) -> None:
        self._stream = stream
        self._sender = sender
        self._inflow = Inflow(size)
        self._holding = holding

    def take(self, size: int, content: int) -> bool:
        """A frame of ``size`` bytes has come, of which ``content`` wait; false if it was more than allowed."""
        if not self._inflow.take(size):
            return False
        self._holding.hold(content)
        if size > content:
            self._give_back(size - content)
        return True

    def taken(self, content: int) -> None:
        """So much waits no more."""
        self._holding.let_go(content)
        self._give_back(content)

    def _give_back(self, size: int) -> None:
        increment = self._inflow.give_back(size)
        stream = self._stream
        if increment and stream.open and stream.arrival is not None:
            self._sender.write(window_update(stream.id, increment))
