"""The checks before a start: whatever they find is known before anything is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.application.service import Service
from twisted.logger import Logger

from duck_tx.errors import ApplicationError

__all__ = ["CheckService", "run_checks", "tell"]

_log = Logger()

Check = Callable[[], object]


def run_checks(checks: Sequence[Check]) -> None:
    """Run all of ``checks``; each raises an :class:`ApplicationError` if something is wrong, and leaves nothing behind.

    :raises ApplicationError: the first one; those after it have been logged.
    """
    problems = []
    for check in checks:
        try:
            check()
        except ApplicationError as error:
            problems.append(error)
    for problem in problems[1:]:
        tell(problem)
    if problems:
        raise problems[0]


def tell(error: ApplicationError) -> None:
    """Log an error that needs no traceback, a line for each problem."""
    for line in str(error).splitlines():
        _log.critical("duck: {line}", line=line)


class CheckService(Service):
    """Runs the checks before its siblings take anything.

    :param checks: as in :func:`run_checks`.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = checks

    def privilegedStartService(self) -> None:
        """Run the checks: as the first child this comes before any port is bound.

        :raises ApplicationError: the first that was found.
        """
        run_checks(self._checks)
