"""Where something was written, for whoever has to mend it."""

from __future__ import annotations

import os
import sys
from types import FrameType

__all__ = ["shown", "written"]

_ROOM = f"{__name__.rpartition('.')[0]}."


def written(instance: object) -> str:
    """The file and line that makes ``instance``, such as ``shop/automations.py:12``: who calls its class, from outside
    of this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_on_the_way(frame, instance):
        frame = frame.f_back
    return "?" if frame is None else f"{shown(frame.f_code.co_filename)}:{frame.f_lineno}"


def _is_on_the_way(frame: FrameType, instance: object) -> bool:
    if str(frame.f_globals.get("__name__", "")).startswith(_ROOM):
        return True
    # That of a class which somebody derived.
    return frame.f_code.co_name == "__init__" and frame.f_locals.get("self") is instance


def shown(filename: str) -> str:
    """A file of Python's as seen from where its package was found."""
    file = os.path.abspath(filename)
    roots = (os.path.join(os.path.abspath(entry), "") for entry in sys.path)
    within = [root for root in roots if file.startswith(root)]
    return file.removeprefix(max(within, key=len)) if within else file
