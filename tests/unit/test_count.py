"""The number of workers over the control socket: what may be asked, and what is told."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed

from duck_tx.errors import ApplicationError
from duck_tx.process.count import answer, wanted
from tests.case import UnitTestCase


class _Workers:
    """Workers that are there as soon as they are wanted."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[int] = []

    def resize(self, count: int) -> Deferred[None]:
        self.asked.append(count)
        self.count = count
        return succeed(None)

    def describe(self) -> list[dict[str, object]]:
        return [{"number": number, "state": "ready"} for number in range(1, self.count + 1)]


class WantedTests(UnitTestCase):
    def test_a_number_is_that_number_and_a_difference_counts_from_now(self) -> None:
        self.assertEqual(wanted({"count": 4}, 2), 4)
        self.assertEqual(wanted({"by": 1}, 2), 3)
        self.assertEqual(wanted({"by": -1}, 2), 1)
        self.assertEqual(wanted({}, 2), 2)

    def test_what_there_cannot_be_is_refused(self) -> None:
        for given_, text in (
            ({"count": 0}, "there cannot be 0 workers: ask for 1 to 1024."),
            ({"by": -2}, "there cannot be 0 workers: ask for 1 to 1024."),
            ({"count": 1025}, "there cannot be 1025 workers: ask for 1 to 1024."),
            ({"count": "4"}, "'4' is no number of workers."),
            ({"by": True}, "True is no number of workers."),
            ({"by": None}, "None is no number of workers."),
        ):
            with self.assertRaises(ApplicationError) as caught:
                wanted(given_, 2)
            self.assertEqual(str(caught.exception), text)

    @given(st.dictionaries(st.sampled_from(["count", "by", "other"]), st.none() | st.integers() | st.text()))
    def test_whatever_is_asked_there_is_a_number_or_a_line(self, asked: dict[str, Any]) -> None:
        try:
            self.assertIn(wanted(asked, 8), range(1, 1025))
        except ApplicationError as error:
            self.assertEqual(len(str(error).splitlines()), 1)


class AnswerTests(UnitTestCase):
    def ask(self, workers: _Workers | None, **given_: object) -> dict[str, Any]:
        return self.successResultOf(Deferred.fromCoroutine(answer(workers, given_, 10)))

    def test_a_question_changes_nothing(self) -> None:
        workers = _Workers(2)
        expected = {
            "count": 2,
            "threads": 10,
            "workers": [{"number": 1, "state": "ready"}, {"number": 2, "state": "ready"}],
        }
        self.assertEqual(self.ask(workers), expected)
        self.assertEqual(self.ask(workers, count=2), expected)
        self.assertEqual(workers.asked, [])

    def test_a_change_is_made_before_it_is_told(self) -> None:
        workers = _Workers(2)
        found = self.ask(workers, by=1)
        self.assertEqual((workers.asked, found["count"], len(found["workers"])), ([3], 3, 3))

    def test_one_process_has_threads_instead_and_cannot_be_changed(self) -> None:
        self.assertEqual(self.ask(None), {"count": None, "threads": 10, "workers": []})
        asked = Deferred.fromCoroutine(answer(None, {"count": 4}, 10))
        failure = self.failureResultOf(asked, ApplicationError)
        self.assertEqual(
            failure.getErrorMessage(),
            "the server is one process, whose number of workers cannot be changed while it runs."
            " For several, start it with --processes and --workers N.",
        )
