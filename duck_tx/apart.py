"""The application at an address of its own: who listens there, and the way to it; wired only where there is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet import unix
from twisted.web.resource import IResource

from duck_tx.gateway.service import GatewayService
from duck_tx.house import House
from duck_tx.http.forwarded import Trusted
from duck_tx.http.nothing import NothingHere
from duck_tx.http.service import Listener, ServerService
from duck_tx.http.site import Site
from duck_tx.process.endpoint import Endpoint, endpoints
from duck_tx.proxy.backend import Backend
from duck_tx.proxy.remote import RemoteResource
from duck_tx.settings.sections.bounds import DAY

__all__ = ["Apart"]


class Apart:
    """What ``gateway.addr`` asks for.

    :ivar backend: the way there; it has what listens there run as well.
    :ivar port: listens there; ``None`` where somebody else does.

    :param house: where it lives.
    :param gateway: gives the application, once it is loaded.
    """

    def __init__(self, house: House, gateway: Callable[[], GatewayService]) -> None:
        settings = house.settings
        endpoint = endpoints(settings).get("backend")
        self._site: Site | None = None
        self.port: ServerService | None = None
        if endpoint is not None:
            self._site = _site(house, endpoint)
            self.port = _port(house, endpoint, self._site)
        self.backend = Backend(
            str(settings.gateway.addr),
            house.reactor,
            host=settings.server.domain,
            wait_time=settings.gateway.wait_time,
            request_timeout=settings.gateway.request_timeout,
            parts=lambda: [] if self.port is None else [gateway(), self.port],
        )

    def put(self, pages: IResource) -> RemoteResource:
        """Have ``pages`` answer there: what leads to them from here."""
        assert self._site is not None
        self._site.resource = pages
        return self.backend.resource


class _Port(ServerService):
    """Its stop comes after that of the public port, and has what is left of one grace.

    :param patience: how many seconds that is.
    """

    def __init__(self, *arguments: Any, patience: Callable[[], float], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._patience = patience

    async def stopService(self) -> None:
        grace = self._grace
        self._grace = min(grace, self._patience())
        try:
            await super().stopService()
        finally:
            self._grace = grace


def _site(house: House, endpoint: Endpoint) -> Site:
    """The site whose only client is this server: it bounds and logs what comes in, so here nothing of that is done."""
    site = house.make_site(NothingHere(), logs=False)
    site.limits = replace(
        site.limits,
        max_connections=0,
        max_connections_per_address=0,
        first_byte_timeout=DAY,
        keepalive_timeout=DAY,
        body_timeout=DAY,
        body_min_rate=0,
        write_timeout=DAY,
        write_min_rate=0,
        max_body=0,
        # What this server adds has to find room as well.
        max_header_block=2 * site.limits.max_header_block,
        max_headers=2 * site.limits.max_headers + 16,
    )
    site.trusted = Trusted(["unix", "127.0.0.0/8", "::1", *_own(endpoint)])
    return site


def _own(endpoint: Endpoint) -> list[str]:
    """The address itself, where it is one: who connects to it from here comes from there."""
    is_address = not endpoint.is_unix and (":" in endpoint.addr or endpoint.addr.replace(".", "").isdecimal())
    return [endpoint.addr] if is_address else []


def _port(house: House, endpoint: Endpoint, site: Site) -> ServerService:
    server = house.settings.server
    is_here = not house.is_worker and "backend" not in house.sockets
    return _Port(
        house.reactor,
        site,
        house.sockets.binding("backend", endpoint.bind),
        endpoint.explained,
        backlog=server.backlog,
        grace=server.grace,
        listener=Listener(site, unix.Server) if endpoint.is_unix else None,
        is_shared="backend" in house.sockets,
        file=Path(endpoint.addr) if endpoint.is_unix and is_here else None,
        patience=house.patience,
    )
