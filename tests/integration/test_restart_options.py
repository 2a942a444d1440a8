"""The options of ``twistd`` in a restart: what they have made of the process, it is in its next lives."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

from tests.case import UnitTestCase
from tests.integration.restart_case import descriptors, lives_of, next_life
from tests.integration.server import LAUNCHERS, Server, serve

_LOGGER = """
import sys
from twisted.logger import formatEvent

def factory():
    return lambda event: print("observed:", formatEvent(event), file=sys.__stdout__, flush=True)
"""

_OF_ONE_LIFE = {"DUCK_BEGAN", "DUCK_LISTEN_FDS", "DUCK_LISTEN_SOLE"}


def _status(pid: int, name: str) -> str:
    """A line of what the system says of a process."""
    found = re.search(rf"^{name}:\s*(.*)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def _variables(pid: int) -> dict[str, str]:
    """The environment that a process began with."""
    entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    pairs = (entry.decode().partition("=") for entry in entries if entry)
    return {name: value for name, _, value in pairs if name not in _OF_ONE_LIFE}


class OptionTests(UnitTestCase):
    def state(self, server: Server) -> tuple[object, ...]:
        pid = server.pid
        return (
            _status(pid, "Umask"),
            os.readlink(f"/proc/{pid}/cwd"),
            (server.directory / "duck.pid").read_text(),
            # Nothing is held back any more when it is ready.
            _status(pid, "SigBlk"),
        )

    def test_mask_directory_log_and_pidfile_are_as_before_and_nothing_piles_up(self) -> None:
        options = ["--umask", "027", "--rundir", "run", "--logger", "own_log.factory", "--pidfile", "duck.pid"]
        server = serve(
            self, launch=[*LAUNCHERS["twistd"][:2], "-n", *options, "duck"], project=None,
            files={"own_log.py": _LOGGER, "run/x": ""},
            environ={"DUCK_GATEWAY__WSGI": "tests.integration.gated:application", "DUCK_LOG__ACCESS": "0"},
        )  # fmt: skip
        first, given = self.state(server), _variables(server.pid)
        self.assertEqual(first, ("0027", str(server.directory / "run"), str(server.pid), "0000000000000000"))
        opened = 0
        for lives in (1, 2, 3):
            server.send_signal(signal.SIGHUP)
            next_life(server, lives)
            self.assertEqual(self.state(server), first, server.log)
            self.assertEqual(server.get("/here").text, "/here")
            # The title may have been written over it.
            self.assertLessEqual(_variables(server.pid).keys(), given.keys())
            opened = opened or len(descriptors(server.pid))
        self.assertLessEqual(len(descriptors(server.pid)), opened + 1, server.log)
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertEqual(lives_of(server.log), 4)
        self.assertEqual([line for line in server.log.splitlines() if not line.startswith("observed: ")], [])
        self.assertEqual(server.left_behind(), [])
