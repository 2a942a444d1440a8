"""``duckctl stop``."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from contextlib import suppress

from duck_tx.cli.ask import WentAway, call
from duck_tx.cli.command import Command, CommandError
from duck_tx.cli.place import declare_place, find_state_directory
from duck_tx.cli.timeout import declare_timeout

__all__ = ["STOP"]

_TIMEOUT = 60.0
_STILL_THERE = 1


def _declare(parser: ArgumentParser) -> None:
    declare_timeout(parser, _TIMEOUT, "how long to wait for its end; it goes on stopping after that")
    parser.add_argument("--json", action="store_true", help="tell in JSON what was stopped")
    declare_place(parser)


def _run(arguments: Namespace) -> int:
    with call(find_state_directory(arguments)) as line:
        # One that has nothing to wait for may be gone before it says so.
        with suppress(WentAway):
            line.ask("stop")
        if not line.wait_for_end(arguments.timeout):
            raise CommandError(
                f"{line.server} was told to stop and is still there after {arguments.timeout:g} s: it finishes what is"
                " in flight, for as long as server.grace says.",
                _STILL_THERE,
            )
        if arguments.json:
            print(json.dumps({"stopped": True, "pid": line.pid}, indent=2))
        else:
            print(f"{line.server} has stopped.")
    return 0


STOP = Command(
    ("stop",),
    "Stop the server with grace, and wait until it is gone.",
    "The exit status is 0 if it has stopped, 3 if it was not running, and 1 if it is still there.",
    _declare,
    _run,
)
