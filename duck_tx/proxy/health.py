"""Health checks: each server of a route is asked from time to time, and is down while it does not answer well."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import TimeoutError as ConnectionTimeout
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web._newclient import ParseError

from duck_tx.proxy.trouble import not_connected, why_lost

__all__ = ["FALL", "HealthCheck", "TooLong", "Verdict"]

_log = Logger()


class TooLong(Exception):
    """The head of an answer has no end."""


class Checked(Protocol):
    """What is asked, and told what comes of it; a :class:`~duck_tx.proxy.server.Server` is."""

    name: str

    def came_up(self) -> None:
        """It can serve; told after each good answer."""

    def went_down(self, why: str) -> None:
        """It cannot."""


_S = TypeVar("_S", bound=Checked)

FALL = 2
"""Bad answers in a row after which a server is down; a single one may be an accident.  The first of all counts alone:
nothing good is known of the server yet."""

_JITTER = 0.1
_FIRST_WITHIN = 1.0


class Verdict:
    """What the answers to the checks say of a server.  Pure.

    :param statuses: codes of good answers; by default all from 200 to 399.
    """

    def __init__(self, statuses: Collection[int] = ()) -> None:
        self._statuses = frozenset(statuses)
        self._bad = FALL - 1

    def is_good(self, status: int) -> bool:
        """Whether an answer with this code is a good one."""
        return status in self._statuses if self._statuses else 200 <= status < 400

    def heard(self, is_good: bool) -> bool:
        """An answer, or none: whether the server can be asked from now on, as far as is known."""
        self._bad = 0 if is_good else self._bad + 1
        return self._bad < FALL


class HealthCheck(Generic[_S]):
    """Asks one server from time to time.

    The next question comes when the answer to the last is there, or its time is over, so there is never more than one.

    :param server: told what comes of it.
    :param ask: asks it: the status code of its answer.
    :param verdict: judges that.
    :param interval: seconds between two questions, more or less: checks of several servers and processes must not
        come together.
    :param timeout: seconds for an answer.
    :param clock: for the timer.
    :param draw: a number from 0 to 1.
    """

    def __init__(
        self,
        server: _S,
        ask: Callable[[_S], Awaitable[int]],
        verdict: Verdict,
        *,
        interval: float,
        timeout: float,
        clock: IReactorTime,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._server = server
        self._ask = ask
        self._verdict = verdict
        self._interval = interval
        self._timeout = timeout
        self._clock = clock
        self._draw = draw
        self._next: IDelayedCall | None = None
        self._asking: Deferred[None] | None = None
        self._is_on = False

    def start(self) -> None:
        """Ask soon, and go on."""
        self._is_on = True
        self._next = self._clock.callLater(min(self._interval, _FIRST_WITHIN) * self._draw(), self._check)

    def stop(self) -> None:
        """Ask no more, and do not wait for an answer."""
        self._is_on = False
        call, self._next = self._next, None
        if call is not None:
            call.cancel()
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cancel()

    def _check(self) -> None:
        self._next = None
        self._asking = asking = Deferred.fromCoroutine(self._asked())
        asking.addErrback(lambda failure: failure.trap(CancelledError) and None)

    async def _asked(self) -> None:
        try:
            bad = await self._fault()
        except CancelledError:
            raise
        except Exception:
            # The timer must go on.
            _log.failure("the health check of {name} failed", name=self._server.name)
            bad = "it could not be asked"
        if not self._is_on:
            # What came of it is our own doing.
            return
        if self._verdict.heard(not bad):
            self._server.came_up()
        else:
            self._server.went_down(bad)
        self._asking = None
        pause = self._interval * (1.0 + _JITTER * (2.0 * self._draw() - 1.0))
        self._next = self._clock.callLater(pause, self._check)

    async def _fault(self) -> str:
        """What is wrong with the server, in words; empty if nothing is."""
        is_late = False

        def late() -> None:
            nonlocal is_late
            is_late = True
            asked.cancel()

        asked: Deferred[int] = Deferred.fromCoroutine(_awaited(self._ask(self._server)))
        call: Any = self._clock.callLater(self._timeout, late)
        try:
            status = await asked
        except Exception as error:
            if is_late or isinstance(error, ConnectionTimeout):
                return f"its health check has no answer within {self._timeout:g} s"
            if isinstance(error, CancelledError):
                raise
            return f"its health check fails: {_words(error)}"
        finally:
            if call.active():
                call.cancel()
        return "" if self._verdict.is_good(status) else f"its health check is answered with {status}"


async def _awaited(answer: Awaitable[int]) -> int:
    return await answer


def _words(error: Exception) -> str:
    """What an error says, in one line."""
    if isinstance(error, TooLong):
        return "the head of its answer is too long"
    # Twisted's client wraps so what it meets once it has a connection.
    reasons = getattr(error, "reasons", None)
    if not reasons:
        return not_connected(Failure(error)).why
    if any(reason.check(ParseError) for reason in reasons):
        return "its answer is no HTTP"
    return why_lost(reasons[0])
