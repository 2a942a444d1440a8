"""Objects of a program for its worker processes: they import the program again, and take up the same objects.

The main process pickles them.  Functions and classes go by their names, so what a worker has is of the code as it is
when that worker starts.  Both ends are this program, so nothing is trusted less for being pickled.
"""

from __future__ import annotations

import os
import pickle
import runpy
import sys
from types import ModuleType
from typing import Any, NamedTuple

from duck_tx.errors import ApplicationError

__all__ = ["IMPORTED_AS", "packed", "refuse_import", "unpacked"]

IMPORTED_AS = "__mp_main__"
"""What ``__name__`` is in a program that a worker imports: the word of :mod:`multiprocessing` for the same."""

_GUARD = 'below if __name__ == "__main__"'

_importing = False


class _Program(NamedTuple):
    """The program of this process.

    :ivar search: where it finds modules.
    :ivar module: its name, if it was started by one.
    :ivar path: its file; empty if it has none.
    """

    search: tuple[str, ...]
    module: str
    path: str


def packed(what: object, who: str) -> bytes:
    """``what``, for :func:`unpacked` in a worker.

    :param who: what it is, for messages.
    :raises ApplicationError: if it cannot be handed over.
    """
    program = _this()
    try:
        data = pickle.dumps(what)
    except Exception as error:
        raise ApplicationError(
            f"{who} cannot be served by worker processes: {_one_line(error)}. What it is made of has to be at the top"
            " level of a module that can be imported, which a .tac file cannot."
        ) from error
    if b"__main__" in data and not (program.module or program.path):
        raise ApplicationError(
            f"{who} cannot be served by worker processes: the program that has it is in no file that they could import."
        )
    return pickle.dumps((program, data))


def unpacked(data: bytes, who: str) -> Any:
    """What :func:`packed` was given, here.

    :raises ApplicationError: if the program cannot be imported here, or has no such things any more.
    """
    program, rest = pickle.loads(data)
    sys.path += [place for place in program.search if place not in sys.path]
    if b"__main__" in rest:
        _import(program)
    try:
        return pickle.loads(rest)
    except Exception as error:
        raise ApplicationError(f"{who} cannot be served by this worker: {_one_line(error)}.") from error


def refuse_import() -> None:
    """See that nothing is started by the import of a program.

    :raises ApplicationError: if a worker imports it at this moment.
    """
    if _importing:
        raise ApplicationError(f"worker processes import this program: what starts the server has to be {_GUARD}.")


def _this() -> _Program:
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    module = spec.name if spec is not None else ""
    path = "" if module else getattr(main, "__file__", None) or ""
    search = tuple(os.path.abspath(place) for place in sys.path)
    return _Program(search, module, os.path.abspath(path) if path else "")


def _import(program: _Program) -> None:
    """Have the program as the main module of this process too."""
    global _importing
    main = ModuleType(IMPORTED_AS)
    _importing = True
    try:
        if program.module:
            found = runpy.run_module(program.module, run_name=IMPORTED_AS, alter_sys=True)
        else:
            found = runpy.run_path(program.path, run_name=IMPORTED_AS)
    except ApplicationError:
        raise
    except Exception as error:
        raise ApplicationError(
            f"the program {program.path or program.module} cannot be imported by worker processes: {_one_line(error)}."
            f" What starts the server has to be {_GUARD}."
        ) from error
    finally:
        _importing = False
    main.__dict__.update(found)
    sys.modules["__main__"] = sys.modules[IMPORTED_AS] = main


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()).removesuffix(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
