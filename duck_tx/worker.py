"""One worker process: ``python -m duck_tx.worker``, started by the main process and by nobody else.

What it needs to know comes over the link, its listening sockets are descriptors.  It ends when the main process is
gone, however that ended.
"""

from __future__ import annotations

import faulthandler
import os
import re
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ReactorNotRunning
from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    LogEvent,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    globalLogBeginner,
)
from twisted.python.failure import Failure

from duck_tx.errors import ApplicationError, SSLError
from duck_tx.http.turns import Board, Turns
from duck_tx.process.check import tell
from duck_tx.process.exit import end_in_time
from duck_tx.process.link import Beat, Idle, Leaving, Ready, Role, WorkerEnd, connect
from duck_tx.process.sequence import Sequence
from duck_tx.process.title import set_title
from duck_tx.process.worker import LINK
from duck_tx.serving import Form, Serving

__all__ = [
    "NOT_FOR_WORKERS",
    "WorkerLife",
    "log_to_the_main_process",
    "main",
    "serve",
    "show_crashes",
    "standard_input",
]

_log = Logger()

_ORDERS = 1.0
"""Seconds to wait for what the main process says about a signal."""

_LAST_THREADS = 1.0
"""Seconds for threads that never end, where the grace is over."""

_AFTER_GRACE = 2.0
"""Seconds beyond the grace for an end without the main process."""

_OF_PORTS = re.compile(r"\w+ starting on (?:\d+|'.*')|\((?:TCP|UNIX) Port .* Closed\)")

NOT_FOR_WORKERS = (signal.SIGINT, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU)
"""What a terminal sends to all of its processes, or a person to the wrong one."""


class Handed:
    """The listening sockets of a worker."""

    def __init__(self, descriptors: Mapping[str, int]) -> None:
        self._sockets = {name: socket.socket(fileno=number) for name, number in descriptors.items()}
        for sock in self._sockets.values():
            sock.set_inheritable(False)

    def __contains__(self, who: str, /) -> bool:
        return who in self._sockets

    def binding(self, who: str, bind: Callable[[], socket.socket]) -> Callable[[], socket.socket]:
        """What gives the socket, which is bound already."""
        sock = self._sockets.get(who)
        return bind if sock is None else lambda: sock


