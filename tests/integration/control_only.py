"""A process with a control socket and nothing else, for tests of ``duckctl``.

python -m tests.integration.control_only DIRECTORY [SECONDS]     # seconds from the question to stop until it does
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from duck_tx.errors import ApplicationError, SSLError
from duck_tx.process.control import ControlService


def main(directory: str, seconds: float = 0.0) -> None:
    """Serve until told to stop.

    :raises SystemExit: with 1, if the directory is in use.
    """
    from twisted.internet import reactor as imported

    reactor: Any = imported

    def stop(given: Mapping[str, object]) -> dict[str, int]:
        reactor.callLater(seconds, reactor.stop)
        return {"pid": os.getpid()}

    def reload(given: Mapping[str, object]) -> None:
        raise SSLError("/etc/key.pem does not belong to it. Mend that.")

    served = [{"names": ["localhost"], "expires": "2036-11-22T12:00:00+00:00", "source": "/etc/cert.pem"}]
    service = ControlService(
        reactor,
        Path(directory),
        {
            "status": lambda given: {"pid": os.getpid(), "url": "http://localhost:1", "started": time.time()},
            "stop": stop,
            "certificates": lambda given: served,
            "certificates.reload": reload,
        },
        name="control-only",
    )
    try:
        service.startService()
    except ApplicationError as error:
        print(error, flush=True)
        raise SystemExit(1) from None
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.callWhenRunning(print, "ready", flush=True)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))
