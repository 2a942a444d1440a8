"""Which files a server is made of: those of its modules, and those that a failed import is waiting for."""

from __future__ import annotations

import os
import site
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.util import cache_from_source, source_from_cache
from itertools import islice

__all__ = ["chain", "failed_files", "forget_compiled", "is_below", "module_files", "others", "python_files"]

_FOLDERS_AT_MOST, _WATCHES_AT_MOST = 1000, 40

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def others() -> tuple[str, ...]:
    """Folders of code that nobody edits here: Python's own, what was installed, and this server."""
    folders = {path for name in ("stdlib", "platstdlib", "purelib", "platlib") if (path := sysconfig.get_path(name))}
    folders |= {*site.getsitepackages(), site.getusersitepackages(), _OWN}
    return tuple(sorted({os.path.realpath(folder) for folder in folders}))


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Whether ``path`` lies in one of ``folders``, as it is written or where its links lead."""
    inside = tuple(folder + os.sep for folder in folders)
    return path.startswith(inside) or os.path.realpath(path).startswith(inside)


def module_files(modules: Iterable[object], excluded: Sequence[str]) -> set[str]:
    """The source files of ``modules``, but for those in the folders that are excluded."""
    found = set()
    for module in modules:
        name = None
        # Some put objects of their own among the modules, which answer to anything.
        with suppress(Exception):
            name = getattr(module, "__file__", None)
        if isinstance(name, str) and name:
            found.add(_source(os.path.abspath(name)))
    return {path for path in found if not is_below(path, excluded)}


def _source(path: str) -> str:
    if path.endswith(".pyc"):
        with suppress(ValueError):
            return source_from_cache(path)
    return path


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, what caused that, and so on."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ if each.__cause__ is not None or each.__suppress_context__ else each.__context__


def failed_files(error: BaseException, search: Sequence[str], excluded: Sequence[str]) -> set[str]:
    """The files whose change may mend ``error``: those that it came through, and those that were missed.

    :param search: where modules are looked for, as ``sys.path``.
    """
    found: set[str] = set()
    for each in chain(error):
        found |= {frame.filename for frame in traceback.extract_tb(each.__traceback__)}
        if isinstance(each, SyntaxError) and each.filename:
            found.add(each.filename)
        elif isinstance(each, ModuleNotFoundError) and each.name:
            parts = each.name.split(".")
            for folder in search:
                path = os.path.join(os.path.abspath(folder), *parts)
                found |= {f"{path}.py", os.path.join(path, "__init__.py")}
    return {path for path in found if os.path.isabs(path) and not is_below(path, excluded)}


def python_files(directory: str) -> set[str]:
    """The Python files of a project's folder, whether or not anybody imports them: those in its packages, in itself and
    in the folders right in it.

    What is hidden or installed is left out, and so is what lies beyond so many folders: such a place is no project.
    Each package that is in no other takes a watch of its own, of which systems allow about a hundred.
    """
    found: set[str] = set()
    packages: set[str] = set()
    watches = 0
    for folder, folders, files in islice(os.walk(directory), _FOLDERS_AT_MOST):
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")) and name != "node_modules")
        above, is_package = os.path.dirname(folder), "__init__.py" in files
        names = [name for name in files if name.endswith(".py")]
        is_watched = is_package and above in packages
        if not is_watched and (is_package or directory in (folder, above)) and names and watches < _WATCHES_AT_MOST:
            watches += 1
            is_watched = True
        if is_watched:
            found.update(os.path.join(folder, name) for name in names)
            if is_package:
                packages.add(folder)
    return found


def forget_compiled(paths: Iterable[str]) -> None:
    """Remove what Python has kept of these files.

    It takes a file for unchanged that has the same size and was written in the same second.
    """
    for path in paths:
        if path.endswith(".py"):
            with suppress(OSError, NotImplementedError):
                os.unlink(cache_from_source(path))
