"""The body of one request while it arrives in DATA frames."""

from __future__ import annotations

from typing import BinaryIO

from twisted.logger import Logger

from duck_tx.http.body import Body
from duck_tx.http.head import Rejected
from duck_tx.http.limits import Limits, body_deadline
from duck_tx.http2.fields import Malformed
from duck_tx.http2.flow import Inflow

__all__ = ["Upload"]

_log = Logger()


class Upload:
    """Takes what comes, within the limits.

    :param declared: the length by Content-Length, ``None`` if there is none.
    :param memory: bytes that are kept in memory.
    :param window: bytes that the client may be ahead.
    :param started: clock seconds at which the head was complete.
    :ivar inflow: the flow-control window of the stream.
    """

    __slots__ = ("_body", "_declared", "_heard", "_limits", "_partial", "_started", "inflow")

    def __init__(self, limits: Limits, declared: int | None, memory: int, window: int, started: float) -> None:
        self._limits = limits
        self._declared = declared
        self._body = Body(memory)
        self._started = self._heard = started
        self._partial = 0
        self.inflow = Inflow(window)

    def take(self, data: bytes, now: float) -> None:
        """Take a piece.

        :raises Malformed: if it is more than what was declared.
        :raises Rejected: 413, or 507 if it could not be kept.
        """
        self._heard = now
        self._partial = 0
        if not data:
            return
        size = self._body.size + len(data)
        if self._declared is not None and size > self._declared:
            raise Malformed
        if 0 < self._limits.max_body < size:
            raise Rejected(413, "The request body is too large.")
        try:
            self._body.write(data)
        except OSError as error:
            raise _not_kept(error) from None

    def hear(self, partial: int, now: float) -> None:
        """So many bytes of the next piece have come."""
        self._heard = now
        self._partial = partial

    def excuse(self, seconds: float) -> None:
        """For so long nothing was read, as the client did not read."""
        self._started += seconds
        self._heard += seconds

    def deadline(self) -> float:
        """Clock seconds at which the client has been too slow."""
        return body_deadline(self._limits, self._heard, self._started, self._body.size + self._partial)

    def end(self) -> BinaryIO:
        """The whole body as a file at its beginning, to be closed by the taker.

        :raises Malformed: if it is less than what was declared.
        :raises Rejected: 507, if it could not be kept.
        """
        if self._declared is not None and self._body.size != self._declared:
            raise Malformed
        try:
            return self._body.open()
        except OSError as error:
            raise _not_kept(error) from None

    def close(self) -> None:
        """Let go of a body that nobody will read."""
        self._body.close()


def _not_kept(error: OSError) -> Rejected:
    _log.error("the body of a request could not be kept: {error}", error=error)
    return Rejected(507, "The request body could not be kept.")
