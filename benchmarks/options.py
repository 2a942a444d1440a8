"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from benchmarks.case import Case
from benchmarks.cases import CASES, TOPICS
from benchmarks.project import ROOT, SOURCE
from benchmarks.server import Server
from benchmarks.servers import SERVERS

OUTPUT = ROOT / "docs" / "benchmarks"


@dataclass(frozen=True, slots=True)
class Options:
    """``seconds`` of load for each measurement; ``output`` None: print the table and write nothing."""

    servers: Sequence[Server]
    cases: Sequence[Case]
    rounds: int
    seconds: float
    connections: int
    idle: int
    project: Path
    output: Path | None

    @property
    def warm_up(self) -> float:
        """Seconds of load before each measurement."""
        return min(2.0, self.seconds)


def parse(argv: Sequence[str]) -> Options:
    """Read the options; exits with a message and status 2 if they are wrong, as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure duck_tx beside other servers, and write tables and a chart.",
    )
    servers, cases = [each.name for each in SERVERS], [each.name for each in CASES]
    parser.add_argument("--servers", metavar="NAMES", help=f"comma-separated: {', '.join(servers)}")
    parser.add_argument("--cases", metavar="NAMES", help=f"comma-separated: {', '.join(cases)}")
    parser.add_argument("--only", choices=TOPICS, help="the cases of one topic")
    parser.add_argument("--rounds", type=_positive, help="how often everything is measured (default: 3)")
    parser.add_argument("--seconds", type=_positive, help="of load for each measurement (default: 6)")
    parser.add_argument("--connections", type=_positive, default=32, help="kept-alive connections (default: 32)")
    parser.add_argument("--idle", type=_positive, help="idle connections (default: 5000)")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s, 500 idle connections: a look")
    parser.add_argument("--project", type=Path, default=SOURCE, help="the Django project (default: tests/project)")
    parser.add_argument(
        "--output",
        type=Path,
        help="directory to write to (default: docs/benchmarks for a whole run; others are printed)",
    )
    given = parser.parse_args(argv)
    try:
        chosen_servers = chosen(given.servers, SERVERS)
        chosen_cases = chosen(given.cases, TOPICS[given.only] if given.only else CASES)
    except ValueError as error:
        parser.error(str(error))
    whole = not (given.quick or given.servers or given.cases or given.only)
    return Options(
        servers=chosen_servers,
        cases=chosen_cases,
        rounds=given.rounds or (1 if given.quick else 3),
        seconds=given.seconds or (2 if given.quick else 6),
        connections=given.connections,
        idle=given.idle or (500 if given.quick else 5000),
        project=given.project.resolve(),
        output=given.output or (OUTPUT if whole else None),
    )


class Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


def chosen(text: str | None, offered: Sequence[N]) -> list[N]:
    """Those whose names are in the comma-separated text, in the order offered; without a text all.

    :raises ValueError: if a name is not offered.
    """
    if text is None:
        return list(offered)
    wanted = [each.strip() for each in text.split(",")]
    if unknown := [each for each in wanted if each not in [one.name for one in offered]]:
        raise ValueError(f"{', '.join(unknown)}: not among {', '.join(one.name for one in offered)}")
    return [one for one in offered if one.name in wanted]


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value
