"""What a terminal sends to all of its processes, and one that has only begun cannot take yet."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["held_back"]


@contextmanager
def held_back(*numbers: signal.Signals) -> Iterator[None]:
    """Have a process that is started within begin with these signals held back, which it lets in when it is prepared:
    Python itself would end by them, or show a traceback, before the program could say what they mean to it.

    Here they are only late.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
