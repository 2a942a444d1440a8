"""Which server is meant: its settings and its state directory, found as it finds them itself."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duck_tx.settings import Settings

__all__ = ["Place", "declare_place", "find_place", "find_state_directory"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is, or would be."""

    settings: Settings
    state_directory: Path


def declare_place(parser: ArgumentParser) -> None:
    """Add the options that say which server is meant."""
    group = parser.add_argument_group("which server")
    group.add_argument("--state-dir", metavar="DIR", help="its state directory; by default .duck beside the project")
    group.add_argument("--project", metavar="DIR", help="its project; by default the one in the current directory")
    group.add_argument("-c", "--config", metavar="FILE", help="its settings; by default duck.toml or pyproject.toml")


def find_place(arguments: Namespace) -> Place:
    """The server that the arguments mean.

    :raises ApplicationError: if there is no such project.
    :raises SettingsError: with all that is wrong with its settings.
    :raises OSError: if the current directory is gone.
    """
    from duck_tx.place import project_of, state_directory
    from duck_tx.settings import load

    options = {"state-dir": arguments.state_dir, "project": arguments.project}
    config = Path(arguments.config) if arguments.config is not None else None
    settings = load(directory=Path.cwd(), environ=os.environ, options=options, config=config).settings
    if settings.server.state_dir is not None:
        # Asked for in so many words, and quicker than to look for the project.
        return Place(settings, Path(settings.server.state_dir).absolute())
    return Place(settings, state_directory(settings, project_of(settings)))


def find_state_directory(arguments: Namespace) -> Path:
    """The state directory of the server that the arguments mean; where they name it, nothing else is looked at.

    :raises ApplicationError: as :func:`find_place`.
    """
    if arguments.state_dir is not None:
        return Path(arguments.state_dir).absolute()
    return find_place(arguments).state_directory
