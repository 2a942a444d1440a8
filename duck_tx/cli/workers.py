"""``duckctl workers``."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from duck_tx.cli.ask import call
from duck_tx.cli.command import Command
from duck_tx.cli.place import declare_place, find_state_directory
from duck_tx.cli.text import YELLOW, columns, mebibytes, painted, span, wants_colour

__all__ = ["WORKERS", "as_text", "staying", "table"]

_READY, _LEAVING = "ready", "leaving"

_LOADING = 120.0
"""Seconds that new workers may take until they serve."""


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument(
        "change",
        metavar="N",
        nargs="?",
        type=_change,
        help="how many there shall be from now on; +1 is one more, -1 one fewer",
    )
    parser.add_argument("--json", action="store_true", help="tell it in JSON")
    declare_place(parser)


def _change(text: str) -> dict[str, int]:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isdecimal() or len(digits) > 9:
        raise ArgumentTypeError(f"{text!r} is no number of workers")
    return {"count" if digits == text else "by": int(text)}


def _run(arguments: Namespace) -> int:
    with call(find_state_directory(arguments)) as line:
        found = line.ask("workers", arguments.change, _LOADING)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        print(as_text(found, colour=wants_colour(sys.stdout, os.environ)))
    return 0


WORKERS = Command(
    ("workers",),
    "Show the worker processes, or change their number.",
    "A change lasts until the server stops. The exit status is 0, 1 if the number cannot be changed (as where the"
    " server is one process), and 3 if the server does not run.",
    _declare,
    _run,
)


def as_text(found: Mapping[str, Any], *, colour: bool) -> str:
    """What the server answers, for people."""
    if found["count"] is None:
        return f"no workers: the server is one process, {_calls(found['threads'])}."
    lines = table(found["workers"], colour=colour)
    if staying(found["workers"]) != found["count"]:
        lines.append(f"{found['count']} are wanted.")
    return "\n".join(lines)


def _calls(threads: int | None) -> str:
    if threads is None:
        return "which calls the application on an event loop"
    return f"with {threads} gateway threads" if threads else "which does all on its reactor thread"


def staying(workers: Sequence[Mapping[str, Any]]) -> int:
    """How many there are, without those that are about to end."""
    return sum(each.get("state") != _LEAVING for each in workers)


def table(workers: Sequence[Mapping[str, Any]], *, colour: bool) -> list[str]:
    """A line for each worker, below a line of headings; those that do not serve are in colour."""
    rows = [("WORKER", "PID", "STATE", "REQUESTS", "MEMORY", "AGE"), *map(_row, workers)]
    wanted = [colour and each.get("state") != _READY for each in workers]
    return [painted(line, YELLOW, wanted=its) for line, its in zip(columns(rows), [False, *wanted], strict=True)]


def _row(worker: Mapping[str, Any]) -> tuple[str, ...]:
    memory, age = worker.get("memory"), worker.get("age")
    return (
        str(worker.get("number")),
        str(worker.get("pid") or "-"),
        str(worker.get("state")),
        str(worker.get("requests") or 0),
        mebibytes(memory) if memory else "-",
        "-" if age is None else span(age),
    )
