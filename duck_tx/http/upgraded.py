"""A tunnel that takes the whole of an HTTP/1.1 connection."""

from __future__ import annotations

import fcntl
import sys
import termios
from typing import TYPE_CHECKING, Any

from duck_tx.http.connection import Phase
from duck_tx.http.tunnel import Tunnel, TunnelEnd

if TYPE_CHECKING:
    from duck_tx.http.connection import ServerConnection
    from duck_tx.http.outgoing import OutgoingResponse
    from duck_tx.http.request import Request

__all__ = ["UpgradedConnection"]

_NEVER = float("inf")


class UpgradedConnection(Tunnel):
    """The connection, from its 101 on.

    :param sent: bytes that the outlet has sent or holds, up to the end of the 101.
    """

    __slots__ = ("_channel", "_client_ended", "_closing", "_flowing", "_is_held", "_sent_before", "_told_of_end")

    def __init__(self, channel: ServerConnection, request: Request, end: TunnelEnd, sent: int) -> None:
        super().__init__(request, end)
        self._channel = channel
        self._sent_before = sent
        self._flowing = True
        self._is_held = False
        self._closing = False
        self._client_ended = self._told_of_end = False

    def begin(self) -> None:
        """Wait until who opened the tunnel is done, then hear what the client has sent ahead."""
        if self._channel.buffer or self._channel.site.draining:
            self._is_held = True
            self._channel.site.clock.callLater(0, self._begin)

    def _begin(self) -> None:
        self._is_held = False
        if self._channel.site.draining:
            self.go_away()
        if self._flowing:
            self.resume()

    def stillborn(self) -> None:
        """The client has gone before it began."""
        self._channel.site.clock.callLater(0, self._tell_lost)

    # For its end.

    @property
    def backlogged(self) -> bool:
        return self._channel.outlet.backlogged

    @property
    def taken(self) -> int:
        channel = self._channel
        return channel.outlet.sent - _on_the_way(channel.transport)

    def write(self, data: bytes) -> None:
        channel = self._channel
        if data and not self._closing and channel.guest is self and channel.phase == Phase.TAKEN:
            channel.outlet.send(data)

    def pause(self) -> None:
        self._flowing = False

    def resume(self) -> None:
        self._flowing = True
        if self._is_open:
            self._channel.advance()
            self._tell_of_end()

    def close(self) -> None:
        if not self._closing and self._is_open:
            self._closing = True
            if not self._channel.outlet.backlogged:
                self._half_close()

    def hang_up(self) -> None:
        if self._is_open:
            self._closing = True
            self._channel.close()

    def abort(self) -> None:
        if self._channel.guest is self:
            self._channel.abort()

    @property
    def _is_open(self) -> bool:
        return self._channel.guest is self and self._channel.phase == Phase.TAKEN

    # What the channel asks.

    def read(self) -> None:
        """Hand over what has come, unless that is to wait."""
        if self._flowing and not self._is_held:
            channel = self._channel
            data, channel.buffer = channel.buffer, b""
            self.end.received(data)

    def ended(self) -> None:
        """The client has closed its side."""
        self._client_ended = True
        self._tell_of_end()

    def blocked(self) -> None:
        """The client must read."""
        self._channel.forgive()
        self._deadline_set()
        self.end.blocked()

    def progressed(self) -> None:
        """It has read something."""
        self._deadline_set()

    def drained(self) -> None:
        """It has read all."""
        self._deadline_set()
        if self._closing:
            self._half_close()
        else:
            self.end.unblocked()

    def expire(self) -> None:
        """The channel's deadline has passed."""
        channel = self._channel
        now = channel.site.seconds()
        if channel.outlet.backlogged and channel.write_deadline() <= now:
            channel.abort()
            return
        is_due = self._deadline <= now
        if is_due:
            self._deadline = _NEVER
        self._deadline_set()
        if is_due:
            self.end.expired()

    def answered(self, request: OutgoingResponse) -> None:
        """Never asked: what follows the 101 is no response."""

    def drain(self) -> None:
        """The site is stopping."""
        self.go_away()

    def lost(self) -> None:
        """The connection is gone."""
        self._lose(max(self._channel.outlet.sent - self._sent_before, 0))

    def _tell_of_end(self) -> None:
        """Once what came before it is heard."""
        if self._client_ended and not self._told_of_end and self._flowing and not self._channel.buffer:
            self._told_of_end = True
            self.end.ended()
            if self._closing and not self._channel.outlet.backlogged and self._is_open:
                self._channel.close()

    def _half_close(self) -> None:
        if self._told_of_end:
            self._channel.close()
        else:
            self._channel.outlet.half_close()

    def _deadline_set(self) -> None:
        if self._is_open:
            channel = self._channel
            channel.deadline = self._deadline
            if channel.outlet.backlogged:
                channel.deadline = min(self._deadline, channel.write_deadline())


def _on_the_way(transport: Any) -> int:
    """Bytes that the system has been given and the client's has not taken; 0 where the system does not say."""
    try:
        return int.from_bytes(fcntl.ioctl(transport.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except (AttributeError, OSError, ValueError):
        # No socket, or one that is gone.
        return 0
