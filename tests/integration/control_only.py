"""A process with a control socket and nothing else, for tests of ``duckctl``.

python -m tests.integration.control_only DIRECTORY [SECONDS [RESTART]]

SECONDS are those from a question to stop, or to restart, until it does.  RESTART is what becomes of the latter: it
``goes`` on as a process with the same number, ``ends``, is ``followed`` by another, ``refuses``, or ``rolls`` its
workers; without it the question is one that this server does not know.  The verb ``say`` has it log a line.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from duck_tx.errors import ApplicationError, SSLError
from duck_tx.process import count
from duck_tx.process.control import ControlService
from duck_tx.process.logs import LogService

_STARTED = time.time()

_log = Logger("control_only")


class _Workers:
    """So many of them, all the same."""

    count = 2

    def resize(self, number: int) -> None:
        self.count = number

    def describe(self) -> list[dict[str, object]]:
        worker = {"state": "ready", "requests": 5, "memory": 50 * 1024**2, "age": 90.0}
        return [{"number": number, "pid": 70_000 + number, **worker} for number in range(1, self.count + 1)]


def main(directory: str, seconds: str = "0", restart: str = "") -> None:
    """Serve until told to stop.

    :raises SystemExit: with 1, if the directory is in use.
    """
    from twisted.internet import reactor as imported

    reactor: Any = imported
    workers = _Workers() if restart == "rolls" else None
    goes_on = False

    def stop(given: Mapping[str, object]) -> dict[str, int]:
        reactor.callLater(float(seconds), reactor.stop)
        return {"pid": os.getpid()}

    def begin_again(given: Mapping[str, object]) -> dict[str, object]:
        nonlocal goes_on
        if restart == "refuses":
            raise ApplicationError("site/urls.py, line 7: no.\nMend that.")
        if restart == "rolls":
            return {"pid": os.getpid()}
        goes_on = restart in ("goes", "followed")
        reactor.callLater(float(seconds), reactor.stop)
        return {"pid": os.getpid(), "started": _STARTED, "ends": restart == "followed"}

    def reload(given: Mapping[str, object]) -> None:
        raise SSLError("/etc/key.pem does not belong to it. Mend that.")

    served = [{"names": ["localhost"], "expires": "2036-11-22T12:00:00+00:00", "source": "/etc/cert.pem"}]
    logs = LogService(reactor)
    verbs = {
        "status": lambda given: {"pid": os.getpid(), "url": "http://localhost:1", "started": _STARTED},
        "stop": stop,
        "workers": lambda given: count.answer(workers, given, 10),
        "logs": logs.ask,
        "say": lambda given: _log.info("{line}", line=given["line"]),
        "certificates": lambda given: served,
        "certificates.reload": reload,
    }
    if restart:
        verbs["restart"] = begin_again
    service = ControlService(reactor, Path(directory), verbs, name="control-only")
    try:
        service.startService()
    except ApplicationError as error:
        print(error, flush=True)
        raise SystemExit(1) from None
    logs.startService()
    reactor.addSystemEventTrigger("before", "shutdown", logs.stopService)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.callWhenRunning(print, "ready", flush=True)
    reactor.run()
    if goes_on and (restart == "goes" or os.fork() == 0):
        again = [sys.executable, "-m", "tests.integration.control_only", directory, seconds, restart]
        os.execv(sys.executable, again)


if __name__ == "__main__":
    main(*sys.argv[1:])
