"""Which requests of a connection are answered now, and which wait for a client that does not take its responses."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from duck_tx.http2.sender import Sender
from duck_tx.http2.stream import Stream

__all__ = ["Admission"]

_BURDEN = 4_194_304
"""Bytes of responses that may wait for a client before its next request is looked at."""


class Admission:
    """Has requests answered, in their order, while there is room for more responses.

    :param clock: to let them in in a turn of their own after others were cut.
    """

    def __init__(self, sender: Sender, clock: IReactorTime) -> None:
        self._sender = sender
        self._clock = clock
        self._held: list[Stream] = []
        self._later: IDelayedCall | None = None
        self._letting_in = False

    def admit(self, stream: Stream) -> None:
        """Have a whole request answered, at once or when there is room."""
        if self._sender.waiting > _BURDEN or self._held:
            self._held.append(stream)
        elif stream.request is not None:
            stream.request.process()

    def unburdened(self) -> None:
        """Less is waiting than before."""
        if not self._held or self._letting_in:
            # One that is being answered may say so as well.
            return
        self._letting_in = True
        try:
            while self._held and self._sender.waiting <= _BURDEN:
                stream = self._held.pop(0)
                if stream.request is not None:
                    stream.request.process()
        finally:
            self._letting_in = False

    def stream_closed(self) -> None:
        """What was waiting of a stream may be gone."""
        if self._held and self._later is None:
            self._later = self._clock.callLater(0, self._in_turn)

    def _in_turn(self) -> None:
        self._later = None
        self.unburdened()

    def stop(self) -> None:
        """The connection is over."""
        self._held.clear()
        if self._later is not None:
            self._later.cancel()
            self._later = None
