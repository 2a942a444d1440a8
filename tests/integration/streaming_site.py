"""A process whose resources take bodies while they arrive, and open tunnels:
``python -m tests.integration.streaming_site [CERTFILE KEYFILE]``.

With a certificate it speaks HTTPS.  Each path is a resource that behaves in its own way, see ``_ANSWERS``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from twisted.web.server import NOT_DONE_YET

from duck_tx.http.head import Rejected
from duck_tx.http.headers import Fields
from duck_tx.http.leaf import LeafResource
from duck_tx.http.limits import Limits
from duck_tx.http.request import Request
from duck_tx.http.response import serialise, status_line
from duck_tx.http.site import Site
from duck_tx.http.tunnel import Tunnel
from tests.integration.served_site import serve_site


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
    """Takes the first piece, and no more before ``/release`` is asked."""

    held = False

    def body_received(self, data: bytes) -> None:
        super().body_received(data)
        if not self.held:
            self.held = True
            self.stream.pause()
            self.site.held.append(self.stream.resume)


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
        return


def begin(request: Request, code: int = 200, *fields: tuple[bytes, bytes]) -> None:
    request.begin(status_line(code), code, serialise(fields))


def answer(request: Request, body: bytes, code: int = 200) -> None:
    """Answer with a whole body."""
    begin(request, code, (b"Content-Length", b"%d" % len(body)))
    request.write(body)
    request.finish()


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
    b"/sink": Sink,
    b"/hold": Hold,
    b"/refuse": Refuse,
    b"/echo": Echo,
    b"/tunnel": TunnelEcho,
    b"/release": _release,
    b"/cut": _cut,
    b"/hints": _hints,
    b"/early": lambda request, site: answer(request, b"early"),
    b"/failed": lambda request, site: answer(request, repr(site.failed).encode()),
    b"/held": lambda request, site: answer(request, b"%d" % len(site.held)),
    b"/count": lambda request, site: answer(request, b"%d" % len(request.site.channels)),
}


class Streams(LeafResource):
    """Answers each path in its way.

    :ivar failed: the status that bodies were rejected with, 0 for clients that left.
    :ivar held: lets bodies go on.
    """

    def __init__(self) -> None:
        self.failed: list[int] = []
        self.held: list[Callable[[], None]] = []

    def streams(self, request: Request) -> bool:
        return True

    def render(self, request: Request) -> int:
        _ANSWERS[request.path](request, self)
        return NOT_DONE_YET


def _site(reactor: Any, is_secure: bool) -> Site:
    limits = Limits(write_timeout=60, linger_timeout=30, max_body=0)
    return Site(Streams(), reactor=reactor, limits=limits, secure=is_secure)


if __name__ == "__main__":
    serve_site("streams", _site, *sys.argv[1:])
