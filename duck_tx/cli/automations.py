"""``duckctl automations``: what runs when, how it went, and running, pausing and resuming by hand."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from functools import partial

from duck_tx.cli.ask import NoAnswer, call
from duck_tx.cli.automation_text import as_table, history_text, next_run
from duck_tx.cli.command import Command, CommandError
from duck_tx.cli.place import declare_place, find_state_directory
from duck_tx.cli.text import plain, wants_colour
from duck_tx.cli.timeout import declare_timeout

__all__ = ["COMMANDS"]

_RUNS = 20
_MOST_RUNS = 10_000

_LONGEST = 20 * 86400.0
"""Seconds that an answer is waited for; a socket knows no more than 24 days."""

_FAILED = 1


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="tell it in JSON")
    declare_place(parser)


def _declare_list(parser: ArgumentParser) -> None:
    parser.add_argument("what", metavar="list", nargs="?", type=_list, help="the same, in so many words")
    _declare(parser)


def _list(text: str) -> str:
    if text != "list":
        raise ArgumentTypeError(f"{text!r} is none of list, history, run, pause and resume")
    return text


def _declare_name(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="as duckctl automations shows it")
    _declare(parser)


def _declare_history(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-n", "--runs", metavar="N", type=_count, default=_RUNS, help=f"how many of the last runs, {_RUNS} by default"
    )
    parser.add_argument("-o", "--output", action="store_true", help="with the end of what each of them printed")
    _declare_name(parser)


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= _MOST_RUNS:
        raise ArgumentTypeError(f"{text!r} is no number of runs from 1 to {_MOST_RUNS}")
    return int(text)


def _declare_run(parser: ArgumentParser) -> None:
    declare_timeout(parser, None, "how long to wait for its end; it runs on after that")
    _declare_name(parser)


def _run_list(arguments: Namespace) -> int:
    with call(find_state_directory(arguments)) as line:
        found = line.ask("automations")
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        print(as_table(found, time.time(), _width(), colour=wants_colour(sys.stdout, os.environ)))
    return 0


def _run_history(arguments: Namespace) -> int:
    with call(find_state_directory(arguments)) as line:
        asked = {"name": arguments.name, "limit": arguments.runs, "output": arguments.output}
        found = line.ask("automations.history", asked)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        colour = wants_colour(sys.stdout, os.environ)
        print(history_text(found, time.time(), _width(), colour=colour, output=arguments.output))
    return 0


def _run_now(arguments: Namespace) -> int:
    patience = _LONGEST if arguments.timeout is None else min(arguments.timeout, _LONGEST)
    with call(find_state_directory(arguments)) as line:
        try:
            found = line.ask("automations.run", {"name": arguments.name}, patience)
        except NoAnswer:
            raise CommandError(
                f"{arguments.name} still runs after {patience:g} s, and goes on. duckctl automations history"
                f" {arguments.name} tells how it ends.",
                _FAILED,
            ) from None
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        # As it was: it is this project's own, and may well be piped on.
        sys.stdout.write(found["output"])
        sys.stdout.flush()
    if found["state"] == "done":
        return 0
    if not arguments.json:
        error = f": {plain(found['error'])}" if found["error"] else ""
        print(
            f"duckctl: {plain(found['name'])}: {found['state']} after {found['duration']:.1f} s{error}", file=sys.stderr
        )
    return _status(found["status"])


def _status(status: int | None) -> int:
    """The exit status for a run that did not end well: its own, if it has one; a signal's as a shell tells it."""
    if not status:
        return _FAILED
    return 128 - status if status < 0 else status


def _pause(verb: str, arguments: Namespace) -> int:
    with call(find_state_directory(arguments)) as line:
        found = line.ask(verb, {"name": arguments.name})
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        paused = "is paused: its schedule rests until it is resumed"
        when = next_run(found, time.time())
        resumed = "goes on" if when == "-" else f"goes on: next run {when}"
        print(f"{plain(found['name'])} {paused if found['paused'] else resumed}.")
    return 0


def _width() -> int:
    return shutil.get_terminal_size().columns


_STATUS = "The exit status is 0, 3 if the server does not run, and 1 if there is none of that name"

COMMANDS = (
    Command(
        ("automations",),
        "List the automations, their last results and next runs.",
        "The exit status is 0, 3 if the server does not run, and 1 if it cannot be asked.",
        _declare_list,
        _run_list,
    ),
    Command(
        ("automations", "history"),
        "Show the last runs of an automation.",
        f"{_STATUS} or it cannot be asked.",
        _declare_history,
        _run_history,
    ),
    Command(
        ("automations", "run"),
        "Run an automation now, and wait for its end.",
        "Shows what it printed. The exit status is 0 if all went well, that of the program or the command if it has"
        " another, and otherwise 1; 3 if the server does not run.",
        _declare_run,
        _run_now,
    ),
    Command(
        ("automations", "pause"),
        "Let an automation rest, through restarts too.",
        f"{_STATUS}. What runs by now goes on, and it can still be run by hand.",
        _declare_name,
        partial(_pause, "automations.pause"),
    ),
    Command(
        ("automations", "resume"),
        "Let a paused automation go on by its schedule.",
        f"{_STATUS}.",
        _declare_name,
        partial(_pause, "automations.resume"),
    ),
)
