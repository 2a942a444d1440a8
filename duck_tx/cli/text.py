"""What people read in a terminal: columns, times in words, and colour where it can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TextIO

__all__ = ["GREEN", "RED", "YELLOW", "columns", "mebibytes", "painted", "plain", "short_span", "span", "wants_colour"]

RED, GREEN, YELLOW = 31, 32, 33
"""Colours, as terminals number them (ECMA-48, SGR)."""

_SHORT_UNITS = ((2 * 86400, 86400, "days"), (2 * 3600, 3600, "h"), (120, 60, "min"), (0, 1, "s"))

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def wants_colour(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    """Whether colour is welcome: on a terminal that has it, unless ``NO_COLOR`` is set (no-color.org)."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return stream is not None and stream.isatty()


def painted(text: str, colour: int | None, *, wanted: bool) -> str:
    """``text`` in a colour, if that is wanted."""
    return f"\x1b[{colour}m{text}\x1b[0m" if wanted and colour is not None else text


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line for each row, the cells under one another."""
    shown = [[plain(cell).replace("\t", r"\t") for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(*shown, strict=True)]
    return ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown]


def plain(text: str) -> str:
    """Text that stays on its line and does nothing to the terminal: all but tabs that cannot be printed is escaped."""
    if text.isprintable():
        return text
    return "".join(each if each == "\t" or each.isprintable() else ascii(each)[1:-1] for each in text)


def mebibytes(count: int) -> str:
    """A size in bytes, for people."""
    return f"{count / 1024**2:.1f} MiB"


def span(seconds: float) -> str:
    """A time in words, with the two largest units that it has: ``3 days 4 hours``, ``5 seconds``."""
    left = max(int(seconds), 0)
    for position, (name, size) in enumerate(_UNITS):
        if left >= size:
            words = [_counted(left // size, name)]
            if position + 1 < len(_UNITS):
                smaller, its_size = _UNITS[position + 1]
                rest = left % size // its_size
                words += [_counted(rest, smaller)] if rest else []
            return " ".join(words)
    return "less than a second"


def short_span(seconds: float) -> str:
    """A time in one unit, for tables: ``12 s``, ``90 min``, ``3 days``."""
    whole = max(int(seconds), 0)
    return next(f"{whole // size} {name}" for least, size, name in _SHORT_UNITS if whole >= least)


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
