"""The body of one request while it arrives in DATA frames, for a resource that wants the whole of it."""

from __future__ import annotations

from typing import BinaryIO

from twisted.logger import Logger

from duck_tx.http.body import Body
from duck_tx.http.head import Rejected
from duck_tx.http.limits import Limits
from duck_tx.http2.flow import Inflow
from duck_tx.http2.tally import Tally

__all__ = ["Upload"]

_log = Logger()


class Upload(Tally):
    """Keeps what comes, until it is whole.

    :param memory: bytes that are kept in memory.
    :param window: bytes that the client may be ahead.
    :ivar inflow: the flow-control window of the stream.
    """

    __slots__ = ("_body", "inflow")

    def __init__(self, limits: Limits, declared: int | None, memory: int, window: int, started: float) -> None:
        super().__init__(limits, declared, started)
        self._body = Body(memory)
        self.inflow = Inflow(window)

    def take(self, data: bytes, now: float) -> None:
        """Take a piece.

        :raises Malformed: if it is more than what was declared.
        :raises Rejected: 413, or 507 if it could not be kept.
        """
        self.count(len(data), now)
        if not data:
            return
        try:
            self._body.write(data)
        except OSError as error:
            raise _not_kept(error) from None

    def whole(self) -> BinaryIO:
        """The whole body as a file at its beginning, to be closed by the taker.

        :raises Malformed: if it is less than what was declared.
        :raises Rejected: 507, if it could not be kept.
        """
        self.end()
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
