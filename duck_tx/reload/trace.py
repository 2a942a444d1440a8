"""An exception as values that can be shown: what happened, where, and the source around it."""

from __future__ import annotations

import importlib
import linecache
import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from duck_tx.errors import ApplicationError
from duck_tx.reload.module import chain, is_below

__all__ = ["Frame", "Line", "Trouble", "troubles"]

_AROUND = 4
"""Lines shown on either side."""

_LOADER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "gateway", "")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of source.

    :ivar caret: the column at which it is wrong, from 1; 0 where that is not known.
    """

    number: int
    text: str
    is_it: bool = False
    caret: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    """A place that an exception came through.

    :ivar is_own: the code is the project's, so its author can mend it.
    """

    file: str
    number: int
    function: str
    is_own: bool
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Trouble:
    """One exception, the innermost frame first."""

    kind: str
    message: str
    frames: tuple[Frame, ...] = ()


def troubles(error: BaseException, directory: str, excluded: Sequence[str] = ()) -> list[Trouble]:
    """The exception and those before it, the last one first.

    An :class:`ApplicationError` that only explains another one is left out.

    :param directory: the project's; file names are shortened by it.
    :param excluded: folders of code that is not the project's, even where they lie in it.
    """
    linecache.checkcache()
    found = list(chain(error))
    if isinstance(found[0], ApplicationError) and len(found) > 1:
        del found[0]
    return [_trouble(each, directory, excluded) for each in found]


def _trouble(error: BaseException, directory: str, excluded: Sequence[str]) -> Trouble:
    frames = [
        _frame(each.filename, each.lineno or 0, each.name, directory, excluded)
        for each in reversed(traceback.extract_tb(error.__traceback__))
        if not _is_machinery(each.filename)
    ]
    message = str(error)
    if isinstance(error, SyntaxError):
        message = error.msg
        if error.filename:
            frames.insert(0, _frame(error.filename, error.lineno or 0, "", directory, excluded, error.offset or 0))
    return Trouble(type(error).__name__, message, tuple(frames))


def _is_machinery(filename: str) -> bool:
    """Whether this is what imports a project, which every such error comes through."""
    return filename.startswith(("<frozen importlib", _LOADER)) or filename == importlib.__file__


def _frame(filename: str, number: int, function: str, directory: str, excluded: Sequence[str], caret: int = 0) -> Frame:
    is_own = is_below(filename, [os.path.realpath(directory)]) and not is_below(filename, excluded)
    shown = os.path.relpath(filename, directory) if is_own else filename
    lines = linecache.getlines(filename)
    first = max(1, number - _AROUND)
    around = tuple(
        Line(each, text.rstrip("\n"), each == number, caret if each == number else 0)
        for each, text in enumerate(lines[first - 1 : number + _AROUND], first)
    )
    return Frame(shown, number, function if function != "<module>" else "", is_own, around)
