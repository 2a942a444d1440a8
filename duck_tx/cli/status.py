"""``duckctl status``."""

from __future__ import annotations

import json
import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from duck_tx.cli.ask import NotRunning, call
from duck_tx.cli.command import Command
from duck_tx.cli.place import declare_place, find_state_directory
from duck_tx.cli.text import GREEN, YELLOW, columns, mebibytes, painted, span, wants_colour
from duck_tx.cli.workers import staying, table

__all__ = ["STATUS", "as_text"]

_NAMES = {"duck_tx": "duck_tx", "twisted": "Twisted", "django": "Django", "python": "Python"}


def _declare(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="tell it in JSON")
    declare_place(parser)


def _run(arguments: Namespace) -> int:
    directory = find_state_directory(arguments)
    place = {"state_directory": str(directory)}
    try:
        with call(directory) as line:
            found = line.ask("status")
    except NotRunning as error:
        print(json.dumps({"running": False, **place}, indent=2) if arguments.json else f"not running: {error}")
        return error.status
    if arguments.json:
        print(json.dumps({"running": True, **place, **found}, indent=2))
    else:
        print(as_text(found, directory, time.time(), colour=wants_colour(sys.stdout, os.environ)))
    return 0


STATUS = Command(
    ("status",),
    "Tell whether the server runs, where, and since when.",
    "The exit status is 0 if it runs, 3 if it does not, and 1 if that cannot be told.",
    _declare,
    _run,
)


def as_text(found: Mapping[str, Any], directory: Path, now: float, *, colour: bool) -> str:
    """The server's metadata, for people.

    :param directory: the state directory.
    :param now: seconds since the epoch.
    """
    versions = found.get("versions") or {}
    workers = found.get("processes") or []
    serves = found.get("serving", True)
    since = f"pid {found.get('pid')}, for {span(now - found.get('started', now))}"
    rows = [
        ("running", since if serves else f"{since}; the port is closed: it starts, or stops"),
        ("address", str(found.get("url"))),
        ("project", str(found.get("project") or "none")),
        *([("workers", str(staying(workers)))] if workers else []),
        *([("automations", _automations(found["automations"]))] if workers and found.get("automations") else []),
        *(("micro app", _microapp(each)) for each in found.get("microapps") or []),
        *(("upstream", _upstream(each)) for each in found.get("upstreams") or []),
        ("threads", _threads(found.get("threads", 0)) + (" in each worker" if workers else "")),
        ("versions", ", ".join(f"{_NAMES.get(name, name)} {version}" for name, version in versions.items())),
        ("state in", str(directory)),
    ]
    first, *others = columns(rows)
    below = ["", *table(workers, colour=colour)] if workers else []
    return "\n".join([painted(first, GREEN if serves else YELLOW, wanted=colour), *others, *below])


def _threads(count: int | None) -> str:
    """How many, or who answers without them."""
    return "none: an event loop" if count is None else str(count or "none: on the reactor")


def _microapp(app: Mapping[str, Any]) -> str:
    """Which one, and where."""
    return f"{app.get('name')} at {app.get('url')}{'' if app.get('up') else '; it is not up'}"


def _upstream(server: Mapping[str, Any]) -> str:
    """Which one, and how it is as far as those know that ask it."""
    where, state = f"{server.get('url')} of {server.get('route')}", server.get("state")
    if not state:
        return where
    counts = f"{server.get('requests')} now, {server.get('answered')} answered, {server.get('failures')} failed"
    if state != "mixed":
        return f"{where}: {_state(server)}, {counts}"
    seen: dict[str, list[str]] = {}
    for each in server.get("workers") or []:
        seen.setdefault(_state(each), []).append(str(each.get("number")))
    common = sorted(seen.items(), key=lambda item: -len(item[1]))
    states = [f"{its} in {_counted(numbers)}" for its, numbers in common]
    return f"{where}: {'; '.join([*states, counts])}"


def _counted(numbers: Sequence[str]) -> str:
    """Which workers."""
    return f"worker{'s' if numbers[1:] else ''} {', '.join(numbers)}"


def _state(server: Mapping[str, Any]) -> str:
    """What it is, and why."""
    return f"{server.get('state')} ({server['why']})" if server.get("why") else str(server.get("state"))


def _automations(process: Mapping[str, Any]) -> str:
    """The process beside the workers that runs them."""
    pid, memory, age = process.get("pid"), process.get("memory"), process.get("age")
    facts = [
        f"pid {pid}" if pid else "no process",
        str(process.get("state")),
        *([mebibytes(memory)] if memory else []),
        *([f"for {span(age)}"] if age is not None else []),
    ]
    return ", ".join(facts)
