"""One route: the servers behind it, who chooses among them, and what may be sent to another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from duck_tx.http.request import Request
from duck_tx.proxy.attempt import Attempt
from duck_tx.proxy.balance import Balancer, way_of
from duck_tx.proxy.forward import Route
from duck_tx.proxy.health import HealthCheck, Verdict
from duck_tx.proxy.limits import UpstreamLimits
from duck_tx.proxy.passive import Ejection
from duck_tx.proxy.pool import Pool
from duck_tx.proxy.remote import RemoteResource
from duck_tx.proxy.retry import RetryBudget, may_repeat
from duck_tx.proxy.server import Server
from duck_tx.proxy.upstream import Upstream
from duck_tx.settings.sections.routes import RouteSettings

__all__ = ["Routed"]


class Routed:
    """One route: its servers, and the resource that has them answer.

    :ivar resource: answers for all paths of the route.
    :ivar name: what the log calls it.

    :param settings: of the route.
    :param reactor: makes the connections.
    :param domain: the public name of this site, for health checks.
    :param limits: others than those that the settings give.
    :param seconds: the clock of the deadlines, never going backwards.
    :raises ValueError: if one of its servers has no address that could be one.
    :raises SSLError: if what it needs for TLS cannot be used.
    """

    def __init__(
        self,
        settings: RouteSettings,
        reactor: Any,
        *,
        domain: str | None = None,
        limits: UpstreamLimits | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.name = f"{settings.host or ''}{settings.prefix}"
        self._reactor = reactor
        self._domain = domain
        self._seconds = seconds
        self._limits = limits or _limits(settings)
        self._balancer = Balancer(list(self._servers()), way_of(settings.balance), seconds)
        self.budget = RetryBudget(settings.retry_share, seconds)
        rules = Route(settings.mount.encode("ascii"), settings.strip, settings.host_header)
        self.resource = RemoteResource(self.choose, self.may_retry, reactor=reactor, route=rules)

    def _servers(self) -> Iterator[Server]:
        settings = self.settings
        upstreams = [(Upstream(each.url), each.weight) for each in settings.servers]
        tls = None
        if any(upstream.scheme == "https" for upstream, _ in upstreams):
            from duck_tx.proxy.tls import ClientTLS

            tls = ClientTLS(*map(_path, (settings.ca_file, settings.client_certificate, settings.client_key)))
        for upstream, weight in upstreams:
            yield Server(
                upstream,
                Pool(self._reactor, upstream, self._limits, tls=tls, seconds=self._seconds),
                name=upstream.url,
                route=self.name,
                weight=weight,
                max_connections=settings.max_connections,
                ejection=Ejection(settings.eject_failures, settings.eject_time),
                bad_statuses=settings.eject_statuses,
                slow_start=settings.slow_start,
                seconds=self._seconds,
            )

    @property
    def servers(self) -> Sequence[Server]:
        """All of its servers."""
        return self._balancer.servers

    # For the resource.

    def choose(self, request: Request, tried: frozenset[Server]) -> Server | None:
        """The server for a request, ``None`` if none is left."""
        if not tried:
            self.budget.count()
        return self._balancer.pick(request, tried)

    def may_retry(self, request: Request, attempt: Attempt) -> bool:
        """Whether to send a request again that has failed."""
        if not may_repeat(
            request.method,
            was_written=attempt.was_written,
            has_answered=attempt.has_answered,
            can_replay=True,
            timed_out=attempt.timed_out,
        ):
            return False
        if attempt.was_kept:
            # The server had closed it, which says nothing about how it is, and happens once for each server at most.
            return True
        most = min(self.settings.retries, len(self.servers) - 1)
        return attempt.number <= most and self.budget.take()

    # Health.

    def checks(self) -> list[HealthCheck[Server]]:
        """The checks of its servers; none, if there is no path for it."""
        settings = self.settings
        if settings.health_path is None:
            return []
        # Only here, as the client behind it takes a while to import.
        from duck_tx.proxy.question import Question

        question = Question(self._reactor, settings.health_path, self._asked_host)
        return [
            HealthCheck(
                server,
                question.ask,
                Verdict(settings.health_status),
                interval=settings.health_interval,
                timeout=settings.health_timeout,
                clock=self._reactor,
            )
            for server in self.servers
        ]

    def _asked_host(self, server: Server) -> str:
        """The Host for a health check."""
        settings = self.settings
        if settings.health_host is not None:
            return settings.health_host
        own = server.upstream.authority.decode("ascii")
        if settings.host_header != "keep":
            return own if settings.host_header == "rewrite" else settings.host_header
        if settings.host is not None and not settings.host.startswith("*"):
            return settings.host
        return self._domain or own


def _limits(settings: RouteSettings) -> UpstreamLimits:
    return UpstreamLimits(
        connect_timeout=settings.connect_timeout,
        first_byte_timeout=settings.first_byte_timeout,
        idle_timeout=settings.idle_timeout,
        tunnel_timeout=settings.tunnel_timeout,
        max_connections=settings.max_connections,
        max_waiting=settings.max_waiting,
        max_kept=settings.kept_connections,
        kept_timeout=settings.kept_timeout,
    )


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)
