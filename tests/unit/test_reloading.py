"""What ``--reload`` makes of the settings, the ports and the tree."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from duck_tx import reloading
from duck_tx.app import App
from duck_tx.errors import ApplicationError, PortError
from duck_tx.gateway.django import LoadedProject
from duck_tx.gateway.project import Project
from duck_tx.http.router import Router
from duck_tx.reload.child import Start
from duck_tx.reload.page import TroublePage
from duck_tx.reloading import Monitor, Ports, is_debug, settings_below
from duck_tx.settings import Settings, override
from duck_tx.tap import Options, app_of, monitor_of
from tests.case import AsyncTestCase, UnitTestCase
from tests.integration.server import CHECKOUT
from tests.unit.logged import logged_lines


def _settings(**values: object) -> Settings:
    defaults = {"server.port": 0, "server.addr": "127.0.0.1"}
    return override(
        Settings(), {**defaults, **{key.replace("__", "."): value for key, value in values.items()}}, "t"
    ).settings


class SettingsTests(UnitTestCase):
    def test_a_short_life_has_settings_of_its_own(self) -> None:
        below = settings_below(_settings(server__force_worker_processes=True, server__workers=2))
        self.assertEqual((below.server.grace, below.server.debug), (1.0, True))
        self.assertEqual((below.content.max_age, below.gateway.gc_freeze), (0, False))
        self.assertFalse(below.server.force_worker_processes)

    def test_what_was_chosen_stays(self) -> None:
        below = settings_below(_settings(server__grace=0.5, server__debug=False))
        self.assertEqual((below.server.grace, below.server.debug), (0.5, False))


class DebugTests(UnitTestCase):
    def test_pages_are_for_developers_where_the_settings_or_django_say_so_and_in_the_welcome_project(self) -> None:
        def loaded(kind: Any, debug: bool) -> LoadedProject:
            return LoadedProject(Project(kind, ".", None, None, "a test"), lambda environ, start: [], debug)

        for project, debug, expected in (
            (loaded("django", False), None, False),
            (loaded("django", True), None, True),
            (loaded("welcome", False), None, True),
            (loaded("django", False), True, True),
            (loaded("django", True), False, False),
            (None, None, False),
        ):
            self.assertEqual(is_debug(project, debug), expected)


class PortsTests(UnitTestCase):
    def ports(self, given: dict[str, socket.socket] | None = None, **values: object) -> tuple[Ports, Settings]:
        settings = _settings(**values)
        ports = Ports(given or {}, settings)

        def close() -> None:
            for _, sock in ports._bound.values():
                sock.close()

        self.addCleanup(close)
        return ports, settings

    def test_a_port_is_bound_once(self) -> None:
        ports, settings = self.ports()
        first = ports.bound(settings)
        self.assertEqual(list(first), ["server"])
        self.assertIs(ports.bound(_settings(server__grace=1))["server"], first["server"])

    def test_another_port_is_bound_and_the_old_one_closed(self) -> None:
        ports, settings = self.ports()
        first = ports.bound(settings)["server"]
        second = ports.bound(_settings(server__addr="127.0.0.2"))["server"]
        self.assertEqual((first.fileno(), second.getsockname()[0]), (-1, "127.0.0.2"))

    def test_what_cannot_be_bound_changes_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            ports, settings = self.ports()
            first = ports.bound(settings)["server"]
            self.assertRaises(PortError, ports.bound, _settings(server__port=taken.getsockname()[1]))
            self.assertIs(ports.bound(settings)["server"], first)

    def test_a_unix_socket_that_is_wanted_no_more_leaves_no_file(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="duck-test-"))
        self.addCleanup(shutil.rmtree, folder)
        one, other = folder / "one.sock", folder / "other.sock"
        ports, settings = self.ports(gateway__addr=f"unix:{one}")
        ports.bound(settings)
        ports.bound(_settings(gateway__addr=f"unix:{other}"))
        self.assertEqual(list(folder.iterdir()), [other])
        sockets = [sock for _, sock in ports._bound.values()]
        ports.stopService()
        self.assertEqual((list(folder.iterdir()), [sock.fileno() for sock in sockets]), ([], [-1, -1]))

    def test_one_that_a_supervisor_has_bound_keeps_its_file(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="duck-test-"))
        self.addCleanup(shutil.rmtree, folder)
        path = folder / "x.sock"
        given = socket.socket(socket.AF_UNIX)
        self.addCleanup(given.close)
        given.bind(str(path))
        ports, settings = self.ports({"backend": given}, gateway__addr=f"unix:{path}")
        ports.bound(settings)
        ports.stopService()
        self.assertTrue(path.exists())

    def test_what_a_supervisor_has_bound_is_used(self) -> None:
        given = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(given.close)
        ports, settings = self.ports({"server": given})
        self.assertEqual(ports.bound(settings)["server"].getsockname(), given.getsockname())

    def test_a_redirect_site_has_a_port_too(self) -> None:
        ports, settings = self.ports(https__enabled=True, https__force=True, https__redirect_port=0)
        self.assertEqual(list(ports.bound(settings)), ["server", "force-https"])


class MonitorTests(UnitTestCase):
    def setUp(self) -> None:
        self.patch(reloading, "set_title", lambda title: self.titles.append(title))
        self.titles: list[str] = []
        self.settings = _settings()

    def monitor(self) -> tuple[Any, Ports]:
        ports = Ports({}, self.settings)
        reactor = MemoryReactorClock()
        monitor = Monitor(reactor, lambda: self.settings, config=None, environ={"A": "1"}, ports=lambda settings: ports)
        return monitor, ports

    def test_the_server_is_started_as_this_process_was(self) -> None:
        monitor, ports = self.monitor()
        start: Start = monitor._prepare()
        [(_, sock)] = ports._bound.values()
        self.addCleanup(sock.close)
        self.assertEqual(start.command, [sys.executable, *sys.orig_argv[1:]])
        self.assertEqual(start.environ, {"A": "1", "DUCK_LISTEN_FDS": f"server={sock.fileno()}"})
        self.assertEqual(list(start.sockets), [sock.fileno()])
        names = [os.path.relpath(path) for path in start.watched]
        self.assertEqual(names[:2], ["duck.toml", "pyproject.toml"])
        self.assertEqual(self.titles, ["duck-server: reloader"])

    def test_its_ports_are_the_last_to_go(self) -> None:
        monitor, ports = self.monitor()
        self.assertIs(next(iter(monitor.service)), ports)

    def test_it_is_said_that_there_are_no_worker_processes_below(self) -> None:
        for wanted, expected in ((True, ["worker processes"]), (False, [])):
            self.settings = _settings(server__force_worker_processes=wanted)
            with logged_lines() as lines:
                self.monitor()
            self.assertEqual([text for line in lines for text in expected if text in line], expected)
            self.assertEqual(len(lines), len(expected))

    def test_it_ends_as_the_server_did(self) -> None:
        monitor, _ = self.monitor()
        sent: list[tuple[int, int]] = []
        self.patch(os, "kill", lambda *what: sent.append(what))
        monitor._over(None, signal.SIGTERM)
        self.assertEqual(sent, [(os.getpid(), signal.SIGTERM)])
        stopped: list[bool] = []
        monitor.life.stop = lambda *, ends: stopped.append(ends)
        monitor._over(0, None)
        self.assertEqual(stopped, [True])

    def test_ctrl_c_is_known_to_have_come_from_the_terminal(self) -> None:
        monitor, _ = self.monitor()
        monitor.life.interrupted = lambda *what: None
        for number, by_terminal in ((signal.SIGINT, True), (signal.SIGTERM, False)):
            monitor._interrupted(number, None)
            self.assertEqual(monitor._monitor.by_terminal, by_terminal)


class StandByTests(UnitTestCase):
    def test_what_is_imported_ahead_looks_at_no_settings(self) -> None:
        code = "\n".join(
            [
                "from importlib import import_module",
                "from duck_tx.reloading import _AHEAD",
                "for name in _AHEAD: import_module(name)",
                "from django.conf import settings",
                "assert not settings.configured",
            ]
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": str(CHECKOUT)}, capture_output=True, timeout=60
        )
        self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))

    def test_a_turn_that_never_comes_is_the_end(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(theirs.close)
        self.addCleanup(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT))
        ours.close()
        with self.assertRaises(SystemExit) as caught:
            reloading.stand_by(theirs)
        self.assertEqual(caught.exception.code, 0)

    def test_a_life_begins_with_its_turn(self) -> None:
        self.patch(os, "environ", dict(os.environ))
        ours, theirs = socket.socketpair()
        for each in (ours, theirs):
            self.addCleanup(each.close)
        before = signal.getsignal(signal.SIGINT)
        ours.sendall(b"{}\n")
        reloading.stand_by(theirs)
        self.assertIn("DUCK_BEGAN", os.environ)
        self.assertIs(signal.getsignal(signal.SIGINT), before)


class _Reloader:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def restart(self) -> None:
        self.asked.append("restart")

    def stay(self) -> None:
        self.asked.append("stay")


class AppTests(AsyncTestCase):
    async def test_an_app_below_a_monitor_leaves_the_restart_to_it(self) -> None:
        app = App(settings=_settings(gateway__enabled=False), disable_ipc_handler=True, disable_signal_handler=True)
        reloader: Any = _Reloader()
        app.tree.reloader = reloader
        await app.restart()
        await app.stop(no_exit=True)
        self.assertEqual(reloader.asked, ["restart"])
        await app.stop(no_exit=True, kill_ducksight_reloader=False)
        self.assertEqual(reloader.asked, ["restart", "stay"])

    async def test_elsewhere_there_is_no_reloader_to_start(self) -> None:
        app = App(settings=_settings(gateway__enabled=False), disable_ipc_handler=True, disable_signal_handler=True)
        await app.start_ducksight_reloader()
        await app.stop(no_exit=True)

    async def test_every_port_says_why_the_project_cannot_be_loaded(self) -> None:
        from twisted.internet import reactor

        settings = _settings(
            gateway__wsgi="some.module:application", gateway__addr="127.0.0.1:8001", server__state_dir=self.mktemp()
        )
        app = App(settings=settings, disable_ipc_handler=True, disable_signal_handler=True)
        self.addCleanup(app.stop, no_exit=True)
        self.patch(reactor, "addSystemEventTrigger", lambda *what: None)
        ours, theirs = socket.socketpair()
        gone: Deferred[None] = Deferred()
        reloading.equip(app.tree, reactor, ours, lambda: gone.callback(None))
        failed = app.tree.gateway.failed
        assert failed is not None
        with logged_lines():
            failed(ApplicationError("the ducks are not in a row"))
        for name in ("server", "backend"):
            router = app.tree.serving.ports[name].site.resource
            assert isinstance(router, Router)
            self.assertIsInstance(router.default, TroublePage, name)
        theirs.close()
        await gone

    def test_a_production_start_imports_nothing_of_this(self) -> None:
        code = "import sys, duck_tx.tap\nassert not [name for name in sys.modules if name.startswith('duck_tx.reload')]"
        environ = {"PYTHONPATH": str(CHECKOUT)}
        done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))


class WantedTests(UnitTestCase):
    def options(self, **values: object) -> Options:
        options = Options()
        options["config"] = None
        options.loaded = override(_settings(), {key.replace("__", "."): value for key, value in values.items()}, "t")
        options.read = lambda: options.loaded
        return options

    def setUp(self) -> None:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("DUCK_")}
        self.patch(os, "environ", environ)

    def test_it_is_for_those_who_ask_or_debug(self) -> None:
        self.assertIsNone(monitor_of(self.options()))
        self.assertIsNone(monitor_of(self.options(server__debug=True, reload__enabled=False)))
        self.assertIsInstance(monitor_of(self.options(server__debug=True)), Monitor)
        self.assertIsInstance(monitor_of(self.options(reload__enabled=True)), Monitor)

    def test_below_a_monitor_in_a_trial_and_after_a_restart_there_is_no_other(self) -> None:
        for variable in ("DUCK_RELOAD_LINK", "DUCK_TRIAL", "DUCK_BEGAN"):
            os.environ[variable] = "1"
            self.assertIsNone(monitor_of(self.options(reload__enabled=True)), variable)
            del os.environ[variable]

    def test_a_daemon_has_none(self) -> None:
        daemon: Any = {"nodaemon": 0}
        options = self.options(server__debug=True)
        options.parent = daemon
        self.assertIsNone(monitor_of(options))
        options = self.options(reload__enabled=True)
        options.parent = daemon
        with self.assertRaisesRegex(ApplicationError, "start it with twistd -n"):
            monitor_of(options)

    def test_what_can_be_done_only_once_is_left_to_the_monitor(self) -> None:
        os.environ["DUCK_RELOAD_LINK"] = "none"
        options = Options()
        parent: Any = {"pidfile": "twistd.pid", "uid": 1, "logfile": "a.log"}
        options.parent = parent
        options.parseOptions([])
        self.assertEqual(parent, {"pidfile": None, "uid": None, "logfile": "a.log"})

    def test_without_a_link_the_app_is_one_like_others(self) -> None:
        os.environ["DUCK_RELOAD_LINK"] = "none"
        app = app_of(self.options())
        self.assertIsNone(app.tree.reloader)
