"""The end of a connection by which no request is lost (RFC 9113 6.8)."""

from __future__ import annotations

from duck_tx.http2.errors import ErrorCode
from duck_tx.http2.frames import MAX_WINDOW, FrameType, frame, goaway
from duck_tx.http2.identifiers import Identifiers
from duck_tx.http2.sender import Sender

__all__ = ["Farewell"]

_NEVER = float("inf")
_QUESTION = b"leaving?"
"""What a PING holds whose answer shows that the client knows of the end."""


class Farewell:
    """Says that the end is near; later, when the client knows, which request is the last that is answered.

    :ivar by: clock seconds at which that is said in any case.
    :ivar is_final: it has been said.
    """

    def __init__(self, sender: Sender, identifiers: Identifiers) -> None:
        self._sender = sender
        self._identifiers = identifiers
        self._announced = False
        self.by = _NEVER
        self.is_final = False

    def announce(self, by: float) -> None:
        """Say that the end is near; requests that are on their way are still answered."""
        if not self._announced and not self.is_final:
            self._announced = True
            self.by = by
            self._sender.write(goaway(MAX_WINDOW, ErrorCode.NO_ERROR) + frame(FrameType.PING, 0, 0, _QUESTION))

    def heard(self, payload: bytes) -> bool:
        """Whether the answer to a PING shows that the client knows."""
        return self._announced and payload == _QUESTION

    def leave(self) -> None:
        """Say which request is the last."""
        self.by = _NEVER
        if not self.is_final:
            self.is_final = True
            self._identifiers.last_accepted = self._identifiers.last
            self._sender.write(goaway(self._identifiers.last, ErrorCode.NO_ERROR))
