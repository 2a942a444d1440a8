"""The worker processes: started, watched, replaced, more and fewer of them, and stopped."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredLock, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.errors import ApplicationError
from duck_tx.http.turns import Board
from duck_tx.process.check import tell
from duck_tx.process.count import check_count, counted
from duck_tx.process.link import Answer, Reload, ReopenLogs, Role, Settle
from duck_tx.process.origin import Origins
from duck_tx.process.poll import polled
from duck_tx.process.preload import Preload
from duck_tx.process.roll import HalfRestarted
from duck_tx.process.slot import Slot
from duck_tx.process.tenure import between_looks, mebibytes, tenure
from duck_tx.process.watch import Watch
from duck_tx.process.worker import BOARD, Worker
from duck_tx.promise import follow, settled
from duck_tx.settings import Settings

__all__ = ["WorkerService"]

_log = Logger()


class Port(Protocol):
    """A listening socket that is bound here, for workers to listen on."""

    @property
    def bound(self) -> socket.socket | None: ...
    def privilegedStartService(self) -> None: ...
    def stopService(self) -> Awaitable[None] | None: ...


class WorkerService(Service):
    """Has so many workers serve, whatever becomes of any of them.

    :ivar count: how many are wanted.
    :ivar microapps: gives what else they serve, as :func:`duck_tx.process.program.packed` has it; called at a start.
    :param reactor: for processes and time.
    :param settings: theirs.
    :param ports: what they listen on, by name.
    :param shared: the names of those that somebody else holds open as well.
    :param loaded: called when one has loaded the project, with whether that is in development; it goes on when what
        this returns has fired.
    :param environ: the variables of this process.
    :param resized: called when another number of them is wanted.
    :param runs_commands: the first worker runs the startup commands; otherwise somebody has done so.
    :param draw: gives numbers from 0 up to 1, for delays and bounds.
    """

    def __init__(
        self,
        reactor: Any,
        settings: Settings,
        *,
        count: int,
        ports: Mapping[str, Port],
        shared: Collection[str],
        loaded: Callable[[bool], Deferred[None] | None],
        environ: Mapping[str, str],
        resized: Callable[[], object] = lambda: None,
        runs_commands: bool = True,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.count = count
        self.microapps: Callable[[], bytes] = bytes
        self._microapps = b""
        self._reactor = reactor
        self._settings = settings
        self._ports = dict(ports)
        self._shared = list(shared)
        self._loaded = loaded
        self._resized = resized
        self._runs_commands = runs_commands
        self._draw = draw
        self._directory = os.getcwd()
        self._board: Board | None = None
        self._origins = Origins(reactor, directory=self._directory, environ=environ, draw=draw)
        self._preload: Preload | None = None
        self._slots: dict[int, Slot] = {}
        self._leaving: set[Worker] = set()
        self._answers: dict[tuple[str, bytes], bytes] = {}
        self._is_up = False
        self._replacing = DeferredLock()
        self._bound_told = 0
        self._watch = Watch(
            reactor, lambda: self._settings.server.worker_timeout, self._workers, self._replace_the_overdue
        )

    # What there is.

    @property
    def is_serving(self) -> bool:
        """Whether there is one that serves."""
        return any(worker.state == "ready" for worker in self._workers())

    def describe(self) -> list[dict[str, object]]:
        """What there is to know about each, in the order of their numbers; memory in bytes, age in seconds."""
        workers = sorted(self._workers(), key=lambda worker: (worker.number, -worker.age))
        return [worker.describe() for worker in workers]

    def poll(self, verb: str) -> Deferred[dict[int, Any]]:
        """What each that serves answers to a question, by its number; ``None`` from one that does not in time."""
        return polled(self._reactor, [worker for worker in self._workers() if worker.state == "ready"], verb)

    def _workers(self) -> list[Worker]:
        placed = (worker for slot in self._slots.values() for worker in slot.workers())
        return [*placed, *self._leaving]

    # Start and stop.

    def privilegedStartService(self) -> None:
        """Bind.

        :raises ApplicationError: if something cannot be handed to workers; then nothing is bound.
        """
        super().privilegedStartService()
        self._microapps = self.microapps()
        for port in self._ports.values():
            port.privilegedStartService()

    async def startService(self) -> None:
        """Start the workers: the first by itself, as it may have to prepare what all of them need.

        :raises ApplicationError: if that one cannot serve.
        """
        if self._is_up:
            return
        self.privilegedStartService()
        super().startService()
        self._watch.begin()
        self._preload = await self._origins.prepare(self._settings, runs_commands=self._runs_commands)
        first = self._slot(1)
        worker = first.begin(runs_commands=self._runs_commands and self._preload is None)
        await follow(worker.decided)
        if worker.why_not:
            first.close()
            raise ApplicationError(worker.why_not)
        self._is_up = True
        await self._fill()

    async def stopService(self) -> None:
        """Have all of them finish what is in flight, and end; who does not is killed when the grace is over."""
        super().stopService()
        self._is_up = False
        self._watch.end()
        for slot in self._slots.values():
            slot.close()
        self._origins.retire()
        workers = self._workers()
        if workers:
            _log.info("stopping {workers}", workers=counted(len(workers)))
        for worker in workers:
            worker.drain(self._shared)
        try:
            for worker in workers:
                await follow(worker.ended)
            if workers:
                _log.info("all workers are down")
        except CancelledError:
            self.stop_at_once()
            raise
        finally:
            self._slots.clear()
            await self._origins.close()
            if self._board is not None:
                self._board.close()
                self._board = None
            for port in self._ports.values():
                await settled(port.stopService())

    def stop_at_once(self) -> None:
        """Kill all of them."""
        for worker in self._workers():
            worker.kill()
        self._origins.kill()

    # One of them.

    def add_port(self, name: str, port: Port, *, is_shared: bool) -> None:
        """Have those that start from now on listen on one more.

        :param is_shared: somebody else holds it open as well.
        """
        self._ports[name] = port
        if is_shared:
            self._shared.append(name)

    def _slot(self, number: int) -> Slot:
        slot = self._slots[number] = Slot(number, self._reactor, self._launch, self._dismiss, self._draw)
        return slot

    def _launch(self, slot: Slot, runs_commands: bool) -> Worker:
        server = self._settings.server
        sockets = {name: port.bound for name, port in self._ports.items() if port.bound is not None}
        if self._board is None:
            self._board = Board.make()
        board = self._board
        # One that is ready and its successor are there at the same time.
        one, other = 2 * slot.number - 1, 2 * slot.number
        cell = other if any(worker.cell == one for worker in slot.workers()) else one
        board.use(cell)
        role = Role(
            number=slot.number,
            settings=self._settings,
            sockets={name: BOARD + number for number, name in enumerate(sockets, 1)},
            directory=self._directory,
            board=BOARD,
            cell=cell,
            runs_commands=runs_commands,
            beat=between_looks(server.worker_timeout),
            microapps=self._microapps,
        )
        worker = Worker(
            self._reactor,
            role,
            spawn=self._origins.spawn(self._preload),
            tenure=tenure(server, self._draw),
            timeout=server.worker_timeout,
            grace=server.grace,
            loaded=self._loaded,
            left=lambda worker: self._left(slot, worker),
        )
        worker.ended.addCallback(lambda _: self._ended(slot, worker))
        worker.start(sockets, board.descriptor)
        for (kind, key), value in self._answers.items():
            worker.end.say(Answer, kind=kind, key=key, value=value)
        return worker

    def _ended(self, slot: Slot, worker: Worker) -> None:
        self._leaving.discard(worker)
        slot.ended(worker)
        # One that takes long to leave may have a cell that is another's by now.
        if self._board is not None and all(each.cell != worker.cell for each in self._workers()):
            self._board.cells[worker.cell] = 0

    def _left(self, slot: Slot, worker: Worker) -> None:
        """Somebody has asked a worker to end, and not this process."""
        if self._is_up:
            self._dismiss(worker)
            slot.left(worker)
        else:
            worker.drain(self._shared)

    def _dismiss(self, worker: Worker) -> Deferred[Any]:
        """Have a worker leave, while others serve."""
        self._leaving.add(worker)
        return worker.drain(list(self._ports))

    # More and fewer.

    def resize(self, count: int) -> Deferred[None]:
        """Have so many workers; fires when new ones serve, or cannot.

        :raises ApplicationError: if there cannot be so many.
        """
        check_count(count)
        if count != self.count:
            verb = "is" if count == 1 else "are"
            _log.info(
                "{workers} {verb} wanted, {earlier} until now", workers=counted(count), verb=verb, earlier=self.count
            )
            self.count = count
            self._resized()
        for number in [number for number in self._slots if number > count]:
            slot = self._slots.pop(number)
            slot.close()
            for worker in slot.workers():
                self._dismiss(worker)
        return self._fill()

    def _fill(self) -> Deferred[None]:
        """Have a worker in each slot that there is to be."""
        numbers = range(1, self.count + 1) if self._is_up else ()
        new = [self._slot(number) for number in numbers if number not in self._slots]
        return gatherResults([slot.open() for slot in new]).addCallback(lambda _: None)

    # Others in their places.

    def roll(self, settings: Settings, *, runs_commands: bool = True) -> Deferred[None]:
        """Replace all of them, one after the other, by others with these settings; fires when only those accept.

        :param runs_commands: the first runs the startup commands; otherwise somebody has done so.
        :raises ApplicationError: in the Deferred, if a new one cannot serve: those whose turn had not come go on.
        :raises HalfRestarted: if that was not the first: the new settings are those of all that start from now on.
        """
        return self._replacing.run(self._roll, settings, runs_commands)

    async def _roll(self, settings: Settings, runs_commands: bool) -> None:
        if not self._is_up:
            raise ApplicationError("there are no workers: the server is not up.")
        preload = await self._origins.prepare(settings, runs_commands=runs_commands)
        earlier = self._settings, self._preload
        self._settings, self._preload = settings, preload
        old = {slot.worker for slot in self._slots.values()}
        is_first = True
        for number in sorted(self._slots):
            slot = self._slots.get(number)
            if slot is None:
                continue
            try:
                await slot.replace(runs_commands=runs_commands and is_first and preload is None)
            except ApplicationError as error:
                if self._is_up and self._slots.get(number) is not slot:
                    # Fewer are wanted since it began.
                    continue
                if is_first:
                    self._settings, self._preload = earlier
                    if preload is not None:
                        preload.retire()
                    raise
                there = sorted(number for number, slot in self._slots.items() if slot.worker is not None)
                stayed = [number for number in there if self._slots[number].worker in old]
                raise HalfRestarted(str(error), [each for each in there if each not in stayed], stayed) from error
            if is_first and earlier[1] is not None:
                earlier[1].retire()
            is_first = False

    def _replace_the_overdue(self) -> None:
        """Replace one that has served long enough."""
        if self._replacing.locked or not self._is_up:
            return
        overdue = {slot: why for slot in self._slots.values() if (why := slot.overdue())}
        if overdue:
            # One at a time: the others serve meanwhile.  The first in the row would be due again before the last.
            oldest = max(overdue, key=lambda slot: slot.age)
            self._replacing.run(self._recycle, oldest, overdue[oldest]).addErrback(_failed)

    async def _recycle(self, slot: Slot, why: str) -> None:
        _log.info("worker {number} is replaced after {why}", number=slot.number, why=why)
        self._look_at_bound(slot)
        try:
            await slot.recycle()
        except ApplicationError as error:
            if self._is_up:
                tell(error)

    def _look_at_bound(self, slot: Slot) -> None:
        """Say it once, if there is less memory allowed than a new worker takes."""
        bound = self._settings.server.max_memory
        if bound != self._bound_told and slot.worker is not None and slot.worker.is_born_overdue:
            self._bound_told = bound
            _log.warn(
                "server.max_memory is less than a new worker takes ({memory}): raise it. Workers are replaced all the"
                " same, after ever longer pauses",
                memory=mebibytes(slot.worker.memory_at_first),
            )

    # What all of them are told.

    def announce_stop(self) -> None:
        """Have all answers say that their connections close."""
        for worker in self._workers():
            worker.announce_stop()

    def reopen_logs(self) -> None:
        """Have all go on in new files."""
        self._tell(ReopenLogs)

    def reload_certificates(self) -> None:
        """Have all read the certificates anew."""
        self._tell(Reload)

    def answer(self, kind: str, key: bytes, value: bytes) -> None:
        """Have all answer a challenge, or no longer if ``value`` is empty."""
        self._answers.pop((kind, key), None)
        if value:
            self._answers[kind, key] = value
        self._tell(Answer, kind=kind, key=key, value=value)

    def settled(self) -> Deferred[None]:
        """Fires when all have done what they were told until now."""
        return gatherResults(self._tell(Settle)).addCallback(lambda _: None)

    def _tell(self, command: Any, **arguments: Any) -> list[Deferred[Any]]:
        return [worker.end.say(command, **arguments) for worker in self._workers()]


def _failed(failure: Failure) -> None:
    _log.failure("a worker could not be replaced", failure)
