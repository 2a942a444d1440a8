"""What every connection to the TLS port has in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol

from duck_tx.http.site import Site
from duck_tx.https.context import ACME_TLS
from duck_tx.https.handshake import Handshake
from duck_tx.https.hello import Hello
from duck_tx.https.store import CertificateStore

__all__ = ["TLSFactory"]


class TLSFactory(Factory):
    """Has clients shake hands, then speak what they chose.

    :param site: counts the connections and looks after their deadlines.
    :param store: the certificates.
    :param protocols: what can be spoken within TLS, by its ALPN name; those that do not say speak ``http/1.1``.
    :param timeout: seconds for a handshake.
    :ivar failed: how many handshakes failed, by the reason.
    """

    noisy = False

    def __init__(
        self,
        site: Site,
        store: CertificateStore,
        protocols: Mapping[bytes, Callable[[], TwistedProtocol]],
        *,
        timeout: float,
    ) -> None:
        self.site = site
        self.timeout = timeout
        self.failed: Counter[str] = Counter()
        self._store = store
        self._protocols = dict(protocols)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A handshake for a new connection, or nothing for one too many, which is closed."""
        sentence = self.site.too_many(addr)
        if sentence is not None:
            self.site.turned_away(sentence)
            return None
        return Handshake(self)

    def context_for(self, hello: Hello) -> SSL.Context | None:
        """The context that answers ``hello``; ``None`` if this name is refused."""
        if ACME_TLS in hello.protocols:
            return self._store.challenges.get(hello.name or "")
        return self._store.context_for(hello.name)

    def protocol_for(self, alpn: bytes) -> TwistedProtocol | None:
        """What is spoken with a client that agreed on ``alpn`` (empty: it did not say); ``None``: nothing, for it only
        came to see a certificate (RFC 8737 3)."""
        if alpn == ACME_TLS:
            return None
        make = self._protocols.get(alpn) or self._protocols[b"http/1.1"]
        return make()
