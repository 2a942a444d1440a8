"""Threads that never end: Python waits for them before it ends a process."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from twisted.logger import Logger

__all__ = ["PATIENCE", "despite_threads"]

_log = Logger()
PATIENCE = 3.0
"""Seconds that threads get at least, after all else has ended."""

_LOOKS = 0.1
"""Seconds between looks whether there is anything else."""


def despite_threads(act: Callable[[], object], patience: float = PATIENCE) -> None:
    """Do ``act``, the end of this process, if the program is over and threads still hold that up.

    What a program does after this has all the time that it takes.  What the application has printed is written now, as
    that end may be an abrupt one.

    :param act: is called on a thread of its own.
    :param patience: seconds that threads get, from the end of the program on.
    """
    threading.Thread(target=_wait, args=(act, patience), name="duck-end", daemon=True).start()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _wait(act: Callable[[], object], patience: float) -> None:
    while not _is_over():
        time.sleep(_LOOKS)
    time.sleep(patience)
    ours = (threading.main_thread(), threading.current_thread())
    others = [thread for thread in threading.enumerate() if thread not in ours]
    # Those of executors are waited for even if they are daemons.
    names = [thread.name for thread in others if not thread.daemon] or [thread.name for thread in others]
    try:
        if names:
            _log.warn("ending without waiting for threads that do not end: {names}", names=", ".join(names))
    finally:
        act()


def _is_over() -> bool:
    """Whether Python has nothing left to do but to wait for threads; it tells nobody, but for where its main thread
    is."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if frame.f_code.co_name == "_shutdown" and frame.f_globals.get("__name__") == "threading":
            return True
        frame = frame.f_back
    return False
