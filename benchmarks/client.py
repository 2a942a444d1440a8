"""A plain HTTP/1.1 client for the checks around a measurement; the load itself comes from wrk."""

from __future__ import annotations

import http.client
from dataclasses import dataclass

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


def exchange(
    port: int,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    kind: str = "",
    timeout: float = 10.0,
) -> Answer:
    """One request on a connection of its own; ``kind`` is its Content-Type, ``timeout`` in seconds.

    :raises OSError: if there is no connection, or it breaks or stalls.
    :raises http.client.HTTPException: if the answer is not HTTP.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers={"Content-Type": kind} if kind else {})
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()
