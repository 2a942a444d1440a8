"""A process that serves the corpus over HTTP/2 alone: ``python -m tests.integration.http2_site``.

Beside the resources of the corpus there are ``/wait`` (never answered), ``/flow`` (64 MiB), ``/channels`` (how many
connections there are), ``/blocks`` (of memory that Python has in use), and below ``/live/`` those that take a body
while it comes.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from duck_tx.http.filepart import FilePart
from duck_tx.http.limits import Limits
from duck_tx.http.site import Site
from duck_tx.http2.channel import Http2Channel
from duck_tx.http2.limits import Http2Limits
from tests.integration.streams import Streams
from tests.integration.wire_resource import tree, write_files

FLOW = 64 * 1024 * 1024


class Http2Site(Site):
    """Every connection speaks HTTP/2 from its first byte."""

    def buildProtocol(self, addr: IAddress | None) -> Any:
        return Http2Channel(self, Http2Limits())  # type: ignore[arg-type,unused-ignore]


class _Channels(Resource):
    isLeaf = True

    def render(self, request: Any) -> bytes:
        return b"%d" % len(request.site.channels)


class _Blocks(Resource):
    isLeaf = True

    def render(self, request: Any) -> bytes:
        gc.collect()
        return b"%d" % sys.getallocatedblocks()


class _Wait(Resource):
    isLeaf = True

    def render(self, request: Any) -> int:
        return NOT_DONE_YET


class _Flow(Resource):
    """A file without a block on the disk, sent as files are."""

    isLeaf = True

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        with open(path, "wb") as file:
            file.truncate(FLOW)

    def render(self, request: Any) -> int:
        request.setHeader(b"content-length", b"%d" % FLOW)
        # Closed by whoever sends it.
        request.send_parts([FilePart(open(self._path, "rb"), 0, FLOW)])  # noqa: SIM115
        return NOT_DONE_YET


def main() -> None:
    """Serve in the working directory until a signal comes; what is in progress then is finished."""
    from twisted.internet import reactor as imported

    reactor: Any = imported
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    write_files("files")
    router: Any = tree(reactor, "files")
    for name, resource in (
        (b"channels", _Channels()),
        (b"blocks", _Blocks()),
        (b"wait", _Wait()),
        (b"flow", _Flow("flow.bin")),
    ):
        router.default.putChild(name, resource)
    router.mount(b"/live/", Streams())
    site = Http2Site(router, reactor=reactor, limits=Limits())
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    reactor.addSystemEventTrigger("before", "shutdown", port.stopListening)
    reactor.addSystemEventTrigger("before", "shutdown", site.drain)
    print(f"ready: the corpus at http://127.0.0.1:{port.getHost().port}", flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
