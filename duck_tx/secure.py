"""The HTTPS side of the tree, wired only where HTTPS is on: what it needs takes a while to import."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import blockingCallFromThread
from twisted.web.resource import IResource

from duck_tx.http.channel import HTTPChannel
from duck_tx.http.service import Listener, ServerService
from duck_tx.http.site import Site
from duck_tx.http2.channel import Http2Channel
from duck_tx.http2.limits import Http2Limits
from duck_tx.https.context import Policy, challenge_context, server_context
from duck_tx.https.credential import Credential
from duck_tx.https.factory import TLSFactory
from duck_tx.https.handover import Shown, packed, unpacked
from duck_tx.https.hsts import hsts_value
from duck_tx.https.name import canonical, covers
from duck_tx.https.redirect import RedirectResource
from duck_tx.https.service import CertificateService
from duck_tx.https.store import CertificateStore
from duck_tx.https.transport import TLSTransport
from duck_tx.process.endpoint import endpoints
from duck_tx.process.inherited import Sockets
from duck_tx.settings import Settings
from duck_tx.uris import is_wildcard, public_host

__all__ = ["Secure", "certificates"]

_HTTP, _TLS = "http", "tls"
"""The kinds of answers to challenges."""


class Followers(Protocol):
    """Other processes that show the same certificates."""

    def reload_certificates(self) -> object:
        """Have them read their files anew."""

    def answer(self, kind: str, key: bytes, value: bytes) -> object:
        """Have them answer a challenge, or no longer if ``value`` is empty."""

    def settled(self) -> Deferred[None]:
        """Fires when they have done what they were told until now."""


class Secure:
    """The services of HTTPS, and what the public server takes from them.

    :ivar certificates: the certificate service.
    :ivar redirect: the redirect site, ``None`` where nothing is redirected.
    :ivar acme: asks for certificates; ``None`` where they come from files, and for who does not :meth:`lead`.
    :param settings: what to run.
    :param reactor: where.
    :param directory: the state directory.
    :param is_development: whether a certificate that only this machine trusts will do, where there is no other.
    :param follows: another process watches the files and asks for certificates, and tells this one.
    """

    redirect: ServerService | None = None
    acme: Any = None

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        directory: Path,
        is_development: Callable[[], bool],
        *,
        follows: bool = False,
    ) -> None:
        self._settings = settings
        self._reactor = reactor
        self.certificates = certificates(settings, reactor, directory, is_development, follows=follows)
        self._store = self.certificates.store
        self._http_answers: dict[bytes, bytes] = {}
        self._directory = directory

    def hsts(self) -> bytes | None:
        """What ``Strict-Transport-Security`` says now."""
        shown = self._store.credentials
        return hsts_value(self._settings.https, is_development=not shown or shown[0].is_development)

    def listener(self, site: Site) -> Listener:
        """How connections to the public port are made."""
        http2 = self._settings.http2
        limits = Http2Limits(**{name: getattr(http2, name) for name in Http2Limits.__slots__})
        factory = TLSFactory(
            site,
            self._store,
            {b"h2": lambda: Http2Channel(site, limits), b"http/1.1": lambda: HTTPChannel(site)},
            timeout=self._settings.https.handshake_timeout,
        )
        return Listener(factory, TLSTransport)

    def add_redirect(
        self,
        server: ServerService,
        make_site: Callable[[IResource], Site],
        pages: Callable[[], IResource],
        sockets: Sockets,
    ) -> None:
        """Make the redirect site.

        :param server: where it leads to.
        :param make_site: makes the site for a resource.
        :param pages: the resource that answers for exempt paths.
        :param sockets: may hold the one that it listens on.
        """
        settings, https = self._settings.server, self._settings.https
        endpoint = endpoints(self._settings)["force-https"]
        resource = RedirectResource(
            domain=lambda: public_host(settings.domain, settings.addr),
            port=lambda: settings.port if server.address is None else server.address[1],
            keeps=self._keeps,
            permanent=https.redirect_permanent,
            exempt=frozenset(path.encode("ascii") for path in https.redirect_exempt),
            pages=pages,
            challenges=self._http_answers,
        )
        self.redirect = ServerService(
            self._reactor,
            make_site(resource),
            sockets.binding("force-https", endpoint.bind),
            endpoint.explained,
            backlog=settings.backlog,
            grace=settings.grace,
            is_shared="force-https" in sockets,
        )

    def _keeps(self, host: str) -> bool:
        """Whether a redirect may lead to ``host``: it is one of ours."""
        ours = self._settings.https.redirect_hosts
        return self._store.covers(host) or any(covers(canonical(name), host) for name in ours)

    # Of the processes with these certificates one leads, and the others follow.

    def lead(self, followers: Followers | None) -> None:
        """Ask for certificates, if the settings say so, and have all who serve show what is found here.

        :param followers: the processes that serve; ``None`` where this one does.
        """
        if followers is not None:
            self._store.changed = followers.reload_certificates
        if self._settings.https.acme.email is None:
            return
        if followers is None:
            self.acme = self._acme(self._http_answers, self._store.challenges, challenge_context)
            return
        # Answers come from the thread of an order, mostly.
        tell = partial(self._reactor.callFromThread, followers.answer)
        self.acme = self._acme(
            Shown[bytes, bytes](lambda token, text: tell(_HTTP, token, text or b"")),
            Shown[str, Credential](
                lambda name, shown: tell(_TLS, name.encode("ascii"), packed(shown) if shown else b"")
            ),
            lambda credential: credential,
            partial(blockingCallFromThread, self._reactor, followers.settled),
        )

    def _acme(
        self, http: dict[bytes, bytes], tls: dict[str, Any], make: Callable[..., Any], settled: Any = None
    ) -> Any:
        from duck_tx.https.acme.service import AcmeService

        acme = self._settings.https.acme
        return AcmeService(
            self._reactor,
            acme,
            names=acme.names or _names(self._settings)[:1],
            directory=self._directory / "acme",
            installed=self.certificates.reload,
            http_answers=http if self._settings.https.force else None,
            tls_answers=tls,
            make_context=make,
            settled=settled,
        )

    def reload(self) -> None:
        """Show what another process has found in the files, with new keys for session tickets.

        :raises SSLError: if they cannot be read here.
        """
        if self._store.credentials:
            self.certificates.reload()
            self._store.renew()

    def follow(self, kind: str, key: bytes, value: bytes) -> None:
        """Answer a challenge as another process says, or no longer if ``value`` is empty."""
        if kind == _HTTP:
            self._http_answers.pop(key, None)
            if value:
                self._http_answers[key] = value
            return
        name = key.decode("ascii")
        self._store.challenges.pop(name, None)
        if value:
            self._store.challenges[name] = challenge_context(unpacked(value))


def certificates(
    settings: Settings,
    clock: IReactorTime,
    directory: Path,
    is_development: Callable[[], bool],
    *,
    follows: bool = False,
) -> CertificateService:
    """The certificates that these settings name, not read yet.

    :param directory: the state directory.
    :param is_development: asked where the settings name none.
    :param follows: another process watches the files.
    """
    protocols = (b"h2", b"http/1.1") if settings.http2.enabled else (b"http/1.1",)
    policy = Policy(settings.https.min_version, protocols)
    store = CertificateStore(lambda credential: server_context(credential, policy), strict=settings.https.strict_sni)
    return CertificateService(
        clock,
        settings.https,
        store,
        state_directory=directory,
        names=_names(settings),
        is_development=is_development,
        watches=not follows,
    )


def _names(settings: Settings) -> tuple[str, ...]:
    """What this server is called, the public name first."""
    server = settings.server
    return tuple(name.strip("[]") for name in (server.domain, server.addr) if name and not is_wildcard(name))
