"""A WSGI application with threads of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from duck_tx.gateway.application import ApplicationService
from duck_tx.gateway.wsgi import WSGIResource
from duck_tx.settings import GatewaySettings
from tests.case import AsyncTestCase
from tests.unit.logged import logged_lines
from tests.unit.wsgi_case import hello


class ApplicationTests(AsyncTestCase):
    def service(self, patience: float = 10.0) -> ApplicationService:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.opened: list[WSGIResource] = []
        service = ApplicationService(
            reactor, GatewaySettings(), hello, self.opened.append, lambda: patience, threads=2, name="duck-Hello"
        )
        self.addCleanup(service.stopService)
        return service

    def at_work(self, service: ApplicationService) -> tuple[Callable[[], None], Deferred[str]]:
        """Have a thread at work: what ends that, and what fires with its name."""
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        began: Deferred[str] = Deferred()

        def work() -> None:
            self.reactor.callFromThread(began.callback, threading.current_thread().name)
            go_on.wait(20)

        assert service.threads is not None
        service.threads.callInThread(work)
        return go_on.set, began

    async def test_it_has_threads_of_its_own_from_the_start(self) -> None:
        service = self.service()
        self.assertIsNone(service.threads)
        service.startService()
        service.startService()
        self.assertEqual(len(self.opened), 1)
        end, began = self.at_work(service)
        self.assertEqual(await began, "duck-Hello-1")
        end()

    async def test_new_threads_do_not_wait_for_the_old_ones(self) -> None:
        service = self.service()
        service.renew_threads()
        self.assertEqual(self.opened, [])
        service.startService()
        end, began = self.at_work(service)
        await began
        service.renew_threads()
        self.assertEqual(len(self.opened), 2)
        other_end, other_began = self.at_work(service)
        await other_began
        other_end()
        end()

    async def test_letting_go_waits_for_what_is_at_work(self) -> None:
        service = self.service()
        await service.let_go(1.0)
        service.startService()
        end, began = self.at_work(service)
        await began
        going = Deferred.fromCoroutine(service.let_go(20.0))
        await deferLater(self.reactor, 0, lambda: None)
        self.assertFalse(going.called)
        end()
        await going

    async def test_a_stop_waits_for_its_threads_as_long_as_it_may_and_names_those_that_stay(self) -> None:
        service = self.service(patience=0.05)
        service.startService()
        end, began = self.at_work(service)
        await began
        with logged_lines() as lines:
            await service.stopService()
        self.assertEqual(lines, ["1 threads did not end: duck-Hello-1"])
        end()
