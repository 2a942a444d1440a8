"""A WSGI application whose requests stay in flight until a test lets them go: ``--wsgi tests.integration.gated``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

_POLL = 0.01


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answers with the path. ``/wait...`` first waits until there is a file ``gate`` in the working directory, and says
    on standard error that it does; ``/drip...`` sends a piece before and one after; ``/stuck`` never answers;
    ``/sleep`` takes as many milliseconds as the query says."""
    path = environ["PATH_INFO"]
    body = path.encode()
    if path == "/stuck":
        _say("stuck")
        while True:
            time.sleep(60)
    if path.startswith("/drip"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return _drip(body)
    if path == "/sleep":
        time.sleep(int(environ["QUERY_STRING"]) / 1000)
    if path.startswith("/wait"):
        _say(f"waiting {path}")
        _wait()
    if environ["REQUEST_METHOD"] == "POST":
        body += b" %d" % len(environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def _drip(body: bytes) -> Iterator[bytes]:
    yield body
    _say("dripping")
    _wait()
    yield b" done"


def _wait() -> None:
    while not os.path.exists("gate"):
        time.sleep(_POLL)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
