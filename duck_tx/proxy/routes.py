"""The routes of a process: where they are mounted, and when their servers are looked after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from twisted.application.service import Service

from duck_tx.errors import ApplicationError, SettingsError
from duck_tx.http.router import Router
from duck_tx.proxy.health import HealthCheck
from duck_tx.proxy.pool import Pool
from duck_tx.proxy.remote import RemoteResource
from duck_tx.proxy.routed import Routed
from duck_tx.proxy.server import Server
from duck_tx.settings.sections.routes import RouteSettings

__all__ = ["Checks", "Routes"]


class Routes(Service):
    """All routes of a process.

    :ivar checks: the health checks of their servers; they begin after the port listens, and end before it closes.

    :param routes: the settings of each.
    :param reactor: makes the connections.
    :param domain: the public name of this site.
    :raises SettingsError: with all that is wrong with them.
    """

    def __init__(self, routes: Sequence[RouteSettings], reactor: Any, *, domain: str | None = None) -> None:
        self.routed: list[Routed] = []
        self.checks = Checks(self)
        problems = []
        for number, each in enumerate(routes):
            try:
                self.routed.append(Routed(each, reactor, domain=domain))
            except (ValueError, ApplicationError) as error:
                problems.append(f"proxy.routes[{number}]: {error}")
        if problems:
            raise SettingsError(problems)

    @property
    def for_everything(self) -> RemoteResource | None:
        """What takes the place of the application, if one of them does."""
        return next((each.resource for each in self.routed if each.settings.is_everything), None)

    def describe(self) -> list[dict[str, object]]:
        """What there is to know of each server, as this process sees it."""
        return [
            {
                "route": each.name,
                "url": server.name,
                "state": server.state,
                "why": server.why,
                "requests": server.in_flight,
                "answered": server.answered,
                "failures": server.failures,
            }
            for each in self.routed
            for server in each.servers
        ]

    def mount(self, router: Router) -> None:
        """Have them answer, beside the one for everything."""
        for each in self.routed:
            if not each.settings.is_everything:
                host = each.settings.host
                prefix = each.settings.mount.encode("ascii")
                router.mount(prefix, each.resource, None if host is None else host.encode("ascii"), bare=True)

    def startService(self) -> None:
        """Be ready to ask the servers."""
        super().startService()
        for pool in self._pools():
            pool.start()

    def stopService(self) -> None:
        """Close the connections to the servers."""
        super().stopService()
        for pool in self._pools():
            pool.stop()

    def _pools(self) -> Iterator[Pool]:
        for each in self.routed:
            for server in each.servers:
                yield server.pool


class Checks(Service):
    """The health checks of a process, for the time that it serves.

    :param routes: whose servers are looked after.
    """

    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._running: list[HealthCheck[Server]] = []

    @property
    def are_wanted(self) -> bool:
        """Whether there are any."""
        return any(each.settings.health_path is not None for each in self._routes.routed)

    def startService(self) -> None:
        """Begin to look how the servers are."""
        super().startService()
        self.hold()
        self._running = [check for each in self._routes.routed for check in each.checks()]
        for check in self._running:
            check.start()

    def hold(self) -> None:
        """Look no more: this server is about to stop."""
        running, self._running = self._running, []
        for check in running:
            check.stop()

    def stopService(self) -> None:
        """Look no more."""
        super().stopService()
        self.hold()
