"""Something that happens once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

__all__ = ["Moment"]

_log = Logger()

T = TypeVar("T")


class Moment(Generic[T]):
    """Something that comes once, and may have come already.  It cannot fail, nor be cancelled.

    Each run of an automation has a few of these, and thousands of runs may begin at the same time: as Deferreds they
    would be most of the work, and most of what the garbage collector looks at.

    :ivar has_come: whether it has.
    """

    __slots__ = ("_deferred", "_told", "_value", "has_come")

    _value: T

    def __init__(self) -> None:
        self.has_come = False
        self._told: tuple[Callable[[T], object], ...] = ()
        self._deferred: Deferred[T] | None = None

    def come(self, value: T) -> None:
        """It does: tell those who want to know."""
        self.has_come = True
        self._value = value
        told, self._told = self._told, ()
        for function in told:
            _call(function, value)

    def tell(self, function: Callable[[T], object]) -> None:
        """Call this when it comes, in the order in which they ask; now, if it has come."""
        if self.has_come:
            _call(function, self._value)
        else:
            self._told += (function,)

    @property
    def deferred(self) -> Deferred[T]:
        """The same for those who wait with a Deferred, of which there is one."""
        if self._deferred is None:
            self._deferred = Deferred()
            self.tell(self._deferred.callback)
        return self._deferred


def _call(function: Callable[[T], object], value: T) -> None:
    # One that fails is no matter of the others, and none of whose moment it is.
    try:
        function(value)
    except Exception:
        _log.failure("automations: what was to follow something failed")
