"""Flow control windows (RFC 9113 5.2 and 6.9)."""

from __future__ import annotations

from duck_tx.http.limits import Limits, slow_reader_deadline
from duck_tx.http2.frames import MAX_WINDOW

__all__ = ["Inflow", "Patience", "widened"]

_NEVER = float("inf")


def widened(window: int, increment: int) -> int | None:
    """A window for sending after the client has given more, or less, which may leave it negative; ``None`` if it is
    more than there can be."""
    window += increment
    return None if window > MAX_WINDOW else window


class Inflow:
    """How much content a client may send.

    :param window: bytes that it may be ahead.
    """

    __slots__ = ("_left", "_taken", "_window")

    def __init__(self, window: int) -> None:
        self._window = window
        self._left = window
        self._taken = 0

    def take(self, size: int) -> bool:
        """Count what has come; false if it was more than allowed."""
        self._left -= size
        return self._left >= 0

    def give_back(self, size: int) -> int:
        """What has come is out of the way; by how much the window is to be widened now, 0 for not yet."""
        self._taken += size
        if self._taken < self._window >> 1:
            return 0
        increment, self._taken = self._taken, 0
        self._left += increment
        return increment

    def keep_back(self, size: int) -> None:
        """So much of what was given back is in the way after all: the window is widened that much later."""
        self._taken -= size


class Patience:
    """How long a client that reads slowly may keep waiting what is to be sent.

    :ivar deadline: clock seconds at which it is lost; never, while nothing waits.
    """

    __slots__ = ("_blocked", "_limits", "_since", "deadline")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._since = self._blocked = 0.0
        self.deadline = _NEVER

    def wait(self, now: float, sent: int) -> None:
        """Something waits, from ``now`` on; ``sent`` bytes have gone out in all."""
        self._since = now
        self.deadline = slow_reader_deadline(self._limits, now, self._blocked, sent)

    def end(self, now: float) -> float:
        """What was waiting, or a part of it, is on its way; :meth:`wait` may follow for the rest.

        :returns: the seconds since it began to wait.
        """
        if self.deadline == _NEVER:
            return 0.0
        waited = now - self._since
        self._blocked += waited
        self.deadline = _NEVER
        return waited
