"""Serving one site in a process of its own, for modules that are run as programs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner, textFileLogObserver

from duck_tx.http.channel import HTTPChannel
from duck_tx.http.service import Listener, ServerService
from duck_tx.http.site import Site
from duck_tx.http2.channel import Http2Channel
from duck_tx.http2.limits import Http2Limits
from duck_tx.https.context import Policy, server_context
from duck_tx.https.credential import read_credential
from duck_tx.https.factory import TLSFactory
from duck_tx.https.store import CertificateStore
from duck_tx.https.transport import TLSTransport
from duck_tx.process.port import bind, explained

__all__ = ["serve_site"]


def serve_site(name: str, make: Callable[[Any, bool], Site], *credential: str, http2: bool = False) -> None:
    """Serve on a free port of the loopback until a signal comes; what is in progress then is finished.

    :param make: makes the site for a reactor; told whether it is reached over TLS.
    :param credential: the files of a certificate and its key; over TLS, if there are any.
    :param http2: over TLS, clients may choose that.
    """
    from twisted.internet import reactor as imported

    reactor: Any = imported
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    site = make(reactor, bool(credential))
    service = ServerService(
        reactor,
        site,
        lambda: bind("127.0.0.1", 0),
        lambda error, port: explained(error, "127.0.0.1", port),
        backlog=100,
        grace=10,
        listener=_over_tls(site, http2, *credential) if credential else None,
    )
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(service.stopService()))
    assert service.address is not None
    scheme = "https" if credential else "http"
    print(f"ready: {name} at {scheme}://127.0.0.1:{service.address[1]}", flush=True)
    reactor.run()


def _over_tls(site: Site, http2: bool, certificate: str, key: str) -> Listener:
    protocols: dict[bytes, Callable[[], Any]] = {b"http/1.1": lambda: HTTPChannel(site)}
    if http2:
        protocols = {b"h2": lambda: Http2Channel(site, Http2Limits()), **protocols}
    policy = Policy(protocols=tuple(protocols))
    store = CertificateStore(lambda each: server_context(each, policy), strict=False)
    store.use([read_credential(Path(certificate).read_bytes(), Path(key).read_bytes(), certificate)])
    return Listener(TLSFactory(site, store, protocols, timeout=10.0), TLSTransport)
