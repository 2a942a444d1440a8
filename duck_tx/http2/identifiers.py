"""Stream identifiers (RFC 9113 5.1.1): which are used up, and how the streams ended that are over."""

from __future__ import annotations

from duck_tx.http2.frames import MAX_WINDOW

__all__ = ["End", "Identifiers"]

_KEPT_AT_MOST = 1024


class End:
    """How a stream ended, as far as it matters for what still comes on it."""

    ENDED = 0
    """Both sides had said all."""

    CUT = 1
    """This server cut it, and what the client sent before it knew may still come."""

    RESET = 2
    """The client reset it."""

    SKIPPED = 3
    """The client never opened it, but a later one."""


class Identifiers:
    """Those of one connection.  Only of the latest streams is it remembered that they did not end as most do.

    :ivar last: the highest that the client has used.
    :ivar last_accepted: what is above is not looked at any more.
    """

    __slots__ = ("_ends", "_skipped", "last", "last_accepted")

    def __init__(self) -> None:
        self.last = 0
        self.last_accepted = MAX_WINDOW
        self._ends: dict[int, int] = {}
        self._skipped: list[tuple[int, int]] = []

    def is_idle(self, stream_id: int) -> bool:
        """Whether the client has not used it yet; it never uses even ones."""
        return stream_id > self.last or not stream_id & 1

    def use(self, stream_id: int) -> None:
        """The client opens a stream, and by that closes the idle ones below."""
        if stream_id > self.last + 2:
            self._skipped.append((self.last + 2, stream_id - 2))
            if len(self._skipped) > _KEPT_AT_MOST:
                del self._skipped[0]
        self.last = stream_id

    def cut(self, stream_id: int) -> None:
        """The server has ended a stream before the client had, or as it had made necessary."""
        self._note(stream_id, End.CUT)

    def reset(self, stream_id: int) -> None:
        """The client has reset a stream."""
        self._note(stream_id, End.RESET)

    def _note(self, stream_id: int, end: int) -> None:
        ends = self._ends
        ends[stream_id] = end
        if len(ends) > _KEPT_AT_MOST:
            del ends[next(iter(ends))]

    def end_of(self, stream_id: int) -> int:
        """How a stream ended that is over (:class:`End`)."""
        end = self._ends.get(stream_id)
        if end is not None:
            return end
        if any(first <= stream_id <= last for first, last in self._skipped):
            return End.SKIPPED
        return End.ENDED
