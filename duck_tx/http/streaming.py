"""The body of a request, handed over while it arrives.

A resource whose ``streams`` says so is given its request when the head is there.  It takes the body from
``request.body_stream()``, at its own pace: what it does not take stays with the client.  A body that is whole already
comes the same way, so that who answers needs to know one way only.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, BinaryIO, Protocol

from twisted.internet.error import ConnectionAborted
from twisted.python.failure import Failure

from duck_tx.http.headers import Fields

if TYPE_CHECKING:
    from duck_tx.http.head import Rejected
    from duck_tx.http.request import Request

__all__ = ["BodyStream", "BodyTaker", "ReplayedBody", "aborted"]

_PIECE = 65_536
_AT_ONCE = 1_048_576
"""Bytes that are replayed in one turn of the reactor, so that other connections have theirs."""


class BodyTaker(Protocol):
    """Who takes a body.  After ``body_ended`` or ``body_failed`` nothing follows, nor after the end of the response."""

    def body_received(self, data: bytes) -> None:
        """A piece of it, never empty."""

    def body_ended(self, trailers: Fields) -> None:
        """That was all.

        :param trailers: the fields behind the body (RFC 9110 6.5), without those that are not allowed there.
        """

    def body_failed(self, rejected: Rejected | None) -> None:
        """The rest will not come.

        :param rejected: the body is malformed, too large or too slow, and the client has been answered or cut off;
            ``None``: the client has gone.
        """


class BodyStream:
    """The body of one request, and who takes it.

    For who answers there are :meth:`start`, :meth:`pause`, :meth:`resume` and :meth:`discard`.  The rest is between
    this class and the wire, which calls :meth:`put`, :meth:`end` and :meth:`fail`, and adds what it has to do itself
    in a class of its own (``_started``, ``_paused``, ``_resumed``, ``_discarded``, ``_more``, ``_taken``).

    :param length: bytes by Content-Length; 0 without a body; ``None`` if that is not known.
    """

    def __init__(self, request: Request, length: int | None) -> None:
        self.length = length
        self._request = request
        self._taker: BodyTaker | None = None
        self._waiting: deque[bytes] = deque()
        self._trailers: Fields | None = None
        self._flowing = False
        self._over = False
        self._handing = False

    # For who answers.

    def start(self, taker: BodyTaker) -> None:
        """Hand the body to ``taker`` from now on: what is there at once, before this returns.

        A client that expects ``100 Continue`` is told only now (RFC 9110 10.1.1).

        :raises RuntimeError: if there is a taker already.
        """
        if self._taker is not None:
            raise RuntimeError("the body of this request has a taker already")
        if self._over:
            taker.body_failed(None)
            return
        self._taker = taker
        self._flowing = True
        self._started()
        self._hand_over()

    def pause(self) -> None:
        """Hand over nothing more for now; the client soon has to wait."""
        if self._flowing:
            self._flowing = False
            self._paused()

    def resume(self) -> None:
        """Go on, before this returns."""
        if self._taker is not None and not self._flowing:
            self._flowing = True
            self._resumed()
            self._hand_over()

    def discard(self) -> None:
        """Nobody wants the rest: read it away, up to a bound, beyond which the connection is closed after the
        response.  The taker hears no more.  The end of the response does this by itself."""
        if not self._over:
            self._let_go()
            self._discarded()

    # For the wire.

    is_awaited = False
    """The client sends nothing before it is told to go on."""

    def invited(self) -> None:
        """It has been told."""
        self.is_awaited = False

    @property
    def is_flowing(self) -> bool:
        """Whether there is a taker who is ready for more."""
        return self._flowing and not self._over

    def put(self, data: bytes) -> None:
        """A piece has come."""
        if self._over:
            self._taken(len(data))
        else:
            self._waiting.append(data)
            self._hand_over()

    def end(self, trailers: Fields) -> None:
        """The body is whole."""
        self._trailers = trailers
        self._hand_over()

    def fail(self, rejected: Rejected | None) -> None:
        """The rest will not come; the client has been answered, or cut off, or is gone (``None``)."""
        taker = self._taker
        if not self._over:
            self._let_go()
            if taker is not None:
                try:
                    taker.body_failed(rejected)
                except Exception:
                    self._request.processingFailed(Failure())

    def _let_go(self) -> None:
        self._over = True
        self._taker = None
        size = sum(map(len, self._waiting))
        self._waiting.clear()
        if size:
            self._taken(size)

    def _hand_over(self) -> None:
        """Hand over what is there, as long as the taker wants more."""
        if self._handing:
            return
        self._handing = True
        try:
            while self._flowing and self._taker is not None:
                if self._request.finished:
                    self.discard()
                elif self._waiting:
                    data = self._waiting.popleft()
                    self._taker.body_received(data)
                    self._taken(len(data))
                elif self._trailers is not None:
                    taker, trailers = self._taker, self._trailers
                    self._let_go()
                    taker.body_ended(trailers)
                elif not self._more():
                    break
        except Exception:
            self.discard()
            self._request.processingFailed(Failure())
        finally:
            self._handing = False

    # What a wire adds.

    def _started(self) -> None:
        """There is a taker."""
        if self.is_awaited:
            self._request.send_interim(100, [])

    def _paused(self) -> None:
        """The taker has enough for now."""

    def _resumed(self) -> None:
        """The taker wants more."""

    def _discarded(self) -> None:
        """Nobody wants the rest."""

    def _more(self) -> bool:
        """Get more of what is there already, with :meth:`put`, :meth:`end` or :meth:`fail`; false if there is none."""
        return False

    def _taken(self, size: int) -> None:
        """So many bytes are with the taker, or were thrown away."""


class ReplayedBody(BodyStream):
    """A body that is whole already.

    :param file: ``None`` if there is no body; closed by the request.
    """

    def __init__(self, request: Request, file: BinaryIO | None, size: int, trailers: Fields) -> None:
        super().__init__(request, size)
        self._file = file
        self._after = trailers
        self._room = _AT_ONCE
        self._at = 0

    def _more(self) -> bool:
        if self._file is None or self._at >= (self.length or 0):
            self.end(self._after)
            return True
        if self._room <= 0:
            # Others have their turn first.
            self._room = _AT_ONCE
            self._request.site.clock.callLater(0, self._hand_over)
            return False
        self._file.seek(self._at)
        data = self._file.read(_PIECE)
        self._at += len(data)
        self._room -= len(data)
        self.put(data)
        return True


def aborted() -> Failure:
    """Why a request is over whose client was answered, or cut off, by the wire."""
    return Failure(ConnectionAborted())
