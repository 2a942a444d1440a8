"""A plain HTTP/1.1 client for the checks around a measurement; the load itself comes from elsewhere."""

from __future__ import annotations

import http.client
import ssl
from dataclasses import dataclass

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Origin:
    """A server as a client sees it. ``trust``: what its certificate is checked by; None for plain HTTP."""

    port: int
    trust: ssl.SSLContext | None = None

    def url(self, path: str) -> str:
        return f"{'https' if self.trust else 'http'}://{HOST}:{self.port}{path}"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


def exchange(
    origin: Origin,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    kind: str = "",
    timeout: float = 10.0,
) -> Answer:
    """One request on a connection of its own; ``kind`` is its Content-Type, ``timeout`` in seconds.

    :raises OSError: if there is no connection, or it breaks or stalls, or the certificate is another.
    :raises http.client.HTTPException: if the answer is not HTTP.
    """
    if origin.trust is None:
        connection = http.client.HTTPConnection(HOST, origin.port, timeout=timeout)
    else:
        connection = http.client.HTTPSConnection(HOST, origin.port, timeout=timeout, context=origin.trust)
    try:
        connection.request(method, path, body=body, headers={"Content-Type": kind} if kind else {})
        response = connection.getresponse()
        return Answer(response.status, response.read())
    finally:
        connection.close()
