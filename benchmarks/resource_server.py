"""A small resource on duck_tx's site or on twisted.web's: ``resource_server.py duck_tx|twisted PORT``.

With a certificate and a key (PEM files) after the port it speaks TLS, and in it HTTP/2 and HTTP/1.1.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import Any

from twisted.internet.protocol import ServerFactory
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

BODY = b"Hello, resource!"
_BACKLOG = 2048


class Hello(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        return BODY


class QuietSite(Site):
    """``twisted.web.server.Site`` without the access log that it always writes."""

    def log(self, request: http.Request) -> None:
        pass


def factory(kind: str, reactor: Any, secure: bool = False) -> ServerFactory[Any]:
    """The site of that name around the resource, neither of them with an access log.

    :raises ValueError: if the name is none of ``duck_tx`` and ``twisted``.
    """
    if kind == "duck_tx":
        from duck_tx.http.site import Site as DuckSite

        return DuckSite(Hello(), reactor=reactor, secure=secure)
    if kind == "twisted":
        return QuietSite(Hello(), reactor=reactor)
    raise ValueError(f"{kind}: neither duck_tx nor twisted")


def listen_twisted(site: Any, reactor: Any, port: int) -> None:
    reactor.listenTCP(port, site, backlog=_BACKLOG, interface="127.0.0.1")


def listen_twisted_tls(site: Any, reactor: Any, port: int, certificate: Path, key: Path) -> None:
    """As Twisted does it by itself."""
    from twisted.internet.ssl import PrivateCertificate

    both = PrivateCertificate.loadPEM(certificate.read_bytes() + key.read_bytes())
    reactor.listenSSL(port, site, both.options(), backlog=_BACKLOG, interface="127.0.0.1")


def listen_duck(site: Any, reactor: Any, port: int, certificate: Path | None = None, key: Path | None = None) -> None:
    """As duck_tx's tree wires it."""
    from duck_tx.http.service import ServerService
    from duck_tx.process.port import bind

    ServerService(
        reactor,
        site,
        lambda: bind("127.0.0.1", port),
        lambda error, taken: error,
        backlog=_BACKLOG,
        grace=1.0,
        listener=duck_tls(site, certificate, key) if certificate and key else None,
    ).startService()


def duck_tls(site: Any, certificate: Path, key: Path) -> Any:
    """What makes connections over TLS."""
    from duck_tx.http.channel import HTTPChannel
    from duck_tx.http.service import Listener
    from duck_tx.http2.channel import Http2Channel
    from duck_tx.http2.limits import Http2Limits
    from duck_tx.https.context import Policy, server_context
    from duck_tx.https.credential import load_credential
    from duck_tx.https.factory import TLSFactory
    from duck_tx.https.store import CertificateStore
    from duck_tx.https.transport import TLSTransport

    store = CertificateStore(lambda credential: server_context(credential, Policy()), strict=False)
    store.use([load_credential(certificate, key, now=datetime.datetime.now(datetime.UTC))])
    protocols = {b"h2": lambda: Http2Channel(site, Http2Limits()), b"http/1.1": lambda: HTTPChannel(site)}
    return Listener(TLSFactory(site, store, protocols, timeout=10.0), TLSTransport)


def main(kind: str, port: int, *files: str) -> None:
    from twisted.internet import reactor

    site = factory(kind, reactor, secure=bool(files))
    paths = map(Path, files)
    if kind == "duck_tx":
        listen_duck(site, reactor, port, *paths)
    elif files:
        listen_twisted_tls(site, reactor, port, *paths)
    else:
        listen_twisted(site, reactor, port)
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
