"""A server with the reloader, and a project that tests may edit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from unittest import TestCase

from tests.integration.example import EXAMPLE, example_data
from tests.integration.server import Answer, Server, wait_until

__all__ = ["HTML", "ReloadingServer", "reloading", "serve_reloading"]

HTML = {"Accept": "text/html"}
_PATIENCE = 30.0


class ReloadingServer(Server):
    """Serves a copy of the example project.

    :ivar project: the copy.
    """

    def __init__(self, *options: str, launch: str | Sequence[str], environ: Mapping[str, str | None]) -> None:
        super().__init__("--project", "site", *options, launch=launch, project=None, environ=environ)
        self.project = self.directory / "site"
        shutil.copytree(EXAMPLE, self.project, ignore=shutil.ignore_patterns("__pycache__", "data"))
        shutil.copytree(example_data(), self.data)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file of the project, as an editor does: by a new file in its place."""
        path = self.project / name
        text = path.read_text()
        assert old in text, f"{name} has no {old!r}"
        beside = path.with_name(f".{path.name}.tmp")
        beside.write_text(text.replace(old, new))
        os.replace(beside, path)

    def wait_for_answer(self, path: str, containing: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask until an answer has a text in it."""
        answers: list[Answer] = []

        def there() -> bool:
            answers.append(self.get(path, headers, timeout=_PATIENCE))
            return containing in answers[-1].text

        wait_until(there, _PATIENCE, f"{containing!r} at {path}:\n{self.log}")
        return answers[-1]

    @property
    def lives(self) -> int:
        """How often it has been ready."""
        return len(self.lines("ready: "))


def serve_reloading(
    test: TestCase,
    *options: str,
    launch: str | Sequence[str] = "twistd",
    environ: Mapping[str, str | None] | None = None,
) -> ReloadingServer:
    """A server that is ready, and goes with ``test``; the project is one in development, unless told otherwise."""
    server = reloading(test, *options, launch=launch, environ=environ)
    server.start()
    return server


def reloading(
    test: TestCase,
    *options: str,
    launch: str | Sequence[str] = "twistd",
    environ: Mapping[str, str | None] | None = None,
) -> ReloadingServer:
    """A server that is to be started, likewise."""
    given = {"DUCK_SERVER__DEBUG": "1", **(environ or {})}
    server = ReloadingServer(*(options or ("--reload",)), launch=launch, environ=given)
    test.addCleanup(server.close)
    return server
