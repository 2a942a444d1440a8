"""The life of a worker process: what it does when it is told, asked, or left alone."""

from __future__ import annotations

import os
import socket
from typing import Any

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from duck_tx import worker
from duck_tx.errors import ApplicationError
from duck_tx.http.turns import Board
from duck_tx.micro.spec import MicroSpec
from duck_tx.process.link import MainEnd, Role
from duck_tx.process.program import packed
from duck_tx.promise import settled
from duck_tx.serving import Serving
from duck_tx.settings import Settings, override
from duck_tx.worker import Handed, WorkerLife
from tests.case import UnitTestCase
from tests.unit.reactor import HandedOver
from tests.unit.worker_case import Wire


class _Main:
    """What the main process hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.heard.append((name, *arguments))

    @property
    def words(self) -> list[object]:
        return [name for name, *_ in self.heard if name != "beat"]


class _Port:
    """A port that nobody connects to."""

    transport: object = None
    numberAccepts = 1
    sessionno = 0

    def __init__(self, descriptor: int) -> None:
        self.socket = socket.socket(fileno=os.dup(descriptor))

    def doRead(self) -> None: ...

    def stopListening(self) -> None:
        self.socket.close()


class _Reactor(HandedOver):
    def adoptStreamPort(self, descriptor: int, family: object, factory: object) -> _Port:
        return _Port(descriptor)


class WorkerLifeTests(UnitTestCase):
    def setUp(self) -> None:
        self.reactor = _Reactor()
        self.board = Board.make()
        self.addCleanup(self.board.close)
        self.main = _Main()
        self.life = WorkerLife(self.reactor)
        self.main_end = MainEnd(self.main)
        self.main_end.makeConnection(Wire(self.reactor, lambda: self.life.end))
        self.life.end.makeConnection(Wire(self.reactor, lambda: self.main_end))
        self.patch(os, "dup2", lambda *descriptors: self.silenced.append(descriptors[1]))
        self.silenced: list[int] = []

    def turn(self) -> None:
        for _ in range(5):
            self.reactor.advance(0)

    def role(self, **values: object) -> Role:
        given = {"gateway.enabled": False, "server.port": 0} | {k.replace("__", "."): v for k, v in values.items()}
        return Role(
            number=2,
            settings=override(Settings(), given, "a test").settings,
            sockets={},
            directory=os.getcwd(),
            board=self.board.descriptor,
            cell=1,
            runs_commands=False,
            beat=1.0,
        )

    def begin(self, **values: object) -> None:
        self.patch(worker, "set_title", lambda title: None)
        self.life.begin(self.role(**values))
        self.turn()

    def test_it_says_that_the_project_is_loaded_and_that_it_is_ready(self) -> None:
        self.begin()
        self.assertEqual(self.main.words, ["loaded", "became_ready"])
        self.assertTrue(self.life._serving and self.life._serving.server.listening)

    def begin_with(self, *automations: object) -> None:
        """Begin as the process that runs these."""

        class Found(Service):
            def __init__(self) -> None:
                self.automations = automations

        titles: list[str] = []
        self.patch(worker, "set_title", titles.append)
        self.patch(Serving, "_automations", lambda serving: Found())
        self.life.begin(msgspec.structs.replace(self.role(), kind="automations"))
        self.turn()
        self.assertEqual(titles, ["duck-server: automations"])

    def test_micro_apps_stop_with_the_server_and_behind_it(self) -> None:
        specs = [
            ("micro", MicroSpec(name="Hello", kind="resource", target=Resource(), port=0)),
            ("mounted", MicroSpec(name="Api", kind="resource", target=Resource(), prefix=b"/api/")),
        ]
        self.patch(worker, "set_title", lambda title: None)
        self.life.begin(msgspec.structs.replace(self.role(), microapps=packed(specs, "they")))
        self.turn()
        self.assertEqual(self.main.words, ["loaded", "became_ready"])
        serving = self.life._serving
        assert serving is not None
        names = [child.name for child in self.life._services]
        self.assertEqual(names[-5:], ["word", "micro", "mounted", "server", "micro apps"])
        self.assertTrue(all(app.is_up for app in serving.microapps.values()))
        self.assertEqual(list(serving.ports), ["server", "micro"])
        self.life.drain([])
        self.reactor.advance(1)
        self.turn()
        self.assertFalse(any(app.is_up for app in serving.microapps.values()))

    def test_one_for_automations_opens_no_port(self) -> None:
        self.begin_with("a job")
        self.assertEqual(self.main.words, ["became_ready"])
        assert self.life._serving is not None
        self.assertFalse(self.life._serving.server.listening)
        self.assertGreater(self.life.grace, self.role().settings.server.grace)

    def test_where_there_are_none_it_has_nothing_to_do(self) -> None:
        self.begin_with()
        self.assertEqual(self.main.words, ["idle"])
        found: Any = self.successResultOf(Deferred.fromCoroutine(settled(self.life.ask("list", {}))))
        self.assertEqual(found["automations"], [])
        self.assertFalse(self.reactor.hasStopped)
        self.life.drain([])
        self.turn()
        self.assertEqual((self.life.status, self.reactor.hasStopped), (0, True))

    def test_it_tells_how_the_servers_behind_it_are(self) -> None:
        self.assertEqual(self.upstreams(), [])
        self.begin(proxy__routes=[{"prefix": "/api", "upstreams": ["http://127.0.0.1:9000"]}])
        [server] = self.upstreams()
        self.assertEqual((server["route"], server["url"], server["state"]), ("/api", "http://127.0.0.1:9000", "up"))

    def test_where_there_are_none_it_tells_of_none(self) -> None:
        self.begin()
        self.assertEqual(self.upstreams(), [])

    def upstreams(self) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(settled(self.life.ask("upstreams", {}))))

    def test_a_worker_has_no_automations_to_be_asked_about(self) -> None:
        self.assertRaises(ApplicationError, self.life.ask, "list", {})
        self.begin()
        self.assertRaises(ApplicationError, self.life.ask, "list", {})

    def test_it_gives_signs_of_life(self) -> None:
        self.begin()
        before = len(self.main.heard)
        self.reactor.advance(1)
        self.turn()
        self.reactor.advance(1)
        self.turn()
        beats = self.main.heard[before:]
        self.assertEqual([name for name, *_ in beats], ["beat", "beat"])
        memory: Any = beats[0][3]
        self.assertGreater(memory, 1_000_000)

    def test_what_cannot_be_served_is_said_and_ends_it(self) -> None:
        self.begin(gateway__enabled=True, gateway__project="/nowhere")
        self.assertEqual(self.main.heard[-1], ("failed", "--project /nowhere does not exist."))
        self.assertEqual((self.life.status, self.reactor.hasStopped), (1, True))

    def test_told_to_drain_it_ends_with_grace(self) -> None:
        self.begin()
        self.life.drain(["server"])
        self.turn()
        self.assertEqual((self.life.status, self.reactor.hasStopped), (0, True))
        self.assertTrue(self.life._serving and self.life._serving.server.is_shared)

    def test_told_to_drain_before_it_has_begun_it_ends(self) -> None:
        self.life.drain([])
        self.assertTrue(self.reactor.hasStopped)

    def test_asked_by_others_it_waits_for_a_word_of_the_main_process(self) -> None:
        self.begin()
        self.life.asked()
        self.turn()
        self.assertEqual(self.main.words[-1], "leaving")
        self.assertFalse(self.reactor.hasStopped)
        for _ in range(2):
            self.reactor.advance(1)
            self.turn()
        self.assertTrue(self.reactor.hasStopped)

    def test_when_the_main_process_is_gone_it_ends_and_writes_nowhere(self) -> None:
        self.begin()
        self.life.end.connectionLost(Failure(ConnectionDone()))
        self.turn()
        self.reactor.advance(1)
        self.turn()
        self.assertTrue(self.reactor.hasStopped)
        self.assertEqual(self.silenced, [2])
        assert self.life._serving is not None
        self.assertFalse(self.life._serving.server.is_shared)

    def test_what_it_cannot_do_yet_is_left(self) -> None:
        self.life.announce_stop()
        self.life.reopen_logs()
        self.life.reload()
        self.life.answer("http", b"a", b"b")
        self.assertFalse(self.reactor.hasStopped)


class HandedTests(UnitTestCase):
    def test_the_descriptors_are_its_own_and_not_for_its_children(self) -> None:
        made = socket.socket()
        descriptor = made.detach()
        os.set_inheritable(descriptor, True)
        handed = Handed({"server": descriptor})
        self.assertEqual(("server" in handed, "force-https" in handed), (True, False))
        with handed.binding("server", lambda: self.fail("it is bound already"))() as sock:
            self.assertEqual(sock.fileno(), descriptor)
            self.assertFalse(sock.get_inheritable())
        with socket.socket() as own:
            self.assertIs(handed.binding("force-https", lambda: own)(), own)
