"""Runs on the reactor thread."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred

from duck_tx.automations.work import DONE, Doing, Ending, Steps

__all__ = ["OnReactor"]


class OnReactor(Doing):
    """Steps on the reactor thread; each may return a Deferred, which is waited for.

    :param close_connections: called when it is over.
    """

    def __init__(self, steps: Steps, *, close_connections: Callable[[], object]) -> None:
        super().__init__()
        self._steps = steps
        self._close_connections = close_connections
        self._is_cancelled = False
        self._doing: Deferred[Ending] | None = None
        begun = steps.output.context().run(self._begin)
        if isinstance(begun, Ending):
            self._over(begun)
        else:
            self._doing = begun.addBoth(self._over)

    def cancel(self) -> bool:
        """Cancel what it waits for."""
        self._is_cancelled = True
        if self._doing is not None:
            self._doing.cancel()
        return True

    def _over(self, ending: Any) -> None:
        try:
            self._close_connections()
        except Exception as error:
            ending = Ending(ending.error or error)
        self._gone.come(ending)

    def _begin(self) -> Ending | Deferred[Ending]:
        """Call one after the other, as long as there is nothing to wait for."""
        steps = self._steps
        if steps.begun is not None:
            steps.begun()
        calls = iter(steps.calls)
        try:
            for call in calls:
                result = call()
                if result is not None and inspect.isawaitable(result):
                    return Deferred.fromCoroutine(self._go_on(call, result, calls))
                steps.done.append(call)
        except BaseException as error:
            return Ending(error) if steps.failed is None else Deferred.fromCoroutine(self._fail(error))
        return DONE

    async def _go_on(self, call: Callable[..., Any], result: Any, calls: Iterator[Callable[..., Any]]) -> Ending:
        """Wait for what one has returned; then the others."""
        try:
            await result
            self._steps.done.append(call)
            for each in calls:
                await _settled(each())
                self._steps.done.append(each)
        except GeneratorExit:
            # Nobody waits for it any more.
            raise
        except BaseException as error:
            return await self._fail(error)
        return DONE

    async def _fail(self, error: BaseException) -> Ending:
        steps = self._steps
        if steps.failed is not None and not self._is_cancelled:
            try:
                await _settled(steps.failed(error))
            except Exception:
                steps.say_failed()
        return Ending(error)


async def _settled(result: Any) -> None:
    if inspect.isawaitable(result):
        await result
