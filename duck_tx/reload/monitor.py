"""The monitor: a process that stands above the server, and starts it anew when a file is edited."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from duck_tx.errors import ApplicationError
from duck_tx.reload.child import ServerProcess, Start
from duck_tx.reload.files import FileWatch
from duck_tx.reload.gathered import Gathered
from duck_tx.reload.module import forget_compiled, python_files
from duck_tx.reload.stopgap import Stopgap

__all__ = ["MonitorService"]

_log = Logger()
_PATIENCE = 5.0
"""Seconds that a server has to stop in; it waits less than that for requests in flight."""

_FROM_THE_TERMINAL = 0.25
"""Seconds in which a Ctrl-C at the terminal, which goes to all processes, has reached the server by itself."""

_AT_REST = 0.5
"""Seconds after which a server that has become ready leaves the processors to the one that waits for its turn."""

_MEANT_TO_END = (signal.SIGTERM, signal.SIGINT)


class MonitorService(Service):
    """Runs the server in a child process, and in another one after each change.

    The next one stands by meanwhile, with all of it imported that is not the project's: that is most of a start.

    A server that ends by itself takes the monitor with it, unless it has failed: then the next change may mend it.

    :param reactor: for the processes, the files and the time.
    :param prepare: says how to start one; raises :class:`ApplicationError` where that makes no sense at present, and
        the server that runs is left alone then.
    :param tell: says what was wrong.
    :param over: called with the exit status or the signal by which the server has ended for good.
    :param polls: look at the files again and again, instead of being told.
    :param watch: makes what watches the files.

    :ivar by_terminal: the stop that is to come is one by Ctrl-C, of which the server has heard.
    """

    by_terminal = False

    def __init__(
        self,
        reactor: Any,
        prepare: Callable[[], Start],
        tell: Callable[[ApplicationError], object],
        over: Callable[[int | None, int | None], object],
        *,
        polls: bool = False,
        watch: Callable[..., Any] = FileWatch,
    ) -> None:
        self._reactor = reactor
        self._prepare = prepare
        self._tell = tell
        self._over = over
        self._gathered = Gathered(reactor, self._edited)
        self._files = watch(reactor, self._gathered.add, polls=polls)
        self._first: Start | None = None
        self._next: Start | None = None
        self._server: ServerProcess | None = None
        self._spare: ServerProcess | None = None
        self._living: set[ServerProcess] = set()
        self._resting: IDelayedCall | None = None
        self._killing: IDelayedCall | None = None
        self._stopped: Deferred[None] | None = None
        self._compiled: set[str] = set()
        self._directory = ""
        self._began = 0.0
        self._changed_at: float | None = None
        self._stays = False
        self._needed: set[str] = set()
        self._serves = False
        self._stopgap = Stopgap(reactor)

    @property
    def pid(self) -> int | None:
        """The server's process, while there is one."""
        return None if self._server is None else self._server.pid

    def privilegedStartService(self) -> None:
        """Bind what the server is to listen on."""
        super().privilegedStartService()
        self._first = self._prepare()

    def startService(self) -> None:
        """Watch, and start the server."""
        if self.running:
            return
        super().startService()
        first, self._first = self._first or self._prepare(), None
        self._files.start()
        self._begin(first)

    def restart(self, why: str) -> None:
        """Start the server anew, if that makes sense."""
        if not self.running:
            return
        try:
            self._next = self._prepare()
        except ApplicationError as error:
            self._tell(error)
            return
        _log.info("starting anew: {why}", why=why)
        self._changed_at = self._reactor.seconds()
        if self._server is None:
            self._begin_next()
            return
        self._stand_by(self._next)
        self._ask_to_end()

    def signal(self, number: signal.Signals) -> None:
        """Hand a signal on to the server."""
        if self._server is not None:
            self._server.signal(number)

    def _edited(self, paths: frozenset[str]) -> None:
        self._compiled |= paths
        if self._serves:
            # Whatever else lies in the project's folder is of no account to a server that has loaded without it.
            paths &= self._needed
        if not paths:
            return
        shown = sorted(os.path.relpath(path, self._directory) for path in paths)
        more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
        self.restart(f"{shown[0]}{more} changed")

    # The processes.

    def _begin(self, start: Start) -> None:
        self._directory = start.directory
        self._stays = self._serves = False
        self._stopgap.close()
        forget_compiled(self._compiled)
        self._compiled.clear()
        self._began = time.time()
        self._need(start.watched)
        self._do_not_rest()
        spare, self._spare = self._spare, None
        if spare is not None and spare.start != start:
            spare.signal(signal.SIGKILL)
            spare = None
        self._server = spare or self._spawned(start)
        self._server.go()
        if start.project:
            # It may end before it can say what it is made of.
            self._watch(python_files(start.project))

    def _begin_next(self) -> None:
        start, self._next = self._next, None
        if start is not None:
            self._begin(start)

    def _spawned(self, start: Start) -> ServerProcess:
        server = ServerProcess(start, self._heard, self._ended)
        server.spawn(self._reactor)
        self._living.add(server)
        return server

    def _stand_by(self, start: Start) -> None:
        """See that there is a process that waits for its turn."""
        self._do_not_rest()
        if self._spare is None:
            self._spare = self._spawned(start)

    def _do_not_rest(self) -> None:
        resting, self._resting = self._resting, None
        if resting is not None and resting.active():
            resting.cancel()

    def _heard(self, server: ServerProcess, message: dict[str, Any]) -> None:
        """The server has something to say."""
        self._need(message.get("watch", ()))
        if "restart" in message:
            self.restart(message["restart"])
        self._stays = self._stays or "stays" in message
        if "ready" in message and server is self._server and self.running:
            self._serves = True
            self._do_not_rest()
            self._resting = self._reactor.callLater(_AT_REST, self._stand_by, server.start)
            if self._changed_at is not None:
                _log.info("serving again after {seconds:.2f} s", seconds=self._reactor.seconds() - self._changed_at)
                self._changed_at = None

    def _need(self, paths: Iterable[str]) -> None:
        """The server is made of these files."""
        new = set(paths) - self._needed
        self._needed |= new
        self._watch(paths, new)

    def _watch(self, paths: Iterable[str], others: Iterable[str] = ()) -> None:
        """Watch these; those that are new, and the others, may have been edited since the server has begun."""
        for path in self._files.add(paths).union(others):
            if self._began < _written(path) <= time.time():
                # It may have been taken in before that, and nobody watched it yet.
                self._gathered.add(path)

    def _ask_to_end(self) -> None:
        if self._killing is None:
            self.signal(signal.SIGTERM)
            self._killing = self._reactor.callLater(_PATIENCE, self._kill)

    def _kill(self) -> None:
        _log.warn("the server does not stop, and is killed")
        self.signal(signal.SIGKILL)

    def _ended(self, server: ServerProcess, status: int | None, number: int | None) -> None:
        self._living.discard(server)
        if server is self._spare:
            self._spare = None
        elif server is self._server:
            self._server, self._serves = None, False
            if self._killing is not None and self._killing.active():
                self._killing.cancel()
            self._killing = None
            if self.running:
                self._judge(status, number, server.start.sockets)
        if self._stopped is not None and not self._living:
            self._stopped.callback(None)

    def _judge(self, status: int | None, number: int | None, sockets: Iterable[int]) -> None:
        """What follows from the end of the server, which has listened on these."""
        if self._next is not None:
            self._begin_next()
        elif self._stays:
            self._stopgap.open(sockets, "The server has stopped.")
            _log.info("the server has stopped; it is started again at the next change")
        elif status == 0 or number in _MEANT_TO_END:
            self._over(status, number)
        else:
            how = f"exit status {status}" if number is None else f"signal {number}"
            self._stopgap.open(sockets, f"The server has failed ({how}).")
            _log.warn("the server has failed ({how}); it is started again at the next change", how=how)

    # The end.

    async def stopService(self) -> None:
        """Stop the server, then watch no longer."""
        super().stopService()
        self._gathered.forget()
        self._do_not_rest()
        self._stopgap.close()
        self._next = None
        if self._living:
            late = self._reactor.callLater(_FROM_THE_TERMINAL if self.by_terminal else 0, self._ask_to_end)
            if self._spare is not None:
                self._spare.signal(signal.SIGKILL)
            try:
                await self._nobody()
            except CancelledError:
                self.stop_at_once()
                await self._nobody()
            finally:
                if late.active():
                    late.cancel()
        await self._files.stop()

    async def _nobody(self) -> None:
        """Wait until there is no process left."""
        if self._living:
            self._stopped = Deferred()
            try:
                await self._stopped
            finally:
                self._stopped = None

    def stop_at_once(self) -> None:
        """Wait for nothing any more."""
        for server in self._living:
            server.signal(signal.SIGKILL)


def _written(path: str) -> float:
    """When a file was written, in seconds since the epoch; 0 if it is not there."""
    with suppress(OSError):
        return os.stat(path).st_mtime
    return 0.0
