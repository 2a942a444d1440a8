"""What answers requests, in one process and in a worker."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from duck_tx.gateway.django import LoadedProject
from duck_tx.gateway.project import Project
from duck_tx.http.router import Router
from duck_tx.http.turns import Board, Turns
from duck_tx.proxy.remote import RemoteResource
from duck_tx.serving import Form, Serving
from duck_tx.settings import Settings, override
from tests.case import UnitTestCase
from tests.unit.reactor import HandedOver


class _NoSockets:
    def __contains__(self, who: str, /) -> bool:
        return False

    def binding(self, who: str, bind: Callable[[], socket.socket]) -> Callable[[], socket.socket]:
        return bind


class ServingTests(UnitTestCase):
    def serving(self, form: Form | None = None, **values: object) -> Serving:
        given = {"gateway.wsgi": "some.module:application", "server.port": 0}
        given |= {key.replace("__", "."): value for key, value in values.items()}
        settings = override(Settings(), given, "a test").settings
        return Serving(settings, HandedOver(), _NoSockets(), form or Form())

    def test_what_is_needed_first_starts_first(self) -> None:
        names = [name for name, _ in self.serving(https__enabled=True, https__force=True).services()]
        self.assertEqual(
            names, ["access log", "django", "garbage collector", "automations", "certificates", "server", "force-https"]
        )

    def test_routes_are_there_before_the_server_listens(self) -> None:
        route = {"prefix": "/api", "upstreams": ["http://127.0.0.1:9000"]}
        serving = self.serving(proxy__routes=[route])
        names = [name for name, _ in serving.services()]
        self.assertEqual(names, ["access log", "django", "garbage collector", "automations", "routes", "server"])
        router = serving.site.resource
        assert isinstance(router, Router)
        self.assertEqual(list(router.mounts), [b"/api/"])
        checked = self.serving(proxy__routes=[route | {"health_path": "/"}])
        self.assertEqual([name for name, _ in checked.services()], [*names, "health checks"])

    def test_a_route_for_everything_is_served_without_a_project(self) -> None:
        route = {"upstreams": ["http://127.0.0.1:9000"]}
        serving = self.serving(proxy__routes=[route], gateway__wsgi=None, automations__enabled=False)
        self.assertEqual(
            [name for name, _ in serving.services()], ["access log", "garbage collector", "routes", "server"]
        )
        router = serving.site.resource
        assert isinstance(router, Router)
        self.assertIsInstance(router.default, RemoteResource)

    def test_one_worker_runs_the_startup_commands_and_no_other(self) -> None:
        commands = {"gateway__commands_on_startup": ("migrate",)}
        for runs, wanted in ((True, ("migrate",)), (False, ())):
            serving = self.serving(Form(is_worker=True, runs_commands=runs), **commands)
            self.assertEqual(serving.gateway._settings.commands_on_startup, wanted)

    def test_the_welcome_project_has_its_database_whoever_runs_the_startup_commands(self) -> None:
        environ = dict(os.environ)
        self.addCleanup(os.environ.update, environ)
        self.addCleanup(os.environ.clear)
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        empty = Path(self.mktemp()).absolute()
        empty.mkdir()
        os.chdir(empty)
        for form, runs in (
            (Form(), True),
            (Form(runs_commands=False), True),
            (Form(is_worker=True), True),
            (Form(is_worker=True, runs_commands=False), False),
            (Form(serves=False), True),
            (Form(serves=False, runs_commands=False), False),
        ):
            serving = self.serving(form, gateway__wsgi=None, server__state_dir=str(empty / "state"))
            self.assertEqual(bool(serving._prepare()[1]), runs)

    def test_an_application_knows_whether_others_serve_it_too(self) -> None:
        self.assertFalse(self.serving().gateway._multiprocess)
        self.assertTrue(self.serving(Form(is_worker=True)).gateway._multiprocess)

    def test_workers_accept_in_turn(self) -> None:
        board = Board.make()
        self.addCleanup(board.close)
        turns = Turns(board, 1)
        self.assertIs(self.serving(Form(is_worker=True, turns=turns)).server._turns, turns)

    def test_a_process_for_automations_serves_nothing(self) -> None:
        serving = self.serving(Form(serves=False), https__enabled=True, https__force=True)
        self.assertEqual([name for name, _ in serving.services()], ["django", "garbage collector", "automations"])
        self.assertEqual(serving.gateway._size, 0)

    def test_the_garbage_collector_can_be_left_alone(self) -> None:
        names = [name for name, _ in self.serving(gateway__gc_freeze=False).services()]
        self.assertEqual(names, ["access log", "django", "automations", "server"])

    def test_automations_run_where_that_is_wanted(self) -> None:
        self.assertIsNotNone(self.serving().automations)
        for form in (Form(is_worker=True), Form(runs_automations=False)):
            self.assertIsNone(self.serving(form).automations)
        self.assertIsNone(self.serving(automations__enabled=False).automations)

    def test_a_worker_asks_nobody_for_certificates(self) -> None:
        acme = {"https__acme__email": "you@duck.example", "server__domain": "duck.example"}
        secure = self.serving(Form(is_worker=True), **acme).secure
        assert secure is not None
        self.assertIsNone(secure.acme)

    def test_a_project_is_in_development_as_it_says_or_as_another_process_says(self) -> None:
        serving = self.serving()
        self.assertFalse(serving.is_development())
        serving.was_development = True
        self.assertTrue(serving.is_development())
        serving.gateway.project = LoadedProject(Project("wsgi", "."), print, debug=False)  # type: ignore[arg-type]
        self.assertFalse(serving.is_development())
        self.assertTrue(self.serving(server__debug=True).is_development())
