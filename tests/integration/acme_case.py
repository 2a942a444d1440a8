"""What tests of ACME have in common: an authority, a server that answers its challenges, and the service."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import ContextFactory
from twisted.internet.task import deferLater
from twisted.web.resource import NoResource, Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from twisted.web.static import Data

from duck_tx.https.acme.plan import Backoff
from duck_tx.https.acme.service import AcmeService
from duck_tx.https.context import challenge_context
from duck_tx.https.credential import Credential, load_credential
from duck_tx.settings import AcmeSettings
from tests.case import AsyncTestCase
from tests.integration.pebble import Pebble

__all__ = ["AcmeCase"]

LONG = 30.0
QUICK = Backoff(base=0.2, cap=0.5, per_hour=1000)


class AcmeCase(AsyncTestCase):
    """One test has its own authority, with its own ideas of when a certificate ends.

    :ivar http: by token, what is answered over plain HTTP.
    :ivar tls: by server name, the contexts for those who want ``acme-tls/1``.
    :ivar loads: what was found in place each time that the service said so.
    :ivar holds: whoever asks over plain HTTP has to wait, and is counted in ``held``.
    """

    def setUp(self) -> None:
        from twisted.internet import reactor as imported

        reactor: Any = imported
        self.reactor = reactor
        self.http: dict[bytes, bytes] = {}
        self.tls: dict[str, SSL.Context] = {}
        self.loads: list[Credential] = []
        self.holds, self.held = False, 0
        self.directory = Path(self.mktemp()).absolute()
        site = Site(_Answering(self))
        self.http_port = self.listen(reactor.listenTCP(0, site, interface="127.0.0.1"))
        self.tls_port = self.listen(
            reactor.listenSSL(0, Factory.forProtocol(Protocol), _Contexts(self.tls), interface="127.0.0.1")
        )

    def listen(self, port: Any) -> int:
        self.addCleanup(lambda: maybeDeferred(port.stopListening))
        return int(port.getHost().port)

    def authority(self, **how: Any) -> Pebble:
        """An authority that runs, and validates names here."""
        found = Pebble(**{"http_port": self.http_port, "tls_port": self.tls_port} | how)
        self.addCleanup(found.close)
        return found.start()

    def service(
        self,
        authority: Pebble,
        *names: str,
        folder: Path | None = None,
        backoff: Backoff = QUICK,
        has_http: bool = True,
        **settings: Any,
    ) -> AcmeService:
        """A service that has not been started, and is stopped with the test."""
        settings = {
            "email": "you@example.org",
            "directory": authority.directory,
            "ca_file": str(authority.ca_file),
        } | settings
        made = AcmeService(
            self.reactor,
            AcmeSettings(**settings),
            names=names or ("example.org",),
            directory=folder or self.directory,
            installed=lambda: self.loads.append(self.live((names or ("example.org",))[0], folder)),
            http_answers=self.http if has_http else None,
            tls_answers=self.tls,
            make_context=challenge_context,
            backoff=backoff,
        )
        self.addCleanup(lambda: self.stop(made))
        return made

    def stop(self, service: AcmeService) -> Deferred[None]:
        return service.stopService() or succeed(None)

    def live(self, name: str = "example.org", folder: Path | None = None) -> Credential:
        """What is in place for a name."""
        pair = (folder or self.directory) / "live" / name
        return load_credential(pair / "fullchain.pem", pair / "privkey.pem", now=datetime.now(UTC))

    async def until(self, fact: Callable[[], object], what: object = "") -> None:
        """Wait for a fact."""
        end = time.monotonic() + LONG
        while not fact():
            self.assertLess(time.monotonic(), end, str(what() if callable(what) else what))
            await deferLater(self.reactor, 0.01)

    async def issued(self, service: AcmeService, count: int = 1) -> Credential:
        """Wait until so many certificates have been put in place; the last."""
        if not service.running:
            service.startService()
        await self.until(lambda: len(self.loads) >= count, lambda: service.status)
        return self.loads[count - 1]

    def told(self, lines: list[str]) -> str:
        """The last line that tells of a failure."""
        return [line for line in lines if "; next attempt in " in line][-1]

    def assert_trusted(self, authority: Pebble, credential: Credential) -> None:
        """The chain leads to the authority's root, which is not in it."""
        root = x509.load_pem_x509_certificate(authority.root().encode())
        chain = (*credential.chain, root)
        for certificate, issuer in pairwise(chain):
            certificate.verify_directly_issued_by(issuer)
        self.assertNotIn(root, credential.chain)

    def assert_no_answers(self) -> None:
        self.assertEqual((self.http, self.tls), ({}, {}))


class _Answering(Resource):
    """Plain HTTP as the redirect site has it, for challenges."""

    isLeaf = True

    def __init__(self, test: AcmeCase) -> None:
        super().__init__()
        self._test = test

    def render_GET(self, request: Request) -> bytes | int:
        if self._test.holds:
            self._test.held += 1
            request.notifyFinish().addErrback(lambda gone: None)
            return NOT_DONE_YET
        answer = self._test.http.get(request.path.removeprefix(b"/.well-known/acme-challenge/"))
        found: Resource = NoResource() if answer is None else Data(answer, "application/octet-stream")
        return found.render(request)


class _Contexts(ContextFactory):
    """Handshakes with the context for the name that is asked for, and no others."""

    def __init__(self, by_name: dict[str, SSL.Context]) -> None:
        self._by_name = by_name
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.set_tlsext_servername_callback(self._choose)

    def getContext(self) -> SSL.Context:
        return self._context

    def _choose(self, connection: SSL.Connection) -> None:
        found = self._by_name.get((connection.get_servername() or b"").decode("ascii"))
        if found is not None:
            connection.set_context(found)
