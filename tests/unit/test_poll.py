"""One question to all workers."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from duck_tx.errors import ApplicationError
from tests.unit.worker_case import WorkersTestCase


class PollTests(WorkersTestCase):
    def test_all_that_serve_are_asked_at_once(self) -> None:
        service = self.started(3)
        for child, answer in zip(self.living, (["a"], [], ["b", "c"]), strict=True):
            child.answers.append(answer)
        asked = service.poll("upstreams")
        self.turn()
        self.assertEqual(self.successResultOf(asked), {1: ["a"], 2: [], 3: ["b", "c"]})
        self.assertEqual([child.told for child in self.living], [[("ask", "upstreams", {})]] * 3)

    def test_nobody_is_waited_for_for_long(self) -> None:
        service = self.started(2)
        first, second = self.living
        first.answers.append(["a"])
        late: Deferred[object] = Deferred()
        second.answers.append(late)
        asked = service.poll("upstreams")
        self.turn()
        self.assertNoResult(asked)
        self.reactor.advance(2)
        self.assertEqual(self.successResultOf(asked), {1: ["a"], 2: None})
        late.callback([])
        self.turn()
        second.answers.append(["b"])
        first.answers.append(["a"])
        asked = service.poll("upstreams")
        self.turn()
        self.assertEqual(self.successResultOf(asked), {1: ["a"], 2: ["b"]})

    def test_who_refuses_or_ends_meanwhile_has_nothing_to_tell(self) -> None:
        service = self.started(3)
        first, second, third = self.living
        refused: Deferred[object] = Deferred()
        first.answers.append(refused)
        second.answers.append(Deferred())
        third.answers.append(["c"])
        asked = service.poll("upstreams")
        refused.errback(ApplicationError("no."))
        second.exit(1)
        self.turn()
        self.assertEqual(self.successResultOf(asked), {1: None, 2: None, 3: ["c"]})

    def test_one_that_does_not_serve_yet_is_not_asked(self) -> None:
        service = self.service(2)
        self.start(service)
        self.children[0].ready()
        self.turn()
        self.children[0].answers.append([])
        asked = service.poll("upstreams")
        self.turn()
        self.assertEqual(self.successResultOf(asked), {1: []})
