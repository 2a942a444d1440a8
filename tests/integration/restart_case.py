"""What tests of restarts look at: how often a server has been ready, and what it has open."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.integration.server import START_TIMEOUT, Server

__all__ = ["descriptors", "lives_of", "next_life"]

_LIFE = re.compile(r"ready: ")


def lives_of(text: str) -> int:
    """How often a server has said that it is ready."""
    return len(_LIFE.findall(text))


def next_life(server: Server, before: int, timeout: float = START_TIMEOUT) -> None:
    """Wait until a server has been ready once more than ``before``."""
    server.wait_for(re.compile(f"(?s)(ready: .*){{{before + 1}}}"), timeout)


def descriptors(pid: int) -> dict[str, str]:
    """What a process has open, by number."""
    found = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found[path.name] = os.readlink(path)
        except OSError:
            # It was closed meanwhile.
            continue
    return found
