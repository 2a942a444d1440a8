"""How a process ends: with the status, or by the signal, that tells others what became of it."""

from __future__ import annotations

import atexit
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

__all__ = ["exit_by", "exit_with"]


def exit_with(status: int) -> None:
    """Have this process end with ``status``.

    ``twistd`` ends with 0 however its application fared, once the reactor has run.  So the status is set by the last of
    the functions that Python calls at exit, when everything else has been closed.
    """
    _at_the_very_end(lambda: os._exit(status))


def exit_by(number: signal.Signals) -> NoReturn:
    """End this process by a signal, after Python's exit functions: so shells and supervisors tell a process that was
    asked to end from one that failed.

    :raises SystemExit: with the status that a shell shows for it.
    """

    def end() -> None:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    _at_the_very_end(end)
    raise SystemExit(128 + number)


def _at_the_very_end(end: Callable[[], object]) -> None:
    def last() -> None:
        atexit.unregister(last)
        # Functions registered before this one come after it: run them now, for there is no after.
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        end()

    atexit.register(last)
