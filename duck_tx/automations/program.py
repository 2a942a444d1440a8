"""Programs as jobs."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Program", "program"]


class Program:
    """A program, run without a shell.

    :param command: the program and its arguments.
    :param directory: where it runs; one that is relative is seen from the project's.
    :param env: variables beside those of the server.
    """

    def __init__(
        self,
        command: Sequence[str | os.PathLike[str]],
        directory: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._given = command
        self.directory = "" if directory is None else os.fspath(directory)
        self.env = dict(env or {})

    @property
    def command(self) -> list[str]:
        """The program and its arguments.

        :raises TypeError: if they were not given as they have to be; see :meth:`problem`.
        """
        return [os.fspath(word) for word in self._given]

    def __str__(self) -> str:
        return self._given if isinstance(self._given, str) else shlex.join(map(str, self._given))

    def problem(self) -> str:
        """What is wrong with it; empty if nothing is.  What is relative is seen when it runs."""
        given: Any = self._given
        if isinstance(given, (str, bytes)):
            return f"program {given!r} is not a list of words. Give its words one by one: {given.split()!r}"
        try:
            words = self.command
        except TypeError:
            return f"program {given!r} has a word that is no text. Make it one with str()"
        if not all(map(_is_text, words)):
            return f"program {given!r} has a character that no word may have. Remove it"
        if not words or not words[0]:
            return "a program without a name. Give it one, as in program(['pg_dump', 'shop'])"
        if os.path.isabs(self.directory) and not os.path.isdir(self.directory):
            return f"program {words[0]}: there is no directory {self.directory}. Mend its directory"
        for name, value in self.env.items():
            # Not its value, which may be a password.
            if not _is_text(name) or not _is_text(value):
                return f"program {words[0]}: its variable {name!r} is no text. Make it one with str()"
        path = self.env.get("PATH", os.environ.get("PATH", os.defpath))
        # With a slash it is seen from its directory.
        is_seen = os.sep not in words[0] or os.path.isabs(words[0])
        if is_seen and shutil.which(words[0], path=path) is None:
            return f"there is no program {words[0]}{'' if os.sep in words[0] else ' in PATH'}. Mend it, or install it"
        return ""

    def __call__(self) -> None:
        """A program is not called: its automation runs it.

        :raises TypeError: always.
        """
        raise TypeError(f"{self} is a program, which only its automation runs.")


def _is_text(value: Any) -> bool:
    """Whether the system takes it for a word."""
    try:
        return b"\0" not in os.fsencode(value)
    except (TypeError, ValueError):
        return False


def program(
    command: Sequence[str | os.PathLike[str]],
    directory: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Program:
    """A program as a job: ``automation(cron("30 2 * * *"))(program(["pg_dump", "--file", "shop.sql", "shop"]))``.

    :param command: the program and its arguments; there is no shell between.
    :param directory: where it runs; the project's by default.
    :param env: variables beside those of the server.
    """
    return Program(command, directory, env)
