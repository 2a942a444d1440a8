"""Finds the automations of a project, and everything that is wrong with them."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from duck_tx.automations.place import shown
from duck_tx.errors import AutomationError

if TYPE_CHECKING:
    from duck_tx.automations.automation import Automation

__all__ = ["check", "discover"]

_MODULE = "automations"


def discover(modules: Iterable[str]) -> list[Automation]:
    """Import ``automations.py`` of each installed app that has one, then ``modules``; the automations at their top
    level, each once.  Those without a name get that of their module and their own: ``shop.clean``.

    It runs the project's own code, and wants Django set up.  Without Django it looks into ``modules`` alone.

    :raises AutomationError: if a module cannot be imported; with the problems of those that can, too.
    """
    found: dict[int, Automation] = {}
    failures, causes = [], []
    for module, label in [*_of_apps(), *((module, module) for module in modules)]:
        try:
            imported = importlib.import_module(module)
        except (Exception, SystemExit) as error:
            failures.append(_failure(module, error))
            causes.append(error)
            continue
        for name, each in _within(imported):
            if id(each) not in found:
                each.call_it(f"{label}.{name}")
                found[id(each)] = each
    automations = list(found.values())
    if failures:
        # A module that others import, too, fails for each of them.
        raise AutomationError(dict.fromkeys([*failures, *_problems(automations, time.time())])) from causes[0]
    return automations


def check(automations: Sequence[Automation], now: float, seen: Container[str] = ()) -> None:
    """Look for mistakes in all of them.

    :param now: seconds since the epoch.
    :param seen: the names of those that are not new.
    :raises AutomationError: with a line for each mistake.
    """
    problems = _problems(automations, now, seen)
    if problems:
        raise AutomationError(problems)


def _of_apps() -> Iterator[tuple[str, str]]:
    """The modules of the installed apps, and what names begin with there."""
    if "django.apps" not in sys.modules:
        return
    from django.apps import apps
    from django.utils.module_loading import module_has_submodule

    if apps.ready:
        for app in apps.get_app_configs():
            if module_has_submodule(app.module, _MODULE):
                yield f"{app.name}.{_MODULE}", app.label


def _within(module: ModuleType) -> Iterator[tuple[str, Automation]]:
    # Here, as many sites have no automations.
    from duck_tx.automations.automation import Automation

    return ((name, each) for name, each in vars(module).items() if isinstance(each, Automation))


def _problems(automations: Sequence[Automation], now: float, seen: Container[str] = ()) -> list[str]:
    found = [problem for each in automations for problem in each.problems(now, is_new=each.name not in seen)]
    places: dict[str, list[str]] = {}
    for each in automations:
        places.setdefault(each.name, []).append(each.place)
    for name, several in places.items():
        if len(several) > 1:
            found.append(
                f"{' and '.join(several)}: automations of the same name, {name}. Give them names of their own."
            )
    return found


def _failure(module: str, error: BaseException) -> str:
    """What went wrong in an import, and where: in the innermost line that is not of a library."""
    if isinstance(error, SyntaxError):
        return f"{shown(error.filename or '?')}:{error.lineno}: {error.msg}."
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return f"automations module {module}: there is no module {error.name!r} in the project or in {sys.prefix}."
    import traceback

    own = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_own(frame.filename)]
    place = f"{shown(own[-1].filename)}:{own[-1].lineno}" if own else f"automations module {module}"
    message = " ".join(str(error).split()).removesuffix(".")
    return f"{place}: {type(error).__name__}{': ' if message else ''}{message}."


def _is_own(filename: str) -> bool:
    return not filename.startswith(("<", *_libraries()))


@cache
def _libraries() -> tuple[str, ...]:
    """Where neither a mistake is nor somebody who could mend it."""
    import sysconfig

    return tuple(os.path.join(path, "") for path in (os.path.dirname(__file__), *sysconfig.get_paths().values()))
