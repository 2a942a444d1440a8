"""``duckctl logs``."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from duck_tx.cli.ask import PATIENCE, WentAway, call
from duck_tx.cli.command import Command
from duck_tx.cli.life import Ended, call_again
from duck_tx.cli.place import declare_place, find_state_directory
from duck_tx.cli.text import plain

__all__ = ["LOGS"]

_LINES = 100

_WAIT = 20.0
"""Seconds after which a server tells that there was nothing."""

_NEXT_LIFE = 60.0
"""Seconds that a server whose process goes on may take to be there again."""


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-f",
        "--follow",
        action="store_true",
        help="go on with what comes, also after a restart, until the server ends",
    )
    parser.add_argument(
        "-n",
        "--lines",
        metavar="N",
        type=_count,
        default=_LINES,
        help=f"how many of the last lines, {_LINES} by default; the server keeps some thousand",
    )
    declare_place(parser)


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)


def _run(arguments: Namespace) -> int:
    directory = find_state_directory(arguments)
    line = call(directory)
    try:
        found = line.ask("logs", {"most": arguments.lines})
        _show(found)
        while arguments.follow:
            with suppress(WentAway):
                while not found["ended"]:
                    found = line.ask("logs", {"log": found["log"], "after": found["last"]}, _WAIT + PATIENCE)
                    _show(found)
            # Until then there is still the one of before.
            line.wait_for_close(PATIENCE)
            try:
                before, line = line, call_again(directory, line, time.monotonic() + _NEXT_LIFE)
            except Ended as error:
                print(f"duckctl: {error}", file=sys.stderr)
                break
            before.close()
            found = {**found, "ended": False}
    finally:
        line.close()
    return 0


def _show(found: Mapping[str, Any]) -> None:
    if found["missed"]:
        print(f"duckctl: {found['missed']} lines came too fast and were not kept.", file=sys.stderr)
    for each in found["lines"]:
        print(plain(each))
    if sys.stdout is not None:
        # Whoever reads from a pipe wants to see them now.
        sys.stdout.flush()


LOGS = Command(
    ("logs",),
    "Show the end of the server's log, and follow it.",
    "These are the lines that the server wrote to its console, to the journal or to its log file; the access log is not"
    " among them. The exit status is 0, 3 if the server does not run, and 1 if it cannot be asked.",
    _declare,
    _run,
)
