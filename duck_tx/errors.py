"""What can go wrong before and while the server runs, told in words that a person can act on.

Each message says what happened, where, and how to mend it. The start-up prints it behind ``duck:`` and
ends with a non-zero status, so none of these needs a traceback to be understood.
"""

from __future__ import annotations

from collections.abc import Iterable


class ApplicationError(Exception):
    """The App cannot be made, started or used as asked; the root of all errors of duck_tx."""


class _Listed(ApplicationError):
    """An error of one or more problems.

    :param problems: one line for each, all that were found, so that nobody mends them one by one.
    :raises ValueError: if there is no problem to report.
    """

    problems: tuple[str, ...]

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        if not self.problems:
            raise ValueError(f"a {type(self).__name__} needs at least one problem")
        # The single argument keeps copy and pickle working: they call the class again with ``args``.
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(self.problems)


class SettingsError(_Listed):
    """One or more settings cannot be used."""


class AutomationError(_Listed):
    """One or more automations cannot be used; each problem begins with the file and line where it is."""


class PortError(ApplicationError):
    """A port cannot be bound: it is taken, forbidden, or its address is not one of this machine."""


class SSLError(ApplicationError):
    """A certificate or its key cannot be used, or there is none."""
