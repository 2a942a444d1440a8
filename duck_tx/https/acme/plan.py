"""When to ask for the next certificate, and when to try again: plain times in, plain times out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

__all__ = ["ADVICE_LASTS", "Advice", "Backoff", "Window", "in_words", "renewal_time"]

ADVICE_LASTS = 6 * 3600.0
"""Seconds until an authority is asked again, where it does not say or could not be asked (RFC 9773 4.3)."""

_SPREAD = 0.01
"""How much of the lifetime renewals are spread over: 21 hours of 90 days, 86 minutes of six days."""

_LATEST = 0.9
"""Part of the lifetime after which renewal does not wait, whatever the authority suggests."""

_EARLIEST = timedelta(days=1)
"""Before that, or a sixth of a shorter lifetime, nothing is renewed: an authority that calls each certificate old would
otherwise be asked for the next one at once."""

_MAX_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class Window:
    """When an authority would like a certificate to be replaced (RFC 9773 4.2)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Advice:
    """When to renew, as an authority sees it.

    :ivar window: ``None`` if it has no opinion.
    :ivar again: seconds until it should be asked again.
    :ivar why: a page that explains the window.
    """

    window: Window | None
    again: float = ADVICE_LASTS
    why: str | None = None


def renewal_time(begins: datetime, ends: datetime, draw: float, window: Window | None = None) -> datetime:
    """When to ask for the certificate after one that was issued at ``begins`` and is valid until ``ends``.

    That is within the window that the authority suggests, else when two thirds of the lifetime are over.

    :param draw: from 0 to 1, and always the same for a certificate: it spreads the renewals of many servers.
    """
    lifetime = ends - begins
    if window is None:
        return begins + lifetime * 2 / 3 + lifetime * _SPREAD * draw
    wanted = window.start + max(window.end - window.start, timedelta()) * draw
    return min(max(wanted, begins + min(_EARLIEST, lifetime / 6)), begins + lifetime * _LATEST)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after attempts that failed.

    The default makes five attempts in the first hour at most, which is what Let's Encrypt bears for one name, and then
    one or two an hour.

    :ivar base: seconds after the first failure, at most.
    :ivar cap: seconds after any number of failures, at most.
    :ivar per_hour: attempts that an authority may refuse within an hour, restarts included.
    """

    base: float = 300.0
    cap: float = 3600.0
    per_hour: int = 5

    def delay(self, failures: int, draw: float, retry_after: float | None = None) -> float:
        """Seconds to wait after the last of ``failures`` in a row: exponential, the upper half of it drawn by lot, so
        that servers that failed together do not come back together.

        :param draw: from 0 to 1, a new one each time.
        :param retry_after: seconds that the authority asked to wait; it never gets less.
        :raises ValueError: if ``failures`` is not positive.
        """
        if failures < 1:
            raise ValueError(f"there is nothing to wait for after {failures} failures")
        ceiling = min(self.cap, self.base * 2.0 ** min(failures - 1, _MAX_DOUBLINGS))
        return max(ceiling * (0.5 + draw / 2), retry_after or 0.0)


def in_words(seconds: float) -> str:
    """A duration for people: ``40 s``, ``5 min``, ``3 h``, ``12 days``."""
    for size, unit in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0.0):.0f} s"
