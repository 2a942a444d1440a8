"""From settings to services: what there is, in which order, and who is handed what."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from duck_tx import automation, every
from duck_tx.content.static import StaticFiles
from duck_tx.errors import ApplicationError, PortError
from duck_tx.gateway.django import LoadedProject
from duck_tx.gateway.files import FileMount
from duck_tx.gateway.project import Project
from duck_tx.http.limits import Limits
from duck_tx.http.nothing import NothingHere
from duck_tx.http.router import Router
from duck_tx.process.port import bind
from duck_tx.process.solo import SoloService
from duck_tx.proxy.resource import ReverseProxy
from duck_tx.serving import processes, threads
from duck_tx.settings import Settings, override
from duck_tx.tree import Tree
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.reactor import HandedOver


def _settings(**values: object) -> Settings:
    """Settings with some changed: two underscores stand for the dot of a key."""
    return override(Settings(), {key.replace("__", "."): value for key, value in values.items()}, "a test").settings


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.environ: Mapping[str, str] = {}
        self.sockets: dict[str, socket.socket] = {}
        self.is_next = False

    def tree(self, **values: object) -> Tree:
        values = {"gateway__wsgi": "some.module:application", "server__port": 0} | values
        return Tree(
            _settings(**values),
            HandedOver(),
            up=lambda: None,
            down=lambda: None,
            failed=lambda error: None,
            interrupt=lambda number, earlier: None,
            describe=dict,
            environ=self.environ,
            sockets=self.sockets,
            is_next=self.is_next,
        )

    def names(self, tree: Tree) -> list[str]:
        return [str(child.name) for child in tree.service]


class OrderTests(_Case):
    def test_what_is_opened_first_is_closed_last(self) -> None:
        self.assertEqual(
            self.names(self.tree()),
            [
                "checks",
                "signals",
                "access log",
                "django",
                "garbage collector",
                "automations",
                "server",
                "metadata",
                "hooks",
            ],
        )

    def test_checks_can_be_skipped(self) -> None:
        self.assertNotIn("checks", self.names(self.tree(server__no_checks=True)))

    def test_after_a_restart_the_startup_commands_have_been_run(self) -> None:
        values: dict[str, object] = {"gateway__commands_on_startup": ("migrate",)}
        own = {"server__force_worker_processes": True, "server__workers": 1}
        for self.is_next in (False, True):
            self.assertEqual(bool(self.tree(**values).gateway._settings.commands_on_startup), not self.is_next)
            for automations in (True, False):
                # The first process that loads the project: that of the automations, where they are on.
                tree = self.tree(**values, **own, automations__enabled=automations)
                assert tree.workers is not None and tree.solo is not None
                self.assertEqual(tree.solo._runs_commands, not self.is_next)
                self.assertEqual(tree.workers._runs_commands, not (self.is_next or automations))

    def test_without_an_application_there_is_no_gateway_and_nothing_to_locate(self) -> None:
        tree = self.tree(gateway__enabled=False, gateway__project="/nowhere")
        self.assertNotIn("django", self.names(tree))
        self.assertIsNone(tree.project)

    def test_a_project_that_is_not_there_is_found_at_once(self) -> None:
        self.assertRaises(ApplicationError, self.tree, gateway__wsgi=None, gateway__project="/nowhere")

    def test_a_supervisor_is_told_last_and_that_it_stops_first(self) -> None:
        self.environ = {"NOTIFY_SOCKET": "/run/systemd/notify"}
        self.assertEqual(self.names(self.tree())[-2:], ["hooks", "notify"])


class InheritedSocketTests(_Case):
    def inherit(self, *names: str) -> list[int]:
        """Have sockets of these names; their ports."""
        for name in names:
            sock = bind("127.0.0.1", 0)
            self.addCleanup(sock.close)
            sock.listen()
            self.sockets[name] = sock
        return [sock.getsockname()[1] for sock in self.sockets.values()]

    def test_the_server_has_the_one_that_is_meant_for_it(self) -> None:
        for name in ("server", "http", "https"):
            [port] = self.inherit(name)
            server = self.tree().server
            server.privilegedStartService()
            assert server.address is not None
            self.assertEqual(server.address[1], port)
            self.sockets.clear()

    def test_its_port_is_taken_and_the_checks_do_not_mind(self) -> None:
        [port] = self.inherit("http")
        tree = self.tree(server__port=port, server__state_dir=self.mktemp())
        tree.run_checks()
        tree.run_checks()
        socket.create_connection(("127.0.0.1", port), 5).close()

    def test_with_a_redirect_the_one_called_http_is_the_redirect_s(self) -> None:
        https, http = self.inherit("https", "http")
        tree = self.tree(https__enabled=True, https__force=True, server__debug=True)
        for server, port in ((tree.server, https), (tree.redirect, http)):
            assert server is not None
            server.privilegedStartService()
            assert server.address is not None
            self.assertEqual(server.address[1], port)


class ChecksTests(_Case):
    def test_they_look_at_the_port_the_state_directory_and_the_access_log(self) -> None:
        self.tree(server__state_dir=self.mktemp()).run_checks()
        self.assertRaises(PortError, self.tree(server__addr="192.0.2.1").run_checks)
        with self.assertRaisesRegex(ApplicationError, "state directory"):
            self.tree(server__state_dir="/dev/null/x").run_checks()
        with self.assertRaisesRegex(ApplicationError, "access log"):
            self.tree(server__state_dir=self.mktemp(), log__file="/nowhere/log").run_checks()


class LimitTests(_Case):
    def test_every_limit_is_the_one_that_was_set(self) -> None:
        fields = Limits.__slots__
        changed = {f"http__{name}": getattr(Settings().http, name) + 1 for name in fields}
        tree = self.tree(**changed)
        for name in fields:
            self.assertEqual(getattr(tree.site.limits, name), changed[f"http__{name}"], name)

    def test_a_site_without_an_access_log_does_not_ask_for_lines(self) -> None:
        self.assertIsNone(self.tree(log__access=False).site.access_log)
        self.assertIsNotNone(self.tree().site.access_log)


class RouteTests(_Case):
    """What a loaded project is put behind."""

    def routes(self, **values: object) -> Router:
        tree = self.tree(**values)
        before: Any = tree.site.resource
        self.assertIsInstance(before.default, NothingHere)
        root = self.mktemp()
        Path(root).mkdir()
        mounts = (FileMount(b"/static/", root), FileMount(b"/media/", root, untrusted=True))
        gateway: Any = NothingHere()
        self.gateway = gateway
        application: Any = print
        tree.serving._loaded(LoadedProject(Project("wsgi", "."), application, mounts=mounts), gateway)
        router: Any = tree.site.resource
        return router

    def test_pages_come_from_the_gateway_behind_the_reverse_proxy(self) -> None:
        pages = self.routes().default
        assert isinstance(pages, ReverseProxy)
        self.assertIs(pages.target, self.gateway)

    def test_static_and_media_files_have_mounts(self) -> None:
        mounts = self.routes().mounts
        self.assertEqual(set(mounts), {b"/static/", b"/media/"})
        self.assertIsInstance(mounts[b"/static/"], StaticFiles)

    def test_each_kind_of_file_can_be_left_to_the_application(self) -> None:
        self.assertEqual(set(self.routes(content__static=False).mounts), {b"/media/"})
        self.assertEqual(set(self.routes(content__media=False).mounts), {b"/static/"})


class ThreadTests(UnitTestCase):
    def test_there_are_ten_unless_told_otherwise(self) -> None:
        self.assertEqual(threads(_settings()), 10)

    def test_workers_are_threads_and_a_number_of_threads_wins(self) -> None:
        self.assertEqual(threads(_settings(server__workers=3)), 3)
        self.assertEqual(threads(_settings(server__workers=3, gateway__threads=5)), 5)
        self.assertEqual(threads(_settings(server__workers=3, gateway__threads=0)), 0)

    def test_auto_is_one_for_each_processor(self) -> None:
        self.assertEqual(threads(_settings(server__workers="auto")), os.cpu_count())

    def test_where_workers_are_processes_each_has_its_threads(self) -> None:
        self.assertEqual(threads(_settings(server__workers=3, server__force_worker_processes=True)), 10)


class SignalTests(_Case):
    def test_who_hangs_up_is_heard_where_that_is_wanted(self) -> None:
        def stop(number: signal.Signals, earlier: object) -> None:
            """What SIGTERM does."""

        def hang_up(earlier: object) -> None:
            """What SIGHUP does."""

        tree = self.tree()
        self.assertNotIn(signal.SIGHUP, tree._actions(stop, None))
        self.assertIs(tree._actions(stop, hang_up)[signal.SIGHUP], hang_up)

    def test_ports_that_another_process_has_are_not_checked(self) -> None:
        tree = self.tree(https__enabled=True, https__force=True)
        self.assertEqual(len(tree.checks()) - len(tree.checks({"server", "force-https"})), 2)


class ProcessTests(_Case):
    """The form with worker processes."""

    def test_there_are_none_unless_asked_for(self) -> None:
        self.assertEqual(processes(_settings(server__workers=3)), 0)
        self.assertIsNone(self.tree(server__workers=3).workers)

    def test_there_are_as_many_as_asked_for_or_one_for_each_processor(self) -> None:
        self.assertEqual(processes(_settings(server__workers=3, server__force_worker_processes=True)), 3)
        self.assertEqual(processes(_settings(server__force_worker_processes=True)), os.cpu_count())

    def test_the_main_process_has_what_there_is_once(self) -> None:
        tree = self.tree(
            server__force_worker_processes=True, server__workers=2, https__enabled=True, https__force=True,
        )  # fmt: skip
        self.assertEqual(
            [name for name in self.names(tree) if name not in ("checks", "signals", "log")],
            ["automations", "server", "certificates", "metadata", "hooks"],
        )
        self.assertEqual({tree.part(name) for name in ("server", "django", "force-https")}, {"server"})
        self.assertEqual(tree.part("automations"), "automations")
        self.assertIsNone(tree.serving.automations)
        assert tree.workers is not None
        self.assertEqual(tree.workers.count, 2)
        self.assertEqual((tree.is_serving, tree.is_loaded, tree.is_redirecting), (False, False, False))

    def test_what_is_no_part_of_it_has_no_end_to_wait_for(self) -> None:
        for values in ({}, {"server__force_worker_processes": True}):
            tree = self.tree(**values)
            # As if all of it were up.
            tree.service.ended = lambda name: Future()  # type: ignore[method-assign]
            if tree.serving.automations is not None:
                self.assertIsNone(tree.ended("automations"))
                tree.serving.automations.automations = [automation(every(hours=1))(print)]
            self.assertEqual(
                [tree.ended(name) is None for name in ("server", "django", "force-https", "automations")],
                [False, False, True, False],
            )
            self.assertIsNone(self.tree(**values, automations__enabled=False).ended("automations"))

    def asked(self, tree: Tree, verb: str) -> Deferred[Any]:
        return Deferred.fromCoroutine(tree.ask_automations(verb, {"name": "a"}))

    def test_automations_are_asked_where_they_run(self) -> None:
        for values in ({}, {"server__force_worker_processes": True}):
            failure = self.failureResultOf(self.asked(self.tree(**values, automations__enabled=False), "list"))
            self.assertIn("automations are off", failure.getErrorMessage())
        self.assertEqual(self.successResultOf(self.asked(self.tree(), "list"))["automations"], [])
        tree = self.tree(server__force_worker_processes=True)
        self.assertIn("not up yet", self.failureResultOf(self.asked(tree, "list")).getErrorMessage())
        # As if there were none.
        self.patch(SoloService, "is_idle", True)
        self.assertEqual(self.successResultOf(self.asked(tree, "list"))["automations"], [])
        self.assertIn("there are no automations", self.failureResultOf(self.asked(tree, "run")).getErrorMessage())

    def test_one_worker_is_the_least(self) -> None:
        with logged_lines() as lines:
            tree = self.tree(server__force_worker_processes=True, server__workers=2)
            for _ in range(3):
                tree.signals._act(signal.SIGTTOU, None)
        assert tree.workers is not None
        self.assertEqual((tree.workers.count, lines[-1]), (1, "one worker is the least"))

    def test_the_metadata_are_renewed_with_another_number_of_them(self) -> None:
        tree = self.tree(server__force_worker_processes=True, server__workers=2)
        workers = tree.workers
        assert workers is not None
        renewed: list[int] = []
        self.patch(tree.meta, "renew", lambda: renewed.append(workers.count))
        for count in (3, 3, 1):
            workers.resize(count)
        self.assertEqual(renewed, [3, 1])

    def test_the_one_process_is_not_suspended_by_signals_for_workers(self) -> None:
        tree = self.tree()
        with logged_lines() as lines:
            for number in (signal.SIGTTIN, signal.SIGTTOU):
                tree.signals._act(number, None)
        self.assertEqual(
            lines,
            ["there is one process, and no more can be had: start the server with --processes for several"] * 2,
        )

    def test_django_that_is_set_up_here_is_of_no_use_there(self) -> None:
        settings = _settings(gateway__wsgi="some.module:application", server__force_worker_processes=True)
        calls: Any = {"up": None, "down": None, "failed": None, "interrupt": None, "describe": None}
        self.assertRaises(ApplicationError, Tree, settings, HandedOver(), skip_setup=True, **calls)
