"""The end of a process that turns into its next life: the same number, and its listening sockets still open."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any

from duck_tx.process.again import Again
from duck_tx.process.signals import HELD

__all__ = ["reexec"]


def reexec(
    again: Again, environ: Mapping[str, str], descriptors: Iterable[int], *, holds: bool = False
) -> Callable[[], None]:
    """What turns this process into the next one (exec), as the last thing that it does.

    A SIGTERM or SIGINT from now on is kept, and ends it at that point instead.  Signals that are ignored now are so in
    the next one.

    :param descriptors: those that stay open; all others of Python's making close.
    :param holds: have the next one begin with those two held back, until it lets them in: while Python starts, SIGINT
        may be taken for an error, or get lost.
    """
    late: dict[int, object] = {}
    kept = [number for number in HELD if signal.getsignal(number) != signal.SIG_IGN]
    for number in kept:
        # For those of our threads that do not hold them back.
        signal.signal(number, late.setdefault)
    signal.pthread_sigmask(signal.SIG_BLOCK, kept)
    return partial(_reexec, again, dict(environ), tuple(descriptors), tuple(kept), late, holds)


def _can_be_made(pidfile: str, os: Any = os) -> bool:
    """Whether the next one could write its pid file.  One that is there would be taken for that of another process, and
    a full disk be the end of it."""
    try:
        made = os.open(pidfile, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except OSError:
        return False
    try:
        os.write(made, b"1")
        return True
    except OSError:
        return False
    finally:
        os.close(made)
        os.unlink(pidfile)


def _reexec(
    again: Again,
    environ: Mapping[str, str],
    descriptors: Iterable[int],
    kept: Collection[int],
    late: Mapping[int, object],
    holds: bool,
    # The names of this module may be gone when it is called.
    os: Any = os,
    signal: Any = signal,
    threading: Any = threading,
    can_be_made: Callable[[str], bool] = _can_be_made,
) -> None:
    try:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main:
            for number in kept:
                signal.signal(number, signal.SIG_DFL)
        command = again.command
        if again.pidfile and not can_be_made(again.pidfile):
            command = again.without_pidfile
        if again.directory:
            os.chdir(again.directory)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        came = [number for number in kept if number in late or number in signal.sigpending()]
        if came and not is_main:
            # Only the main thread could have it end by the signal.
            os._exit(128 + came[0])
        for number in came:
            os.kill(os.getpid(), number)
        # The mask of this thread is that of the next life.
        signal.pthread_sigmask(signal.SIG_BLOCK if holds and not came else signal.SIG_UNBLOCK, kept)
        os.execve(command[0], command, environ)
    except OSError as error:
        os.write(2, f"duck: {again.command[0]} cannot be started again: {error.strerror}.\n".encode())
        os._exit(1)
