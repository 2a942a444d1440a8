"""Automations in a process of this tree: what they are given of the rest."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from duck_tx.automations.discovery import check, discover
from duck_tx.automations.service import AutomationService, Found
from duck_tx.gateway.aside import aside
from duck_tx.gateway.django import close_connections
from duck_tx.gateway.project import Project
from duck_tx.process.child import Child, environ_of_child
from duck_tx.process.meta import make_state_directory
from duck_tx.settings import Settings

if TYPE_CHECKING:
    from duck_tx.automations.runner import Runner

__all__ = ["automation_service", "look"]

_LATE = 60.0
"""Seconds from the end of one process that runs automations to when the next can: a project is loaded meanwhile."""


def automation_service(
    settings: Settings,
    reactor: Any,
    project: Project | None,
    state_directory: Path,
    *,
    is_loaded: Callable[[], bool],
    patience: Callable[[], float],
) -> AutomationService:
    """The service for a process in which the project is loaded before it starts.

    :param is_loaded: whether that has succeeded; where it has not, and the process goes on, there are no automations.
    :param patience: seconds that a stop may wait for what runs.
    """

    async def find() -> Found:
        if not is_loaded():
            return Found((), "")
        return await aside(reactor, "duck-automations", _found, settings, state_directory)

    return AutomationService(
        reactor,
        settings.automations,
        find=find,
        directory=partial(make_state_directory, state_directory),
        runner=partial(_runner, reactor, settings.automations.threads, project),
        patience=patience,
        lateness=settings.server.grace + _LATE,
    )


def _runner(reactor: Any, threads: int, project: Project | None) -> Runner:
    # Here, as many sites have no automations.
    from duck_tx.automations.process import Programs
    from duck_tx.automations.runner import Runner

    programs = Programs(
        reactor,
        # Its lines are kept and not logged, so there may be many.
        partial(Child, reactor, rate=20_000),
        directory=Path(project.directory if project is not None else os.getcwd()),
        environ=lambda: environ_of_child(os.environ),
    )
    return Runner(reactor, threads=threads, close_connections=close_connections, programs=programs)


def look(settings: Settings, state_directory: Path) -> None:
    """See whether the automations of a project that is loaded could run.

    :param state_directory: nothing in it is made or changed.

    :raises AutomationError: with all that is wrong with them.
    """
    if settings.automations.enabled:
        found = _found(settings, state_directory)
        check(found.automations, time.time(), found.seen)


def _found(settings: Settings, state_directory: Path) -> Found:
    automations = discover(settings.automations.modules)
    close_connections()
    django = sys.modules.get("django.conf")
    has_django = django is not None and django.settings.configured
    # Django takes None for it, too.
    zone = django.settings.TIME_ZONE or "" if django is not None and has_django else ""
    return Found(automations, zone, _seen(state_directory) if automations else frozenset())


def _seen(state_directory: Path) -> frozenset[str]:
    # Here, as many sites have no automations.
    from duck_tx.automations.history import HISTORY
    from duck_tx.automations.seen import seen

    return seen(state_directory / HISTORY)
