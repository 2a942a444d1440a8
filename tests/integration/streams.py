"""Resources that take bodies while they arrive, and open tunnels, each in its own way."""

from __future__ import annotations

from collections.abc import Callable

from twisted.web.server import NOT_DONE_YET

from duck_tx.http.head import Rejected
from duck_tx.http.headers import Fields
from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.http.response import serialise, status_line
from duck_tx.http.tunnel import Tunnel

__all__ = ["Streams"]


class Sink:
    """Counts the body, then answers with how long it was."""

    def __init__(self, request: Request, site: Streams) -> None:
        self.request = request
        self.site = site
        self.size = 0
        self.stream = request.body_stream()
        self.stream.start(self)

    def body_received(self, data: bytes) -> None:
        self.size += len(data)

    def body_ended(self, trailers: Fields) -> None:
        answer(self.request, b"%d" % self.size)

    def body_failed(self, rejected: Rejected | None) -> None:
        self.site.failed.append(rejected.status if rejected else 0)


class Hold(Sink):
    """Takes what is there, and no more before ``release`` is asked."""

    def __init__(self, request: Request, site: Streams) -> None:
        super().__init__(request, site)
        self.stream.pause()
        site.held.append(self.stream.resume)


class Refuse(Sink):
    """Has seen enough with the first piece."""

    def body_received(self, data: bytes) -> None:
        answer(self.request, b"no", 403)


class Echo(Sink):
    """Sends back what comes, at the pace of the client, and the trailers behind it."""

    def __init__(self, request: Request, site: Streams) -> None:
        begin(request)
        request.registerProducer(self, True)
        super().__init__(request, site)

    def body_received(self, data: bytes) -> None:
        self.request.write(data)

    def body_ended(self, trailers: Fields) -> None:
        self.request.trailers = trailers
        self.request.unregisterProducer()
        self.request.finish()

    def pauseProducing(self) -> None:
        self.stream.pause()

    def resumeProducing(self) -> None:
        self.stream.resume()

    def stopProducing(self) -> None:
        self.stream.discard()


class TunnelEcho:
    """The same in a tunnel; says goodbye when the server stops."""

    def __init__(self, request: Request, site: Streams) -> None:
        self._site = site
        site.tunnels += 1
        self.tunnel: Tunnel = request.tunnel([], self)

    def received(self, data: bytes) -> None:
        self.tunnel.write(data)

    def ended(self) -> None:
        self.tunnel.write(b"END")
        self.tunnel.close()

    def blocked(self) -> None:
        self.tunnel.pause()

    def unblocked(self) -> None:
        self.tunnel.resume()

    def expired(self) -> None:
        self.tunnel.abort()

    def going_away(self) -> None:
        self.tunnel.write(b"BYE")
        self.tunnel.close()

    def lost(self) -> None:
        self._site.tunnels -= 1


def begin(request: Request, code: int = 200, *fields: tuple[bytes, bytes]) -> None:
    request.begin(status_line(code), code, serialise(fields))


def answer(request: Request, body: bytes, code: int = 200) -> None:
    """Answer with a whole body."""
    begin(request, code, (b"Content-Length", b"%d" % len(body)))
    request.write(body)
    request.finish()


def _tunnel(request: Request, site: Streams) -> None:
    if request.upgrade in (b"quack", b"websocket"):
        TunnelEcho(request, site)
    else:
        request.fail(501, "Only quack and websocket are spoken here.")


def _release(request: Request, site: Streams) -> None:
    held, site.held = site.held, []
    answer(request, b"%d" % len(held))
    for resume in held:
        resume()


def _cut(request: Request, site: Streams) -> None:
    begin(request)
    request.write(b"part")
    request.cut()


def _hints(request: Request, site: Streams) -> None:
    request.send_interim(103, [(b"Link", b"</a.css>; rel=preload")])
    answer(request, b"hinted")


_ANSWERS: dict[bytes, Callable[[Request, Streams], object]] = {
    b"sink": Sink,
    b"hold": Hold,
    b"refuse": Refuse,
    b"echo": Echo,
    b"tunnel": _tunnel,
    b"release": _release,
    b"cut": _cut,
    b"hints": _hints,
    b"early": lambda request, site: answer(request, b"early"),
    b"deny": lambda request, site: answer(request, b"not for you", 403),
    b"failed": lambda request, site: answer(request, repr(site.failed).encode()),
    b"held": lambda request, site: answer(request, b"%d" % len(site.held)),
    b"open": lambda request, site: answer(request, b"%d" % site.tunnels),
    b"count": lambda request, site: answer(request, b"%d" % len(request.site.channels)),
}


class Streams(LeafResource):
    """Answers each path in the way that its last part names.

    :ivar failed: the status that bodies were rejected with, 0 for clients that left.
    :ivar held: lets bodies go on.
    :ivar tunnels: how many there are.
    """

    def __init__(self) -> None:
        self.failed: list[int] = []
        self.held: list[Callable[[], None]] = []
        self.tunnels: int = 0

    def streams(self, request: Request) -> bool:
        return True

    def render(self, request: Request) -> int:
        _ANSWERS[request.path.rpartition(b"/")[2]](request, self)
        return NOT_DONE_YET
