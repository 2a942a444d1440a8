"""What worker processes are made from: a new Python each, or a nursery that has loaded the project."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from duck_tx.process.child import environ_of_child
from duck_tx.process.preload import Preload
from duck_tx.process.worker import Spawn, spawning
from duck_tx.settings import Settings

__all__ = ["Origins"]


class Origins:
    """The nurseries of a server, of which there are two while it is restarted.

    :param reactor: for processes and time.
    :param directory: where the main process read its settings.
    :param environ: the variables of this process.
    :param draw: gives numbers from 0 up to 1, for delays.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        directory: str,
        environ: Mapping[str, str],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._reactor = reactor
        self._directory = directory
        self._environ = environ
        self._draw = draw
        self._preloads: set[Preload] = set()

    async def prepare(self, settings: Settings, *, runs_commands: bool) -> Preload | None:
        """What workers with these settings are forked from; ``None`` where they are not.

        :param runs_commands: the startup commands are still to be run: then it does so.
        :raises ApplicationError: if the project cannot be loaded.
        """
        if not settings.server.preload:
            return None
        environ = environ_of_child(self._environ)
        preload = Preload(self._reactor, settings, directory=self._directory, environ=environ, draw=self._draw)
        self._preloads.add(preload)
        preload.gone.addCallback(lambda _: self._preloads.discard(preload))
        await preload.begin(runs_commands=runs_commands)
        return preload

    def spawn(self, preload: Preload | None) -> Spawn:
        """What makes a worker, as :meth:`prepare` has said."""
        return spawning(self._reactor, environ_of_child(self._environ)) if preload is None else preload.spawn

    def retire(self) -> None:
        """No more workers are wanted."""
        for preload in list(self._preloads):
            preload.retire()

    async def close(self) -> None:
        """All workers have ended: wait until the nurseries have."""
        for preload in list(self._preloads):
            await preload.close()

    def kill(self) -> None:
        """End the nurseries now."""
        for preload in self._preloads:
            preload.kill()
