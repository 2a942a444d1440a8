"""The App inside a program that runs the reactor itself, as this test run does; and its table of members."""

from __future__ import annotations

import inspect
import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import treq
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater

from duck_tx import App, ApplicationError, PortError, Settings, SettingsError
from duck_tx.settings import GatewaySettings, LogSettings, ProxySettings, ServerSettings
from duck_tx.settings.sections.routes import RouteSettings
from tests.case import AsyncTestCase

_ARGUMENTS: dict[str, object] = {
    "addr": "localhost",
    "port": 8000,
    "domain": None,
    "uses_ipv6": False,
    "no_checks": False,
    "disable_signal_handler": False,
    "disable_ipc_handler": False,
    "skip_setup": False,
    "enable_force_https_logs": False,
    "start_bg_eventloop_if_wsgi": True,
    "process_name": "duck-server",
    "workers": None,
    "force_https_workers": None,
    "force_worker_processes": False,
    "force_https_force_worker_processes": False,
}

_METHODS: dict[str, dict[str, object]] = {
    "run": {"print_ansi_art": True},
    "stop": {
        "log_to_console": True,
        "no_exit": False,
        "call_on_pre_stop_handler": True,
        "kill_ducksight_reloader": True,
        "wait_for_thread_pool_executor_shutdown": True,
        "close_log_file": True,
    },
    "restart": {},
    "start_server": {},
    "start_django_server": {},
    "stop_servers": {"stop_force_https_server": True, "log_to_console": True, "wait": True},
    "start_background_workers": {
        "application": inspect.Parameter.empty,
        "start_request_handling_threadpool_manager": inspect.Parameter.empty,
        "start_request_handling_eventloop_manager": inspect.Parameter.empty,
        "start_component_threadpool_manager": True,
        "start_automations_eventloop_manager": False,
        "recreate_managers": False,
    },
    "get_threadpool_futures": {},
    "register_signals": {},
    "handle_signal": {"sig": inspect.Parameter.empty, "frame": inspect.Parameter.empty},
    "record_metadata": {},
    "run_checks": {},
    "set_process_name": {},
    "on_app_start": {},
    "on_pre_stop": {},
    "get_main_app": {},
    "instances": {},
    "build_absolute_uri": {"path": inspect.Parameter.empty},
    "build_absolute_ws_uri": {"path": inspect.Parameter.empty},
}


def _defaults(function: Callable[..., object]) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.name != "self"}


def _from_reactor() -> Any:
    from twisted.internet import reactor

    return reactor


class _Case(AsyncTestCase):
    def app(self, *, kind: type[App] = App, **arguments: Any) -> App:
        """An App on a free port that is stopped after the test."""
        server = ServerSettings(state_dir=os.path.abspath(self.mktemp()), port=0, process_name="trial", grace=0.5)
        settings = Settings(
            server=server,
            gateway=GatewaySettings(wsgi="tests.integration.gated:application", threads=2, gc_freeze=False),
            log=LogSettings(access=False),
        )
        every: dict[str, Any] = {
            "settings": settings,
            "disable_ipc_handler": True,
            "disable_signal_handler": True,
        } | arguments
        app = kind(**every)
        self.addCleanup(app.stop, no_exit=True)
        return app


class SignatureTests(AsyncTestCase):
    def test_the_constructor_has_the_arguments_and_defaults_that_were_promised(self) -> None:
        found = _defaults(App.__init__)
        self.assertEqual(list(found)[: len(_ARGUMENTS)], list(_ARGUMENTS))
        self.assertEqual({name: found[name] for name in _ARGUMENTS}, _ARGUMENTS)
        parameters = inspect.signature(App).parameters
        for name in ("settings", "reactor"):
            self.assertEqual((parameters[name].kind, parameters[name].default), (parameters[name].KEYWORD_ONLY, None))

    def test_the_methods_have_the_arguments_and_defaults_that_were_promised(self) -> None:
        self.assertEqual({name: _defaults(getattr(App, name)) for name in _METHODS}, _METHODS)

    def test_a_worker_thread_pool_is_started_without_an_instance(self) -> None:
        self.assertIsInstance(inspect.getattr_static(App, "start_background_workers"), staticmethod)


