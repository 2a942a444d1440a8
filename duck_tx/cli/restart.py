"""``duckctl restart``."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from duck_tx.cli.ask import Line, NoAnswer, WentAway, call, named
from duck_tx.cli.command import Command, CommandError
from duck_tx.cli.life import PAUSE, Ended, call_again
from duck_tx.cli.place import declare_place, find_state_directory
from duck_tx.cli.timeout import declare_timeout

__all__ = ["RESTART", "is_another_life"]

_TIMEOUT = 120.0
_FAILED = 1

_SAME = 0.01
"""Seconds by which the start of one life may differ, told in two ways."""


def _declare(parser: ArgumentParser) -> None:
    declare_timeout(parser, _TIMEOUT, "how long to wait for the new code; the server goes on restarting after that")
    parser.add_argument("--json", action="store_true", help="tell in JSON what was restarted")
    declare_place(parser)


def _run(arguments: Namespace) -> int:
    directory = find_state_directory(arguments)
    begun = time.monotonic()
    until = begun + arguments.timeout
    with call(directory) as line:
        try:
            answer = line.ask("restart", patience=arguments.timeout)
            waiting = answer.get("waiting") or []
            # Where workers serve, they are new by now.
            pid = _wait_for_next_life(directory, line, answer, until) if "started" in answer else line.pid
        except NoAnswer:
            raise CommandError(
                f"{line.server} was told to restart, and the new code does not serve after {arguments.timeout:g} s: it"
                " loads, or the old finishes what is in flight. duckctl logs tells more.",
                _FAILED,
            ) from None
    seconds = time.monotonic() - begun
    if arguments.json:
        found = {"restarted": True, "pid": pid, "seconds": round(seconds, 3), "waiting": waiting}
        print(json.dumps(found, indent=2))
    else:
        print(f"{named(pid)} serves the new code, after {seconds:.1f} s.")
        if waiting:
            print(f"Changed, but as before until it is stopped and started: {', '.join(waiting)}.")
    return 0


def _wait_for_next_life(directory: Path, line: Line, answer: Mapping[str, Any], until: float) -> int | None:
    """Wait until a server that is not the one of before serves.

    :param line: to the one of before.
    :param answer: of that: when it ``started``, in seconds since the epoch, and whether its process ``ends``.
    :param until: the time by the monotonic clock that is waited for.
    :return: the pid of the new one.
    :raises NoAnswer: if that is over.
    :raises CommandError: if the process has ended that was to go on.
    """
    may_end = bool(answer.get("ends"))
    # Until then there is the one of before, which finishes what is in flight.
    line.wait_for_close(max(until - time.monotonic(), 0))
    while True:
        try:
            with suppress(WentAway), call_again(directory, line, until, may_end=may_end) as other:
                if is_another_life(other.ask("status"), answer["started"]):
                    return other.pid
        except Ended as error:
            raise CommandError(f"{error} Its log, or that of its supervisor, says why.", _FAILED) from None
        time.sleep(PAUSE)


def is_another_life(found: Mapping[str, Any], started: float) -> bool:
    """Whether the server with this status serves, and did not begin at that time."""
    return abs(found["started"] - started) > _SAME and bool(found.get("serving", True))


RESTART = Command(
    ("restart",),
    "Have the server load its code and its settings anew, without losing a request.",
    "The new code is tried first: where it cannot be loaded, the old one serves on, what is wrong is told, and the exit"
    " status is 1. It is 0 when the new code serves, and 3 if the server does not run. Where workers serve, settings of"
    " the process above them, such as the port, need a stop and a start: those that have changed are named.",
    _declare,
    _run,
)
