"""The link between the main process and a worker: what one end says is what the other hears."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Literal

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from duck_tx.automations.process import GRACE
from duck_tx.errors import ApplicationError, SSLError
from duck_tx.process.link import Answer, Beat, Drain, Leaving, MainEnd, Ready, Role, Settle, WorkerEnd, connect
from duck_tx.settings import Settings, SidecarSettings, override
from tests.case import UnitTestCase
from tests.unit.worker_case import Wire


class _Ear:
    """Takes down what is heard at either end."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []
        self.certificates: Deferred[None] | None = None
        self.answer_to_come: Callable[[], object] = dict

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.heard.append((name, *arguments))

    def ask(self, verb: str, given: object) -> object:
        self.heard.append((verb, given))
        return self.answer_to_come()

    def loaded(self, is_development: bool) -> Deferred[None] | None:
        self.heard.append(("loaded", is_development))
        return self.certificates


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.main, self.worker = _Ear(), _Ear()
        self.main_end, self.worker_end = MainEnd(self.main), WorkerEnd(self.worker)
        self.main_end.makeConnection(Wire(self.clock, lambda: self.worker_end))
        self.worker_end.makeConnection(Wire(self.clock, lambda: self.main_end))

    def turn(self) -> None:
        for _ in range(3):
            self.clock.advance(0)


class LinkTests(_Case):
    def test_a_role_arrives_whole_however_long_it_is(self) -> None:
        values = {
            "proxy.trusted": tuple(f"10.{number // 256}.{number % 256}.0/24" for number in range(20_000)),
            "sidecars": (SidecarSettings(command=("a", "b"), env={"ONE": "1"}),),
            "server.workers": "auto",
        }
        role = Role(
            number=2,
            settings=override(Settings(), values, "a test").settings,
            sockets={"server": 4},
            directory="/srv/é",
            board=4,
            cell=3,
            runs_commands=True,
            beat=0.5,
        )
        self.main_end.begin(role)
        self.turn()
        self.assertEqual(self.worker.heard, [("begin", role)])

    def test_a_worker_hears_what_it_is_to_do(self) -> None:
        self.main_end.say(Answer, kind="http", key=b"token", value=b"")
        drained = self.main_end.say(Drain, shared=["server"])
        self.assertNoResult(drained)
        self.turn()
        self.successResultOf(drained)
        self.assertEqual(self.worker.heard, [("answer", "http", b"token", b""), ("drain", ["server"])])

    def test_the_main_process_hears_how_it_is(self) -> None:
        self.worker_end.say(Beat, requests=2**40, connections=3, memory=2**33)
        self.worker_end.say(Ready)
        self.worker_end.say(Leaving)
        told = self.worker_end.failed("a\nb" * 50_000)
        self.turn()
        self.successResultOf(told)
        self.assertEqual(
            self.main.heard,
            [("beat", 2**40, 3, 2**33), ("became_ready",), ("leaving",), ("failed", "a\nb" * 50_000)],
        )

    def test_a_worker_waits_for_certificates(self) -> None:
        certificates: Deferred[None] = Deferred()
        self.main.certificates = certificates
        loaded = Deferred.fromCoroutine(self.worker_end.loaded(True))
        self.turn()
        self.assertNoResult(loaded)
        certificates.callback(None)
        self.turn()
        self.successResultOf(loaded)
        self.assertEqual(self.main.heard, [("loaded", True)])

    def test_it_hears_why_there_can_be_none(self) -> None:
        self.main.certificates = fail(SSLError("there is no certificate: make one."))
        loaded = Deferred.fromCoroutine(self.worker_end.loaded(False))
        self.turn()
        failure = self.failureResultOf(loaded, ApplicationError)
        self.assertEqual(str(failure.value), "there is no certificate: make one.")

    def test_where_nothing_has_to_be_done_it_goes_on(self) -> None:
        self.main.certificates = succeed(None)
        loaded = Deferred.fromCoroutine(self.worker_end.loaded(False))
        self.turn()
        self.successResultOf(loaded)

    def test_when_one_end_is_gone_nobody_waits_for_it(self) -> None:
        waiting = self.main_end.say(Settle)
        self.main_end.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(waiting)
        self.successResultOf(self.main_end.say(Settle))
        self.successResultOf(self.main_end.say(Drain, shared=[]))
        self.worker_end.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(self.worker_end.failed("too late"))
        self.worker_end.say(Ready)
        self.assertEqual(self.worker.heard, [("link_lost",)])


