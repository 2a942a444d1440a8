"""Worker processes that do what a test says: no process is started, and time is the test's."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from duck_tx.process.link import Beat, Leaving, Ready, Role, WorkerEnd
from duck_tx.process.workers import WorkerService
from duck_tx.settings import Settings, override
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines

__all__ = ["Port", "ScriptedReactor", "ScriptedWorker", "Wire", "WorkersTestCase"]


class Wire:
    """The transport of one end of a connection; what is written arrives in the next turn."""

    def __init__(self, clock: Clock, far: Callable[[], Any]) -> None:
        self._clock = clock
        self._far = far

    def write(self, data: bytes) -> None:
        self._clock.callLater(0, self._arrive, data)

    def _arrive(self, data: bytes) -> None:
        far = self._far()
        if far.transport is not None:
            far.dataReceived(data)


class ScriptedWorker:
    """The process and its transport, and what it was told over the link.

    :ivar role: what it is to do, when it has been told.
    :ivar told: names of what it was told after that, with what came along.
    :ivar signals: that it was sent.
    :ivar obeys: it ends when it is told to.
    :ivar answers: to what it is asked, in this order.
    """

    def __init__(self, clock: Clock, process: Any, pid: int, descriptors: Mapping[int, object]) -> None:
        self.pid = pid
        self.descriptors = descriptors
        self.role: Role | None = None
        self.told: list[tuple[object, ...]] = []
        self.signals: list[int] = []
        self.obeys = True
        self.lives = True
        self.answers: deque[object] = deque()
        self.end = WorkerEnd(self)
        self._clock = clock
        self._process = process

    # What a test has it do.

    def ready(self) -> None:
        self.end.say(Ready)
        self._clock.advance(0)

    def beat(self, requests: int = 0, connections: int = 0, memory: int = 0) -> None:
        self.end.say(Beat, requests=requests, connections=connections, memory=memory)
        self._clock.advance(0)

    def leave(self) -> None:
        self.end.say(Leaving)
        self._clock.advance(0)

    def fail(self, lines: str) -> None:
        self.end.failed(lines)
        self._clock.advance(0)
        self.exit(1)

    def write(self, data: bytes) -> None:
        self._process.childDataReceived(2, data)

    def exit(self, status: int = 0, number: int | None = None) -> None:
        if not self.lives:
            return
        self.lives = False
        reason = Failure(ProcessTerminated(status, number) if status or number else ProcessDone(0))
        self.end.connectionLost(Failure(ConnectionDone()))
        self._process.end.connectionLost(Failure(ConnectionDone()))
        self._process.processExited(reason)
        self._process.processEnded(reason)

    # What a process transport has.

    def signalProcess(self, number: int) -> None:
        self.signals.append(number)
        if number == signal.SIGKILL:
            self._clock.callLater(0, self.exit, 0, number)

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def loseConnection(self) -> None: ...

    # What a worker is told.

    def begin(self, role: Role) -> None:
        self.role = role

    def announce_stop(self) -> None:
        self.told.append(("announce",))

    def drain(self, shared: list[str]) -> None:
        self.told.append(("drain", *shared))
        if self.obeys:
            self._clock.callLater(0, self.exit)

    def reopen_logs(self) -> None:
        self.told.append(("reopen",))

    def reload(self) -> None:
        self.told.append(("reload",))

    def answer(self, kind: str, key: bytes, value: bytes) -> None:
        self.told.append(("answer", kind, key, value))

    def ask(self, verb: str, given: Mapping[str, Any]) -> object:
        self.told.append(("ask", verb, given))
        return self.answers.popleft()

    def link_lost(self) -> None: ...


class ScriptedReactor(Clock):
    """Has scripted workers for processes.

    :ivar children: all that were started.
    :ivar refusals: raised instead of the next processes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.children: list[ScriptedWorker] = []
        self.refusals: list[OSError] = []

    def spawnProcess(
        self, process: Any, executable: str, args: object, *, env: object, childFDs: Any
    ) -> ScriptedWorker:
        if self.refusals:
            raise self.refusals.pop()
        child = ScriptedWorker(self, process, 1000 + len(self.children), childFDs)
        self.children.append(child)
        process.makeConnection(child)
        return child

    def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> None:
        child = self.children[-1]
        end = factory.buildProtocol(None)
        end.makeConnection(Wire(self, lambda: child.end))
        child.end.makeConnection(Wire(self, lambda: end))


class Port:
    """A listening socket, as far as it is handed on.

    :param number: its descriptor.
    """

    def __init__(self, number: int = 77) -> None:
        self._number = number
        self.bound: Any = None
        self.is_stopped = False

    def fileno(self) -> int:
        return self._number

    def privilegedStartService(self) -> None:
        self.bound = self

    def stopService(self) -> None:
        self.is_stopped = True


class WorkersTestCase(UnitTestCase):
    """A service with scripted workers.

    :ivar log: the text of all that is logged.
    :ivar runs_commands: the first runs the startup commands.
    """

    runs_commands = True

    def setUp(self) -> None:
        self.reactor = ScriptedReactor()
        self.port = Port()
        self.asked: list[bool] = []
        logged = logged_lines()
        self.log = logged.__enter__()
        self.addCleanup(logged.__exit__, None, None, None)

    @property
    def children(self) -> list[ScriptedWorker]:
        return self.reactor.children

    @property
    def living(self) -> list[ScriptedWorker]:
        return [child for child in self.children if child.lives]

    def settings(self, **values: object) -> Settings:
        return override(Settings(), {f"server.{key}": value for key, value in values.items()}, "a test").settings

    def service(self, count: int = 2, shared: tuple[str, ...] = (), **values: object) -> WorkerService:
        return WorkerService(
            self.reactor,
            self.settings(**values),
            count=count,
            ports={"server": self.port},
            shared=shared,
            loaded=self.loaded,
            environ={"PATH": "/bin", "NOTIFY_SOCKET": "/run/systemd/notify"},
            runs_commands=self.runs_commands,
            draw=lambda: 0.5,
        )

    def loaded(self, is_development: bool) -> Deferred[None] | None:
        self.asked.append(is_development)
        return None

    def turn(self) -> None:
        """Let everything that was written arrive, and what follows from it."""
        for _ in range(6):
            self.reactor.advance(0)

    def started(self, count: int = 2, shared: tuple[str, ...] = (), **values: object) -> WorkerService:
        """A service whose workers are ready."""
        service = self.service(count, shared, **values)
        starting = self.start(service)
        self.all_ready()
        self.successResultOf(starting)
        return service

    def start(self, service: WorkerService) -> Deferred[None]:
        starting = Deferred.fromCoroutine(service.startService())
        self.turn()
        return starting

    def stop(self, service: WorkerService) -> Deferred[None]:
        stopping = Deferred.fromCoroutine(service.stopService())
        self.turn()
        return stopping

    def all_ready(self) -> None:
        """Have every worker become ready that lives, and those that follow."""
        done: set[int] = set()
        while new := [child for child in self.living if child.pid not in done]:
            for child in new:
                done.add(child.pid)
                child.ready()
            self.turn()

    def pass_time(self, seconds: float, silent: tuple[ScriptedWorker, ...] = ()) -> None:
        """Let time pass second by second, with signs of life of all workers but those."""
        for _ in range(int(seconds)):
            self.reactor.advance(1)
            for child in self.living:
                if child not in silent:
                    child.beat(*self.beats.get(child.pid, (0, 0, 0)))
            self.turn()

    @property
    def beats(self) -> dict[int, tuple[int, int, int]]:
        """What the signs of life of each say, by pid."""
        return self.__dict__.setdefault("_beats", {})
