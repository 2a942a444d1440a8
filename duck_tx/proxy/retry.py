"""Whether a request may be sent once more, and how many may be at all.

Pure: facts in, an answer out; the time is handed in.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["IDEMPOTENT", "RetryBudget", "may_repeat"]

IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})
"""Methods that mean the same when they are sent twice (RFC 9110 9.2.2)."""

_RESERVE = 100.0
"""Retries that are there from the beginning: as many as a site with few requests may need at once when a server ends
with all that it was doing."""

_TRICKLE = 0.5
"""Retries that each second brings back of these."""

_SAVED = 1000.0
"""Retries that are saved up at most."""


def may_repeat(
    method: bytes, *, was_written: bool, has_answered: bool, can_replay: bool, timed_out: bool = False
) -> bool:
    """Whether a request that failed may be sent to a server again.

    :param was_written: something of it may have reached the server it was sent to.
    :param has_answered: a byte of a response has come, or the client has been told anything.
    :param can_replay: what has been taken of its body is still there.
    :param timed_out: the server was silent for too long.  It may well be at work on it still: sent to the next, a
        request that is too much for one would be too much for all of them.
    """
    if has_answered or not can_replay:
        return False
    return not was_written or (method in IDEMPOTENT and not timed_out)


class RetryBudget:
    """Bounds retries to a share of the requests: where everything fails, asking twice makes it worse.

    :ivar spent: retries there have been.
    :ivar refused: those there were none left for.

    :param share: retries for each request.
    :param seconds: the clock, never going backwards.
    """

    __slots__ = ("_at", "_left", "_seconds", "_share", "refused", "spent")

    def __init__(self, share: float, seconds: Callable[[], float]) -> None:
        self._share = share
        self._seconds = seconds
        self._left = _RESERVE
        self._at = seconds()
        self.spent = 0
        self.refused = 0

    def count(self) -> None:
        """A request has come; its retries are not counted here."""
        self._left = min(self._left + self._share, _SAVED)

    def take(self) -> bool:
        """Take one retry, if there is one left."""
        now = self._seconds()
        self._left = max(self._left, min(self._left + (now - self._at) * _TRICKLE, _RESERVE))
        self._at = now
        if self._left < 1.0 or not self._share:
            self.refused += 1
            return False
        self._left -= 1.0
        self.spent += 1
        return True
