"""What the corpus asks: resources that answer in each of the ways that Twisted allows."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPullProducer, IPushProducer, IReactorTime
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from duck_tx.content.static import StaticFiles
from duck_tx.http.filepart import FilePart
from duck_tx.http.router import Router

BIG = bytes(range(256)) * 2048
FILE = b"0123456789" * 10


def tree(clock: IReactorTime, folder: str) -> IResource:
    """The site of the corpus; ``folder`` holds its static files."""
    root = Echo()
    for name, render in _ANSWERS.items():
        root.putChild(name.encode(), Answer(render))
    root.putChild(b"later", Answer(lambda request: _later(request, clock)))
    router = Router(root)
    router.mount(b"/static/", StaticFiles(folder))
    return router


def write_files(folder: str) -> None:
    """The static files of the corpus, of one age."""
    os.makedirs(folder)
    path = os.path.join(folder, "file.bin")
    with open(path, "wb") as file:
        file.write(FILE)
    os.utime(path, (0, 784111777))


class Echo(Resource):
    """Answers every path that nothing else is at with the request as the resource sees it."""

    def getChild(self, path: bytes, request: Any) -> Resource:
        return self

    def render(self, request: Any) -> bytes:
        request.setHeader(b"content-type", b"text/plain")
        lines = [b"%b %b %b" % (request.method, request.uri, request.clientproto)]
        lines += [b"%b: %b" % field for field in request.raw_headers]
        return b"\n".join([*lines, b"", request.content.read()])


class Answer(Resource):
    """Answers in one way."""

    isLeaf = True

    def __init__(self, render: Callable[[Any], Any]) -> None:
        super().__init__()
        self._render = render

    def render(self, request: Any) -> Any:
        return self._render(request)


@implementer(IPullProducer)
class Pull:
    """Three pieces, one each time that it is asked."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._pieces = [b"one ", b"two ", b"three"]

    def resumeProducing(self) -> None:
        self._request.write(self._pieces.pop(0))
        if not self._pieces:
            self._request.unregisterProducer()
            self._request.finish()

    def stopProducing(self) -> None:
        self._pieces.clear()


@implementer(IPushProducer)
class Push:
    """Pieces of a big body, until it is told to pause."""

    def __init__(self, request: Any, size: int) -> None:
        self._request = request
        self._left = size
        self._paused = False

    def resumeProducing(self) -> None:
        self._paused = False
        while self._left and not self._paused:
            piece = BIG[: min(self._left, 40_000)]
            self._left -= len(piece)
            self._request.write(piece)
        if not self._left and not self._request.finished:
            self._request.unregisterProducer()
            self._request.finish()

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        self._left = 0
        self._paused = True


@implementer(IPullProducer)
class Failing:
    """Writes one piece, then fails."""

    def __init__(self, request: Any, piece: bytes) -> None:
        self._request = request
        self._piece = piece

    def resumeProducing(self) -> None:
        piece, self._piece = self._piece, b""
        if not piece:
            raise ZeroDivisionError("the producer of this test fails")
        self._request.write(piece)

    def stopProducing(self) -> None:
        self._piece = b""


def _pieces(request: Any) -> int:
    for piece in (b"one ", b"", b"two"):
        request.write(piece)
    request.finish()
    return NOT_DONE_YET


def _later(request: Any, clock: IReactorTime) -> int:
    def answer() -> None:
        request.write(b"later")
        request.finish()

    clock.callLater(0, answer)
    return NOT_DONE_YET


def _pull(request: Any) -> int:
    request.registerProducer(Pull(request), False)
    return NOT_DONE_YET


def _push(request: Any) -> int:
    producer = Push(request, 100_000)
    request.setHeader(b"content-length", b"100000")
    request.registerProducer(producer, True)
    producer.resumeProducing()
    return NOT_DONE_YET


def _hang_up(request: Any) -> int:
    request.write(b"x")
    request.loseConnection()
    request.write(b"more")
    return NOT_DONE_YET


def _broken(request: Any) -> int:
    request.registerProducer(Failing(request, b"begun"), False)
    return NOT_DONE_YET


def _unbegun(request: Any) -> int:
    request.registerProducer(Failing(request, b""), False)
    return NOT_DONE_YET


def _declared(length: bytes, *pieces: bytes) -> Callable[[Any], int]:
    def render(request: Any) -> int:
        request.setHeader(b"content-length", length)
        for piece in pieces:
            request.write(piece)
        request.finish()
        return NOT_DONE_YET

    return render


def _fields(*fields: tuple[bytes, bytes]) -> Callable[[Any], bytes]:
    def render(request: Any) -> bytes:
        for name, value in fields:
            request.responseHeaders.addRawHeader(name, value)
        return b"ok"

    return render


def _status(code: int, reason: bytes | None = None) -> Callable[[Any], bytes]:
    def render(request: Any) -> bytes:
        request.setResponseCode(code, reason)
        return b"body"

    return render


def _cookie(request: Any) -> bytes:
    request.addCookie(b"seen", b"yes", path=b"/")
    return b"you sent " + (request.getCookie(b"seen") or b"none")


def _fail(request: Any) -> bytes:
    raise ZeroDivisionError("the resource of this test fails")


def _arguments(request: Any) -> bytes:
    return repr(sorted(request.args.items())).encode()


def _parts(request: Any) -> int:
    # Closed by whoever sends it.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    file.write(FILE + BIG)
    file.flush()
    parts = [b"<", FilePart(file, 10, 5), b"|", FilePart(file, 0, 0), FilePart(file, len(FILE), 50_000), b">"]
    request.setHeader(b"content-length", b"50008")
    request.send_parts(parts)
    return NOT_DONE_YET


def _tagged(request: Any) -> bytes:
    if request.setETag(b'"tag"') or request.setLastModified(784111777):
        return b""
    return b"tagged"


_ANSWERS: dict[str, Callable[[Any], Any]] = {
    "hello": lambda request: b"Hello, world!",
    "nothing": lambda request: b"",
    "big": lambda request: BIG,
    "pieces": _pieces,
    "pull": _pull,
    "push": _push,
    "broken": _broken,
    "hang-up": _hang_up,
    "unbegun": _unbegun,
    "fixed": _declared(b"10", b"01234", b"56789"),
    "short": _declared(b"10", b"0123"),
    "long": _declared(b"4", b"012", b"34", b"56"),
    "wrong-length": _declared(b"ten", b"0123456789"),
    "hop-by-hop": _fields(
        (b"Transfer-Encoding", b"gzip"),
        (b"Connection", b"X-Kept"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Trailer", b"X-Sum"),
        (b"Upgrade", b"h2c"),
        (b"X-Kept", b"1"),
    ),
    "split": _fields((b"X-Split", b"a\r\nSet-Cookie: b=c\r\n\r\n<p>")),
    "nul": _fields((b"X-Nul", b"a\0b")),
    "obs-text": _fields((b"X-Text", b"caf\xe9")),
    "own-date": _fields((b"Date", b"Sun, 06 Nov 1994 08:49:37 GMT"), (b"Server", b"mine")),
    "status-100": _status(100),
    "status-101": _status(101),
    "status-204": _status(204),
    "status-299": _status(299, b"Quite Right"),
    "status-304": _status(304),
    "status-600": _status(600),
    "reason-split": _status(200, b"OK\r\nX: y"),
    "number": lambda request: 42,
    "cookie": _cookie,
    "fail": _fail,
    "args": _arguments,
    "parts": _parts,
    "tagged": _tagged,
}
