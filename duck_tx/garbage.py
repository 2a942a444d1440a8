"""The garbage collector, kept from what a server has loaded to stay."""

from __future__ import annotations

import gc

from twisted.application.service import Service

__all__ = ["GarbageService"]

_YOUNGEST_AT_MOST = 2_000
_MIDDLE_AT_MOST = 50
"""Collections of the middle generation for one of all: that one stops everything while it looks at each object of each
open connection."""


class GarbageService(Service):
    """Keeps the garbage collector from looking again and again at what is loaded to stay when this starts, and from
    looking after every few requests at what most of them free by themselves."""

    _earlier: tuple[int, int, int] | None = None

    def startService(self) -> None:
        """All is loaded that will be."""
        super().startService()
        if self._earlier is None:
            self._earlier = gc.get_threshold()
            gc.collect()
            gc.freeze()
            gc.set_threshold(_YOUNGEST_AT_MOST, self._earlier[1], _MIDDLE_AT_MOST)

    def stopService(self) -> None:
        """Make it as it was: there may be others in this process."""
        super().stopService()
        earlier, self._earlier = self._earlier, None
        if earlier is not None:
            gc.unfreeze()
            gc.set_threshold(*earlier)
