"""A small resource on duck_tx's site or on twisted.web's: ``resource_server.py duck_tx|twisted PORT``."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.protocol import ServerFactory
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

BODY = b"Hello, resource!"


class Hello(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        return BODY


class QuietSite(Site):
    """``twisted.web.server.Site`` without the access log that it always writes."""

    def log(self, request: http.Request) -> None:
        pass


def factory(kind: str) -> ServerFactory[Any]:
    """The site of that name around the resource, neither of them with an access log.

    :raises ValueError: if the name is none of ``duck_tx`` and ``twisted``.
    """
    from twisted.internet import reactor

    if kind == "duck_tx":
        from duck_tx.http.site import Site as DuckSite

        return DuckSite(Hello(), reactor=reactor)
    if kind == "twisted":
        return QuietSite(Hello(), reactor=reactor)
    raise ValueError(f"{kind}: neither duck_tx nor twisted")


def main(kind: str, port: int) -> None:
    from twisted.internet import reactor

    reactor.listenTCP(port, factory(kind), backlog=2048, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
