"""The gateway's life: the project is loaded on a thread, served by threads, and both are let go."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from duck_tx.errors import ApplicationError
from duck_tx.gateway.call import Application
from duck_tx.gateway.django import LoadedProject
from duck_tx.gateway.project import Project
from duck_tx.gateway.service import GatewayService
from duck_tx.gateway.wsgi import WSGIResource
from duck_tx.settings import GatewaySettings
from tests.case import AsyncTestCase
from tests.unit.logged import logged_lines


class GatewayServiceTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.told: list[tuple[LoadedProject, WSGIResource]] = []
        self.patience = 5.0
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.addCleanup(setattr, sys, "path", sys.path[:])

    def service(self, source: str, *, threads: int = 2) -> GatewayService:
        name = f"served_{self.id().rpartition('.')[2]}"
        (self.directory / f"{name}.py").write_text(source)
        self.addCleanup(sys.modules.pop, name, None)
        project = Project("wsgi", str(self.directory), wsgi=f"{name}:application")
        service = GatewayService(
            self.reactor,
            GatewaySettings(),
            lambda: (project, []),
            lambda *told: self.told.append(told),
            lambda: self.patience,
            threads=threads,
        )
        self.addCleanup(lambda: self.stop(service))
        return service

    def start(self, service: GatewayService) -> Deferred[None]:
        return Deferred.fromCoroutine(service.startService())

    def stop(self, service: GatewayService) -> Deferred[None]:
        return Deferred.fromCoroutine(service.stopService())

    async def test_the_project_is_loaded_on_a_thread_and_handed_over_with_its_resource(self) -> None:
        service = self.service("import threading\nplace = threading.current_thread().name\napplication = print\n")
        self.assertIsNone(service.project)
        await self.start(service)
        (project, resource), *_ = self.told
        self.assertIs(service.project, project)
        self.assertIs(project.application, print)
        self.assertIsInstance(resource, WSGIResource)
        module = sys.modules[str(project.project.wsgi).partition(":")[0]]
        self.assertEqual(module.place, "duck-load")

    async def test_starting_twice_loads_once(self) -> None:
        service = self.service("application = print\n")
        await self.start(service)
        await self.start(service)
        self.assertEqual(len(self.told), 1)

    async def test_what_cannot_be_loaded_fails_the_start(self) -> None:
        service = self.service("application = (\n")
        with self.assertRaisesRegex(ApplicationError, "line 1: '.' was never closed"):
            await self.start(service)
        self.assertEqual((self.told, service.project, service.threads), ([], None, None))

    async def test_the_start_goes_on_without_a_project_where_somebody_wants_to_know(self) -> None:
        service = self.service("application = (\n")
        told: list[Exception] = []
        service.failed = told.append
        await self.start(service)
        self.assertEqual((self.told, service.project, service.threads), ([], None, None))
        self.assertIsInstance(told[0], ApplicationError)

    async def test_something_may_be_put_around_the_application(self) -> None:
        service = self.service("application = print\n")
        wrapped: list[Application] = []

        def around(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
            return []

        def wrap(application: Application) -> Application:
            wrapped.append(application)
            return around

        service.wrap = wrap
        await self.start(service)
        self.assertEqual(wrapped, [print])
        self.assertIs(self.told[0][1]._terms.application, around)

    async def test_a_start_that_is_cancelled_does_not_wait_for_the_import(self) -> None:
        service = self.service("import time\ntime.sleep(0.5)\napplication = print\n")
        started = self.start(service)
        started.cancel()
        with self.assertRaises(CancelledError):
            await started
        await self.stop(service)
        self.assertEqual(self.told, [])

    async def test_the_stop_waits_for_threads_that_are_at_work(self) -> None:
        service = self.service("application = print\n")
        await self.start(service)
        begun, go = threading.Event(), threading.Event()
        self.occupy(service, begun, go)
        stopped = self.stop(service)
        self.assertFalse(stopped.called)
        go.set()
        await stopped
        self.assertEqual((service.project, service.threads), (None, None))

    def occupy(self, service: GatewayService, begun: threading.Event, go: threading.Event) -> None:
        def work() -> None:
            begun.set()
            go.wait(30)

        assert service.threads is not None
        service.threads.callInThread(work)
        self.assertTrue(begun.wait(30))
        self.addCleanup(go.set)

    async def test_the_stop_waits_no_longer_than_it_may_and_names_who_is_stuck(self) -> None:
        service = self.service("application = print\n")
        await self.start(service)
        self.occupy(service, threading.Event(), threading.Event())
        self.patience = 0.01
        with logged_lines() as lines:
            await self.stop(service)
        self.assertEqual(lines, ["1 gateway threads did not end: duck-gateway-1"])

    async def test_the_stop_need_not_wait_at_all(self) -> None:
        service = self.service("application = print\n")
        await self.start(service)
        self.occupy(service, threading.Event(), threading.Event())
        service.joins = False
        self.assertTrue(self.stop(service).called)

    async def test_without_threads_the_reactor_thread_is_used(self) -> None:
        service = self.service("application = print\n", threads=0)
        await self.start(service)
        self.assertIsNone(service.threads)
        self.assertEqual(len(self.told), 1)
        await self.stop(service)
        self.assertIsNone(service.project)

    async def test_to_let_go_is_to_wait_for_the_old_threads_while_new_ones_serve(self) -> None:
        service = self.service("application = print\n")
        await Deferred.fromCoroutine(service.let_go(5.0))
        await self.start(service)
        begun, go = threading.Event(), threading.Event()
        self.occupy(service, begun, go)
        first = service.threads
        gone = Deferred.fromCoroutine(service.let_go(30.0))
        self.assertIsNot(service.threads, first)
        self.assertFalse(gone.called)
        go.set()
        await gone
        with logged_lines() as lines:
            await Deferred.fromCoroutine(service.let_go(5.0))
        self.assertEqual(lines, [])

    async def test_threads_that_do_not_let_go_are_named(self) -> None:
        service = self.service("application = print\n")
        await self.start(service)
        begun, go = threading.Event(), threading.Event()
        self.occupy(service, begun, go)
        with logged_lines() as lines:
            await Deferred.fromCoroutine(service.let_go(0.01))
        go.set()
        self.assertEqual(lines, ["1 gateway threads did not end: duck-gateway-1"])

    async def test_it_can_be_tried_out(self) -> None:
        service = self.service("application = print\n")
        said: list[str] = []
        service.try_out(said.append)
        self.assertEqual(said, [])
        self.assertEqual((service.project, self.told), (None, []))

    async def test_what_else_is_wrong_is_found_when_it_is_loaded(self) -> None:
        order: list[str] = []

        def look() -> None:
            order.append("look")
            raise ApplicationError("a mistake.")

        with self.assertRaisesRegex(ApplicationError, "a mistake"):
            self.service("application = print\n").try_out(order.append, look)
        self.assertEqual(order, ["look"])

    async def test_what_cannot_be_loaded_is_found_when_it_is_tried(self) -> None:
        with self.assertRaisesRegex(ApplicationError, "ZeroDivisionError"):
            self.service("1 / 0\n").try_out(print)

    async def test_new_threads_take_over_and_the_old_ones_finish(self) -> None:
        service = self.service("application = print\n")
        service.renew_threads()
        self.assertEqual(self.told, [])
        await self.start(service)
        begun, go = threading.Event(), threading.Event()
        self.occupy(service, begun, go)
        first = service.threads
        service.renew_threads()
        self.assertIsNot(service.threads, first)
        self.assertEqual(len(self.told), 2)
        go.set()
        assert first is not None
        join: Callable[[float], list[str]] = first.join
        self.assertEqual(join(30.0), [])
