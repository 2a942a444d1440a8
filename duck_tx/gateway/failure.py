"""Says in one line what is wrong with a project that cannot be loaded."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from duck_tx.errors import ApplicationError


def explained(doing: str, error: BaseException, directory: str) -> ApplicationError:
    """One line that says what failed and where; raise it ``from error`` to keep the traceback.

    :param doing: what was going on, such as ``"settings module site.settings"``.
    :param directory: the project's, to tell its code from the libraries it calls, and to shorten file names.
    """
    if isinstance(error, ApplicationError):
        return error
    return ApplicationError(f"{doing}: {_what(error, directory)}.")


def unreadable(package: str) -> str:
    """A directory in the way to ``package`` that this user may not read or enter; empty if there is none.

    To Python what is behind it is as good as not there.  A server that root started and that runs as another has
    its Python below root's home now and then.
    """
    for place in [each for entry in sys.path for each in (entry or os.curdir, os.path.join(entry, package))]:
        way = Path(place).absolute()
        try:
            for step in reversed(way.parents):
                (step / way.relative_to(step).parts[0]).stat()
            step = way
            os.scandir(way).close()
        except PermissionError:
            return str(step)
        except OSError:
            continue
    return ""


def one_line(text: object) -> str:
    """``text`` with each run of white space (line ends too) as one space, and without a last full stop."""
    return " ".join(str(text).split()).removesuffix(".")


def _what(error: BaseException, directory: str) -> str:
    if isinstance(error, SyntaxError):
        return f"{_place(error.filename or '?', error.lineno, directory)}: {one_line(error.msg)}"
    where = _where(error, directory)
    if isinstance(error, ModuleNotFoundError) and error.name:
        places = f"looked in {directory} and in the Python at {sys.prefix}"
        closed = unreadable(error.name.partition(".")[0])
        if closed:
            places += f"; this user may not read {closed}"
        return f"no module named {error.name!r}{where} ({places})"
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return f"the project's code ended the process with status {int(error.code or 0)}{where}"
        # What Python itself would print, before it ends with 1.
        return f"the project's code ended the process: {one_line(error.code)}{where}"
    kind = type(error).__name__
    message = one_line(error)
    if kind in ("ImproperlyConfigured", "ImportError"):
        return f"{message}{where}"
    return f"{kind}: {message}{where}" if message else f"{kind}{where}"


def _where(error: BaseException, directory: str) -> str:
    """The innermost line of the project itself that the error went through: its author can mend that."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = directory.rstrip(os.sep) + os.sep
    own = [
        frame
        for frame in frames
        if frame.filename.startswith(inside) and not frame.filename.startswith((sys.prefix + os.sep, _PACKAGE))
    ]
    return f", at {_place(own[-1].filename, own[-1].lineno, directory)}" if own else ""


def _place(filename: str, line: int | None, directory: str) -> str:
    inside = directory.rstrip(os.sep) + os.sep
    return f"{filename.removeprefix(inside)} line {line}"


_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
