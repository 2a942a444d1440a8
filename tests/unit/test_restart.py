"""The restart: what is decided before it, and when it is refused."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from duck_tx import restart
from duck_tx.errors import ApplicationError, AutomationError, PortError
from duck_tx.life import Life
from duck_tx.process.port import bind
from duck_tx.process.roll import HalfRestarted
from duck_tx.restart import Restart, changed, look, own_environment, ports_kept
from duck_tx.settings import Settings, override
from duck_tx.tree import Tree
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.reactor import HandedOver


def _settings(**values: object) -> Settings:
    """Settings with some changed: two underscores stand for the dot of a key."""
    return override(Settings(), {key.replace("__", "."): value for key, value in values.items()}, "a test").settings


class EnvironmentTests(UnitTestCase):
    def test_the_next_life_has_what_this_one_was_given(self) -> None:
        given = {"PATH": "/bin", "DUCK_SERVER__PORT": "1", "NOTIFY_SOCKET": "/run/n", "WATCHDOG_PID": "7"}
        for_this_life = {
            "LISTEN_FDS": "1",
            "LISTEN_PID": "7",
            "DUCK_LISTEN_FDS": "a=3",
            "DUCK_BEGAN": "1",
            "DUCK_TRIAL": "x",
        }
        self.assertEqual(own_environment(given | for_this_life), given)


class ChangedTests(UnitTestCase):
    def test_keys_whose_values_differ_are_named(self) -> None:
        self.assertEqual(changed(_settings(), _settings()), [])
        self.assertEqual(
            changed(_settings(), _settings(server__port=1, http__server_header="x")),
            ["server.port", "http.server_header"],
        )


class PortTests(UnitTestCase):
    def test_ports_that_stay_the_same_are_kept(self) -> None:
        old = _settings(server__port=0)
        self.assertEqual(ports_kept(old, _settings(server__port=0, gateway__threads=3)), ["server"])
        for change in ({"server__port": 1}, {"server__port": 0, "server__addr": "::1"}):
            self.assertEqual(ports_kept(old, _settings(**change)), [])

    def test_the_redirect_site_has_its_own(self) -> None:
        own: dict[str, object] = {"https__enabled": True, "https__force": True}
        old = _settings(**own)
        self.assertEqual(ports_kept(old, old), ["server", "force-https"])
        self.assertEqual(ports_kept(old, _settings(**own, https__redirect_port=81)), ["server"])
        self.assertEqual(ports_kept(old, _settings(**own, server__port=443)), ["force-https"])
        self.assertEqual(ports_kept(old, _settings(https__enabled=True)), ["server"])


class _Case(UnitTestCase):
    def tree(self, **values: object) -> Tree:
        state = os.path.abspath(self.mktemp())
        defaults = {
            "gateway__wsgi": "tests.integration.gated:application",
            "server__port": 0,
            "server__state_dir": state,
        }
        self.reactor = HandedOver()
        return Tree(
            _settings(**(defaults | values)),
            self.reactor,
            up=lambda: None,
            down=lambda: None,
            failed=lambda error: None,
            interrupt=lambda number, earlier: None,
            describe=dict,
        )


class LookTests(_Case):
    def setUp(self) -> None:
        self.said: list[str] = []

    def test_what_can_be_loaded_is_loaded_and_nothing_is_left(self) -> None:
        tree = self.tree()
        look(tree, frozenset(), self.said.append)
        self.assertIsNone(tree.gateway.project)
        self.assertFalse(tree.state_directory.exists())
        self.assertEqual(self.said, [])

    def test_startup_commands_come_last(self) -> None:
        commands = {"gateway__commands_on_startup": ("never",)}
        with self.assertRaisesRegex(ApplicationError, "startup commands need Django"):
            look(self.tree(**commands), frozenset(), self.said.append)
        self.assertEqual(self.said, ["the new code can be loaded, running its startup commands: never"])
        with self.assertRaisesRegex(ApplicationError, "no_such_module"):
            look(self.tree(gateway__wsgi="no_such_module:application", **commands), frozenset(), self.said.append)
        self.assertEqual(len(self.said), 1)

    def test_what_cannot_is_told(self) -> None:
        with self.assertRaisesRegex(ApplicationError, "no_such_module"):
            look(self.tree(gateway__wsgi="no_such_module:application"), frozenset(), self.said.append)

    def test_mistakes_in_automations_are_found_before_the_startup_commands(self) -> None:
        mistaken: dict[str, object] = {
            "automations__modules": ("no_such_automations",), "gateway__commands_on_startup": ("never",)
        }  # fmt: skip
        for values in (mistaken, mistaken | {"gateway__enabled": False}):
            with self.assertRaisesRegex(AutomationError, "no_such_automations"):
                look(self.tree(**values), frozenset(), self.said.append)
        self.assertEqual(self.said, [])
        look(self.tree(automations__modules=("no_such_automations",), automations__enabled=False), frozenset(), print)

    def test_a_port_is_looked_at_unless_it_is_there(self) -> None:
        taken = bind("127.0.0.1", 0)
        self.addCleanup(taken.close)
        taken.listen()
        tree = self.tree(server__addr="127.0.0.1", server__port=taken.getsockname()[1])
        self.assertRaises(PortError, look, tree, frozenset(), self.said.append)
        look(tree, frozenset({"server"}), self.said.append)

    def test_checks_may_be_off_and_there_may_be_no_application(self) -> None:
        tree = self.tree(server__no_checks=True, server__state_dir="/dev/null/x", gateway__enabled=False)
        look(tree, frozenset(), self.said.append)


class _Up(Tree):
    """A tree that says it is up."""

    is_serving = True


class RestartTests(_Case):
    def restart(
        self, *, is_guest: bool = False, is_host: bool = True, is_up: bool = True, reload: Any = None
    ) -> Restart:
        tree = self.tree()
        if is_up:
            tree.__class__ = _Up
        life = Life(self.reactor, is_guest=is_guest, ended=lambda: None)
        life.service = tree.service
        life.is_host = is_host
        return Restart(tree, life, self.reactor, environ={}, directory="/", reload=reload or (lambda: tree.settings))

    def refused(self, restart: Restart) -> str:
        with logged_lines() as lines:
            error = self.failureResultOf(restart.begin(), ApplicationError).value
        self.assertEqual(lines[0], f"duck: {error}")
        self.lines = lines[1:]
        return str(error)

    def test_a_guest_is_no_process_of_its_own(self) -> None:
        self.assertIn("only a process of its own", self.refused(self.restart(is_guest=True)))

    def test_nor_is_a_tree_that_somebody_else_has_started(self) -> None:
        self.patch(restart, "runner_of", lambda modules: "")
        self.assertIn("only a process of its own", self.refused(self.restart(is_host=False)))

    def test_a_server_that_is_not_up_has_nothing_to_restart(self) -> None:
        self.assertIn("not up", self.refused(self.restart(is_up=False)))

    def test_settings_that_are_wrong_are_the_end_of_it(self) -> None:
        def reload() -> Settings:
            return _settings(server__port=-1)

        self.assertIn("server.port", self.refused(self.restart(reload=reload)))
        self.assertEqual(self.lines, ["not restarted: the old code serves on"])

    def test_a_log_that_this_user_cannot_write_is_named(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        restart._check_log("")
        restart._check_log(str(folder / "new.log"))
        with self.assertRaisesRegex(ApplicationError, "the log .* could not be opened again"):
            restart._check_log(str(folder / "nowhere" / "new.log"))

    def test_there_is_one_at_a_time(self) -> None:
        tried: Deferred[None] = Deferred()
        self.patch(restart.trial.Trial, "run", lambda *_, **__: tried)
        doing = self.restart()
        first = doing.begin()
        self.assertIn("under way already", self.refused(doing))
        self.assertEqual(self.lines, [])
        with logged_lines():
            doing.give_up()
        self.assertIn("was stopped before", str(self.failureResultOf(first, ApplicationError).value))

    def test_what_was_tried_is_done(self) -> None:
        became: list[Any] = []
        self.patch(restart.trial.Trial, "run", lambda *_, **__: succeed(None))
        self.patch(restart, "reexec", lambda *arguments, holds: became.append((*arguments, holds)))
        self.patch(restart, "exit_through", lambda act: None)
        doing = self.restart()
        self.successResultOf(doing.begin())
        ((again, environ, descriptors, holds),) = became
        self.assertEqual((again.directory, descriptors), ("/", []))
        self.assertEqual(list(environ), ["DUCK_BEGAN"])
        # What runs these tests is a program of its own.
        self.assertFalse(holds)
        self.assertIn(signal.SIGHUP, doing._tree.signals._ignored_later)

    def test_the_next_life_knows_which_sockets_are_its_own(self) -> None:
        became: list[Any] = []
        self.patch(restart.trial.Trial, "run", lambda *_, **__: succeed(None))
        self.patch(restart, "reexec", lambda again, environ, numbers, holds: became.append((environ, numbers)))
        self.patch(restart, "exit_through", lambda act: None)
        for is_shared in (False, True):
            doing = self.restart()
            server = doing._tree.server
            server.privilegedStartService()
            server.is_shared = is_shared
            self.successResultOf(doing.begin())
            environ, [number] = became.pop()
            os.close(number)
            self.assertEqual(environ["DUCK_LISTEN_FDS"], f"server={number}")
            self.assertEqual(environ.get("DUCK_LISTEN_SOLE"), None if is_shared else "server")

    def test_what_automations_run_is_waited_for(self) -> None:
        became: list[str] = []
        ended: Deferred[None] = Deferred()
        self.patch(restart.trial.Trial, "run", lambda *_, **__: succeed(None))
        self.patch(restart, "reexec", lambda *arguments, holds: became.append("exec"))
        self.patch(restart, "exit_through", lambda act: None)
        doing = self.restart()
        automations: Any = doing._tree.serving.automations

        async def let_go(seconds: float) -> None:
            became.append(f"{seconds:g} s")
            await ended

        self.patch(automations, "let_go", let_go)
        self.successResultOf(doing.begin())
        self.assertEqual(became, [f"{Settings().server.grace:g} s"])
        ended.callback(None)
        self.assertEqual(became[1:], ["exec"])

    def several(self, fresh: Settings, roll: Callable[[Settings], Deferred[None]] = lambda _: succeed(None)) -> Restart:
        """That of the other form, with workers of which :attr:`done` says what became."""
        self.done: list[Any] = []

        class Workers:
            def roll(workers, settings: Settings, *, runs_commands: bool) -> Deferred[None]:
                self.done.append(settings)
                return roll(settings)

            def resize(workers, count: int) -> Deferred[None]:
                self.done.append(count)
                return succeed(None)

        class Solo:
            async def roll(solo, settings: Settings, others: Callable[[bool], Deferred[None]]) -> None:
                await others(True)

        doing = self.restart(reload=lambda: fresh)
        doing._tree.workers = Workers()  # type: ignore[assignment]
        doing._tree.solo = Solo()  # type: ignore[assignment]
        return doing

    def test_the_workers_of_the_other_form_are_rolled(self) -> None:
        doing = self.several(_settings(server__port=81, server__grace=1.0, http__server_header="x"))
        with logged_lines() as lines:
            waiting = self.successResultOf(doing.begin())
        [settings] = self.done
        self.assertEqual((settings.server.grace, settings.http.server_header), (1.0, "x"))
        # What the main process does is as before for all of them.
        self.assertEqual(settings.server.port, doing._tree.settings.server.port)
        self.assertIn("server.port", waiting)
        self.assertNotIn("server.grace", waiting)
        self.assertEqual(
            lines,
            [
                f"restarting: {', '.join(waiting)} will be as set after a stop and a start",
                "restarting: one worker after the other is replaced by one with the new code",
                "restarted: the workers serve the new code",
            ],
        )

    def test_another_number_of_workers_is_had_at_once(self) -> None:
        doing = self.several(_settings(server__force_worker_processes=True, server__workers=3))
        self.assertNotIn("server.workers", self.successResultOf(doing.begin()))
        self.assertEqual(self.done[1:], [3])
        # Somebody may have asked for another since; it is in the settings that it has not changed.
        self.successResultOf(doing.begin())
        self.assertEqual(len(self.done), 3)

    def test_where_some_have_the_new_code_it_is_not_said_that_the_old_serves(self) -> None:
        error = HalfRestarted("it is broken.", [1], [2])
        with logged_lines() as lines:
            self.failureResultOf(self.several(Settings(), lambda _: fail(error)).begin(), HalfRestarted)
        self.assertEqual(lines[2:], [f"duck: {line}" for line in str(error).splitlines()])

    def test_a_stop_meanwhile_is_no_failure(self) -> None:
        rolled: Deferred[None] = Deferred()
        doing = self.several(Settings(), lambda _: rolled)
        with logged_lines() as lines:
            begun = doing.begin()
            doing.give_up()
        self.assertIn("was stopped before", str(self.failureResultOf(begun, ApplicationError).value))
        self.assertEqual(lines[-1], "not restarted: the server stops")
        self.assertNotIn("old code", "".join(lines))
