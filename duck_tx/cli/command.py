"""What a command of ``duckctl`` is, and which one somebody means."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import takewhile
from typing import NoReturn

from duck_tx.errors import ApplicationError

__all__ = ["Command", "CommandError", "Parser", "overview", "pick"]


class CommandError(ApplicationError):
    """A command could not do what it is for, in a way that has an exit status of its own.

    :ivar status: that.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, status)
        self.status = status

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that ``duckctl`` does.

    :ivar words: its name.
    :ivar summary: one line for the list of commands.
    :ivar description: the rest for its own help.
    :ivar declare: adds its arguments to a parser.
    :ivar run: does it, and returns the exit status; an :class:`duck_tx.errors.ApplicationError` is told in a line.
    """

    words: tuple[str, ...]
    summary: str
    description: str
    declare: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace], int]

    @property
    def name(self) -> str:
        """Its words as they are typed."""
        return " ".join(self.words)


class Parser(argparse.ArgumentParser):
    """Reads the arguments of one command; what is wrong with them is said in a line, with status 2."""

    def __init__(self, command: Command) -> None:
        super().__init__(
            prog=f"duckctl {command.name}",
            description=f"{command.summary} {command.description}".strip(),
            allow_abbrev=False,
        )
        command.declare(self)

    def error(self, message: str) -> NoReturn:
        """End with one line.

        :raises SystemExit: with status 2.
        """
        self.exit(2, f"duckctl: {message}. See {self.prog} --help.\n")


def pick(commands: Sequence[Command], arguments: Sequence[str]) -> Command | str:
    """The command that the arguments begin with, or a sentence that says why there is none."""
    words = tuple(takewhile(lambda each: not each.startswith("-"), arguments))
    if not words:
        return f"{arguments[0]} comes before the command; options come after it. See duckctl --help."
    for command in sorted(commands, key=lambda each: -len(each.words)):
        if words[: len(command.words)] == command.words:
            return command
    names = [command.name for command in commands]
    group = [name for name in names if name.split()[0] == words[0]]
    if group and len(words) == 1:
        return f"{words[0]} what? Say {' or '.join(f'duckctl {name}' for name in group)}."
    asked = " ".join(words[:2])
    near = get_close_matches(asked, group or names, n=1) or get_close_matches(
        words[0], {name.split()[0]: name for name in names}, n=1
    )
    hint = f"Did you mean duckctl {near[0]}?" if near else "duckctl --help lists the commands."
    return f"there is no command {asked if group else words[0]!r}. {hint}"


def overview(commands: Sequence[Command]) -> str:
    """The help of ``duckctl`` itself."""
    width = max(len(command.name) for command in commands)
    rows = [f"  {command.name:{width}}  {command.summary}" for command in commands]
    return "\n".join(
        [
            "Usage: duckctl COMMAND [options]",
            "",
            "Looks after a duck_tx server from outside of it. In the folder of the project it",
            "finds the server's settings and its state directory by itself.",
            "",
            "Commands:",
            *rows,
            "",
            "duckctl COMMAND --help tells more of one; duckctl --version is the version.",
            "",
        ]
    )
