"""The MicroApp inside a program that runs the reactor itself: alone, in an App, and mounted on its server."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import treq
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.static import Data

from duck_tx import App, ApplicationError, MicroApp, PortError, Settings
from duck_tx.settings import GatewaySettings, LogSettings, ServerSettings, override
from tests.case import AsyncTestCase


def place(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answers with where it is, and what was asked for below that."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """An ASGI application without a lifespan."""
    if scope["type"] != "http":
        raise ValueError(scope["type"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


class Hello(MicroApp):
    def view(self, request: Any) -> str:
        return "hello"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class _Case(AsyncTestCase):
    def settings(self, **gateway: Any) -> Settings:
        server = ServerSettings(state_dir=os.path.abspath(self.mktemp()), port=0, process_name="trial", grace=0.5)
        return Settings(
            server=server,
            gateway=GatewaySettings(gc_freeze=False, threads=2, **gateway),
            log=LogSettings(access=False),
        )

    def app(self, **arguments: Any) -> App:
        """An App without an application of its own, on a free port, that is stopped after the test."""
        every: dict[str, Any] = {
            "settings": self.settings(enabled=False),
            "disable_ipc_handler": True,
            "disable_signal_handler": True,
        } | arguments
        app = App(**every)
        self.addCleanup(app.stop, no_exit=True)
        return app

    async def text(self, uri: str, **given: Any) -> str:
        response = await treq.get(uri, persistent=False, **given)
        text: str = await response.text()
        return text


class AloneTests(_Case):
    def micro(self, **arguments: Any) -> MicroApp:
        every: dict[str, Any] = {"settings": self.settings(), "port": 0} | arguments
        micro = MicroApp(**every)
        self.addCleanup(micro.stop, no_exit=True)
        return micro

    async def test_it_starts_answers_and_stops_and_starts_again(self) -> None:
        micro = self.micro(wsgi=place, domain="site.example")
        self.assertEqual((micro.server_up, micro.port, micro.parent_app), (False, 0, None))
        for _ in range(2):
            await micro.start_server()
            self.assertTrue(micro.server_up)
            self.assertEqual(await self.text(f"http://localhost:{micro.port}/a/b"), "|/a/b")
            self.assertEqual(micro.absolute_uri, f"http://site.example:{micro.port}")
            self.assertEqual(micro.DOMAIN, "site.example")
            self.assertEqual(micro.build_absolute_uri("/a%2Fb?c"), f"http://site.example:{micro.port}/a%2Fb?c")
            await micro.stop(no_exit=True)
            self.assertFalse(micro.server_up)

    async def test_it_needs_no_start_to_be_stopped(self) -> None:
        await self.micro(wsgi=place).stop()

    async def test_there_may_be_as_many_as_wanted_beside_an_app(self) -> None:
        app = self.app()
        await app.start()
        micros = [self.micro(wsgi=place), self.micro(resource=_Leaf()), self.micro(asgi=echo)]
        for micro in micros:
            await micro.start_server()
        self.assertEqual(len({app.port, *(micro.port for micro in micros)}), 4)
        answers = [await self.text(micro.build_absolute_uri("/x")) for micro in micros]
        self.assertEqual(answers, ["|/x", "data", "/x"])
        self.assertEqual((App.get_main_app(), App.instances()), (app, 1))

    async def test_a_port_that_is_taken_is_named_with_what_to_change(self) -> None:
        first = self.micro(wsgi=place)
        await first.start_server()
        with self.assertRaises(PortError) as caught:
            await self.micro(wsgi=place, port=first.port).start_server()
        self.assertIn(f"port {first.port} is in use by pid {os.getpid()}", str(caught.exception))
        self.assertIn("choose another with port= in MicroApp().", str(caught.exception))

    async def test_what_the_settings_say_of_another_site_is_not_for_it(self) -> None:
        base = self.settings(wsgi="no.such:application", addr="127.0.0.1:9", external=True)
        settings = override(
            base,
            {
                "server.force_worker_processes": True,
                "server.preload": True,
                "server.domain": "site.example",
                "https.enabled": True,
                "https.force": True,
                "https.acme.email": "a@site.example",
                "http.server_header": "quack",
            },
            "a test",
        ).settings
        micro = self.micro(wsgi=place, settings=settings)
        await micro.start_server()
        response = await treq.get(micro.absolute_uri, persistent=False)
        self.assertEqual(await response.text(), "|/")
        self.assertEqual(response.headers.getRawHeaders("server"), ["quack"])

    async def test_threads_are_made_anew_when_asked_for(self) -> None:
        micro = self.micro(wsgi=place)
        App.start_background_workers(micro, True, True, recreate_managers=True)
        await micro.start_server()
        App.start_background_workers(micro, True, True, recreate_managers=True)
        self.assertEqual(await self.text(micro.absolute_uri), "|/")


class InAnAppTests(_Case):
    async def test_it_starts_and_stops_with_its_app(self) -> None:
        app = self.app()
        micro = MicroApp(port=0, parent_app=app, wsgi=place)
        self.assertIs(micro.service, app.service)
        self.assertFalse(micro.server_up)
        for _ in range(2):
            await app.start()
            self.assertTrue(micro.server_up)
            self.assertNotEqual(micro.port, app.port)
            self.assertEqual(await self.text(micro.build_absolute_uri("x")), "|/x")
            self.assertEqual(app.meta["microapps"], [{"name": "MicroApp", "url": micro.absolute_uri, "up": True}])
            await app.stop(no_exit=True)
            self.assertFalse(micro.server_up)

    async def test_it_can_be_stopped_and_started_alone(self) -> None:
        app = self.app()
        micro = MicroApp(port=0, parent_app=app, wsgi=place)
        await micro.start_server()
        self.assertEqual((app.server_up, micro.server_up), (False, True))
        await app.start()
        await micro.stop()
        self.assertEqual((app.server_up, micro.server_up), (True, False))
        await micro.start_server()
        self.assertEqual(await self.text(micro.absolute_uri), "|/")

    async def test_one_that_is_made_later_starts_when_it_is_told_to(self) -> None:
        app = self.app()
        await app.start()
        micro = MicroApp(port=0, parent_app=app, wsgi=place)
        self.assertFalse(micro.server_up)
        await micro.start_server()
        self.assertEqual(await self.text(micro.absolute_uri), "|/")
        await app.stop(no_exit=True)
        self.assertFalse(micro.server_up)

    async def test_all_of_them_have_one_grace_together(self) -> None:
        app = self.app(settings=override(self.settings(enabled=False), {"server.grace": 60.0}, "a test").settings)
        micros = [MicroApp(port=0, parent_app=app, resource=_Never()) for _ in range(3)]
        await app.start()
        waiting = [treq.get(micro.absolute_uri, persistent=False) for micro in micros]
        assert app.tree.microapps is not None
        while not all(each.spec.target.requests for each in app.tree.microapps):
            await deferLater(self.reactor, 0.01, lambda: None)
        stopping = app.stop(no_exit=True)
        while any(micro.server_up for micro in micros):
            await deferLater(self.reactor, 0.01, lambda: None)
        # All of them drain, and none has.
        self.assertFalse(stopping.called)
        app.tree.service.stop_at_once()
        await stopping
        for each in waiting:
            await each.addErrback(lambda _: None)

    @property
    def reactor(self) -> Any:
        from twisted.internet import reactor

        return reactor

    async def test_a_port_that_two_want_is_named_before_anything_opens(self) -> None:
        app = self.app(settings=self.settings(enabled=False), port=free_port())
        with self.assertRaisesRegex(PortError, "the micro app Hello .* and the server of the App .* or --port"):
            Hello(port=app.port, parent_app=app)
        port = free_port()
        MicroApp(port=port, parent_app=app, wsgi=place)
        with self.assertRaisesRegex(PortError, r"port= in Hello\(\), or port= in MicroApp\(\)"):
            Hello(addr="127.0.0.1", port=port, parent_app=app)
        with self.assertRaisesRegex(PortError, r"the micro app MicroApp"):
            Hello(addr="0.0.0.0", port=port, parent_app=app)
        # One more that is called the same.
        MicroApp(port=0, parent_app=app, wsgi=place)
        with self.assertRaisesRegex(PortError, r"the micro app MicroApp"):
            Hello(port=port, parent_app=app)

    async def test_one_that_cannot_start_lets_nothing_start(self) -> None:
        app = self.app()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            MicroApp(port=taken.getsockname()[1], parent_app=app, wsgi=place)
            with self.assertRaisesRegex(PortError, r"choose another with port= in MicroApp\(\)"):
                await app.start()
        self.assertFalse(app.server_up)

    def test_worker_processes_are_those_of_its_app(self) -> None:
        app = self.app()
        with self.assertRaisesRegex(
            ApplicationError, "give the App force_worker_processes, or run the micro app alone"
        ):
            Hello(port=0, parent_app=app, workers=2, force_worker_processes=True)
        with self.assertRaisesRegex(ApplicationError, "settings and reactor are those of its App"):
            Hello(port=0, parent_app=app, settings=Settings())


class _Leaf(Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"data"


class _Never(Resource):
    """Keeps its requests for ever."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []

    def render(self, request: Any) -> int:
        from twisted.web.server import NOT_DONE_YET

        self.requests.append(request)
        return NOT_DONE_YET


