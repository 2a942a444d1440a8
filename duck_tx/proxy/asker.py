"""Who uses a connection to a server, as far as the connection knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from duck_tx.proxy.trouble import Trouble

if TYPE_CHECKING:
    from duck_tx.http.headers import Fields
    from duck_tx.proxy.answer import AnswerHead
    from duck_tx.proxy.connection import UpstreamConnection

__all__ = ["Asker", "Listener"]


class Listener(Protocol):
    """Who hears what becomes of a connection at present."""

    def received(self, data: bytes) -> None:
        """A piece of the body came, or of what goes through a tunnel."""

    def ended(self, trailers: Fields) -> None:
        """The response is whole; in a tunnel: the server will say no more."""

    def troubled(self, trouble: Trouble) -> None:
        """There will be no response, or no more of it; the connection is gone."""

    def server_blocked(self) -> None:
        """The server must read before more should be sent."""

    def server_ready(self) -> None:
        """It has read what was waiting."""


class Asker(Listener, Protocol):
    """Who has a request for a server."""

    def connected(self, connection: UpstreamConnection) -> None:
        """The connection is there to be asked."""

    def interim(self, head: AnswerHead) -> None:
        """An interim response came."""

    def answered(self, head: AnswerHead, body: bytes, *, whole: bool) -> None:
        """The head came, with so much of the body; the rest follows unless this is the whole of it."""

    def switched(self, head: AnswerHead, rest: bytes) -> None:
        """The server switches protocols (101), and has sent ``rest`` in the new one."""
