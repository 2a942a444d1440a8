"""What a function returned, whether it is there already or has to be waited for."""

from __future__ import annotations

import inspect
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["follow", "settled"]


async def settled(outcome: Any) -> Any:
    """Wait for a Deferred or a coroutine; anything else is its own result."""
    if inspect.iscoroutine(outcome) or isinstance(outcome, Deferred):
        return await outcome
    return outcome


def follow(shared: Deferred[None]) -> Deferred[None]:
    """A Deferred for one more who waits for ``shared``: it ends in the same way, and may be cancelled without harm to
    the others."""
    follower: Deferred[None] = Deferred()

    def tell(result: Failure | None) -> Failure | None:
        if not follower.called:
            follower.callback(result)
        return result

    shared.addBoth(tell)
    return follower
