"""How a process ends: with the status, or by the signal, that tells others what became of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from typing import NoReturn

from duck_tx.process.threads import PATIENCE, despite_threads

__all__ = ["end_in_time", "exit_by", "exit_through", "exit_with"]


def exit_with(status: int) -> None:
    """Have this process end with ``status``, whatever its main program says.

    ``twistd`` ends with 0 however its application fared, once the reactor has run.
    """
    _last.act = partial(os._exit, status)


def end_in_time(status: int, patience: float = PATIENCE) -> None:
    """Have the end of this process, with ``status``, not wait for threads that never end.

    :param patience: seconds that they get.
    """
    despite_threads(partial(os._exit, status), patience)


def exit_by(number: signal.Signals, patience: float = PATIENCE) -> NoReturn:
    """End this process by a signal, after all else that Python does at exit: so shells and supervisors tell a process
    that was asked to end from one that failed.

    :param patience: seconds that threads get which never end.
    :raises SystemExit: with the status that a shell shows for it.
    """
    signal.signal(number, signal.SIG_DFL)
    _last.act = partial(os.kill, os.getpid(), number)
    despite_threads(_last.act, patience)
    raise SystemExit(128 + number)


def exit_through(act: Callable[[], object]) -> None:
    """Have the end of this process be that ``act`` is called, after all else that Python does at exit.

    :param act: what it needs has to be among its arguments and defaults, as the names of its module may be gone by
        then.  Nobody else may hold on to something of this module meanwhile.
    """
    _last.act = act


class _Last:
    """Acts when the interpreter clears this module.

    By then threads have been waited for, exit functions called, and output is written.  A function registered with
    ``atexit`` would not do: those registered before it come after it.

    :ivar act: what is done then, if anything.
    """

    act: Callable[[], object] | None = None

    def __del__(self) -> None:
        if self.act is not None:
            self.act()


_last = _Last()
