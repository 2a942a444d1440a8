"""``--timeout``: how long a command waits."""

from __future__ import annotations

import math
from argparse import ArgumentParser, ArgumentTypeError

__all__ = ["declare_timeout"]


def declare_timeout(parser: ArgumentParser, default: float | None, text: str) -> None:
    """Add the option; its value is seconds.

    :param default: ``None`` is as long as it takes.
    :param text: what is waited for, and what becomes of it afterwards.
    """
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=default,
        help=f"{text}; {'as long as it takes' if default is None else f'{default:g}'} by default",
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds
