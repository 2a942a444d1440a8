"""The small program between the server and one child: ``python guard.py GRACE DIRECTORY PROGRAM ARGUMENT...``.

It leads a session and a process group of its own, runs the program in them, hands signals on to it, and ends as it
does.  Its standard input is a pipe whose other end only the server has, and what it may have made of itself by
``os.fork`` alone: when that closes, the server is gone, however it ended.  Then the program is asked to end, and after
``GRACE`` seconds, or when it has, the whole group is killed, grandchildren included.  ``PR_SET_PDEATHSIG`` would reach
the program alone, and on Linux only.  What leaves the group, as a daemon does, is out of reach.

It is run by its file name, in an isolated Python that is up in some 15 ms and takes 9 MB, so it imports little.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from typing import NoReturn

_CANNOT_START = 127
"""The exit status for it that shells use."""

_HANDED_ON = frozenset(
    {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH}
)
_IGNORED_BY_PYTHON = frozenset({signal.SIGPIPE, signal.SIGXFSZ})


def _guard(grace: float, directory: str, command: list[str]) -> NoReturn:
    os.setsid()
    # Before the program runs, so that a signal that comes meanwhile is kept for it.
    news, bell = os.pipe()
    os.set_blocking(bell, False)
    signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, *_HANDED_ON):
        signal.signal(number, lambda number, frame: None)
    _watch(_start(directory, command), news, grace)


def _start(directory: str, command: list[str]) -> int:
    """The pid of the program, which finds its standard input at the end.

    :raises SystemExit: if it cannot be started.
    """
    try:
        os.chdir(directory)
        return os.posix_spawnp(
            command[0],
            command,
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)],
            setsigdef=_IGNORED_BY_PYTHON,
        )
    except OSError as error:
        print(f"{error.filename} cannot be used: {error.strerror}", file=sys.stderr)
        raise SystemExit(_CANNOT_START) from None


def _watch(pid: int, news: int, grace: float) -> NoReturn:
    """Hand signals on until the program has ended, or the server and then the grace."""
    sources = [news, 0]
    deadline: float | None = None
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select(sources, [], [], left)
        if not readable:
            os.killpg(0, signal.SIGKILL)
        if news in readable:
            for number in os.read(news, 4096):
                if number in _HANDED_ON:
                    _send(pid, number)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended and deadline is not None:
            os.killpg(0, signal.SIGKILL)
        if ended:
            _end_with(status)
        if 0 in readable and not os.read(0, 4096):
            sources.remove(0)
            deadline = time.monotonic() + grace
            _send(pid, signal.SIGTERM)


def _send(pid: int, number: int) -> None:
    with suppress(OSError):
        # A program may be of another user by now, if its file says so.
        os.kill(pid, number)


def _end_with(status: int) -> NoReturn:
    if os.WIFEXITED(status):
        os._exit(os.WEXITSTATUS(status))
    number = os.WTERMSIG(status)
    # One core file is enough, and it is the program's.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        # The action of SIGKILL cannot be set.
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


if __name__ == "__main__":
    _guard(float(sys.argv[1]), sys.argv[2], sys.argv[3:])
