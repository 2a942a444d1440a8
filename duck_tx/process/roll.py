"""A rolling restart that stopped half-way."""

from __future__ import annotations

from collections.abc import Sequence

from duck_tx.errors import ApplicationError

__all__ = ["HalfRestarted"]


class HalfRestarted(ApplicationError):
    """Some workers have the new code, and another could not be replaced.

    :param why_not: the lines that say why.
    :param new: the numbers of those that have the new code.
    :param old: of those that have the old one.
    """

    def __init__(self, why_not: str, new: Sequence[int], old: Sequence[int]) -> None:
        super().__init__(
            f"{why_not}\nnew code: {_numbered(new)}; old code: {_numbered(old)}. Mend what is wrong, and restart again."
        )


def _numbered(numbers: Sequence[int]) -> str:
    if not numbers:
        return "no worker"
    *most, last = map(str, numbers)
    return f"workers {', '.join(most)} and {last}" if most else f"worker {last}"
