"""Management commands as jobs."""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand

__all__ = ["Command", "command"]


class Command:
    """One of Django's management commands.

    :param line: as one would type it behind ``manage.py``.
    :param arguments: more words, taken as they are.
    """

    def __init__(self, line: str, *arguments: str) -> None:
        self._line = line
        self._arguments = arguments

    def __str__(self) -> str:
        return " ".join([self._line, *map(shlex.quote, self._arguments)])

    def problem(self) -> str:
        """What is wrong with it; empty if nothing is.  Whether the project has it can be told when Django is set up."""
        try:
            words = self._words()
        except ValueError as error:
            return f"command {str(self)!r} cannot be split into words: {error}. Mend its quotes"
        if not words:
            return "a command without a name. Give it one, as in command('clearsessions')"
        from django.apps import apps
        from django.core.management import get_commands

        if not apps.ready:
            return ""
        known = get_commands()
        if words[0] in known:
            return ""
        likely = difflib.get_close_matches(words[0], known, 1)
        return f"the project has no command {words[0]!r}. " + (
            f"Did you mean {likely[0]!r}?" if likely else "Mend its name, or add its app to INSTALLED_APPS"
        )

    def __call__(self, stdout: object = None) -> None:
        """Run it in this thread, as ``manage.py`` would, but without colour, and not interactive where it lets that be.

        :param stdout: where it prints, its errors too; by default where ``print`` does.
        :raises SystemExit: if it ends with a status that tells of a failure.
        :raises Exception: whatever else it raises, ``CommandError`` as a rule.
        """
        from django.core.management import call_command

        name, *arguments = self._words()
        found = _loaded(name)
        options = found.create_parser("", name)._option_string_actions
        if "--no-input" in options and not {"--no-input", "--noinput"} & set(arguments):
            arguments = ["--no-input", *arguments]
        try:
            call_command(found, *arguments, stdout=stdout, stderr=stdout, no_color=True)
        except SystemExit as error:
            if error.code:
                raise

    def _words(self) -> list[str]:
        return [*shlex.split(self._line), *self._arguments]


def command(line: str, *arguments: str) -> Command:
    """A management command as a job: ``automation(every(days=1))(command("clearsessions"))``.

    :param line: as one would type it behind ``manage.py``.
    :param arguments: more words, taken as they are.
    """
    return Command(line, *arguments)


def _loaded(name: str) -> BaseCommand:
    from django.core.management import BaseCommand, CommandError, get_commands, load_command_class

    try:
        app = get_commands()[name]
    except KeyError:
        raise CommandError(f"the project has no command {name!r}") from None
    return app if isinstance(app, BaseCommand) else load_command_class(app, name)