class AttributeTests(_Case):
    async def test_before_during_and_after(self) -> None:
        app = self.app(domain="site.example")
        self.assertEqual((app.DJANGO_ADDR, app.DJANGO_SERVER_WAIT_TIME), (None, 30.0))
        self.assertEqual((app.DOMAIN, app.addr, app.port), ("site.example", "localhost", 0))
        self.assertEqual(app.process_id, os.getpid())
        self.assertIs(app.settings.server.uses_ipv6, False)
        self._is(app, up=False)
        await app.start()
        self._is(app, up=True)
        port = app.port
        self.assertGreater(port, 0)
        self.assertEqual(app.absolute_uri, f"http://site.example:{port}")
        self.assertEqual(app.absolute_ws_uri, f"ws://site.example:{port}")
        self.assertEqual(app.build_absolute_uri("/a%2Fb?c=%20#d"), f"http://site.example:{port}/a%2Fb?c=%20#d")
        self.assertEqual(app.build_absolute_ws_uri("ws/1"), f"ws://site.example:{port}/ws/1")
        self.assertEqual((app.meta["port"], app.meta["domain"]), (port, "site.example"))
        await app.stop(no_exit=True)
        self._is(app, up=False)

    def _is(self, app: App, *, up: bool) -> None:
        self.assertEqual((app.running, app.server_up, app.django_server_up), (up, up, up))
        self.assertFalse(app.force_https_server_up)

    async def test_the_metadata_is_recorded_when_asked_for(self) -> None:
        app = self.app()
        state_dir = app.settings.server.state_dir
        assert state_dir is not None
        path = Path(state_dir, "meta.json")
        self.assertEqual(dict(app.record_metadata()) | {"started": 0}, dict(app.meta) | {"started": 0})
        self.assertTrue(path.exists())

    async def test_futures_end_with_their_parts(self) -> None:
        app = self.app()
        self.assertEqual(set(app.get_threadpool_futures().values()), {None})
        await app.start()
        futures = app.get_threadpool_futures()
        self.assertEqual(list(futures), ["duck-server", "django", "force-https", "automations"])
        running = [future for future in futures.values() if future is not None]
        self.assertEqual([future.done() for future in running], [False, False])
        self.assertIsInstance(running[0], Future)
        await app.stop(no_exit=True)
        self.assertEqual([future.done() for future in running], [True, True])


