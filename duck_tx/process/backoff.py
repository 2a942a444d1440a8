"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["Backoff", "delay_after"]

_MOST_DOUBLINGS = 64
"""More of them say nothing new, and in the end no number could hold the result."""


def delay_after(
    failures: int, base: float = 0.5, cap: float = 60.0, draw: Callable[[], float] = random.random
) -> float:
    """Seconds to wait before attempt ``failures + 1``: none after a single failure, then exponential with equal jitter.

    Equal jitter: between half of a bound and all of it, where the bound is ``base`` at first and doubles each time. So
    no wait is shorter than the one before, and what failed together does not come back together
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).

    :param failures: in a row, until now.
    :param base: seconds of the first bound.
    :param cap: seconds that no bound exceeds.
    :param draw: gives numbers from 0 up to 1.
    :raises ValueError: if ``failures`` is negative.
    """
    if failures < 0:
        raise ValueError(f"{failures} failures")
    if failures < 2:
        return 0.0
    bound = min(cap, base * 2.0 ** min(failures - 2, _MOST_DOUBLINGS))
    return bound / 2 * (1.0 + draw())


class Backoff:
    """Counts failures in a row.  They are forgiven after a while of life.

    :param forgiven_after: seconds of it.
    :param base: as in :func:`delay_after`.
    :param cap: as there.
    :param draw: as there.

    :ivar failures: those that count.
    """

    def __init__(
        self,
        *,
        forgiven_after: float = 60.0,
        base: float = 0.5,
        cap: float = 60.0,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.failures = 0
        self._forgiven_after = forgiven_after
        self._base = base
        self._cap = cap
        self._draw = draw

    def failed(self, lived: float) -> float:
        """One more failure: seconds to wait before the next attempt.

        :param lived: seconds from the attempt to the failure.
        """
        if lived >= self._forgiven_after:
            self.failures = 0
        self.failures += 1
        return delay_after(self.failures, self._base, self._cap, self._draw)
