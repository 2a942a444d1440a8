"""The title that process lists show."""

from __future__ import annotations

__all__ = ["set_title"]


def set_title(title: str) -> None:
    """Set the title of this process."""
    from setproctitle import setproctitle

    setproctitle(title)
