"""One server of a route, as this process sees it: where it is, how busy it is, and whether it is well."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from math import inf
from typing import TYPE_CHECKING, Literal

from twisted.logger import Logger

from duck_tx.proxy.passive import Ejection

if TYPE_CHECKING:
    from duck_tx.proxy.pool import Pool
    from duck_tx.proxy.upstream import Upstream

__all__ = ["Server", "State"]

_log = Logger()

_LEAST_SHARE = 0.1
"""Of its weight that a server has at the beginning of a slow start; with nothing it would never be asked."""

State = Literal["up", "out", "trial", "down"]
"""What a server is: ``out`` after failures in a row, ``trial`` when that time is over and it has not answered yet,
``down`` by its health check."""


class Server:
    """One server.

    Who sends it a request counts ``in_flight`` up, and down again when all is over, and reports how it went with
    :meth:`succeeded` or :meth:`failed`: neither is called where the client was to blame.

    :ivar peers: all servers of the route, this one too; set by the balancer.
    :ivar in_flight: requests and tunnels that it has now.
    :ivar answered: requests that it has answered.
    :ivar failures: those that failed by its fault.

    :param upstream: where it is.
    :param pool: the connections to it.
    :param name: what the log calls it.
    :param route: what the log calls its route.
    :param weight: its share of the requests, beside those of the others.
    :param max_connections: how many requests it may have at once; 0: no limit.
    :param ejection: counts its failures.
    :param bad_statuses: codes of responses that count as failures.
    :param slow_start: seconds over which it comes back to its whole weight after it was away.
    :param seconds: the clock, never going backwards.
    """

    def __init__(
        self,
        upstream: Upstream,
        pool: Pool,
        *,
        name: str,
        route: str = "/",
        weight: int = 1,
        max_connections: int = 0,
        ejection: Ejection | None = None,
        bad_statuses: Collection[int] = (),
        slow_start: float = 0.0,
        seconds: Callable[[], float],
    ) -> None:
        self.upstream = upstream
        self.pool = pool
        self.name = name
        self.route = route
        self.weight = weight
        self.max_connections = max_connections
        self.peers: Sequence[Server] = (self,)
        self.in_flight = 0
        self.answered = 0
        self.failures = 0
        self._ejection = Ejection() if ejection is None else ejection
        self._bad = frozenset(bad_statuses)
        self._slow_start = slow_start
        self._seconds = seconds
        self._is_down = False
        self._back_since = -inf

    # What it is.

    @property
    def state(self) -> State:
        """What it is at this moment."""
        if self._is_down:
            return "down"
        if self._seconds() < self._ejection.until:
            return "out"
        return "trial" if self._ejection.is_suspect else "up"

    @property
    def is_down(self) -> bool:
        """Its health check says that it cannot serve."""
        return self._is_down

    def is_in(self, now: float) -> bool:
        """Whether it is to be asked: neither down nor left out."""
        return not self._is_down and now >= self._ejection.until

    @property
    def is_full(self) -> bool:
        """It has as many requests as it may have."""
        return 0 < self.max_connections <= self.in_flight

    def share(self, now: float) -> float:
        """Its weight at this moment: less while it starts slowly."""
        since = max(self._back_since, self._ejection.until)
        away = now - since
        if away >= self._slow_start:
            return float(self.weight)
        return self.weight * max(away / self._slow_start, _LEAST_SHARE)

    # What requests tell of it.

    def succeeded(self, seconds: float, code: int = 200) -> None:
        """It answered a request.

        :param seconds: until the head of the response was there.
        :param code: its status.
        """
        if code in self._bad:
            self.failed(f"it answered {code}")
            return
        self.answered += 1
        if self._ejection.succeeded(self._seconds()):
            _log.info("upstream {name} of {route} answers again", name=self.name, route=self.route)

    def failed(self, why: str) -> None:
        """A request failed by its fault.

        :param why: in words for the log, such as ``the connection was refused``.
        """
        self.failures += 1
        now = self._seconds()
        is_last = not any(each is not self and each.is_in(now) for each in self.peers)
        seconds = self._ejection.failed(now, is_last=is_last)
        if seconds:
            _log.warn(
                "upstream {name} of {route} is left out for {seconds:g} s: {why}",
                name=self.name, route=self.route, seconds=seconds, why=why,
            )  # fmt: skip

    # What its health check tells of it.

    def went_down(self, why: str) -> None:
        """It cannot serve."""
        if not self._is_down:
            self._is_down = True
            _log.warn("upstream {name} of {route} is down: {why}", name=self.name, route=self.route, why=why)

    def came_up(self) -> None:
        """It can serve."""
        if self._is_down:
            self._is_down = False
            self._back_since = self._seconds()
            _log.info("upstream {name} of {route} is up again", name=self.name, route=self.route)
