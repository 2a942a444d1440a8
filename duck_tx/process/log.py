"""The log of a process: where it goes if no ``twistd`` has set that up, and the times that stand before its lines."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from twisted.logger import (
    FileLogObserver,
    LogEvent,
    LogPublisher,
    formatEventAsClassicLogText,
    globalLogBeginner,
    globalLogPublisher,
)

__all__ = ["as_text", "keep_zone", "log_to_console", "zone", "zone_in"]

_TEXT_FILE = "twisted.logger._file"
"""Where the formatter of ``textFileLogObserver`` is made."""


def log_to_console() -> None:
    """Write log events to standard output, unless the program has begun to log elsewhere."""
    if globalLogBeginner._temporaryObserver is not None:
        zone()
        globalLogBeginner.beginLoggingTo([FileLogObserver(sys.stdout, as_text)], redirectStandardIO=False)


def keep_zone(publisher: LogPublisher = globalLogPublisher) -> None:
    """Have the files and consoles to which Twisted writes by now show their times as :func:`as_text` does.

    Observers of another kind, as for syslog, and those with a format of their own, are left as they are.
    """
    zone()
    for each in publisher._observers:
        if isinstance(each, FileLogObserver) and getattr(each.formatEvent, "__module__", "") == _TEXT_FILE:
            each.formatEvent = as_text


def as_text(event: LogEvent) -> str | None:
    """An event as Twisted writes it, but in the zone that the process had at first: Django's settings change that."""
    return formatEventAsClassicLogText(event, formatTime=_as_time)


def _as_time(when: float | None) -> str:
    return "-" if when is None else datetime.fromtimestamp(when, zone()).strftime("%Y-%m-%dT%H:%M:%S%z")


@cache
def zone() -> tzinfo | None:
    """The zone of this process when this was first asked for."""
    return zone_in(os.environ)


def zone_in(environ: Mapping[str, str], system: str = "/etc/localtime") -> tzinfo | None:
    """The zone that a process with this environment begins with, with its summer time as far as that can be found.

    :param system: the file with the zone of the machine.
    """
    name = environ.get("TZ", "").removeprefix(":")
    try:
        if name and not os.path.isabs(name):
            return ZoneInfo(name)
        with open(name or system, "rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError, KeyError):
        # No name but a rule (POSIX), or nothing at all: then it is what it is at this moment.
        return datetime.now().astimezone().tzinfo
