"""The limits of one HTTP/2 connection, beside those that it shares with HTTP/1.1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from duck_tx.http2.errors import ConnectionFault, ErrorCode

__all__ = ["Allowance", "Budget", "Http2Limits"]

_REGAINED = 0.1
"""Part of an allowance that comes back each second."""

_FOR_A_REQUEST = 4
_FOR_CONTENT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Http2Limits:
    """What one connection may use; the defaults are those of the ``http2`` section of the settings.

    Times in seconds, sizes in bytes.
    """

    max_streams: int = 128
    stream_window: int = 262_144
    connection_window: int = 1_048_576
    settings_timeout: float = 10.0
    max_resets: int = 200
    max_control_frames: int = 1000


class Allowance:
    """How much may be done of something; the whole of it at once, and a tenth comes back each second.

    :param most: units in all.
    :param seconds: the clock, which is asked only when the allowance seems to be spent.
    """

    __slots__ = ("_most", "_seconds", "_since", "_spent")

    def __init__(self, most: int, seconds: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._spent = 0
        self._since = seconds()

    def spend(self, units: int = 1) -> bool:
        """Take some; false if there is not enough left."""
        self._spent += units
        if self._spent <= self._most:
            return True
        now = self._seconds()
        self._spent = max(units, self._spent - int((now - self._since) * self._most * _REGAINED))
        self._since = now
        return self._spent <= self._most

    def earn(self, units: int) -> None:
        """Give some back."""
        if self._spent:
            self._spent = max(0, self._spent - units)


class Budget:
    """What a client may do that makes work and gets it nothing (RFC 9113 10.5): who does more floods the server.

    Frames beside requests and content are counted, less what these give reason for; and so are requests that are not
    wanted any more, or that the client has the server reset.
    """

    __slots__ = ("_frames", "_resets")

    def __init__(self, limits: Http2Limits, seconds: Callable[[], float]) -> None:
        self._frames = Allowance(limits.max_control_frames, seconds)
        self._resets = Allowance(limits.max_resets, seconds)

    def frame(self, units: int = 1) -> None:
        """A frame came that carries nothing.

        :raises ConnectionFault: ENHANCE_YOUR_CALM.
        """
        if not self._frames.spend(units):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames that carry nothing")

    def reset(self) -> None:
        """A request was given up.

        :raises ConnectionFault: ENHANCE_YOUR_CALM.
        """
        if not self._resets.spend():
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many requests that were reset")

    def request(self) -> None:
        """A request came: priorities and the like may come with it."""
        self._frames.earn(_FOR_A_REQUEST)

    def content(self) -> None:
        """A piece of a response went out: the client may give more window for it, twice."""
        self._frames.earn(_FOR_CONTENT)
