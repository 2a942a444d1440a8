"""A reverse proxy as one makes it of what twisted.web has: ``agent_proxy.py PORT UPSTREAM``.

An ``Agent`` with kept connections, ``readBody``, and a resource on twisted.web's site. It sends what it was sent, but
for the fields of a connection, and adds the usual ones about the client.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web import http
from twisted.web.client import Agent, FileBodyProducer, HTTPConnectionPool, readBody
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from benchmarks.resource_server import QuietSite, listen_twisted

_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"content-length")
)


def end_to_end(headers: Headers) -> Headers:
    """Those that go on."""
    return Headers({name: values for name, values in headers.getAllRawHeaders() if name.lower() not in _HOP_BY_HOP})


class Onward(Resource):
    """Hands every request on to ``http://127.0.0.1:upstream``."""

    isLeaf = True

    def __init__(self, reactor: Any, upstream: int) -> None:
        super().__init__()
        pool = HTTPConnectionPool(reactor)
        # As many as it is asked at a time: by itself it keeps two.
        pool.maxPersistentPerHost = 256
        self._agent = Agent(reactor, pool=pool)
        self._base = b"http://127.0.0.1:%d" % upstream

    def render(self, request: Request) -> int:
        headers = end_to_end(request.requestHeaders)
        headers.addRawHeader(b"x-forwarded-for", request.getClientAddress().host)
        headers.addRawHeader(b"x-forwarded-proto", b"http")
        body = FileBodyProducer(request.content) if request.getHeader(b"content-length") else None
        asked = self._agent.request(request.method, self._base + request.uri, headers, body)
        asked.addCallback(self._answer, request)
        asked.addErrback(self._failed, request)
        request.notifyFinish().addErrback(lambda _: asked.cancel())
        return NOT_DONE_YET

    def _answer(self, response: IResponse, request: Request) -> Deferred[None]:
        request.setResponseCode(response.code, response.phrase)
        for name, values in end_to_end(response.headers).getAllRawHeaders():
            request.responseHeaders.setRawHeaders(name, values)

        def whole(body: bytes) -> None:
            request.setHeader(b"content-length", b"%d" % len(body))
            request.write(body)
            request.finish()

        return readBody(response).addCallback(whole)

    def _failed(self, failure: Any, request: Request) -> None:
        # A client that has gone gets no answer.
        if request.channel is not None:
            request.setResponseCode(http.BAD_GATEWAY)
            request.finish()


def main(port: int, upstream: int) -> None:
    from twisted.internet import reactor

    listen_twisted(QuietSite(Onward(reactor, upstream)), reactor, port)
    reactor.run()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