class AskTests(_Case):
    def ask(self, answer: Callable[[], object], **given: object) -> Deferred[Any]:
        """A question, and how it is answered."""
        self.worker.answer_to_come = answer
        asked: Deferred[Any] = Deferred.fromCoroutine(self.main_end.ask("run", given))
        self.turn()
        return asked

    def test_a_question_is_answered_at_whatever_length(self) -> None:
        output = "é\n" * 100_000
        self.assertEqual(
            self.successResultOf(self.ask(lambda: {"output": output}, name="a" * 70_000))["output"], output
        )
        self.assertEqual(self.worker.heard, [("run", {"name": "a" * 70_000})])

    def test_an_answer_may_take_its_time(self) -> None:
        later: Deferred[object] = Deferred()
        asked = self.ask(lambda: later)
        self.assertNoResult(asked)
        later.callback([1, None])
        self.turn()
        self.assertEqual(self.successResultOf(asked), [1, None])

    def test_a_refusal_is_heard_as_one(self) -> None:
        asked = self.ask(lambda: fail(ApplicationError("there is no automation 'a'." + " " * 100_000)))
        self.assertIn("there is no automation 'a'.", str(self.failureResultOf(asked, ApplicationError).value))

    def test_what_goes_wrong_there_is_logged_there_and_the_link_stays(self) -> None:
        asked = self.ask(lambda: fail(ZeroDivisionError()))
        self.assertEqual(str(self.failureResultOf(asked, ApplicationError).value), "run failed, and the log says more.")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.successResultOf(self.ask(lambda: 1)), 1)

    def test_whoever_asks_may_leave_and_the_link_stays(self) -> None:
        later: Deferred[object] = Deferred()
        asked = self.ask(lambda: later)
        asked.cancel()
        self.failureResultOf(asked)
        later.callback(1)
        self.turn()
        self.assertEqual(self.successResultOf(self.ask(lambda: 2)), 2)

    def test_a_stop_there_and_the_end_of_the_process_are_told_apart(self) -> None:
        later: Deferred[object] = Deferred()
        asked = self.ask(lambda: later)
        later.cancel()
        self.turn()
        self.assertIn("went down", str(self.failureResultOf(asked, ApplicationError).value))
        asked = self.ask(lambda: Deferred[object]())
        self.main_end.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(asked, ConnectionClosed)
        self.failureResultOf(self.ask(lambda: 1), ConnectionClosed)


class RoleTests(UnitTestCase):
    def role(self, kind: Literal["worker", "automations"]) -> Role:
        return Role(
            kind=kind, number=2, settings=Settings(), sockets={}, directory="/", board=4, cell=1, runs_commands=True,
            beat=1.0,
        )  # fmt: skip

    def test_each_has_a_name(self) -> None:
        worker, automations = self.role("worker"), self.role("automations")
        self.assertEqual((worker.name, worker.label), ("worker 2", "worker 2"))
        self.assertEqual((automations.name, automations.label), ("the automations process", "automations"))

    def test_programs_that_automations_run_have_time_to_end(self) -> None:
        self.assertGreater(self.role("automations").grace, self.role("worker").grace + GRACE)


class ConnectTests(UnitTestCase):
    def test_the_reactor_has_a_descriptor_of_its_own(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        adopted: list[Any] = []

        class Reactor:
            def adoptStreamConnection(self, descriptor: int, family: int, factory: Any) -> None:
                adopted.append((descriptor, family, factory.buildProtocol(None)))

        end, descriptor = MainEnd(_Ear()), ours.fileno()
        connect(Reactor(), ours, end)
        self.assertEqual(adopted, [(descriptor, socket.AF_UNIX, end)])
        self.assertEqual(ours.fileno(), -1)
