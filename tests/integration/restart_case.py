"""What tests of restarts do and look at: how often a server has been ready, and what it has open."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.integration.server import CHECKOUT, START_TIMEOUT, Server

__all__ = ["descriptors", "lives_of", "next_life", "restart", "restart_with_duckctl"]

_LIFE = re.compile(r"ready: ")


def lives_of(text: str) -> int:
    """How often a server has said that it is ready."""
    return len(_LIFE.findall(text))


def next_life(server: Server, before: int, timeout: float = START_TIMEOUT) -> None:
    """Wait until a server has been ready once more than ``before``."""
    server.wait_for(re.compile(f"(?s)(ready: .*){{{before + 1}}}"), timeout)


def restart(server: Server) -> None:
    """Restart a server by the signal, and wait until it is ready again."""
    lives = lives_of(server.log)
    server.send_signal(signal.SIGHUP)
    next_life(server, lives)


def restart_with_duckctl(server: Server) -> tuple[int, str]:
    """Restart a server by the command: the exit status of that, and all that it said."""
    command = [sys.executable, "-m", "duck_tx.cli", "restart", "--state-dir", str(server.state)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


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
