"""The scope ``lifespan``: what an application does before the first request and after the last."""

from __future__ import annotations

import asyncio
from typing import Any

from twisted.logger import Logger

from duck_tx.errors import ApplicationError
from duck_tx.gateway.asgi.call import Application, Event, checked
from duck_tx.gateway.failure import one_line

__all__ = ["Lifespan"]

_log = Logger()

_STARTUP, _SHUTDOWN = "lifespan.startup", "lifespan.shutdown"


class Lifespan:
    """One life of an application.  All of it is for the loop's thread.

    An application that does not know the scope raises or returns at once, and goes without.  So does one that fails
    when it has heard of its start and does not say so, as ASGI has it; but that is logged.

    :param name: of the application, for messages.
    :ivar state: what the application has put there for every scope; ``None`` if it does not know this one.
    """

    def __init__(self, application: Application, name: str) -> None:
        self.state: dict[str, Any] | None = None
        self._application = application
        self._name = name
        self._given: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Queue[str] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[str | None]] = {}
        self._has_spoken = self._has_heard = False

    async def start(self, timeout: float) -> None:
        """Let the application start.

        :param timeout: seconds; 0 for no limit.
        :raises ApplicationError: if it fails, or takes longer.
        """
        task = self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            failure = await self._ask(_STARTUP, timeout)
        except TimeoutError:
            task.cancel()
            raise ApplicationError(
                f"the ASGI application {self._name} has not started after {timeout:g} s (gateway.lifespan_timeout)."
            ) from None
        if failure is not None:
            task.cancel()
            raise ApplicationError(f"the ASGI application {self._name} could not start: {failure}.")
        if not task.done() or self._has_spoken:
            self.state = self._given

    async def stop(self, timeout: float) -> None:
        """Let the application end what it has started; what is wrong with that is logged.

        :param timeout: seconds.
        """
        task = self._task
        if task is None or task.done():
            return
        try:
            failure = await self._ask(_SHUTDOWN, timeout)
        except TimeoutError:
            failure = f"it has not ended after {timeout:.1f} s"
        task.cancel()
        if failure is not None:
            _log.error("the ASGI application {name} did not end well: {why}", name=self._name, why=failure)

    async def _ask(self, what: str, timeout: float) -> str | None:
        """Have the application do something: why it could not, or ``None``."""
        answer = self._answers[what] = asyncio.get_running_loop().create_future()
        self._asked.put_nowait(what)
        async with asyncio.timeout(timeout or None):
            await asyncio.wait([answer, self._ended()], return_when=asyncio.FIRST_COMPLETED)
        return answer.result() if answer.done() else None

    def _ended(self) -> asyncio.Task[None]:
        assert self._task is not None
        return self._task

    async def _run(self) -> None:
        scope: dict[str, Any] = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._given,
        }
        try:
            await self._application(scope, self._receive, self._send)
        except GeneratorExit:
            # Nobody turns the loop any more.
            raise
        except BaseException as error:
            if self._is_open(_STARTUP) and not self._has_spoken and not self._has_heard:
                # It does not know the scope: so say most of those that do not.
                return
            if not isinstance(error, asyncio.CancelledError):
                _log.failure("the lifespan of the ASGI application {name} failed", name=self._name)

    def _is_open(self, what: str) -> bool:
        answer = self._answers.get(what)
        return answer is not None and not answer.done()

    async def _receive(self) -> Event:
        what = await self._asked.get()
        self._has_heard = True
        return {"type": what}

    async def _send(self, event: Event) -> None:
        kind = event["type"]
        for what in (_STARTUP, _SHUTDOWN):
            if kind in (f"{what}.complete", f"{what}.failed"):
                if not self._is_open(what):
                    raise RuntimeError(f"{kind!r} without {what!r} before it")
                self._has_spoken = True
                why = None
                if kind.endswith(".failed"):
                    why = _last_line(checked(event, "message", str, "")) or "it does not say why"
                self._answers[what].set_result(why)
                return
        # One that answers whatever it is called for has not understood what it has heard.
        self._has_heard = False
        raise RuntimeError(f"{kind!r} in a lifespan")


def _last_line(message: str) -> str:
    """What a message says in one line: some are whole tracebacks."""
    lines = message.strip().splitlines()
    return one_line(lines[-1] if message.startswith("Traceback ") else " ".join(lines))
