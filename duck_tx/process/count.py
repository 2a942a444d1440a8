"""The number of workers, as it is asked about and changed over the control socket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from duck_tx.errors import ApplicationError
from duck_tx.promise import settled
from duck_tx.settings.sections.bounds import MOST_WORKERS

__all__ = ["Resizable", "answer", "check_count", "counted", "wanted"]


class Resizable(Protocol):
    """Workers whose number can be changed."""

    @property
    def count(self) -> int:
        """How many are wanted."""

    def resize(self, count: int) -> object:
        """Have so many; may return a Deferred."""

    def describe(self) -> Sequence[Mapping[str, object]]:
        """What they are doing."""


def check_count(count: int) -> None:
    """See that there can be so many workers.

    :raises ApplicationError: if not.
    """
    if not 1 <= count <= MOST_WORKERS:
        raise ApplicationError(f"there cannot be {count} workers: ask for 1 to {MOST_WORKERS}.")


def counted(count: int) -> str:
    """So many workers, in words."""
    return "1 worker" if count == 1 else f"{count} workers"


def wanted(given: Mapping[str, Any], count: int) -> int:
    """How many workers somebody asks for.

    :param given: ``count``, a number, or ``by``, the difference to that of now; with neither, all stays as it is.
    :param count: how many there are to be now.
    :raises ApplicationError: if that is no number, or none that there can be.
    """
    asked = given["by"] if "by" in given else given.get("count", count)
    if type(asked) is not int:
        raise ApplicationError(f"{asked!r} is no number of workers.")
    number = count + asked if "by" in given else asked
    check_count(number)
    return number


async def answer(workers: Resizable | None, given: Mapping[str, Any], threads: int | None) -> dict[str, object]:
    """Change the number of workers, if that is asked for, and tell about them.

    :param workers: those; ``None`` where the server is one process.
    :param given: as in :func:`wanted`.
    :param threads: gateway threads of a process; ``None`` for an event loop.
    :return: ``count``, how many are wanted (``None`` for one process); ``threads``; ``workers``, about each of them.
    :raises ApplicationError: if the number cannot be changed in this way.
    """
    if workers is None:
        if given:
            raise ApplicationError(
                "the server is one process, whose number of workers cannot be changed while it runs."
                " For several, start it with --processes and --workers N."
            )
        return {"count": None, "threads": threads, "workers": []}
    number = wanted(given, workers.count)
    if number != workers.count:
        await settled(workers.resize(number))
    return {"count": workers.count, "threads": threads, "workers": [dict(each) for each in workers.describe()]}
