"""The log service: what it keeps of the log, who is told when, and that nothing of it stays."""

from __future__ import annotations

import io
from threading import Thread
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger, LogPublisher, textFileLogObserver
from twisted.python.failure import Failure

from duck_tx.errors import ApplicationError
from duck_tx.process.log import as_text
from duck_tx.process.logs import LogService
from tests.case import UnitTestCase
from tests.unit.reactor import HandedOver


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.reactor = HandedOver()
        self.publisher = LogPublisher()
        self.log = Logger("site", observer=self.publisher)
        self.service = LogService(self.reactor, self.publisher)
        self.service.startService()

    def ask(self, **given: object) -> Deferred[dict[str, object]]:
        return Deferred.fromCoroutine(self.service.ask(given))

    def answer(self, **given: object) -> Any:
        return self.successResultOf(self.ask(**given))

    def texts(self, **given: object) -> list[str]:
        """The lines without their time."""
        return [line.split(" ", 1)[1] for line in self.answer(**given)["lines"]]


class KeepingTests(_Case):
    def test_lines_are_those_of_the_console(self) -> None:
        self.log.info("ready on port {port}", port=8000)
        self.assertEqual(self.texts(), ["[site#info] ready on port 8000"])
        self.assertRegex(self.answer()["lines"][0], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} ")

    def test_a_traceback_is_several_lines(self) -> None:
        try:
            raise ValueError("no luck")
        except ValueError:
            self.log.failure("it failed", failure=Failure())
        lines = self.answer()["lines"]
        self.assertTrue(lines[0].endswith("[site#critical] it failed"), lines)
        self.assertIn("\tbuiltins.ValueError: no luck", lines)
        self.assertEqual(self.answer()["last"], len(lines))

    def test_what_says_nothing_is_no_line(self) -> None:
        self.publisher({})
        self.log.info("")
        self.assertEqual(self.answer()["lines"], [])

    def test_the_newest_are_had_by_their_number(self) -> None:
        for number in range(5):
            self.log.info("{number}", number=number)
        self.assertEqual(self.texts(most=2), ["[site#info] 3", "[site#info] 4"])
        found = self.answer(most=0)
        self.assertEqual(len(found.pop("log")), 32)
        self.assertEqual(found, {"lines": [], "last": 5, "missed": 0, "ended": False})
        self.assertEqual(self.texts(after=3), ["[site#info] 3", "[site#info] 4"])

    def test_what_is_logged_while_something_is_kept_is_kept_too(self) -> None:
        class Chatty:
            def __str__(chatty) -> str:
                self.log.info("inner")
                return "outer"

        self.log.info("{it}", it=Chatty())
        self.assertEqual(self.texts(), ["[site#info] inner", "[site#info] outer"])

    def test_it_listens_from_the_first_moment_of_a_start_to_its_stop(self) -> None:
        service = LogService(self.reactor, self.publisher)
        service.privilegedStartService()
        self.log.info("binding")
        service.startService()
        self.log.info("ready")
        service.stopService()
        self.log.info("gone")
        found = self.successResultOf(Deferred.fromCoroutine(service.ask({})))
        self.assertEqual((found["last"], found["ended"]), (2, True))

    def test_lines_elsewhere_are_of_one_zone_from_then_on(self) -> None:
        elsewhere = textFileLogObserver(io.StringIO())
        self.publisher.addObserver(elsewhere)
        service = LogService(self.reactor, self.publisher)
        service.privilegedStartService()
        self.assertIs(elsewhere.formatEvent, as_text)
        service.stopService()

    def test_one_that_never_started_can_be_stopped(self) -> None:
        LogService(self.reactor, self.publisher).stopService()

    def test_it_starts_again_after_a_stop(self) -> None:
        self.service.stopService()
        self.service.startService()
        self.log.info("again")
        self.assertEqual(self.texts(), ["[site#info] again"])
        self.assertFalse(self.answer()["ended"])

    def test_what_is_no_number_is_refused(self) -> None:
        for wrong in ("5", 1.5, -1, True, [1]):
            for name in ("after", "most"):
                failure = self.failureResultOf(self.ask(**{name: wrong}), ApplicationError)
                self.assertIn(f"{name} is {wrong!r}", failure.getErrorMessage())


class FollowingTests(_Case):
    def test_who_has_seen_all_is_answered_when_there_is_more(self) -> None:
        asked = self.ask(after=0)
        self.reactor.turn()
        self.assertNoResult(asked)
        self.log.info("one")
        self.log.info("two")
        self.reactor.turn()
        found: Any = self.successResultOf(asked)
        self.assertEqual((len(found["lines"]), found["last"]), (2, 2))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_many_may_wait_and_all_are_told_once(self) -> None:
        asked = [self.ask(after=0) for _ in range(3)]
        self.log.info("one")
        self.reactor.turn()
        for each in asked:
            self.assertEqual(len(self.successResultOf(each)["lines"]), 1)  # type: ignore[arg-type]
        again = self.ask(after=1)
        self.reactor.turn()
        self.assertNoResult(again)
        self.service.stopService()
        self.successResultOf(again)

    def test_a_line_of_another_thread_is_told_on_the_reactor(self) -> None:
        asked = self.ask(after=0)
        thread = Thread(target=self.log.info, args=("from a thread",))
        thread.start()
        thread.join()
        self.assertNoResult(asked)
        self.reactor.turn()
        self.assertEqual(len(self.successResultOf(asked)["lines"]), 1)  # type: ignore[arg-type]

    def test_a_long_silence_is_an_answer_too(self) -> None:
        asked = self.ask(after=0)
        self.reactor.advance(19)
        self.assertNoResult(asked)
        self.reactor.advance(2)
        found: Any = self.successResultOf(asked)
        self.assertEqual((found["lines"], found["last"], found["ended"]), ([], 0, False))

    def test_the_end_of_the_server_is_told_at_once(self) -> None:
        asked = self.ask(after=0)
        self.service.stopService()
        self.assertTrue(self.successResultOf(asked)["ended"])
        self.assertTrue(self.answer(after=0)["ended"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_who_leaves_is_waited_for_no_more(self) -> None:
        asked = self.ask(after=0)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual((self.reactor.getDelayedCalls(), self.service._waiting), ([], set()))
        self.log.info("to nobody")
        self.reactor.turn()

    def test_who_comes_from_another_log_begins_anew(self) -> None:
        self.log.info("one")
        own = self.answer()["log"]
        self.assertEqual(self.texts(after=1, log="another"), ["[site#info] one"])
        self.assertEqual(self.texts(after=4711, log=own), ["[site#info] one"])
        asked = self.ask(after=1, log=own)
        self.assertNoResult(asked)
        self.service.stopService()
        self.assertEqual(self.successResultOf(asked)["lines"], [])

    def test_the_publisher_is_left_as_it_was(self) -> None:
        self.service.stopService()
        self.log.info("one")
        self.assertEqual(self.answer()["lines"], [])
        self.assertEqual(self.publisher._observers, [])
