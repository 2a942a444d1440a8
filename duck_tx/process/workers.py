"""The worker processes: started, watched, replaced, more and fewer of them, and stopped."""

from __future__ import annotations

import os
import random
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredLock, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from duck_tx.errors import ApplicationError
from duck_tx.http.turns import Board
from duck_tx.process.check import tell
from duck_tx.process.child import environ_of_child
from duck_tx.process.count import check_count
from duck_tx.process.link import Answer, Reload, ReopenLogs, Role, Settle
from duck_tx.process.promise import follow, settled
from duck_tx.process.slot import Slot
from duck_tx.process.tenure import between_looks, tenure
from duck_tx.process.worker import BOARD, Worker
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
    :param reactor: for processes and time.
    :param settings: theirs.
    :param ports: what they listen on, by name.
    :param shared: the names of those that somebody else holds open as well.
    :param loaded: called when one has loaded the project, with whether that is in development; it goes on when what
        this returns has fired.
    :param environ: the variables of this process.
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
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.count = count
        self._reactor = reactor
        self._settings = settings
        self._ports = ports
        self._shared = list(shared)
        self._loaded = loaded
        self._environ = environ
        self._draw = draw
        self._directory = os.getcwd()
        self._board: Board | None = None
        self._generations: Counter[int] = Counter()
        self._slots: dict[int, Slot] = {}
        self._leaving: set[Worker] = set()
        self._answers: dict[tuple[str, bytes], bytes] = {}
        self._is_up = False
        self._replacing = DeferredLock()
        self._looked = 0.0
        self._look_later: IDelayedCall | None = None

    # What there is.

    @property
    def is_serving(self) -> bool:
        """Whether there is one that serves."""
        return any(worker.state == "ready" for worker in self._workers())

    def describe(self) -> list[dict[str, object]]:
        """What there is to know about each, in the order of their numbers; memory in bytes, age in seconds."""
        workers = sorted(self._workers(), key=lambda worker: (worker.number, -worker.age))
        return [worker.describe() for worker in workers]

    def _workers(self) -> list[Worker]:
        placed = (worker for slot in self._slots.values() for worker in slot.workers())
        return [*placed, *self._leaving]

    # Start and stop.

    def privilegedStartService(self) -> None:
        """Bind."""
        super().privilegedStartService()
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
        self._looked = self._reactor.seconds()
        self._look_later = self._reactor.callLater(self._between_looks, self._look)
        first = self._slot(1)
        worker = first.begin(runs_commands=True)
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
        if self._look_later is not None:
            self._look_later.cancel()
            self._look_later = None
        for slot in self._slots.values():
            slot.close()
        workers = self._workers()
        for worker in workers:
            worker.drain(self._shared)
        try:
            for worker in workers:
                await follow(worker.ended)
        except CancelledError:
            self.stop_at_once()
            raise
        finally:
            self._slots.clear()
            if self._board is not None:
                self._board.close()
                self._board = None
            for port in self._ports.values():
                await settled(port.stopService())

    def stop_at_once(self) -> None:
        """Kill all of them."""
        for worker in self._workers():
            worker.kill()

    # One of them.

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
        self._generations[slot.number] += 1
        cell = 2 * slot.number - self._generations[slot.number] % 2
        board.use(cell)
        role = Role(
            number=slot.number,
            settings=self._settings,
            sockets={name: BOARD + number for number, name in enumerate(sockets, 1)},
            directory=self._directory,
            board=BOARD,
            cell=cell,
            runs_commands=runs_commands,
            beat=self._between_looks,
        )
        worker = Worker(
            self._reactor,
            role,
            tenure=tenure(server, self._draw),
            timeout=server.worker_timeout,
            grace=server.grace,
            loaded=self._loaded,
            left=lambda worker: self._left(slot, worker),
        )
        worker.ended.addCallback(lambda _: self._ended(slot, worker, cell))
        worker.start(sockets, board.descriptor, environ_of_child(self._environ))
        for (kind, key), value in self._answers.items():
            worker.end.say(Answer, kind=kind, key=key, value=value)
        return worker

    def _ended(self, slot: Slot, worker: Worker, cell: int) -> None:
        if self._board is not None:
            self._board.cells[cell] = 0
        self._leaving.discard(worker)
        slot.ended(worker)

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
            _log.info("{count} workers are wanted, {earlier} until now", count=count, earlier=self.count)
        self.count = count
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

    def roll(self, settings: Settings) -> Deferred[None]:
        """Replace all of them, one after the other, by others with these settings; fires when only those accept.

        The first runs the startup commands.

        :raises ApplicationError: in the Deferred, if a new one cannot serve: those whose turn had not come go on, and
            unless it was the first, the new settings are those of all that start from now on.
        """
        return self._replacing.run(self._roll, settings)

    async def _roll(self, settings: Settings) -> None:
        if not self._is_up:
            raise ApplicationError("there are no workers: the server is not up.")
        earlier, self._settings = self._settings, settings
        is_first = True
        for number in sorted(self._slots):
            slot = self._slots.get(number)
            if slot is None:
                continue
            try:
                await slot.replace(runs_commands=is_first)
            except ApplicationError:
                if is_first:
                    self._settings = earlier
                raise
            is_first = False

    @property
    def _between_looks(self) -> float:
        return between_looks(self._settings.server.worker_timeout)

    def _look(self) -> None:
        """Give up who does not answer, and replace who has served long enough."""
        now = self._reactor.seconds()
        elapsed, self._looked = now - self._looked, now
        self._look_later = self._reactor.callLater(self._between_looks, self._look)
        for worker in self._workers():
            worker.passed(elapsed)
        if self._replacing.locked or not self._is_up:
            return
        for slot in self._slots.values():
            why = slot.overdue()
            if why:
                # One at a time: the others serve meanwhile.
                self._replacing.run(self._recycle, slot, why).addErrback(_failed)
                return

    async def _recycle(self, slot: Slot, why: str) -> None:
        _log.info("worker {number} is replaced after {why}", number=slot.number, why=why)
        try:
            await slot.replace()
        except ApplicationError as error:
            if self._is_up:
                tell(error)

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
