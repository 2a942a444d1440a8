"""Workers that are forked: the service has the project loaded first, once for each roll."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from duck_tx.errors import ApplicationError
from duck_tx.process import origin
from duck_tx.process.worker import spawning
from duck_tx.process.workers import WorkerService
from duck_tx.settings import Settings
from tests.unit.worker_case import WorkersTestCase


class _Preload:
    """Makes scripted workers, once a test has said that the project is loaded."""

    def __init__(self, reactor: Any, settings: Settings, **others: object) -> None:
        self.name = settings.server.process_name
        self.gone: Deferred[None] = Deferred()
        self.loaded: Deferred[None] = Deferred()
        self.told: list[object] = []
        self.made = 0
        self._spawn = spawning(reactor, {})

    async def begin(self, *, runs_commands: bool) -> None:
        self.told.append(("begin", runs_commands))
        await self.loaded

    def spawn(self, process: Any, descriptors: Any) -> Any:
        self.made += 1
        return self._spawn(process, descriptors)

    def retire(self) -> None:
        self.told.append("retire")
        if not self.loaded.called:
            self.loaded.errback(ApplicationError("it was ended before."))

    async def close(self) -> None:
        self.told.append("close")
        self.gone.callback(None)

    def kill(self) -> None:
        self.told.append("kill")


class PreloadTests(WorkersTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.preloads: list[_Preload] = []

        def made(*args: Any, **others: Any) -> _Preload:
            self.preloads.append(_Preload(*args, **others))
            return self.preloads[-1]

        self.patch(origin, "Preload", made)

    def loaded_service(self) -> WorkerService:
        service = self.service(2, preload=True, force_worker_processes=True)
        starting = self.start(service)
        self.assertEqual(self.children, [])
        self.preloads[0].loaded.callback(None)
        self.all_ready()
        self.successResultOf(starting)
        return service

    def roll(self, service: WorkerService, name: str) -> Deferred[None]:
        rolled = service.roll(self.settings(process_name=name, preload=True, force_worker_processes=True))
        self.turn()
        return rolled

    def test_the_project_is_loaded_before_there_is_a_worker_and_its_commands_run_there(self) -> None:
        self.loaded_service()
        [preload] = self.preloads
        self.assertEqual((preload.told, preload.made), ([("begin", True)], 2))
        self.assertEqual([child.role is not None and child.role.runs_commands for child in self.children], [False] * 2)

    def test_commands_that_have_been_run_are_not_run_again(self) -> None:
        self.runs_commands = False
        self.loaded_service()
        self.assertEqual(self.preloads[0].told, [("begin", False)])

    def test_one_that_cannot_be_loaded_fails_the_start(self) -> None:
        starting = self.start(self.service(2, preload=True, force_worker_processes=True))
        self.preloads[0].loaded.errback(ApplicationError("it is broken."))
        self.assertEqual(str(self.failureResultOf(starting, ApplicationError).value), "it is broken.")
        self.assertEqual(self.children, [])

    def test_a_stop_on_the_way_ends_it(self) -> None:
        service = self.service(2, preload=True, force_worker_processes=True)
        starting = self.start(service)
        self.successResultOf(self.stop(service))
        self.failureResultOf(starting, ApplicationError)
        self.assertEqual((self.children, self.preloads[0].told[1:]), ([], ["retire", "close"]))

    def test_new_code_is_loaded_before_a_worker_leaves_and_the_old_is_let_go_then(self) -> None:
        service = self.loaded_service()
        rolled = self.roll(service, "new")
        old, new = self.preloads
        self.assertEqual((len(self.children), new.told, old.told[1:]), (2, [("begin", True)], []))
        new.loaded.callback(None)
        self.turn()
        self.assertEqual((len(self.children), old.told[1:]), (3, []))
        self.all_ready()
        self.successResultOf(rolled)
        self.assertEqual((old.told[1:], new.made), (["retire"], 2))

    def test_what_cannot_be_loaded_changes_nothing(self) -> None:
        service = self.loaded_service()
        rolled = self.roll(service, "new")
        old, new = self.preloads
        new.loaded.errback(ApplicationError("it is broken."))
        self.failureResultOf(rolled, ApplicationError)
        self.assertEqual(len(self.living), 2)
        self.children[0].exit(1)
        self.turn()
        self.assertEqual((old.made, new.made, old.told[1:]), (3, 0, []))

    def test_nor_does_what_is_loaded_and_does_not_serve(self) -> None:
        service = self.loaded_service()
        rolled = self.roll(service, "new")
        old, new = self.preloads
        new.loaded.callback(None)
        self.turn()
        self.children[2].fail("the port is odd.")
        self.turn()
        self.failureResultOf(rolled, ApplicationError)
        self.assertEqual((new.told[1:], old.told[1:]), (["retire"], []))
        self.children[0].exit(1)
        self.reactor.advance(1)
        self.turn()
        self.assertEqual((old.made, new.made), (3, 1))

    def test_it_can_be_turned_off_and_on_by_a_roll(self) -> None:
        service = self.loaded_service()
        rolled = service.roll(self.settings())
        self.all_ready()
        self.successResultOf(rolled)
        self.assertEqual((self.preloads[0].told[1:], self.preloads[0].made), (["retire"], 2))
        rolled = self.roll(service, "new")
        self.preloads[1].loaded.callback(None)
        self.all_ready()
        self.successResultOf(rolled)
        self.assertEqual(self.preloads[1].made, 2)

    def test_a_stop_waits_for_it_and_a_stop_at_once_kills(self) -> None:
        service = self.loaded_service()
        service.stop_at_once()
        self.successResultOf(self.stop(service))
        self.assertEqual(self.preloads[0].told[1:], ["kill", "retire", "close"])
