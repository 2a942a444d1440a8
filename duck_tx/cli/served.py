"""``duckctl certificates list`` and ``reload``: those that a server shows."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from duck_tx.cli.ask import call
from duck_tx.cli.command import Command
from duck_tx.cli.place import declare_place, find_state_directory
from duck_tx.cli.text import RED, YELLOW, columns, painted, span, wants_colour

__all__ = ["LIST", "RELOAD", "as_text", "until"]

_SOON = timedelta(days=14)
_NAMES_SHOWN = 3


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="tell it in JSON")
    declare_place(parser)


def _run(verb: str, arguments: Namespace) -> int:
    with call(find_state_directory(arguments)) as line:
        found = line.ask(verb)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        print(as_text(found, datetime.now(UTC), colour=wants_colour(sys.stdout, os.environ)))
    return 0


LIST = Command(
    ("certificates", "list"),
    "List the certificates that the server shows.",
    "The first is for those who ask for a name that no other is for. The exit status is 0, 3 if the server does not"
    " run, and 1 if it has none or cannot be asked.",
    _declare,
    partial(_run, "certificates"),
)

RELOAD = Command(
    ("certificates", "reload"),
    "Have the server read its certificates anew.",
    "It does so by itself when they change; this does it now, and tells what it shows then. What cannot be used is told"
    " in a line, with the exit status 1, and what was shown in its place still is. The status is 3 if the server does"
    " not run.",
    _declare,
    partial(_run, "certificates.reload"),
)


def as_text(found: Sequence[Mapping[str, Any]], now: datetime, *, colour: bool) -> str:
    """Certificates as a table, those that need looking after in colour."""
    rows = [("NAMES", "VALID UNTIL", "SOURCE")]
    colours: list[int | None] = [None]
    for each in found:
        expires = datetime.fromisoformat(each["expires"])
        rows.append((_some(each["names"]), until(expires, now), each["source"]))
        colours.append(RED if expires < now else YELLOW if expires - now < _SOON else None)
    lines = zip(columns(rows), colours, strict=True)
    return "\n".join(painted(line, its, wanted=colour) for line, its in lines)


def until(expires: datetime, now: datetime) -> str:
    """The end of a certificate in words: ``2026-11-22, in 3 days``."""
    left = expires - now
    words = span(abs(left.total_seconds()))
    if abs(left) >= timedelta(days=2):
        # Hours say nothing then.
        words = f"{abs(left).days} days"
    return f"{expires:%Y-%m-%d}, " + (f"in {words}" if left >= timedelta() else f"{words} ago")


def _some(names: Sequence[str]) -> str:
    """Names for a cell; a certificate may have a hundred."""
    shown = ", ".join(names[:_NAMES_SHOWN]) or "nobody"
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"
