"""Tunnels: connections (HTTP/2: streams) on which HTTP is over and another protocol is spoken (RFC 9110 7.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.logger import Logger

if TYPE_CHECKING:
    from duck_tx.http.request import Request

__all__ = ["Tunnel", "TunnelEnd"]

_log = Logger()
_NEVER = float("inf")


class TunnelEnd(Protocol):
    """Who speaks the other protocol on our side."""

    def received(self, data: bytes) -> None:
        """The client has sent this."""

    def ended(self) -> None:
        """The client will say no more; it may still listen."""

    def blocked(self) -> None:
        """The client must read before more should be written."""

    def unblocked(self) -> None:
        """The client has read what was waiting."""

    def expired(self) -> None:
        """:attr:`Tunnel.deadline` has passed; there is none now."""

    def going_away(self) -> None:
        """The server stops: say goodbye and close.  Once; who is not done at the end of the grace is cut."""

    def lost(self) -> None:
        """The tunnel is over.  The last call, and it always comes."""


class Tunnel:
    """One of them, for its :class:`TunnelEnd`; each wire has a class of its own.

    What the client sends while reading is paused waits: a little in the process, the rest with the client.

    :ivar request: which asked for it.
    :ivar end: who speaks on our side.
    """

    __slots__ = ("__weakref__", "_deadline", "_is_going", "_is_over", "end", "request")

    def __init__(self, request: Request, end: TunnelEnd) -> None:
        self.request = request
        self.end = end
        self._deadline = _NEVER
        self._is_going = False
        self._is_over = False

    # For its end.

    @property
    def backlogged(self) -> bool:
        """Whether bytes wait for the client to read."""
        raise NotImplementedError

    @property
    def taken(self) -> int:
        """Bytes that have reached the client's system, as far as ours knows; only what is more than before counts."""
        raise NotImplementedError

    @property
    def deadline(self) -> float:
        """Clock seconds (``site.seconds``) at which ``end.expired()`` is due, up to a second late; infinity: never."""
        return self._deadline

    @deadline.setter
    def deadline(self, when: float) -> None:
        self._deadline = when
        self._deadline_set()

    def write(self, data: bytes) -> None:
        """Send; what the client does not read yet waits.  Nothing once the tunnel is over, or closed from our side."""
        raise NotImplementedError

    def pause(self) -> None:
        """Read no more for now."""
        raise NotImplementedError

    def resume(self) -> None:
        """Read on; what has come meanwhile is heard before this returns."""
        raise NotImplementedError

    def close(self) -> None:
        """Say that nothing more will be written, once what waits is out.  The tunnel is over when the client has done
        the same."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """End it behind what was written, whatever the client still has to say."""
        raise NotImplementedError

    def abort(self) -> None:
        """End it now; what waits is lost."""
        raise NotImplementedError

    # For the wire.

    def go_away(self) -> None:
        """The server stops."""
        if self._is_going or self._is_over:
            return
        self._is_going = True
        try:
            self.end.going_away()
        except Exception:
            _log.failure("{asked}: a tunnel failed to say goodbye", asked=self.request.asked)
            self.abort()

    def _lose(self, sent: int) -> None:
        """It is over.

        :param sent: bytes that were written into it.
        """
        if self._is_over:
            return
        self._is_over = True
        self.request.tunnel_over(sent)
        self._tell_lost()

    def _tell_lost(self) -> None:
        try:
            self.end.lost()
        except Exception:
            _log.failure("{asked}: the end of a tunnel failed", asked=self.request.asked)

    def _deadline_set(self) -> None:
        """There is another deadline."""
