"""What ordinary requests tell of a server: failures in a row, and how long it is left out because of them.

Pure: the time is handed in.
"""

from __future__ import annotations

from math import inf

__all__ = ["Ejection"]

_FORGET = 2.0
"""An ejection is forgotten when the server has been well for so many times as long as it took."""


class Ejection:
    """Counts the failures of one server.

    After so many in a row it is left out for a while.  When that is over, it is on trial: one request at a time is
    enough to see how it is.  One more failure leaves it out again, for twice as long, up to a cap; the first success
    ends the suspicion.

    :ivar until: clock seconds at which the server may be asked again; minus infinity if it never was out.
    :ivar out_until: clock seconds at which its time out is over; the rest until :attr:`until` is that of a trial.
    :ivar is_suspect: it was left out, and has not answered since.

    :param failures: how many in a row; 0: it is never left out.
    :param seconds: how long it is left out for the first time.
    :param cap: how long at most.
    """

    __slots__ = ("_cap", "_failures", "_in_a_row", "_latest", "_seconds", "_times", "is_suspect", "out_until", "until")

    def __init__(self, failures: int = 3, seconds: float = 10.0, cap: float = 300.0) -> None:
        self._failures = failures
        self._seconds = seconds
        self._cap = max(cap, seconds)
        self._in_a_row = 0
        self._times = 0
        self._latest = 0.0
        self.until = self.out_until = -inf
        self.is_suspect = False

    @property
    def is_failing(self) -> bool:
        """Whether it has failed often enough to be left out, and is not, as it is the last."""
        return 0 < self._failures <= self._in_a_row

    def tried(self, now: float) -> None:
        """A request is sent to it.

        If it is suspect, no other is until that one has told how it is, or has taken longer than a first time out: a
        server that hangs would have all of them otherwise.
        """
        if self.is_suspect:
            self.until = max(self.until, now + self._seconds)

    def given_up(self, now: float) -> None:
        """A request has ended that tells nothing of it: if that was a trial, the next may follow."""
        if self.is_suspect:
            self.until = max(self.out_until, min(self.until, now))

    def failed(self, now: float, *, is_last: bool = False) -> float:
        """A request failed by the server's fault.

        :param is_last: there is no other server to ask, so this one stays.
        :return: the seconds for which it is left out from now; 0 if it stays, or is out already.
        """
        if not self._failures or now < self.out_until:
            return 0.0
        self._in_a_row += 1
        if is_last or self._in_a_row < self._failures:
            return 0.0
        self._latest = min(self._seconds * 2.0 ** min(self._times, 60), self._cap)
        self._times += 1
        self._in_a_row = self._failures - 1
        self.until = self.out_until = now + self._latest
        self.is_suspect = True
        return self._latest

    def finished(self) -> None:
        """The server answered, and the answer is whole."""
        self._in_a_row = 0

    def answered(self, now: float) -> bool:
        """The server began to answer.  Failures go on in a row until an answer is whole.

        :return: whether that ends a suspicion.
        """
        if self.is_suspect:
            # Also if it was out still: where no other server is left, it is asked all the same.
            self.until = self.out_until = now
            self.is_suspect = False
            return True
        if self._times and now >= self.until + _FORGET * self._latest:
            self._times = 0
        return False
