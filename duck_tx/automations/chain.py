"""Several things that are done one after the other, as one."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from duck_tx.automations.work import Doing, Ending, Work

__all__ = ["Chain"]


class Chain(Doing):
    """Begins one when the one before is gone, until one has failed or all are through.

    :param begins: each begins its part, on the reactor thread.
    :param failed: begins what is done about a failure, if anything is; it is then that of the whole.
    """

    def __init__(self, *begins: Callable[[], Work], failed: Callable[[BaseException], Work | None]) -> None:
        super().__init__()
        self._begins = begins
        self._failed = failed
        self._now: Work | None = None
        self._is_cancelled = False
        # A part may fail to begin at all.
        run = Deferred.fromCoroutine(self._run()).addErrback(lambda failure: Ending(failure.value))
        run.addCallback(self._gone.come)

    def cancel(self) -> bool:
        """Cancel the one that is under way, and begin no other."""
        self._is_cancelled = True
        return self._now is None or self._now.cancel()

    async def _run(self) -> Ending:
        status = None
        for begin in self._begins:
            self._now = begin()
            ending = await self._now.gone
            status = status if ending.status is None else ending.status
            if ending.error is not None:
                self._now = None if self._is_cancelled else self._failed(ending.error)
                if self._now is not None:
                    await self._now.gone
                return Ending(ending.error, status)
            if self._is_cancelled:
                break
        return Ending(None, status)
