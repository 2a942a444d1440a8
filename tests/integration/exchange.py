"""One exchange on the wire, byte in and byte out: what a client sends, and what it gets.

A date in what it gets is written ``*``.  After each exchange the client sends :data:`LAST`; where the connection lives
on, :data:`LAST_ANSWER` must come and nothing else; where it is closed, nothing at all.
"""

from __future__ import annotations

from typing import NamedTuple

LAST = b"GET /hello HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"


class Exchange(NamedTuple):
    """``answers`` is what comes; with ``refused``, the status line of an error page comes after it."""

    name: str
    sent: bytes
    answers: bytes
    closed: bool = False
    refused: bytes = b""


def answer(
    body: bytes,
    *,
    status: bytes = b"200 OK",
    fields: bytes = b"Content-Type: text/html\r\n",
    length: int | None = None,
    connection: bytes = b"",
    own: bytes = b"Server: duck_tx\r\nDate: *\r\n",
) -> bytes:
    """A response with a length."""
    head = b"HTTP/1.1 %b\r\n%b%bContent-Length: %d\r\n" % (status, own, fields, len(body) if length is None else length)
    if connection:
        head += b"Connection: %b\r\n" % connection
    return head + b"\r\n" + body


def plain(*lines: bytes, body: bytes = b"", connection: bytes = b"") -> bytes:
    """What the echo answers: the request line and the fields that it saw, then the body."""
    text = b"\n".join([*lines, b"", body])
    return answer(text, fields=b"Content-Type: text/plain\r\n", connection=connection)


def streamed(*pieces: bytes) -> bytes:
    """A response in chunks."""
    head = b"HTTP/1.1 200 OK\r\nServer: duck_tx\r\nDate: *\r\nContent-Type: text/html\r\n"
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


LAST_ANSWER = answer(b"Hello, world!", connection=b"close")
HELLO = answer(b"Hello, world!")
CHUNKED = b"Transfer-Encoding: chunked"
HOST = b"Host: duck.example\r\n"
SEEN = b"Host: duck.example"
FAILED = answer(
    b"500 Internal Server Error\n\nThe server could not make this page. Its log says why.\n",
    status=b"500 Internal Server Error",
    fields=b"Content-Type: text/plain; charset=utf-8\r\n",
)


def get(path: bytes, *fields: bytes, method: bytes = b"GET", version: bytes = b"1.1", body: bytes = b"") -> bytes:
    """A request with a Host."""
    lines = [b"%b %b HTTP/%b" % (method, path, version), HOST[:-2], *fields, b"", body]
    return b"\r\n".join(lines)


def kept(name: str, sent: bytes, answers: bytes) -> Exchange:
    return Exchange(name, sent, answers)


def shut(name: str, sent: bytes, answers: bytes) -> Exchange:
    return Exchange(name, sent, answers, closed=True)
