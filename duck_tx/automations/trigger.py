"""Triggers: conditions that make an automation run."""

from __future__ import annotations

__all__ = ["AutomationTrigger", "NoTrigger"]


class AutomationTrigger:
    """A condition.  It is looked at again and again; when it holds, its automation runs, and then it is armed again.

    :param name: for people.
    :param description: for people.

    :cvar check_interval: seconds from one look to the next.
    """

    check_interval: float = 1.0

    def __init__(self, name: str | None = None, description: str | None = None) -> None:
        self.name = name or type(self).__name__
        self.description = description or ""

    def check_trigger(self) -> bool:
        """Whether the automation shall run now.  To be overridden; it is called on a thread, and may block."""
        raise NotImplementedError(f"{type(self).__name__} does not say when: give it a method check_trigger.")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class NoTrigger(AutomationTrigger):
    """No condition at all: the automation runs when its schedule or its start time says."""

    def check_trigger(self) -> bool:
        """It always holds."""
        return True
