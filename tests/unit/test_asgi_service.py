"""An ASGI application in the life of the gateway."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from pathlib import Path
from typing import Any, get_args

from twisted.internet.defer import Deferred
from twisted.web.resource import IResource

from duck_tx.errors import ApplicationError
from duck_tx.eventloop.bridge import Where
from duck_tx.gateway.asgi.resource import ASGIResource
from duck_tx.gateway.asgi.service import AsgiService
from duck_tx.gateway.both import Both, NotHere
from duck_tx.gateway.django import ASGIApplication
from duck_tx.gateway.project import Project
from duck_tx.gateway.service import GatewayService
from duck_tx.gateway.wsgi import WSGIResource
from duck_tx.settings import GatewaySettings
from tests.case import AsyncTestCase
from tests.unit.logged import logged_lines
from tests.unit.spawning import until

_SOURCE = """
import asyncio, threading

seen = []

async def application(scope, receive, send):
    seen.append((await receive())["type"])
    await send({"type": "lifespan.startup.complete"})
    seen.append(threading.current_thread().name)
    seen.append((await receive())["type"])
    await send({"type": "lifespan.shutdown.complete"})

async def failing(scope, receive, send):
    await send({"type": "lifespan.startup.failed", "message": "not today"})

async def careless(scope, receive, send):
    raise NotImplementedError

blocked = threading.Event()

async def blocking(scope, receive, send):
    blocked.wait()

async def native(scope, receive, send):
    raise NotImplementedError

native.__signature__ = 1

class OfLongAgo:
    def __init__(self, scope):
        ...

def pages(environ, start_response):
    ...
