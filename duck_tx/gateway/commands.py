"""Runs Django's management commands at start-up, as ``manage.py`` would, but never interactive.

Django must be set up before anything here is called.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from duck_tx.errors import ApplicationError
from duck_tx.gateway.failure import one_line

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand

Emit = Callable[[str], object]


def run_commands(commands: Sequence[str], emit: Emit) -> None:
    """Run each of ``commands`` (``"migrate"``, ``"collectstatic --clear"``) in this thread, in order.

    All names and quotes are checked before the first one runs. What they print goes to ``emit``, line by line
    and without colour. They find standard input empty.

    :raises ApplicationError: at the first that is not known or fails, with its message; the rest do not run.
    """
    parsed = [_parsed(command) for command in commands]
    for command, (name, *arguments) in zip(commands, parsed, strict=True):
        try:
            _run(name, arguments, emit)
        except (Exception, SystemExit) as error:
            raise ApplicationError(f"startup command {command!r}: {_reason(error)}.") from error
        finally:
            _close_connections()


def _parsed(command: str) -> list[str]:
    from django.core.management import get_commands

    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ApplicationError(f"startup command {command!r}: {one_line(error)}.") from error
    if not words:
        raise ApplicationError(f"startup command {command!r}: there is nothing to run.")
    known = get_commands()
    if words[0] not in known:
        likely = difflib.get_close_matches(words[0], known, 1)
        meant = f" (did you mean {likely[0]}?)" if likely else ""
        raise ApplicationError(f"startup command {command!r}: the project has no command {words[0]!r}{meant}.")
    return words


def _run(name: str, arguments: list[str], emit: Emit) -> None:
    from django.core.management import call_command

    command = _command(name)
    options = command.create_parser("", name)._option_string_actions
    if "--no-input" in options and not {"--no-input", "--noinput"} & set(arguments):
        arguments = ["--no-input", *arguments]
    lines = Lines(emit)
    with contextlib.closing(lines), _redirected(lines):
        call_command(command, *arguments, stdout=lines, stderr=lines, no_color=True)


def _command(name: str) -> BaseCommand:
    from django.core.management import BaseCommand, get_commands, load_command_class

    app = get_commands()[name]
    return app if isinstance(app, BaseCommand) else load_command_class(app, name)


def _reason(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "it asked a question, and nobody is there to answer"
    if isinstance(error, SystemExit):
        return f"it ended with status {one_line(error.code)}"
    message = one_line(error)
    if type(error).__name__ == "CommandError" and message:
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _close_connections() -> None:
    from django.db import connections

    # A thread that only ran commands would otherwise keep them for the life of the process.
    connections.close_all()


class Lines(io.TextIOBase):
    """A text stream that hands on whole lines, without their ends."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._rest = ""
        self._outer: tuple[TextIO, TextIO] = (sys.stdout, sys.stderr)

    def writable(self) -> bool:
        """A command may write here."""
        return True

    def write(self, text: str) -> int:
        """Take ``text``, and hand on the lines that are whole now."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._line(line)
        return len(text)

    def close(self) -> None:
        """Hand on the rest, a last line without an end."""
        if self._rest:
            self._line(self._rest)
            self._rest = ""
        super().close()

    def _line(self, line: str) -> None:
        # A receiver that prints must not print into this stream again.
        with contextlib.redirect_stdout(self._outer[0]), contextlib.redirect_stderr(self._outer[1]):
            self._emit(line.rstrip())


@contextlib.contextmanager
def _redirected(lines: Lines) -> Iterator[None]:
    """Commands that use ``print`` and ``input`` instead of Django's streams shall notice nothing either."""
    stdin, sys.stdin = sys.stdin, io.StringIO()
    try:
        with contextlib.redirect_stdout(lines), contextlib.redirect_stderr(lines):
            yield
    finally:
        sys.stdin = stdin
