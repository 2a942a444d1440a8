"""``duckctl``: what is done for a server from outside of it.

A command is one word or more, its options follow.  Nothing here needs a reactor, and each command imports what it needs
when it runs: a shell should not wait for it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from duck_tx.cli import automations, certificates, logs, restart, served, status, stop, workers
from duck_tx.cli.command import Command, CommandError, Parser, overview, pick
from duck_tx.cli.text import plain
from duck_tx.errors import ApplicationError

__all__ = ["COMMANDS", "main"]

COMMANDS: tuple[Command, ...] = (
    status.STATUS,
    stop.STOP,
    restart.RESTART,
    workers.WORKERS,
    logs.LOGS,
    *automations.COMMANDS,
    served.LIST,
    served.RELOAD,
    certificates.NEW,
)
"""All commands, in the order in which they are listed."""

_DONE, _FAILED, _MISUSED = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say.

    :param arguments: by default those of this process.
    :return: the exit status: 0, 1 if it could not be done, 2 if the arguments make no sense, 3 if there is no server.
    :raises SystemExit: from ``--help``, and after an interrupt.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A path may have characters that the terminal has not.
            reconfigure(errors="backslashreplace")
    try:
        done = _run(arguments)
        if sys.stdout is not None:
            # What cannot be written is to be known before this is called done.
            sys.stdout.flush()
        return done
    except ApplicationError as error:
        for line in str(error).splitlines():
            print(f"duckctl: {plain(line)}", file=sys.stderr)
        return error.status if isinstance(error, CommandError) else _FAILED
    except BrokenPipeError:
        # Whoever read it has enough. What is still in the buffer would fail once more at exit.
        sys.stdout = None
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"duckctl: {where}{error.strerror or error}.", file=sys.stderr)
    except KeyboardInterrupt:
        from signal import SIGINT

        from duck_tx.process.exit import exit_by

        exit_by(SIGINT)
    return _FAILED


def _run(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in ("-h", "--help"):
        print(overview(COMMANDS), end="")
        return _DONE
    if arguments and arguments[0] == "--version":
        from duck_tx import __version__

        print(f"duck_tx {__version__}")
        return _DONE
    if not arguments:
        print(overview(COMMANDS), end="", file=sys.stderr)
        return _MISUSED
    command = pick(COMMANDS, arguments)
    if isinstance(command, str):
        print(f"duckctl: {command}", file=sys.stderr)
        return _MISUSED
    parser = Parser(command)
    parsed = parser.parse_args(arguments[len(command.words) :])
    try:
        return command.run(parsed)
    except ApplicationError as error:
        if getattr(parsed, "json", False):
            # For the program that reads it; people read the line on standard error.
            print(json.dumps({"error": str(error)}, indent=2))
        raise
