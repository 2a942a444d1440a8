"""What Django says it watches, and what is to be done when it changes.

Django's own reloader speaks to templates, translations and others by two signals; this does the same.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Watched", "handled", "static_name", "watched"]


class Watched(NamedTuple):
    """Where there are files that need no new process.

    :ivar folders: each with the patterns of the names that count in it and below it.
    :ivar files: single files that Django, or an app, depends on.
    :ivar static: the folders of static files.
    """

    folders: dict[str, frozenset[str]]
    files: frozenset[str]
    static: tuple[str, ...]


def watched() -> Watched:
    """What is to be watched; nothing where Django is not in use.  It calls functions of the project's."""
    if not _is_in_use():
        return Watched({}, frozenset(), ())
    import django.template.autoreload  # noqa: F401 - connects itself to the signals
    from django.utils.autoreload import BaseReloader, autoreload_started

    asked: Any = BaseReloader()
    autoreload_started.send(sender=asked)
    folders = {str(folder): frozenset(patterns) for folder, patterns in asked.directory_globs.items()}
    return Watched(folders, frozenset(map(str, asked.extra_files)), tuple(_static_folders()))


def handled(path: str) -> bool:
    """Tell Django and its apps that a file has changed; whether one of them has seen to it."""
    if not _is_in_use():
        return False
    from django.utils.autoreload import file_changed

    answers = file_changed.send(sender=None, file_path=Path(path))
    return any(answer for _, answer in answers)


def static_name(path: str, folders: Iterable[str]) -> str | None:
    """What a static file is called in its URL, behind the prefix of all; ``None`` if it is in none of ``folders``."""
    for folder in folders:
        if path.startswith(folder + os.sep):
            return path.removeprefix(folder + os.sep).replace(os.sep, "/")
    return None


def _is_in_use() -> bool:
    conf = sys.modules.get("django.conf")
    if conf is None or not conf.settings.configured:
        return False
    from django.apps import apps

    return bool(apps.ready)


def _static_folders() -> Iterator[str]:
    """Where the finders look."""
    from django.conf import settings

    if "django.contrib.staticfiles" not in settings.INSTALLED_APPS:
        return
    from django.contrib.staticfiles.finders import get_finders

    for finder in get_finders():
        for storage in getattr(finder, "storages", {}).values():
            location = getattr(storage, "location", None)
            if location:
                yield os.path.abspath(location)