class ServingTests(_Case):
    async def test_it_serves_on_a_reactor_that_is_not_its_own_and_starts_again(self) -> None:
        app = self.app()
        for _ in range(3):
            await app.start()
            response = await treq.get(f"{app.absolute_uri}/there", persistent=False)
            self.assertEqual(await response.text(), "/there")
            port = app.port
            await app.stop(no_exit=True)
            with socket.socket() as probe:
                self.assertNotEqual(probe.connect_ex(("127.0.0.1", port)), 0)

    async def test_django_may_have_an_address_of_its_own(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        plain = self.app()
        gateway = msgspec.structs.replace(plain.settings.gateway, addr=f"127.0.0.1:{port}", wait_time=20.0)
        await plain.stop(no_exit=True)
        app = self.app(settings=msgspec.structs.replace(plain.settings, gateway=gateway))
        self.assertEqual((app.DJANGO_ADDR, app.DJANGO_SERVER_WAIT_TIME), (("127.0.0.1", port), 20.0))
        for _ in range(2):
            self.assertFalse(app.django_server_up)
            await app.start()
            self.assertTrue(app.django_server_up)
            for uri in (app.absolute_uri, f"http://127.0.0.1:{port}"):
                response = await treq.get(f"{uri}/there", persistent=False)
                self.assertEqual(await response.text(), "/there")
            await app.stop_servers()
            self.assertEqual((app.server_up, app.django_server_up), (False, False))
            await app.stop(no_exit=True)

    async def test_a_route_for_everything_leaves_no_django_to_start_or_stop(self) -> None:
        plain = self.app()
        await plain.stop(no_exit=True)
        gateway = msgspec.structs.replace(plain.settings.gateway, wsgi=None)
        proxy = ProxySettings(routes=(RouteSettings(upstreams=("http://127.0.0.1:9",)),))
        app = self.app(settings=msgspec.structs.replace(plain.settings, gateway=gateway, proxy=proxy))
        await app.start_django_server()
        await app.start_server()
        self.assertEqual((app.server_up, app.django_server_up), (True, False))
        self.assertIsNone(app.get_threadpool_futures()["django"])
        await app.stop_servers()
        self.assertFalse(app.server_up)

    async def test_a_stop_leaves_the_caller_s_reactor_alone_in_any_case(self) -> None:
        app = self.app()
        await app.start()
        await app.stop()
        await deferLater(_from_reactor(), 0, lambda: None)
        self.assertTrue(_from_reactor().running)

    async def test_run_returns_at_once_and_the_hook_tells_when_it_is_up(self) -> None:
        up: Deferred[None] = Deferred()
        app = self.app(on_app_start=lambda: up.callback(None))
        app.run()
        await up
        self.assertTrue(app.server_up)

    async def test_a_start_that_fails_fails_the_deferred_and_leaves_the_port(self) -> None:
        for port_is_bound in (False, True):
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                port = taken.getsockname()[1]
                if port_is_bound:
                    taken.listen()
                app = self.app(port=port)
                if port_is_bound:
                    with self.assertRaises(PortError):
                        await app.start()
            self.assertFalse(app.server_up)
            self.assertEqual(App.instances(), int(not port_is_bound))
            await app.stop(no_exit=True)
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    async def test_a_hook_that_fails_fails_the_start_and_everything_is_down(self) -> None:
        def fail() -> None:
            raise LookupError("lost")

        app = self.app(on_app_start=fail)
        with self.assertRaises(LookupError):
            await app.start()
        self.assertEqual((app.server_up, app.django_server_up, App.instances()), (False, False, 0))
        self.assertEqual(len(self.flushLoggedErrors(LookupError)), 1)

    async def test_the_hook_before_the_stop_can_be_left_out(self) -> None:
        called: list[str] = []
        app = self.app(on_pre_stop=lambda: called.append("down"))
        await app.start()
        await app.stop(no_exit=True, call_on_pre_stop_handler=False)
        self.assertEqual(called, [])
        await app.start()
        await app.stop(no_exit=True)
        self.assertEqual(called, ["down"])


class PartTests(_Case):
    async def test_the_server_and_django_start_one_by_one_and_twice_is_harmless(self) -> None:
        app = self.app()
        await app.start_server()
        await app.start_server()
        self.assertEqual((app.server_up, app.django_server_up), (True, False))
        response = await treq.get(app.absolute_uri, persistent=False)
        self.assertEqual(response.code, 404)
        await response.content()
        await app.start_django_server()
        await app.start_django_server()
        self.assertEqual((app.server_up, app.django_server_up), (True, True))
        response = await treq.get(f"{app.absolute_uri}/there", persistent=False)
        self.assertEqual(await response.text(), "/there")

    async def test_the_servers_stop_and_the_rest_stays(self) -> None:
        app = self.app()
        await app.start()
        await app.stop_servers()
        self.assertEqual((app.server_up, app.django_server_up), (False, False))
        self.assertIs(App.get_main_app(), app)
        await app.start_django_server()
        await app.start_server()
        response = await treq.get(f"{app.absolute_uri}/again", persistent=False)
        self.assertEqual(await response.text(), "/again")

    async def test_without_waiting_the_servers_stop_in_their_own_time(self) -> None:
        app = self.app()
        await app.start()
        self.assertTrue(app.stop_servers(wait=False).called)
        await app.stop(no_exit=True)
        self.assertEqual((app.server_up, app.django_server_up), (False, False))

    async def test_threads_are_made_anew_when_asked_for(self) -> None:
        app = self.app()
        App.start_background_workers(app, True, True, recreate_managers=True)
        await app.start()
        first = app.tree.gateway.threads
        App.start_background_workers(app, True, True)
        self.assertIs(app.tree.gateway.threads, first)
        App.start_background_workers(app, True, True, recreate_managers=True)
        self.assertIsNot(app.tree.gateway.threads, first)
        response = await treq.get(f"{app.absolute_uri}/new", persistent=False)
        self.assertEqual(await response.text(), "/new")

    async def test_an_event_loop_beside_wsgi_may_be_unwanted(self) -> None:
        app = self.app(start_bg_eventloop_if_wsgi=False)
        self.assertFalse(app.settings.gateway.asgi_beside_wsgi)

    async def test_signals_are_taken_when_asked_for_and_given_back(self) -> None:
        before = signal.getsignal(signal.SIGTERM)
        app = self.app()
        await app.start()
        self.assertEqual(signal.getsignal(signal.SIGTERM), before)
        app.register_signals()
        app.register_signals()
        self.assertNotEqual(signal.getsignal(signal.SIGTERM), before)
        await app.stop(no_exit=True)
        self.assertEqual(signal.getsignal(signal.SIGTERM), before)

    async def test_a_signal_may_be_handed_over(self) -> None:
        reopened: list[str] = []
        app = self.app()
        self.patch(app.tree.access_log, "reopen", lambda: reopened.append("reopened"))
        await app.start()
        app.handle_signal(signal.SIGUSR1, None)
        await deferLater(_from_reactor(), 0.01, lambda: None)
        self.assertEqual(reopened, ["reopened"])

    async def test_checks_leave_nothing_behind_and_log_all_they_find(self) -> None:
        app = self.app()
        app.run_checks()
        app.run_checks()
        state_dir = app.settings.server.state_dir
        assert state_dir is not None
        self.assertFalse(os.path.exists(state_dir))
        await app.start()
        app.run_checks()
        self.assertTrue(app.server_up)


class OneAppTests(_Case):
    async def test_a_second_app_is_refused_before_it_touches_anything(self) -> None:
        app = self.app()
        await app.start()
        self.assertEqual((App.get_main_app(), App.instances()), (app, 1))
        with self.assertRaisesRegex(ApplicationError, f"already .port {app.port}."):
            App(port=app.port)
        self.assertTrue(app.server_up)
        await app.stop(no_exit=True)
        self.assertEqual((App.get_main_app(), App.instances()), (None, 0))

    async def test_an_app_that_was_dropped_is_no_obstacle(self) -> None:
        App(settings=Settings(), port=1, reactor=_from_reactor())
        App(settings=Settings(), port=1, reactor=_from_reactor())
        self.assertLessEqual(App.instances(), 1)

    async def test_an_app_that_was_stopped_cannot_start_beside_another(self) -> None:
        first = self.app()
        await first.start()
        await first.stop(no_exit=True)
        second = self.app()
        await second.start()
        with self.assertRaises(ApplicationError):
            first.start()

    async def test_what_cannot_be_is_said_before_any_socket_is_opened(self) -> None:
        self.assertRaises(SettingsError, App, "not an address")
        self.assertRaises(SettingsError, App, port=70_000)
        self.assertRaises(ApplicationError, App, force_worker_processes=True, skip_setup=True)
        self.assertRaises(ApplicationError, App, settings=Settings(gateway=GatewaySettings(project="/nowhere")))
        self.assertEqual(App.instances(), 0)

    async def test_subclasses_override_the_hooks(self) -> None:
        called: list[str] = []

        class Site(App):
            def on_app_start(self) -> Deferred[None]:
                called.append("up")
                return succeed(None)

            async def on_pre_stop(self) -> None:
                called.append("down")

        site = self.app(kind=Site)
        await site.start()
        await site.stop(no_exit=True)
        self.assertEqual(called, ["up", "down"])