"""


class AsgiServiceTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.told: list[IResource] = []
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.addCleanup(setattr, sys, "path", sys.path[:])
        self.name = f"asgi_{self.id().rpartition('.')[2]}"
        self.addCleanup(sys.modules.pop, self.name, None)
        (self.directory / f"{self.name}.py").write_text(_SOURCE)

    @property
    def seen(self) -> list[str]:
        """What the application has noted."""
        found: list[str] = sys.modules[self.name].seen
        return found

    @property
    def blocked(self) -> threading.Event:
        """Ends what blocks the loop."""
        sys.path.insert(0, str(self.directory))
        event: threading.Event = importlib.import_module(self.name).blocked
        return event

    def service(self, asgi: str, *, wsgi: str = "", serves: bool = True, **settings: Any) -> GatewayService:
        project = Project(
            "wsgi" if wsgi else "asgi",
            str(self.directory),
            wsgi=f"{self.name}:{wsgi}" if wsgi else None,
            asgi=f"{self.name}:{asgi}",
        )
        service = GatewayService(
            self.reactor,
            GatewaySettings(gc_freeze=False, **settings),
            lambda: (project, []),
            lambda _, resource: self.told.append(resource),
            lambda: 0.05,
            threads=1,
            serves=serves,
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(service.stopService()))
        return service

    async def start(self, asgi: str = "application", **options: Any) -> GatewayService:
        service = self.service(asgi, **options)
        await service.startService()
        return service

    async def test_the_lifespan_frames_it(self) -> None:
        for where in get_args(Where):
            service = await self.start(event_loop=where)
            self.assertIsInstance(self.told[-1], ASGIResource)
            await until(lambda: len(self.seen) == 2)
            with self.assertRaises(RuntimeError):
                # What follows the start is no coroutine of the application's loop.
                asyncio.get_running_loop()
            await service.stopService()
            name = "duck-asgi" if where == "thread" else threading.current_thread().name
            self.assertEqual(self.seen, ["lifespan.startup", name, "lifespan.shutdown"])
            self.assertIsNone(service.asgi)
            self.seen.clear()
        await until(lambda: "duck-asgi" not in [each.name for each in threading.enumerate()])

    async def test_one_that_cannot_start_fails_the_start(self) -> None:
        service = self.service("failing")
        with self.assertRaisesRegex(ApplicationError, f"the ASGI application {self.name}:failing could not start: not"):
            await service.startService()
        self.assertEqual((self.told, service.asgi), ([], None))

    async def test_what_is_no_asgi_application_fails_the_start(self) -> None:
        for name in ("pages", "OfLongAgo"):
            service = self.service(name)
            said = f"{self.name}:{name} is no ASGI application: it cannot be called with a scope, receive and send"
            with self.assertRaisesRegex(ApplicationError, said):
                await service.startService()
            self.assertIsNone(service.asgi)

    async def test_what_does_not_tell_how_it_is_called_is_tried(self) -> None:
        service = await self.start("native")
        self.assertIsNotNone(service.asgi)

    async def test_something_may_be_put_around_what_answers(self) -> None:
        service = self.service("careless")
        given: list[object] = []

        def wrap(application: ASGIApplication) -> ASGIApplication:
            given.append(application)
            return application

        service.wrap_asgi = wrap
        await service.startService()
        self.assertEqual(given, [sys.modules[self.name].careless])

    async def test_a_loop_that_something_blocks_is_not_waited_for(self) -> None:
        for name in ("_AT_LEAST", "_MOMENT"):
            self.patch(sys.modules[AsgiService.__module__], name, 0.02)
        service = await self.start("careless", event_loop="thread")
        assert service.asgi is not None and service.asgi._bridge is not None
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        service.asgi._bridge.enter(go_on.wait)
        await service.asgi.idle(0)
        with logged_lines() as lines:
            await service.stopService()
        said = f"the ASGI application {self.name}:careless blocks its event loop: not waiting for it"
        self.assertEqual(lines, [said])
        go_on.set()
        await until(lambda: "duck-asgi" not in [each.name for each in threading.enumerate()])

    async def test_a_start_that_blocks_its_loop_fails_in_time(self) -> None:
        self.patch(sys.modules[AsgiService.__module__], "_MOMENT", 0.02)
        service = self.service("blocking", event_loop="thread", lifespan_timeout=0.1)
        go_on = self.blocked
        self.addCleanup(go_on.set)
        said = "has not started after 0.1 s .gateway.lifespan_timeout., and blocks its event loop"
        with self.assertRaisesRegex(ApplicationError, said):
            await service.startService()
        go_on.set()
        await until(lambda: "duck-asgi" not in [each.name for each in threading.enumerate()])

    async def test_below_a_monitor_that_is_told_instead(self) -> None:
        service = self.service("failing")
        failures: list[Exception] = []
        service.failed = failures.append
        await service.startService()
        self.assertIsInstance(failures[0], ApplicationError)

    async def test_pages_go_through_wsgi_and_some_paths_through_asgi(self) -> None:
        await self.start("careless", wsgi="pages")
        await self.start("careless", wsgi="pages", asgi_paths=("/a/",))
        await self.start("careless", wsgi="pages", asgi_paths=("/a/",), asgi_beside_wsgi=False)
        await self.start("careless", wsgi="pages", asgi_only=True)
        self.assertEqual([type(each) for each in self.told], [WSGIResource, Both, Both, ASGIResource])

    async def test_where_nothing_is_served_it_is_not_started(self) -> None:
        service = await self.start(serves=False)
        self.assertIsNone(service.asgi)
        self.assertIsInstance(self.told[0], NotHere)
        self.assertEqual(self.seen, [])

    async def test_connections_of_the_thread_for_synchronous_code_are_closed(self) -> None:
        from asgiref.sync import sync_to_async

        closed: list[str] = []
        service = self.service("careless")
        await service.startService()
        assert service.asgi is not None
        service.asgi._close_connections = lambda: closed.append(threading.current_thread().name)
        names: list[str] = []
        task = service.asgi._bridge.loop.create_task(self.note(sync_to_async, names))  # type: ignore[union-attr]
        await until(task.done)
        await service.stopService()
        self.assertEqual(closed, names)

    async def note(self, apart: Any, names: list[str]) -> None:
        names.append(await apart(lambda: threading.current_thread().name)())

    async def test_new_threads_leave_it_as_it_is(self) -> None:
        service = await self.start("careless", wsgi="pages", asgi_paths=("/a/",))
        asgi = service.asgi
        await service.let_go(1)
        self.assertIs(service.asgi, asgi)
        self.assertEqual(len(self.told), 2)

    async def test_what_does_not_end_is_named(self) -> None:
        from duck_tx.gateway.asgi import resource

        self.patch(resource, "_LAST_STEPS", 0.01)
        service = await self.start("careless")
        assert service.asgi is not None
        terms = service.asgi.resource._terms
        stuck: Any = type("Stuck", (), {"task": None, "cancel": lambda self: None})()
        terms.running.add(stuck)
        with logged_lines() as lines:
            await service.stopService()
        self.assertIn(f"1 calls of the ASGI application {self.name}:careless did not end", lines)
