"""What is answered over the control socket, by an App that has not started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from duck_tx.errors import ApplicationError
from duck_tx.promise import settled
from duck_tx.settings import Settings, override
from duck_tx.tree import Tree
from duck_tx.verbs import verbs
from tests.case import UnitTestCase
from tests.unit.reactor import HandedOver


class _App:
    """What an App has of what can be asked about."""

    def __init__(self) -> None:
        changes = {"gateway.wsgi": "site.wsgi:application", "gateway.threads": 3}
        self.settings = override(Settings(), changes, "a test").settings
        calls: Any = {"up": None, "down": None, "failed": None, "interrupt": None, "describe": None}
        self.tree = Tree(self.settings, HandedOver(), **calls)
        self.addr, self.port, self.DOMAIN = "0.0.0.0", 8123, "site.example"
        self.absolute_uri, self.absolute_ws_uri = "http://site.example:8123", "ws://site.example:8123"
        self.restarted: Deferred[tuple[str, ...]] = succeed(())
        self.stops = 0

    def restart(self) -> Deferred[tuple[str, ...]]:
        return self.restarted

    def stop(self) -> Deferred[None]:
        self.stops += 1
        return succeed(None)


class VerbsTests(UnitTestCase):
    def setUp(self) -> None:
        self.app = _App()

    def asked(self, verb: str, given: Mapping[str, object]) -> Deferred[Any]:
        return Deferred.fromCoroutine(settled(verbs(self.app)[verb](given)))

    def ask(self, verb: str, **given: object) -> Any:
        return self.successResultOf(self.asked(verb, given))

    def test_the_status_says_whether_the_port_accepts(self) -> None:
        found = self.ask("status")
        self.assertEqual(
            (found["pid"], found["port"], found["serving"], found["processes"]), (os.getpid(), 8123, False, [])
        )

    def test_the_status_tells_of_the_process_that_runs_automations(self) -> None:
        self.assertIsNone(self.ask("status")["automations"])
        about = {"pid": 7, "state": "ready", "memory": 1, "age": 2.0}
        self.patch(self.app.tree, "solo", SimpleNamespace(describe=lambda: about))
        self.assertEqual(self.ask("status")["automations"], about)

    def test_the_status_tells_how_the_servers_of_routes_are(self) -> None:
        self.assertNotIn("upstreams", self.ask("status"))
        server = {
            "route": "/",
            "url": "http://a",
            "state": "up",
            "why": None,
            "requests": 0,
            "answered": 1,
            "failures": 0,
        }
        self.patch(self.app.tree.serving, "routes", SimpleNamespace(describe=lambda: [server]))
        self.assertEqual(self.ask("status")["upstreams"], [server])

    def test_workers_tell_how_they_see_the_servers(self) -> None:
        server = {"route": "/", "url": "http://a"}
        self.patch(self.app.tree.serving, "routes", SimpleNamespace(describe=lambda: [server | {"state": "up"}]))
        told: dict[int, Any] = {}
        workers = SimpleNamespace(describe=list, count=1, is_serving=True, poll=lambda verb: succeed(told))
        self.patch(self.app.tree, "workers", workers)
        self.assertEqual(self.ask("status")["upstreams"], [server])
        told[1] = [server | {"state": "out"}]
        [found] = self.ask("status")["upstreams"]
        self.assertEqual((found["state"], [each["number"] for each in found["workers"]]), ("out", [1]))

    def test_one_process_has_threads_and_no_workers(self) -> None:
        self.assertEqual(self.ask("workers"), {"count": None, "threads": 3, "workers": []})
        failure = self.failureResultOf(self.asked("workers", {"by": 1}), ApplicationError)
        self.assertIn("--processes", failure.getErrorMessage())

    def test_a_log_that_nobody_keeps_is_at_its_end(self) -> None:
        found = self.ask("logs")
        self.assertEqual((found["lines"], found["last"], found["ended"]), ([], 0, True))

    def test_a_restart_says_which_life_it_ends(self) -> None:
        found = self.ask("restart")
        self.assertEqual(
            found, {"pid": os.getpid(), "started": self.ask("status")["started"], "ends": False, "waiting": []}
        )

    def test_a_restart_names_what_is_not_as_it_was_set(self) -> None:
        self.app.restarted = succeed(("server.port", "reload.paths"))
        self.assertEqual(self.ask("restart")["waiting"], ["server.port", "reload.paths"])

    def test_a_restart_that_is_refused_is_no_answer(self) -> None:
        self.app.restarted = fail(ApplicationError("no such project."))
        self.assertEqual(
            self.failureResultOf(self.asked("restart", {}), ApplicationError).getErrorMessage(), "no such project."
        )

    def test_a_stop_has_other_words_too(self) -> None:
        for number, word in enumerate(("stop", "quit", "exit", "bye"), 1):
            self.assertEqual(self.ask(word), {"pid": os.getpid()})
            self.assertEqual(self.app.stops, number)

    def test_certificates_are_there_with_https_only(self) -> None:
        for verb in ("certificates", "certificates.reload"):
            with self.assertRaisesRegex(ApplicationError, "HTTPS is off"):
                verbs(self.app)[verb]({})