class MountedTests(_Case):
    async def test_by_prefix_and_by_host(self) -> None:
        app = self.app()
        root = Resource()
        root.putChild(b"a", Data(b"data", "text/plain"))
        api = MicroApp(parent_app=app, wsgi=place, prefix="/api")
        host = MicroApp(parent_app=app, wsgi=place, host="api.example")
        both = MicroApp(parent_app=app, wsgi=place, host="api.example", prefix="/v1/x/")
        tree = MicroApp(parent_app=app, resource=root, prefix="/res/")
        asgi = MicroApp(parent_app=app, asgi=echo, prefix="/asgi/")
        self.assertFalse(api.server_up)
        await app.start()
        self.assertTrue(all(each.server_up for each in (api, host, both, tree, asgi)))
        self.assertEqual((api.port, api.addr, api.DOMAIN), (app.port, "localhost", "localhost"))
        main = app.absolute_uri
        self.assertEqual(await self.text(f"{main}/api/a%2Fb?c"), "/api|/a/b")
        at_host = {"Host": f"API.example:{app.port}"}
        self.assertEqual(await self.text(f"{main}/api?c"), "/api|")
        self.assertEqual(await self.text(f"{main}/api/a", headers=at_host), "|/api/a")
        self.assertEqual(await self.text(f"{main}/v1/x/a", headers=at_host), "/v1/x|/a")
        self.assertEqual(await self.text(f"{main}/res/a"), "data")
        self.assertEqual(await self.text(f"{main}/asgi/a"), "/asgi/a")
        self.assertEqual((await treq.get(f"{main}/elsewhere", persistent=False)).code, 404)
        self.assertEqual(api.absolute_uri, f"{main}/api")
        self.assertEqual(api.build_absolute_uri("/a%2Fb"), f"{main}/api/a%2Fb")
        self.assertEqual(host.absolute_uri, f"http://api.example:{app.port}")
        self.assertEqual(both.build_absolute_uri("x?y"), f"http://api.example:{app.port}/v1/x/x?y")

    async def test_one_that_is_stopped_says_so_and_the_others_go_on(self) -> None:
        app = self.app()
        api = MicroApp(parent_app=app, wsgi=place, prefix="/api/")
        other = MicroApp(parent_app=app, wsgi=place, prefix="/other/")
        await app.start()
        await api.stop()
        self.assertEqual((api.server_up, other.server_up), (False, True))
        response = await treq.get(api.absolute_uri + "/", persistent=False)
        self.assertEqual(response.code, 503)
        self.assertIn("not up", await response.text())
        self.assertEqual(await self.text(f"{other.absolute_uri}/x"), "/other|/x")

    async def test_it_lives_beside_an_application(self) -> None:
        app = self.app(settings=self.settings(wsgi="tests.integration.gated:application"))
        api = MicroApp(parent_app=app, wsgi=place, prefix="/api/")
        await app.start()
        self.assertEqual(await self.text(f"{app.absolute_uri}/there"), "/there")
        self.assertEqual(await self.text(f"{api.absolute_uri}/there"), "/api|/there")

    def test_its_place_is_its_own(self) -> None:
        app = self.app(settings=self.settings(wsgi="tests.integration.gated:application"))
        MicroApp(parent_app=app, wsgi=place, prefix="/api/")
        table: list[tuple[str, dict[str, Any]]] = [
            ("cannot be mounted: something is mounted at /api/ already", {"prefix": "/api"}),
            ("leave addr, port, domain, uses_ipv6 and enable_https out", {"prefix": "/a/", "port": 9000}),
            ("prefix = '/' would leave nothing for the App's own site", {"prefix": "/"}),
            ("prefix = 'a': give a path that begins with a slash", {"prefix": "a"}),
            (r"prefix = '/a\?b': give a path", {"prefix": "/a?b"}),
            ("host = 'a:80': give a host name without a port", {"host": "a:80"}),
        ]
        for error, values in table:
            with self.assertRaisesRegex(ApplicationError, error):
                MicroApp(parent_app=app, wsgi=place, **values)


class RunTests(_Case):
    def test_it_runs_as_its_app_does(self) -> None:
        app = self.app()
        ran: list[bool] = []
        self.patch(app, "run", ran.append)
        MicroApp(port=0, parent_app=app, wsgi=place).run(False)
        self.assertEqual(ran, [False])

    async def test_what_workers_serve_starts_and_stops_with_them(self) -> None:
        app = self.app(workers=2, force_worker_processes=True)
        micro = MicroApp(port=0, parent_app=app, wsgi=place)
        self.patch(app, "start_server", lambda: Deferred[None]())
        self.assertFalse(micro.start_server().called)
        await micro.stop()
        self.patch(type(app.tree), "is_serving", True)
        for act in (micro.start_server, micro.stop):
            with self.assertRaisesRegex(ApplicationError, "starts and stops with them"):
                await act()
