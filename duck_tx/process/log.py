"""Logging where no ``twistd`` has set it up."""

from __future__ import annotations

import sys

from twisted.logger import globalLogBeginner, textFileLogObserver

__all__ = ["log_to_console"]


def log_to_console() -> None:
    """Write log events to standard output, unless the program has begun to log elsewhere."""
    if globalLogBeginner._temporaryObserver is not None:
        globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
