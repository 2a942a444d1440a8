"""One call of an ASGI application, whatever its scope is for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from traceback import StackSummary
from typing import Any, NamedTuple

from twisted.logger import Logger

from duck_tx.eventloop.bridge import Bridge
from duck_tx.gateway.asgi.flow import Inflow, Outflow
from duck_tx.http.request import Request
from duck_tx.http.response import ResponseError

__all__ = ["Application", "Call", "ClientLeft", "Event", "Terms", "checked"]

_log = Logger()

Event = dict[str, Any]
Application = Callable[[dict[str, Any], Callable[[], Awaitable[Event]], Callable[[Event], Awaitable[None]]], Any]


class ClientLeft(OSError):
    """What ``send()`` raises when nobody is there to take it."""


class Terms(NamedTuple):
    """What all calls of one application share.

    :ivar state: what its lifespan has for every scope; ``None`` without a lifespan.
    :ivar running: calls that have not ended, for the loop's thread.
    :ivar waiting: those among them that owe an answer, for the reactor thread.
    """

    application: Application
    bridge: Bridge
    state: dict[str, Any] | None
    running: set[Call]
    waiting: set[Call]


class Call:
    """One scope on its way through the application.

    Between the threads go plain calls, in order: see :class:`duck_tx.eventloop.bridge.Bridge`.

    :param deadline: seconds (``time.monotonic``) at which the answer must have begun.
    :ivar gone: the client left, or was answered in the application's stead.
    :ivar task: on the loop.
    """

    __slots__ = (
        "_bridge", "_cancelled", "_inflow", "_outflow", "_scope", "_terms", "deadline", "gone", "request", "task",
    )  # fmt: skip

    def __init__(self, terms: Terms, request: Request, scope: dict[str, Any], deadline: float) -> None:
        self.request = request
        self.deadline = deadline
        self.gone = False
        self._terms = terms
        self._bridge = terms.bridge
        self._scope = scope
        self.task: asyncio.Task[None] | None = None
        self._cancelled = False
        self._inflow: Inflow[Any] = Inflow(terms.bridge)
        self._outflow = Outflow(terms.bridge)

    # On the reactor thread.

    def begin(self) -> None:
        """Call the application."""
        self._terms.waiting.add(self)
        self.request.when_lost(self.abandon)
        self._bridge.enter(self._begin)

    def answered(self) -> None:
        """The answer has begun, or none is to come."""
        self._terms.waiting.discard(self)

    def abandon(self) -> None:
        """Nobody waits for the answer any more."""
        if not self.gone:
            # Still one of those that owe an answer: it has no longer for itself than for its client.
            self.gone = True
            self._outflow.open()
            self._inflow.tell()

    def give_up(self, timeout: float) -> None:
        """The application has taken too long: answer in its stead, and cancel it."""
        said = "its client has left" if self.gone else "was answered with 504"
        self.answered()
        self.abandon()
        self.request.fail(504, "The application took too long to make this page.")
        self._bridge.enter(self._late, timeout, said)

    @property
    def waits_for_client(self) -> bool:
        """Whether the client has not yet said all, and the application is ready for it."""
        return False

    def _fail(self) -> None:
        """The application failed: say so, if that can still be said."""
        self.answered()
        if not self.gone:
            self.request.fail(500, "The application could not make this page. The server's log says why.")

    # On the loop.

    def _begin(self) -> None:
        self._terms.running.add(self)
        self.task = self._bridge.loop.create_task(self._run())

    def cancel(self) -> None:
        """End it."""
        self._cancelled = True
        if self.task is not None:
            self.task.cancel()

    def _late(self, timeout: float, said: str) -> None:
        task = self.task
        if task is None or task.done():
            return
        _log.error(
            "{asked} took longer than {timeout:g} s (gateway.request_timeout) and {said}.\n"
            "{stack}",
            asked=self.request.asked, timeout=timeout, said=said, stack=_stack(task.get_coro()),
        )  # fmt: skip
        self.cancel()

    async def _run(self) -> None:
        try:
            await self._terms.application(self._scope, self.receive, self.send)
            self._returned()
        except GeneratorExit:
            # Nobody turns the loop any more.
            raise
        except BaseException as error:
            # What an application raises ends its request, never the loop or the server: sys.exit() included.
            self._raised(error)
        finally:
            self._terms.running.discard(self)
            if self.gone:
                self._bridge.leave(self.answered)

    def _raised(self, error: BaseException) -> None:
        if self.gone and _is_of_leaving(error):
            return
        if not (self._cancelled and isinstance(error, asyncio.CancelledError)):
            what = "sent an invalid response" if isinstance(error, ResponseError) else "failed"
            _log.failure("{asked}: the application " + what, asked=self.request.asked)
        self._ended_badly()

    def _complain(self, what: str) -> None:
        """The application returned without doing its part."""
        _log.error("{asked}: the application returned " + what, asked=self.request.asked)
        self._ended_badly()

    async def receive(self) -> Event:
        """ASGI's ``receive``."""
        raise NotImplementedError

    async def send(self, event: Event) -> None:
        """ASGI's ``send``."""
        raise NotImplementedError

    def _returned(self) -> None:
        """The application has returned."""
        raise NotImplementedError

    def _ended_badly(self) -> None:
        """It has not done its part: see that the client does not wait for it."""
        raise NotImplementedError


def _stack(waiting: Any) -> str:
    """Where a coroutine waits, down to the last one that it waits for; asyncio itself shows the first alone."""
    frames = []
    while waiting is not None:
        frame = getattr(waiting, "cr_frame", None) or getattr(waiting, "gi_frame", None)
        if frame is None:
            break
        frames.append((frame, frame.f_lineno))
        waiting = getattr(waiting, "cr_await", None) or getattr(waiting, "gi_yieldfrom", None)
    return "".join(StackSummary.extract(frames).format())


def _is_of_leaving(error: BaseException | None) -> bool:
    """Whether an error comes of it that the client has left."""
    while error is not None:
        if isinstance(error, (ClientLeft, asyncio.CancelledError)):
            return True
        error = error.__cause__ or error.__context__
    return False


def checked(event: Event, key: str, kind: type, default: Any = None) -> Any:
    """The value of a key in an event.

    :raises TypeError: if it is of another type.
    """
    value = event.get(key, default)
    if type(value) is not kind and not isinstance(value, kind):
        raise TypeError(f"{key!r} in {event['type']!r} must be {kind.__name__}, not {type(value).__name__}")
    return value
