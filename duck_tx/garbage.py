"""The garbage collector, kept from what a server has loaded to stay."""

from __future__ import annotations

import gc
from collections.abc import Callable

from twisted.application.service import Service

__all__ = ["GarbageService", "spare_what_stays"]

_YOUNGEST_AT_MOST = 2_000
_MIDDLE_AT_MOST = 50
"""Collections of the middle generation for one of all: that one stops everything while it looks at each object of each
open connection."""


def spare_what_stays() -> Callable[[], None]:
    """Keep the garbage collector from looking again and again at what was loaded to stay, and from looking after every
    few requests at what most of them free by themselves.

    :return: makes it as it was before.
    """
    earlier = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNGEST_AT_MOST, earlier[1], _MIDDLE_AT_MOST)

    def undo() -> None:
        gc.unfreeze()
        gc.set_threshold(*earlier)

    return undo


class GarbageService(Service):
    """Spares what is loaded when it starts, where no project is loaded that would do so."""

    _undo: Callable[[], None] | None = None

    def startService(self) -> None:
        """All is loaded that will be."""
        super().startService()
        if self._undo is None:
            self._undo = spare_what_stays()

    def stopService(self) -> None:
        """There may be others in this process."""
        super().stopService()
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()
