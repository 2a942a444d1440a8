"""What a function returned, whether it is there already or has to be waited for."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["follow", "settled"]

T = TypeVar("T")


async def settled(outcome: Any) -> Any:
    """Wait for a Deferred or a coroutine; anything else is its own result."""
    if inspect.iscoroutine(outcome) or isinstance(outcome, Deferred):
        return await outcome
    return outcome


def follow(shared: Deferred[T]) -> Deferred[T]:
    """A Deferred for one more who waits for ``shared``: it ends in the same way, and may be cancelled without harm to
    the others."""
    follower: Deferred[T] = Deferred()

    def tell(result: T | Failure) -> T | Failure:
        if not follower.called:
            follower.callback(result)
        return result

    shared.addBoth(tell)
    return follower
