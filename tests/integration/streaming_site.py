"""A process whose resources take bodies while they arrive, and open tunnels:
``python -m tests.integration.streaming_site [CERTFILE KEYFILE]``.

With a certificate it speaks HTTPS.  Each path is a resource that behaves in its own way, see ``_ANSWERS``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.web.server import NOT_DONE_YET

from duck_tx.http.channel import HTTPChannel
from duck_tx.http.head import Rejected
from duck_tx.http.headers import Fields
from duck_tx.http.leaf import LeafResource
from duck_tx.http.limits import Limits
from duck_tx.http.request import Request
from duck_tx.http.response import serialise, status_line
from duck_tx.http.service import Listener, ServerService
from duck_tx.http.site import Site
from duck_tx.http.tunnel import Tunnel
from duck_tx.https.context import Policy, server_context
from duck_tx.https.credential import read_credential
from duck_tx.https.factory import TLSFactory
from duck_tx.https.store import CertificateStore
from duck_tx.https.transport import TLSTransport
from duck_tx.process.port import bind, explained


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


def _over_tls(site: Site, certificate: str, key: str) -> Listener:
    policy = Policy(protocols=(b"http/1.1",))
    store = CertificateStore(lambda each: server_context(each, policy), strict=False)
    store.use([read_credential(Path(certificate).read_bytes(), Path(key).read_bytes(), certificate)])
    return Listener(TLSFactory(site, store, {b"http/1.1": lambda: HTTPChannel(site)}, timeout=10.0), TLSTransport)


def main(*credential: str) -> None:
    """Serve until a signal comes."""
    from twisted.internet import reactor as imported

    reactor: Any = imported
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    site = Site(
        Streams(),
        reactor=reactor,
        limits=Limits(write_timeout=60, linger_timeout=30, max_body=0),
        secure=bool(credential),
    )
    service = ServerService(
        reactor,
        site,
        lambda: bind("127.0.0.1", 0),
        lambda error, port: explained(error, "127.0.0.1", port),
        backlog=100,
        grace=10,
        listener=_over_tls(site, *credential) if credential else None,
    )
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(service.stopService()))
    assert service.address is not None
    scheme = "https" if credential else "http"
    print(f"ready: streams at {scheme}://127.0.0.1:{service.address[1]}", flush=True)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
