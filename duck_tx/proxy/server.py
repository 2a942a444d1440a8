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

State = Literal["up", "failing", "out", "trial", "down"]
"""What a server is: ``out`` after failures in a row, ``failing`` where it is the last and stays all the same, ``trial``
when its time out is over and it has not answered yet, ``down`` by its health check."""


class Server:
    """One server.

    Who sends it a request counts ``in_flight`` up, and down again when all is over, and reports how it went with
    :meth:`succeeded`, :meth:`failed`, or, where the client left or this process is to blame, :meth:`given_up`.

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
        self._why_failed = self._why_down = ""

    # What it is.

    @property
    def state(self) -> State:
        """What it is at this moment."""
        if self._is_down:
            return "down"
        if self._seconds() < self._ejection.out_until:
            return "out"
        if self._ejection.is_suspect:
            return "trial"
        return "failing" if self._ejection.is_failing else "up"

    @property
    def why(self) -> str | None:
        """The reason that it is not up, in words; ``None`` while it is."""
        if self._is_down:
            return self._why_down
        return self._why_failed if self._ejection.is_suspect or self._ejection.is_failing else None

    @property
    def is_down(self) -> bool:
        """Its health check says that it cannot serve."""
        return self._is_down

    def is_in(self, now: float) -> bool:
        """Whether it is to be asked: neither down nor left out, nor on trial by a request that is not over yet."""
        return not self._is_down and now >= self._ejection.until

    @property
    def is_suspect(self) -> bool:
        """It was left out, and has not answered since."""
        return self._ejection.is_suspect

    @property
    def is_failing(self) -> bool:
        """It would be left out if it were not the last."""
        return self._ejection.is_failing

    @property
    def is_full(self) -> bool:
        """It has as many requests as it may have."""
        return 0 < self.max_connections <= self.in_flight

    def share(self, now: float) -> float:
        """Its weight at this moment: less while it starts slowly."""
        ejection, slow_start = self._ejection, self._slow_start
        away = now - max(self._back_since, ejection.until)
        # Who is suspect has one request at a time, and that is not to be long in coming.
        if not slow_start or away >= slow_start or ejection.is_suspect:
            return float(self.weight)
        return self.weight * max(away / slow_start, _LEAST_SHARE)

    # What requests tell of it.

    def tried(self, now: float) -> None:
        """A request is about to be sent to it."""
        self._ejection.tried(now)

    def given_up(self) -> None:
        """A request to it has ended by the fault of somebody else, before it was answered."""
        self._ejection.given_up(self._seconds())

    def succeeded(self, code: int = 200, *, whole: bool = True) -> None:
        """It answered a request.

        :param code: the status of the response.
        :param whole: the rest is there too; else :meth:`finished` is called when it is.
        """
        if code in self._bad:
            self.failed(f"it answered {code}")
            return
        self.answered += 1
        if whole:
            self._ejection.finished()
        if self._ejection.answered(self._seconds()):
            _log.info("upstream {name} of {route} answers again", name=self.name, route=self.route)

    def finished(self, code: int) -> None:
        """A response that had begun has come to its end.

        :param code: its status.
        """
        if code not in self._bad:
            self._ejection.finished()

    def failed(self, why: str) -> None:
        """A request failed by its fault.

        :param why: in words for the log, such as ``the connection was refused``.
        """
        self.failures += 1
        self._why_failed = why
        now = self._seconds()
        # Who has not answered since it was left out is none to rely on.
        is_last = not any(each is not self and each.is_in(now) and not each.is_suspect for each in self.peers)
        seconds = self._ejection.failed(now, is_last=is_last)
        if seconds:
            _log.warn(
                "upstream {name} of {route} is left out for {seconds:g} s: {why}",
                name=self.name, route=self.route, seconds=seconds, why=why,
            )  # fmt: skip

    # What its health check tells of it.

    def went_down(self, why: str) -> None:
        """It cannot serve."""
        self._why_down = why
        if not self._is_down:
            self._is_down = True
            _log.warn("upstream {name} of {route} is down: {why}", name=self.name, route=self.route, why=why)

    def came_up(self) -> None:
        """It can serve."""
        if self._is_down:
            self._is_down = False
            self._back_since = self._seconds()
            _log.info("upstream {name} of {route} is up again", name=self.name, route=self.route)
