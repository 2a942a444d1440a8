"""A process to whom orphans fall, for the tests: what becomes of each kind of child there."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
from typing import Any

from twisted.internet.process import reapProcessHandlers
from twisted.internet.task import Clock

from duck_tx.process.reaper import ReaperService, is_init

__all__ = ["lose_orphans"]

_BECOME_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""

_EXITS = [sys.executable, "-S", "-c", "raise SystemExit(3)"]


def _orphan() -> int:
    """Start a process whose parent ends before it does; it has ended by now."""
    reading, writing = os.pipe()
    parent = ["sh", "-c", "exec 3<&0; cat <&3 >/dev/null 2>&1 & echo $!"]
    pid = int(subprocess.run(parent, stdin=reading, stdout=subprocess.PIPE, check=True).stdout)
    os.close(reading)
    os.close(writing)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    return pid


def _is_there(pid: int) -> bool:
    """Whether this child waits to be collected."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return False


def lose_orphans() -> None:
    """Start children of all kinds that end, let the service look, and print what each one's owner has of it."""
    first = is_init()
    if not first:
        ctypes.CDLL(None).prctl(_BECOME_SUBREAPER, 1, 0, 0, 0)
    clock = Clock()
    service = ReaperService(clock)
    service.startService()

    popen = subprocess.Popen(_EXITS)
    in_thread: list[int] = []
    begun, leave = threading.Event(), threading.Event()

    def run() -> None:
        in_thread.append(os.posix_spawn(sys.executable, _EXITS, os.environ))
        begun.set()
        leave.wait()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    twisted = os.posix_spawn(sys.executable, _EXITS, os.environ)
    process: Any = service
    reapProcessHandlers[twisted] = process
    forked = os.posix_spawn(sys.executable, _EXITS, os.environ)
    orphans = [_orphan(), _orphan()]
    living = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    begun.wait()
    for pid in (popen.pid, twisted, forked, *in_thread):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    clock.advance(10)
    report: dict[str, object] = {
        "is first": first,
        "after one look": [_is_there(pid) for pid in orphans],
        # Its owner asks between two looks.
        "forked": os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]),
    }
    clock.advance(10)
    clock.advance(10)
    report |= {
        "after two looks": [_is_there(pid) for pid in orphans],
        "popen": popen.wait(),
        "twisted": os.waitstatus_to_exitcode(os.waitpid(twisted, 0)[1]),
        "thread": os.waitstatus_to_exitcode(os.waitpid(in_thread[0], 0)[1]),
        "living": living.poll(),
    }
    living.communicate()
    late = _orphan()
    clock.advance(10)
    service.stopService()
    clock.advance(100)
    report["after the stop"] = [_is_there(late)]
    leave.set()
    thread.join()
    print(json.dumps(report))
