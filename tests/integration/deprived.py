"""Runs Python as a process that is refused what the system refuses others.

python -m tests.integration.deprived rights|room ARGUMENTS     # ARGUMENTS are those of Python

Without ``rights`` the modes of files mean something to root, too.  Without ``room`` no file can be written, but for its
name: so it is on a full disk, only that the error has another number (EFBIG, where that would have ENOSPC).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_CAPBSET_DROP = 24
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2


def main(what: str, *arguments: str) -> None:
    """Become that process.

    :raises OSError: if this one may not give up its rights.
    """
    if what == "room":
        # Python ignores the signal; what it starts should, too.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    elif os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
            if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:])