class WorkerLife:
    """The life of a worker: what it is told, and what it says.

    :param reactor: where it serves.

    :ivar end: its end of the link.
    :ivar status: that the process is to end with.
    :ivar grace: seconds to finish what is in flight.
    """

    _deadline = 0.0

    def __init__(self, reactor: Any) -> None:
        self.end = WorkerEnd(self)
        self.status = 0
        self.grace = 0.0
        self._reactor = reactor
        self._role: Role | None = None
        self._serving: Serving | None = None
        self._services = Sequence(self._failed)
        self._is_leaving = False

    # What it is told.

    def begin(self, role: Role) -> None:
        """Serve."""
        self._role = role
        self.grace = role.grace
        set_title(f"{role.settings.server.process_name}: {role.label}")
        self._beat()
        try:
            self._serving = self._made(role)
        except ApplicationError as error:
            self._failed(error)
            return
        for name, service in self._in_order(self._serving):
            service.setName(name)
            service.setServiceParent(self._services)
        self._services.startService().addCallback(self._started)

    def _made(self, role: Role) -> Serving:
        here = os.getcwd()
        # A ``twistd`` in the background has left the directory, and in a new root there is none.
        with suppress(OSError):
            os.chdir(role.directory)
        try:
            if role.kind == "automations":
                form = Form(serves=False, runs_commands=role.runs_commands)
            else:
                turns = Turns(Board(role.board), role.cell)
                form = Form(is_worker=True, turns=turns, runs_commands=role.runs_commands)
            serving = Serving(role.settings, self._reactor, Handed(role.sockets), form)
            if role.microapps:
                from duck_tx.process.program import unpacked

                for key, spec in unpacked(role.microapps, "micro apps"):
                    serving.add_microapp(spec, key)
            return serving
        finally:
            os.chdir(here)

    def _in_order(self, serving: Serving) -> list[tuple[str, Any]]:
        services: dict[str, Any] = dict(serving.services())
        if "server" not in services:
            return list(services.items())
        # The first to stop is what has the application's answers; where the redirect site leads to makes no difference.
        server = services.pop("server")
        certificates = services.pop("certificates", None)
        redirect = services.pop("force-https", None)
        first_to_stop = {name: services.pop(name, None) for name in ("health checks", "micro apps")}
        microapps = {key: services.pop(key) for key in serving.microapps}
        services["word"] = _Word(self.end, serving)
        last = {"certificates": certificates, **microapps, "force-https": redirect, "server": server}
        for name, service in (last | first_to_stop).items():
            if service is not None:
                services[name] = service
        return list(services.items())

    def _started(self, _: object) -> None:
        if self._is_leaving or self.status:
            return
        assert self._role is not None and self._serving is not None
        automations = self._serving.automations
        if self._role.kind == "automations":
            # Only now: who starts the server waits for it to load the project.
            os.nice(self._role.settings.automations.nice)
        if self._role.kind == "automations" and (automations is None or not automations.automations):
            _log.info("there are none, so nothing has to run here")
            self.end.say(Idle)
        else:
            self.end.say(Ready)

    def announce_stop(self) -> None:
        """Have answers say that their connections close."""
        if self._serving is not None:
            self._serving.announce_stop()

    def drain(self, shared: list[str]) -> None:
        """Accept no more, finish what is in flight, and end.

        :param shared: the sockets on which others serve what queues.
        """
        if self._is_leaving:
            return
        self._is_leaving = True
        self._deadline = self._reactor.seconds() + self.grace
        if self._serving is not None:
            for name, port in self._serving.ports.items():
                port.is_shared = name in shared
        self._services.stopService().addBoth(self._finish)

    @property
    def patience(self) -> float:
        """Seconds for threads that outlast everything else; by then the main process would kill this one."""
        return max(_LAST_THREADS, self._deadline - self._reactor.seconds())

    def reopen_logs(self) -> None:
        """Go on in new files."""
        if self._serving is not None:
            self._serving.access_log.reopen()

    def reload(self) -> None:
        """Read the certificates anew."""
        if self._serving is None or self._serving.secure is None:
            return
        try:
            self._serving.secure.reload()
        except SSLError as error:
            tell(error)

    def answer(self, kind: str, key: bytes, value: bytes) -> None:
        """Answer a challenge, or no longer."""
        if self._serving is not None and self._serving.secure is not None:
            self._serving.secure.follow(kind, key, value)

    def ask(self, verb: str, given: Mapping[str, Any]) -> Awaitable[object]:
        """How the servers behind the proxy are (``upstreams``); else what :class:`duck_tx.automations.desk.Desk`
        answers."""
        if verb == "upstreams":
            routes = None if self._serving is None else self._serving.routes
            return succeed([] if routes is None else routes.describe())
        automations = None if self._serving is None else self._serving.automations
        if automations is None:
            raise ApplicationError("the automations are not up yet.")
        from duck_tx.automations.desk import Desk

        return Desk(automations, self._reactor).answer(verb, given)

    def link_lost(self) -> None:
        """The main process is gone, and with it whoever read what is written here."""
        if not self._is_leaving:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)
        self.drain([])

    def asked(self) -> None:
        """Somebody else has asked this process to end: the main process says how."""
        self.end.say(Leaving)
        everything = [] if self._role is None else list(self._role.sockets)
        self._reactor.callLater(_ORDERS, self.drain, everything)

    # What it says.

    def _beat(self) -> None:
        assert self._role is not None
        self._reactor.callLater(self._role.beat, self._beat)
        serving = self._serving
        sites = [] if serving is None else [serving.site, *(app.site for app in serving.microapps.values() if app.site)]
        requests, connections = sum(site.answered for site in sites), sum(len(site.channels) for site in sites)
        self.end.say(Beat, requests=requests, connections=connections, memory=_resident())

    def _failed(self, error: BaseException) -> None:
        self.status = 1
        lines = str(error)
        if not isinstance(error, ApplicationError):
            _log.failure("the start-up failed", failure=Failure(error))
            lines = f"{self._role.name if self._role else 'a worker'}: {type(error).__name__}: {error}"
        self.end.failed(lines).addBoth(self._finish)

    def _finish(self, _: object) -> None:
        with suppress(ReactorNotRunning):
            self._reactor.stop()


