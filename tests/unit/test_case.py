from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import hypothesis
from twisted.internet.defer import Deferred, succeed
from twisted.trial.reporter import TestResult
from twisted.trial.runner import TestLoader

from tests.case import AsyncTestCase, UnitTestCase


class _Samples(UnitTestCase):
    """Tests to be run by the tests below; trial does not collect them by name."""

    def passes(self) -> None:
        self.assertEqual(1 + 1, 2)

    def fails(self) -> None:
        self.assertEqual(1 + 1, 3)

    async def is_a_coroutine(self) -> None:
        raise AssertionError("never awaited")

    def returns_a_deferred(self) -> Deferred[None]:
        return succeed(None)

    def returns_a_coroutine(self) -> Coroutine[Any, Any, None]:
        return self.is_a_coroutine()


class UnitTestCaseTests(UnitTestCase):
    def _run_sample(self, name: str) -> TestResult:
        result = TestResult()
        _Samples(name).run(result)
        self.assertEqual(result.testsRun, 1)
        return result

    def test_plain_test_passes(self) -> None:
        self.assertEqual(self._run_sample("passes").successes, 1)

    def test_failing_test_fails(self) -> None:
        self.assertEqual(len(self._run_sample("fails").failures), 1)

    def test_coroutine_test_is_an_error(self) -> None:
        self._assert_refused("is_a_coroutine", "coroutine")

    def test_test_that_hands_back_a_coroutine_is_an_error(self) -> None:
        self._assert_refused("returns_a_coroutine", "coroutine")

    def test_test_that_returns_a_deferred_is_an_error(self) -> None:
        self._assert_refused("returns_a_deferred", "Deferred")

    def _assert_refused(self, name: str, returned: str) -> None:
        result = self._run_sample(name)
        self.assertEqual(result.successes, 0)
        [(_, failure)] = result.errors
        self.assertIn(f"{name} returned a {returned}", str(failure))

    def test_one_test_can_be_run_by_its_name(self) -> None:
        suite = TestLoader().loadByName(f"{__name__}._Samples.passes")
        self.assertEqual(suite.countTestCases(), 1)

    def test_examples_have_no_deadline(self) -> None:
        self.assertIsNone(hypothesis.settings().deadline)


class AsyncTestCaseTests(AsyncTestCase):
    async def test_coroutine_test_is_awaited(self) -> None:
        self.assertEqual(await succeed("waited"), "waited")
