"""Tests that ask a process with a control socket and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from duck_tx.cli.ask import call
from tests.case import UnitTestCase
from tests.integration.server import CHECKOUT

__all__ = ["DuckctlCase"]


class DuckctlCase(UnitTestCase):
    """Has a working directory and a state directory of its own; what it starts is killed in the end.

    :ivar state: the state directory, where ``duckctl`` finds it by itself.
    """

    def setUp(self) -> None:
        self.directory = Path(mkdtemp(prefix="duck-test-")).resolve()
        self.addCleanup(rmtree, self.directory)
        self.state = self.directory / ".duck"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DUCK_", "DJANGO_"))}
        kept.pop("NO_COLOR", None)
        self.environ = kept | {"PYTHONPATH": str(CHECKOUT), "TERM": "xterm"}

    def begin(self, *arguments: str, **streams: Any) -> subprocess.Popen[str]:
        """A process of Python, by default with all that it says in one stream."""
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | streams
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=self.directory, env=self.environ, text=True, **streams
        )
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                self.addCleanup(stream.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def line(self, process: subprocess.Popen[str]) -> str:
        """The next line that it says."""
        assert process.stdout is not None
        return process.stdout.readline().rstrip("\n")

    def serve(self, *options: str) -> subprocess.Popen[str]:
        """A server that is ready."""
        process = self.begin("tests.integration.control_only", str(self.state), *options)
        self.assertEqual(self.line(process), "ready")
        return process

    def say(self, *lines: str) -> None:
        """Have the server log these."""
        with call(self.state) as line:
            for each in lines:
                line.ask("say", {"line": each})

    def duckctl(self, *arguments: str) -> tuple[int, str]:
        """Exit status, and all that was said."""
        process = self.begin("duck_tx.cli", *arguments)
        said, _ = process.communicate(timeout=60)
        return process.returncode, said

    def nobody_there(self) -> str:
        """What is said of a state directory without a server."""
        hint = "" if self.state.exists() else ", which does not exist"
        return f"no server uses the state directory {self.state}{hint}.\n"
