"""The two kinds of test of this project, and how hypothesis behaves in them.

:class:`UnitTestCase` is for what answers at once; :class:`AsyncTestCase` for what needs a reactor.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from functools import wraps
from unittest import TestResult

import hypothesis
from twisted.trial import unittest

# How long one example takes says nothing on a machine that others share. In CI the same examples come every
# time, so that a change is not blamed for what was there before it.
hypothesis.settings.register_profile(
    "duck_tx",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("duck_tx")


def _answering_nothing(test: Callable[[], object]) -> Callable[[], None]:
    """Call ``test``, and fail if it returns something that had to be waited for."""

    @wraps(test)
    def run() -> None:
        result = test()
        if result is None:
            return
        if isinstance(result, Coroutine):
            result.close()
        raise TypeError(f"{test.__name__} returned a {type(result).__name__}: what is waited for needs AsyncTestCase")

    return run


class UnitTestCase(unittest.SynchronousTestCase):
    """A test without a reactor. It fails if it returns a coroutine, a Deferred or anything else.

    Trial itself drops what a synchronous test returns: an ``async def`` test would pass without having run.
    """

    def run(self, result: TestResult | None = None) -> None:
        """Run the test that this instance is for, and tell ``result`` what became of it."""
        name = self.id().rpartition(".")[2]
        # Set for the run alone: trial finds a test that is named on its command line by the method itself.
        setattr(self, name, _answering_nothing(getattr(self, name)))
        try:
            super().run(result)
        finally:
            delattr(self, name)


class AsyncTestCase(unittest.TestCase):
    """A test on the running reactor: ``async def``, or one that returns a Deferred."""

    timeout = 60
    """Seconds until a test that waits has failed."""
