"""How much of a request body has come, and how fast."""

from __future__ import annotations

from duck_tx.http.head import Rejected
from duck_tx.http.limits import Limits, body_deadline
from duck_tx.http2.fields import Malformed

__all__ = ["Tally"]


class Tally:
    """Counts what comes, within the limits.

    :param started: clock seconds at which the head was complete.
    :ivar declared: the length by Content-Length, ``None`` if there is none.
    :ivar size: bytes so far.
    """

    __slots__ = ("_heard", "_limits", "_partial", "_started", "declared", "size")

    def __init__(self, limits: Limits, declared: int | None, started: float) -> None:
        self._limits = limits
        self.declared = declared
        self._started = self._heard = started
        self._partial = 0
        self.size = 0

    def count(self, length: int, now: float) -> None:
        """A piece has come.

        :raises Malformed: if it is more than what was declared.
        :raises Rejected: 413.
        """
        self._heard = now
        self._partial = 0
        size = self.size + length
        if self.declared is not None and size > self.declared:
            raise Malformed
        if 0 < self._limits.max_body < size:
            raise Rejected(413, "The request body is too large.")
        self.size = size

    def hear(self, partial: int, now: float) -> None:
        """So many bytes of the next piece have come."""
        self._heard = now
        self._partial = partial

    def excuse(self, seconds: float) -> None:
        """For so long the client could not send: nothing was read, or nobody took what had come."""
        self._started += seconds
        self._heard += seconds

    def deadline(self) -> float:
        """Clock seconds at which the client has been too slow."""
        return body_deadline(self._limits, self._heard, self._started, self.size + self._partial)

    def end(self) -> None:
        """Nothing more will come.

        :raises Malformed: if it is less than what was declared.
        """
        if self.declared is not None and self.size != self.declared:
            raise Malformed
