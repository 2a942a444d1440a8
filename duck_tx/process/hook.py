"""The user's own functions at start and stop, as the service that comes last and goes first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from duck_tx.promise import settled

__all__ = ["Hook", "HookService"]

_log = Logger()

Hook = Callable[[], Awaitable[object] | None]


class HookService(Service):
    """Calls ``up`` when everything is up, and ``down`` before anything goes down.

    A hook may return a Deferred or a coroutine, which is waited for.  When ``up`` fails, the start-up fails; when
    ``down`` fails or takes too long, that is logged.

    :param clock: for the time that ``down`` may take.
    :param patience: seconds of it.
    """

    def __init__(self, up: Hook, down: Hook, clock: IReactorTime, patience: float) -> None:
        self._up = up
        self._down = down
        self._clock = clock
        self._patience = patience
        self._is_up = False

    async def startService(self) -> None:
        """Call ``up``."""
        super().startService()
        await settled(self._up())
        self._is_up = True

    async def stopService(self) -> None:
        """Call ``down``, if everything had been up."""
        super().stopService()
        was_up, self._is_up = self._is_up, False
        if not was_up:
            return
        called = Deferred.fromCoroutine(self._call_down())
        late = self._clock.callLater(self._patience, called.cancel)
        try:
            await called
        except CancelledError:
            if late.active():
                raise
            _log.warn("on_pre_stop took longer than {seconds:g} s, going on without it", seconds=self._patience)
        except Exception:
            _log.failure("on_pre_stop failed")
        finally:
            if late.active():
                late.cancel()

    async def _call_down(self) -> None:
        await settled(self._down())
