"""The access log as a service: opened before anything is served, closed after the last response."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from twisted.application.service import Service

from duck_tx.errors import ApplicationError
from duck_tx.http.accesslog import AccessLog
from duck_tx.http.request import Request
from duck_tx.settings import LogSettings

__all__ = ["AccessLogService"]


class AccessLogService(Service):
    """Keeps the access log open.

    :param settings: the log's part of the settings.
    :param clock: for the delayed writing.

    :ivar closes: a stop closes the log; otherwise it takes lines until the next stop that does.
    """

    closes = True

    def __init__(self, settings: LogSettings, clock: Any) -> None:
        self._settings = settings
        self._clock = clock
        self._log: AccessLog | None = None

    def check(self) -> None:
        """Look whether the file can be opened, without making it.

        :raises ApplicationError: if not.
        """
        if not self._settings.access or self._settings.file is None:
            return
        file = Path(self._settings.file)
        if file.exists() and not os.access(file, os.W_OK):
            raise _error(file, "this user cannot write to it")
        if file.is_dir():
            raise _error(file, "it is a directory")
        if not file.parent.is_dir():
            raise _error(file, f"there is no directory {file.parent}")
        if not file.exists() and not os.access(file.parent, os.W_OK | os.X_OK):
            raise _error(file, f"this user cannot write in {file.parent}")

    def startService(self) -> None:
        """Open the log.

        :raises ApplicationError: if its file cannot be opened.
        """
        super().startService()
        out = self._settings.file or sys.__stdout__
        if not self._settings.access or out is None or self._log is not None:
            return
        try:
            self._log = AccessLog(self._settings.format, out, self._clock)
        except OSError as error:
            raise _error(out, error.strerror) from error

    def log(self, request: Request) -> None:
        """Write the line of a request whose response is out."""
        if self._log is not None:
            self._log.log(request)

    def reopen(self) -> None:
        """Go on in a new file, after the old one was renamed."""
        if self._log is not None:
            self._log.reopen()

    def stopService(self) -> None:
        """Write what is buffered, and close."""
        super().stopService()
        if self._log is None:
            return
        if not self.closes:
            self._log.flush()
            return
        log, self._log = self._log, None
        log.close()


def _error(file: object, reason: object) -> ApplicationError:
    return ApplicationError(f"the access log {file} cannot be opened: {reason}. Choose another in log.file.")
