"""The process that runs the automations beside worker processes."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from duck_tx.errors import ApplicationError
from duck_tx.process.link import Idle
from duck_tx.process.solo import SoloService
from duck_tx.process.worker import BOARD, LINK
from duck_tx.settings import Settings, override
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.worker_case import ScriptedReactor, ScriptedWorker


class SoloTests(UnitTestCase):
    def setUp(self) -> None:
        self.reactor = ScriptedReactor()
        self.changes = 0
        self.commands_left: list[bool] = []
        logged = logged_lines()
        self.log = logged.__enter__()
        self.addCleanup(logged.__exit__, None, None, None)

    def settings(self, **values: object) -> Settings:
        given = {"server.grace": 5.0} | {key.replace("__", "."): value for key, value in values.items()}
        return override(Settings(), given, "a test").settings

    def service(self, *, runs_commands: bool = True, **values: object) -> SoloService:
        def changed() -> None:
            self.changes += 1

        return SoloService(
            self.reactor,
            self.settings(**values),
            environ={"PATH": "/bin", "NOTIFY_SOCKET": "/run/systemd/notify"},
            changed=changed,
            runs_commands=runs_commands,
            draw=lambda: 0.5,
        )

    @property
    def children(self) -> list[ScriptedWorker]:
        return self.reactor.children

    @property
    def last(self) -> ScriptedWorker:
        return self.reactor.children[-1]

    def turn(self) -> None:
        for _ in range(6):
            self.reactor.advance(0)

    def begin(self, coroutine: Any) -> Deferred[None]:
        doing: Deferred[None] = Deferred.fromCoroutine(coroutine)
        self.turn()
        return doing

    def ready(self, child: ScriptedWorker) -> None:
        child.ready()
        self.turn()

    def idle(self, child: ScriptedWorker) -> None:
        child.end.say(Idle)
        self.turn()

    def started(self, **values: object) -> SoloService:
        service = self.service(**values)  # type: ignore[arg-type]
        starting = self.begin(service.startService())
        self.assertNoResult(starting)
        self.ready(self.last)
        self.successResultOf(starting)
        self.addCleanup(self.down, service)
        return service

    def down(self, service: SoloService) -> None:
        stopping = self.begin(service.stopService())
        service.stop_at_once()
        self.turn()
        self.successResultOf(stopping)
        self.assertEqual([child.pid for child in self.children if child.lives], [])

    def roll(self, service: SoloService, others: Deferred[None] | None = None, **values: object) -> Deferred[None]:
        def replaced(commands_left: bool) -> Deferred[None]:
            self.commands_left.append(commands_left)
            return succeed(None) if others is None else others

        return self.begin(service.roll(self.settings(**values), replaced))

    # Start and stop.

    def test_it_is_a_process_of_its_own_kind_which_accepts_nothing(self) -> None:
        service = self.started()
        role = self.last.role
        assert role is not None
        self.assertEqual((role.kind, role.runs_commands, role.sockets), ("automations", True, {}))
        self.assertIn(LINK, self.last.descriptors)
        self.assertNotIn(BOARD, self.last.descriptors)
        about = service.describe()
        assert about is not None
        self.assertEqual((about["pid"], about["state"]), (self.last.pid, "ready"))
        self.assertEqual(self.log[0], f"the automations process is ready, pid {self.last.pid} (0.00 s)")
        self.last.write(b"a line\n")
        self.assertEqual(self.log[1:], ["[automations] a line"])
        self.successResultOf(self.begin(service.startService()))
        self.assertEqual(len(self.children), 1)

    def test_startup_commands_are_left_where_they_have_been_run(self) -> None:
        self.started(runs_commands=False)
        assert self.last.role is not None
        self.assertFalse(self.last.role.runs_commands)

    def test_where_automations_are_off_there_is_none(self) -> None:
        service = self.service(automations__enabled=False)
        self.successResultOf(self.begin(service.startService()))
        self.assertEqual((self.children, service.is_wanted, service.describe()), ([], False, None))
        self.down(service)

    def test_what_is_wrong_with_them_fails_the_start(self) -> None:
        service = self.service()
        starting = self.begin(service.startService())
        self.last.fail("shop/automations.py:3: no cron expression.\nshop/automations.py:9: no such zone.")
        failure = self.failureResultOf(starting, ApplicationError)
        self.assertEqual(len(str(failure.value).splitlines()), 2)
        self.down(service)
        self.assertEqual(len(self.children), 1)

    def test_a_process_that_cannot_be_made_fails_it_too(self) -> None:
        self.reactor.refusals.append(OSError(11, "Resource temporarily unavailable"))
        service = self.service()
        failure = self.failureResultOf(self.begin(service.startService()), ApplicationError)
        self.assertEqual(
            str(failure.value), "the automations process could not be started: Resource temporarily unavailable."
        )
        self.down(service)

    def test_a_stop_on_the_way_up_ends_it(self) -> None:
        service = self.service()
        starting = self.begin(service.startService())
        starting.cancel()
        self.failureResultOf(starting)
        self.down(service)
        self.assertEqual(self.last.told, [("drain",)])

    def test_a_stop_lets_it_finish_and_kills_it_when_the_grace_is_over(self) -> None:
        service = self.started()
        self.last.obeys = False
        stopping = self.begin(service.stopService())
        self.assertEqual(self.last.told, [("drain",)])
        # Programs that were told to end take a while.
        self.reactor.advance(13)
        self.assertEqual(self.last.signals, [])
        self.reactor.advance(2)
        self.turn()
        self.assertEqual(self.last.signals, [signal.SIGKILL])
        self.successResultOf(stopping)
        self.assertIsNone(service.describe())

    def test_a_stop_at_once_does_not_wait(self) -> None:
        service = self.started()
        self.last.obeys = False
        stopping = self.begin(service.stopService())
        stopping.cancel()
        self.failureResultOf(stopping)
        self.turn()
        self.assertFalse(self.last.lives)

    def test_it_can_begin_to_finish_before_its_turn(self) -> None:
        service = self.started()
        self.last.obeys = False
        service.let_go()
        self.turn()
        self.assertEqual(
            (self.last.told, self.last.lives, self.log[-1]), ([("drain",)], True, "stopping the automations")
        )
        stopping = self.begin(service.stopService())
        self.assertNoResult(stopping)
        self.last.exit()
        self.turn()
        self.successResultOf(stopping)
        self.assertEqual((len(self.children), self.log[-1]), (1, "stopping the automations"))

    def test_a_stop_ends_a_restart(self) -> None:
        service = self.started()
        rolled = self.roll(service)
        service.let_go()
        rolled.cancel()
        self.failureResultOf(rolled)
        self.turn()
        self.assertEqual([child.lives for child in self.children], [False, False])

    # Its death.

    def test_one_that_dies_is_replaced_at_once(self) -> None:
        service = self.started()
        first = self.last
        first.exit(0, signal.SIGKILL)
        self.assertEqual(service.describe(), {"pid": None, "state": "down"})
        self.turn()
        self.assertEqual(len(self.children), 2)
        assert self.last.role is not None
        self.assertFalse(self.last.role.runs_commands)
        self.ready(self.last)
        about = service.describe()
        assert about is not None
        self.assertEqual((about["pid"], self.changes), (self.last.pid, 1))
        self.assertIn("the automations process: ended by SIGKILL after 0.0 s, replaced at once", self.log)

    def test_one_that_dies_again_and_again_is_replaced_after_ever_longer_pauses(self) -> None:
        self.started()
        for _ in range(3):
            self.last.exit(1)
            self.reactor.advance(60)
            self.turn()
        self.assertIn("replaced in 0.8 s (3 failures in a row)", self.log[-1])

    def test_one_that_is_asked_to_end_by_others_finishes_beside_another(self) -> None:
        self.started()
        first = self.last
        first.obeys = False
        first.leave()
        self.reactor.advance(1)
        self.turn()
        self.assertEqual((first.told, len(self.children)), ([("drain",)], 2))
        self.assertIn("the automations process was asked to end, replaced at once", self.log)
        first.exit()

    def test_one_that_says_nothing_any_more_is_killed(self) -> None:
        self.started(server__worker_timeout=10.0)
        for _ in range(10):
            self.reactor.advance(1)
        self.assertEqual(self.last.signals, [signal.SIGABRT])
        self.assertIn("the automations process has not answered for 10 s", self.log[-1])

    # None to run.

    def test_one_that_has_nothing_to_run_is_not_kept(self) -> None:
        service = self.service()
        starting = self.begin(service.startService())
        self.idle(self.last)
        self.successResultOf(starting)
        self.reactor.advance(100)
        self.turn()
        self.assertEqual((len(self.children), self.last.lives), (1, False))
        self.assertEqual((service.is_idle, service.describe(), self.log), (True, None, []))
        self.down(service)
        self.assertFalse(service.is_idle)

    def test_after_a_restart_there_may_be_some(self) -> None:
        service = self.service()
        self.begin(service.startService())
        self.idle(self.last)
        rolled = self.roll(service)
        self.ready(self.last)
        self.successResultOf(rolled)
        self.assertEqual((len(self.children), service.is_idle), (2, False))
        rolled = self.roll(service)
        self.idle(self.last)
        self.successResultOf(rolled)
        self.assertEqual((service.is_idle, [child.lives for child in self.children]), (True, [False] * 3))
        self.down(service)

    # Another in its place.

    def test_its_successor_waits_for_the_others_before_it_leaves(self) -> None:
        service = self.started()
        others: Deferred[None] = Deferred()
        rolled = self.roll(service, others)
        first, second = self.children
        self.assertEqual(self.commands_left, [])
        self.ready(second)
        self.assertEqual((self.commands_left, first.told), ([False], []))
        assert second.role is not None
        self.assertTrue(second.role.runs_commands)
        others.callback(None)
        self.turn()
        self.successResultOf(rolled)
        self.assertEqual((first.told, first.lives, second.told), ([("drain",)], False, []))
        about = service.describe()
        assert about is not None
        self.assertEqual((about["pid"], self.changes), (second.pid, 1))

    def test_where_the_successor_finds_mistakes_all_is_as_before(self) -> None:
        service = self.started()
        rolled = self.roll(service)
        first, second = self.children
        second.fail("shop/automations.py:3: no cron expression.")
        self.turn()
        self.failureResultOf(rolled, ApplicationError)
        self.reactor.advance(100)
        self.assertEqual((self.commands_left, first.told, len(self.children)), ([], [], 2))

    def test_where_the_others_cannot_be_replaced_it_is_the_successor_that_leaves(self) -> None:
        service = self.started()
        rolled = self.roll(service, fail(ApplicationError("worker 1: no.")))
        first, second = self.children
        self.ready(second)
        self.failureResultOf(rolled, ApplicationError)
        self.assertEqual((first.told, second.told, second.lives), ([], [("drain",)], False))
        about = service.describe()
        assert about is not None
        self.assertEqual(about["pid"], first.pid)
        first.exit(1)
        self.turn()
        self.assertEqual(len(self.children), 3)

    def test_either_is_replaced_that_dies_in_the_meantime(self) -> None:
        service = self.started()
        others: Deferred[None] = Deferred()
        rolled = self.roll(service, others)
        self.ready(self.last)
        for child in self.children[:2]:
            child.exit(1)
        self.turn()
        self.assertEqual([child.lives for child in self.children], [False, False, True, True])
        for child in self.children[2:]:
            self.ready(child)
        others.callback(None)
        self.turn()
        self.successResultOf(rolled)
        self.assertEqual([child.lives for child in self.children], [False, False, False, True])

    def test_automations_can_be_turned_off_and_on(self) -> None:
        service = self.started()
        self.successResultOf(self.roll(service, automations__enabled=False))
        # Somebody else has to run the startup commands then.
        self.assertEqual((self.commands_left, self.last.lives, service.is_wanted), ([True], False, False))
        rolled = self.roll(service)
        self.ready(self.last)
        self.successResultOf(rolled)
        self.assertEqual((self.commands_left, service.is_wanted), ([True, False], True))

    def test_there_is_nothing_to_replace_before_the_start(self) -> None:
        self.failureResultOf(self.roll(self.service()), ApplicationError)

    # Questions.

    def test_it_is_asked(self) -> None:
        service = self.started()
        self.last.answers.append({"automations": []})
        self.assertEqual(self.successResultOf(self.begin(service.ask("list", {"name": "a"}))), {"automations": []})
        self.assertEqual(self.last.told, [("ask", "list", {"name": "a"})])

    def test_while_it_finishes_it_tells_and_its_successor_runs(self) -> None:
        service = self.started()
        first = self.last
        first.obeys = False
        rolled = self.roll(service)
        self.ready(self.last)
        self.successResultOf(rolled)
        first.answers.append({"automations": ["a"]})
        self.assertEqual(self.successResultOf(self.begin(service.ask("list", {}))), {"automations": ["a"]})
        self.last.answers.append({"state": "done"})
        run = self.begin(service.ask("run", {}))
        self.assertNoResult(run)
        first.answers.append(Deferred())
        asked = self.begin(service.ask("list", {}))
        self.last.answers.append({"automations": ["b"]})
        first.exit()
        self.turn()
        self.assertEqual(sorted(verb for _, verb, _ in self.last.told), ["list", "run"])
        answers = [self.successResultOf(each) for each in (asked, run)]
        self.assertCountEqual(answers, [{"state": "done"}, {"automations": ["b"]}])
        self.last.answers.append({"automations": ["c"]})
        self.assertEqual(self.successResultOf(self.begin(service.ask("list", {}))), {"automations": ["c"]})

    def test_one_that_dies_meanwhile_is_no_answer(self) -> None:
        service = self.started()
        self.last.answers.append(Deferred())
        asked = self.begin(service.ask("run", {"name": "a"}))
        self.assertNoResult(asked)
        self.last.exit(0, signal.SIGKILL)
        failure = self.failureResultOf(asked, ApplicationError)
        self.assertIn("ended before it could answer", str(failure.value))

    def test_one_that_is_not_up_is_not_asked(self) -> None:
        service = self.service()
        self.assertIn("not up yet", str(self.failureResultOf(self.begin(service.ask("list", {}))).value))
        starting = self.begin(service.startService())
        self.assertIn("not up yet", str(self.failureResultOf(self.begin(service.ask("list", {}))).value))
        self.ready(self.last)
        self.successResultOf(starting)
        self.down(service)