class _Word(Service):
    """Says that the project is loaded, and waits for certificates to be there."""

    def __init__(self, end: WorkerEnd, serving: Serving) -> None:
        self._end = end
        self._serving = serving

    def startService(self) -> Deferred[None]:
        """Say it; fires when the main process has done its part."""
        super().startService()
        return Deferred.fromCoroutine(self._end.loaded(self._serving.is_development()))


def _resident() -> int:
    """The resident memory of this process in bytes; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _as_line(event: LogEvent) -> str:
    """The main process adds the time."""
    text = eventAsText(event, includeTimestamp=False, includeSystem=False)
    # Twisted's own words about ports are not worth a line for each worker.
    return f"{text}\n" if text and not _OF_PORTS.fullmatch(text) else ""


def log_to_the_main_process() -> None:
    """Have what is logged written to standard error."""
    level = LogLevelFilterPredicate(defaultLogLevel=LogLevel.info)
    level.setLogLevelForNamespace("twisted", LogLevel.warn)
    observer = FilteringLogObserver(FileLogObserver(sys.stderr, _as_line), [level])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


def standard_input() -> int:
    """A descriptor of the pipe that this process has as standard input, where there is nothing to be read from now on.

    Only the main process has its other end.
    """
    pipe = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return pipe


def _end_with_main(pipe: int, life: WorkerLife) -> None:
    """On a thread: when the main process is gone, end in time even if the reactor is stuck, which hears of it too."""
    while os.read(pipe, 4096):
        pass
    time.sleep(life.grace + _AFTER_GRACE)
    os.kill(os.getpid(), signal.SIGKILL)


def _take_signals(reactor: Any, life: WorkerLife) -> None:
    for number in NOT_FOR_WORKERS:
        # Not ignored, which programs started from here would inherit.
        signal.signal(number, lambda number, frame: None)
    signal.signal(signal.SIGTERM, lambda number, frame: reactor.callFromThread(life.asked))
    signal.signal(signal.SIGUSR1, lambda number, frame: reactor.callFromThread(life.reopen_logs))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, *NOT_FOR_WORKERS})


def show_crashes() -> None:
    """Have a crash write where each thread was; so does SIGABRT, by which the main process ends a worker that does not
    answer."""
    # It gives the thread that asks a small stack for signals, on which Python then takes all of that thread's: several
    # that come at once overflow it, and what lies beside it in memory.
    asking = threading.Thread(target=faulthandler.enable)
    asking.start()
    asking.join()


def main() -> None:
    """The life of a new Python: :func:`serve`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    show_crashes()
    log_to_the_main_process()
    serve()


def serve() -> None:
    """Serve, as the main process says, until it says otherwise.  SIGTERM is held back until there is a reactor.

    :raises SystemExit: with status 1 if it cannot, else 0.
    """
    pipe = standard_input()
    from twisted.internet import reactor

    life = WorkerLife(reactor)
    threading.Thread(target=_end_with_main, args=(pipe, life), name="duck-orphan", daemon=True).start()
    connect(reactor, socket.socket(fileno=LINK), life.end)
    running: Any = reactor
    running.callWhenRunning(_take_signals, running, life)
    running.run()
    end_in_time(life.status, life.patience)
    raise SystemExit(life.status)


if __name__ == "__main__":
    main()
