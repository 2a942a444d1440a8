"""The process that runs the automations of a tree with workers: started, watched, replaced, and stopped."""

from __future__ import annotations

import os
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionClosed
from twisted.logger import Logger

from duck_tx.errors import ApplicationError
from duck_tx.process.child import environ_of_child
from duck_tx.process.link import Role
from duck_tx.process.slot import Slot
from duck_tx.process.tenure import Tenure, between_looks
from duck_tx.process.watch import Watch
from duck_tx.process.worker import Worker, spawning
from duck_tx.promise import follow
from duck_tx.settings import Settings

__all__ = ["SoloService"]

_log = Logger()


class SoloService(Service):
    """Has one process run the automations, whatever becomes of it; none where they are off.

    A process that finds none to run is not kept, and no other comes in its place before the next restart.

    :param reactor: for processes and time.
    :param settings: its.
    :param environ: the variables of this process.
    :param changed: called when another process has this part.
    :param runs_commands: the first runs the startup commands; otherwise somebody has done so.
    :param draw: gives numbers from 0 up to 1, for delays.
    """

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        *,
        environ: Mapping[str, str],
        changed: Callable[[], object] = lambda: None,
        runs_commands: bool = True,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._environ = environ
        self._changed = changed
        self._runs_commands = runs_commands
        self._draw = draw
        self._directory = os.getcwd()
        # While it is restarted there are two: that of who runs them, and that of who will.
        self._slot: Slot | None = None
        self._slots: list[Slot] = []
        # Who finishes what it runs, while its successor waits.
        self._earlier: Worker | None = None
        self._idle: set[Slot] = set()
        self._leaving: set[Worker] = set()
        self._is_up = False
        self._watch = Watch(reactor, lambda: self._settings.server.worker_timeout, self._workers)

    # What there is.

    @property
    def is_wanted(self) -> bool:
        """Whether automations are on."""
        return self._settings.automations.enabled

    @property
    def is_idle(self) -> bool:
        """Whether there are no automations to run."""
        return self._slot in self._idle

    def describe(self) -> dict[str, object] | None:
        """What there is to know about the process, memory in bytes and age in seconds; ``None`` where there is to be
        none."""
        slot = self._slot
        if slot is None or self.is_idle:
            return None
        if slot.worker is None:
            return {"pid": None, "state": "down"}
        return {key: value for key, value in slot.worker.describe().items() if key in ("pid", "state", "memory", "age")}

    async def ask(self, verb: str, given: Mapping[str, Any]) -> object:
        """What the process answers, which may take as long as an automation runs.

        :raises ApplicationError: if it cannot be done, or the process is not up, or ends meanwhile.
        """
        earlier = self._earlier
        if earlier is not None and verb == "run":
            # It begins none any more.
            await follow(earlier.ended)
        elif earlier is not None:
            # It knows what the other reads only when its turn comes.
            with suppress(ConnectionClosed):
                return await earlier.end.ask(verb, given)
        worker = None if self._slot is None else self._slot.worker
        if worker is None or worker.state == "starting":
            raise ApplicationError("the automations process is not up yet. Ask again in a moment; see duckctl logs.")
        try:
            return await worker.end.ask(verb, given)
        except ConnectionClosed:
            raise ApplicationError(
                "the automations process ended before it could answer. What it was running is in duckctl automations"
                " history; see duckctl logs for the reason."
            ) from None

    def _workers(self) -> list[Worker]:
        return [*(worker for slot in self._slots for worker in slot.workers()), *self._leaving]

    # Start and stop.

    async def startService(self) -> None:
        """Start the process, if automations are on.

        :raises ApplicationError: if it cannot run them.
        """
        if self._is_up:
            return
        super().startService()
        self._watch.begin()
        if self.is_wanted:
            self._slot = await self._begun(self._settings, runs_commands=self._runs_commands)
        self._is_up = True

    def let_go(self) -> None:
        """Have it finish what runs, and end; a stop is about to begin."""
        was_up, self._is_up = self._is_up, False
        if was_up and self._workers():
            _log.info("stopping the automations")
        for slot in list(self._slots):
            self._drop(slot)

    async def stopService(self) -> None:
        """Have it finish what runs, and end; it is killed when the grace is over."""
        super().stopService()
        self.let_go()
        self._watch.end()
        try:
            for worker in self._workers():
                await follow(worker.ended)
        except CancelledError:
            self.stop_at_once()
            raise
        finally:
            self._slot = None
            self._idle.clear()

    def stop_at_once(self) -> None:
        """Kill it."""
        for worker in self._workers():
            worker.kill()

    # One of them.

    async def _begun(self, settings: Settings, *, runs_commands: bool) -> Slot:
        """A slot with a process that is ready.

        :raises ApplicationError: if it cannot run the automations.
        """
        slot = Slot(
            0, self._reactor, partial(self._launch, settings), self._dismiss, self._draw, name="the automations process"
        )
        self._slots.append(slot)
        try:
            worker = slot.begin(runs_commands=runs_commands)
            await follow(worker.decided)
            if worker.why_not:
                raise ApplicationError(worker.why_not)
        except BaseException:
            self._drop(slot)
            raise
        return slot

    def _launch(self, settings: Settings, slot: Slot, runs_commands: bool) -> Worker:
        server = settings.server
        role = Role(
            kind="automations",
            number=slot.number,
            settings=settings,
            sockets={},
            directory=self._directory,
            board=0,
            cell=0,
            runs_commands=runs_commands,
            beat=between_looks(server.worker_timeout),
        )
        worker = Worker(
            self._reactor,
            role,
            spawn=spawning(self._reactor, environ_of_child(self._environ)),
            # How long it stays is up to what it runs.
            tenure=Tenure(),
            timeout=server.worker_timeout,
            grace=role.grace,
            loaded=lambda is_development: None,
            left=partial(self._left, slot),
        )
        worker.decided.addCallback(lambda _: self._decided(slot, worker))
        worker.ended.addCallback(lambda _: self._ended(slot, worker))
        worker.start({}, None)
        return worker

    def _decided(self, slot: Slot, worker: Worker) -> None:
        """It is known whether a process runs them, and whether there are any."""
        if worker.is_idle:
            slot.close()
            self._idle.add(slot)
            worker.drain([])
        if self._is_up and slot is self._slot:
            self._changed()

    def _ended(self, slot: Slot, worker: Worker) -> None:
        self._leaving.discard(worker)
        if worker is self._earlier:
            self._earlier = None
        slot.ended(worker)

    def _left(self, slot: Slot, worker: Worker) -> None:
        """Somebody has asked a process to end, and not this one."""
        self._dismiss(worker)
        if self._is_up:
            slot.left(worker)

    def _dismiss(self, worker: Worker) -> Deferred[Any]:
        """Have a process finish what it runs, and end."""
        self._leaving.add(worker)
        return worker.drain([])

    def _drop(self, slot: Slot) -> None:
        """Have no process in a slot any more."""
        if slot not in self._slots:
            return
        slot.close()
        self._slots.remove(slot)
        self._idle.discard(slot)
        for worker in slot.workers():
            self._dismiss(worker)

    # Another in its place.

    async def roll(self, settings: Settings, others: Callable[[bool], Awaitable[None]]) -> None:
        """Replace it by one with these settings, and have the others replaced in the meantime.

        The successor is started first, and has found all mistakes when the turn of the others comes.  When they are
        new, the earlier one finishes what it runs, and only then does the successor begin: they share a lock.

        :param others: replaces them; told whether the startup commands are still to be run.
        :raises ApplicationError: if the successor cannot run them, or ``others`` failed: the earlier one goes on.
        """
        if not self._is_up:
            raise ApplicationError("the automations are not up.")
        is_wanted = settings.automations.enabled
        successor = await self._begun(settings, runs_commands=True) if is_wanted else None
        try:
            await others(not is_wanted)
        except BaseException:
            if successor is not None:
                self._drop(successor)
            raise
        earlier, self._slot = self._slot, successor
        self._settings = settings
        if earlier is not None:
            self._earlier = earlier.worker
            self._drop(earlier)
        self._changed()
