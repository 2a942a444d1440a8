"""The command lines of a process that begins again, worked out from the one that it was started with.

A program of one's own is started as before.  ``twistd`` has done things that cannot or must not be done twice: it went
into the background, it gave privileges away, it changed the root.
"""

from __future__ import annotations

import getopt
import os
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from duck_tx.errors import ApplicationError

__all__ = ["Again", "CommandLine", "Table", "again", "command_line", "runner_of", "table_of", "trial"]

_RUNNERS = {"twisted.scripts._twistd_unix": "twistd", "twisted.application.twist._twist": "twist"}
"""The modules that only the runners themselves import."""

_DONE_FOR_GOOD = frozenset({"uid", "gid", "euid", "chroot"})
_LOGS = frozenset({"logfile", "syslog", "logger", "prefix"})
_PROFILES = frozenset({"profile", "profiler", "savestats"})
_IN_FRONT = frozenset({"nodaemon", "debug"})
_DEFAULT_PIDFILE, _DEFAULT_LOG = "twistd.pid", "twistd.log"


class Table(Protocol):
    """The options of a program, as ``twisted.python.usage.Options`` has them.

    :ivar synonyms: the full name for each name and letter.
    """

    shortOpt: str
    longOpt: list[str]
    synonyms: dict[str, str]


@dataclass(frozen=True, slots=True)
class CommandLine:
    """How a process was started.

    :ivar interpreter: Python, its options, and what it runs.
    :ivar arguments: those of the program.
    :ivar runner: ``twistd`` or ``twist``, where one of them reads the arguments first; else empty.
    :ivar directory: where it was started.
    """

    interpreter: tuple[str, ...]
    arguments: tuple[str, ...]
    runner: str
    directory: str


@dataclass(frozen=True, slots=True)
class Again:
    """How a process is to be started.

    :ivar command: the program and its arguments.
    :ivar directory: where; empty where it has to stay.
    :ivar pidfile: the file that the program makes and removes; empty for none.
    :ivar without_pidfile: the command to use where that file could not be removed.
    :ivar log: the file that it logs to, empty for none.
    """

    command: tuple[str, ...]
    directory: str
    pidfile: str = ""
    without_pidfile: tuple[str, ...] = ()
    log: str = ""


@dataclass(frozen=True, slots=True)
class _Given:
    """One option of a command line.

    :ivar name: its full name.
    :ivar words: as it is written.
    """

    name: str
    value: str
    words: tuple[str, ...]


def runner_of(modules: Container[str]) -> str:
    """Who runs the reactor, by the modules that have been imported; empty where it is neither ``twistd`` nor
    ``twist``."""
    return next((name for module, name in _RUNNERS.items() if module in modules), "")


def table_of(runner: str) -> Table:
    """The options of a runner."""
    if runner == "twistd":
        from twisted.scripts.twistd import ServerOptions

        return ServerOptions()
    from twisted.application.twist._options import TwistOptions

    return TwistOptions()


def command_line(
    original: Sequence[str], argv: Sequence[str], *, executable: str | None, runner: str, directory: str
) -> CommandLine:
    """How this process was started.

    :param original: ``sys.orig_argv``.
    :param argv: ``sys.argv``.
    :param executable: ``sys.executable``; the name in ``original`` may be relative to where that was called.
    :raises ApplicationError: if that cannot be told.
    """
    if not executable or not original:
        raise ApplicationError("this Python does not know where its program is, so it cannot be started again.")
    words = (executable, *original[1:])
    if not runner:
        return CommandLine(words, (), runner, directory)
    arguments = tuple(argv[1:])
    begin = len(words) - len(arguments)
    if begin < 1 or words[begin:] != arguments:
        raise ApplicationError(
            f"{runner} was given other arguments than this process ({' '.join(original)}): it cannot be started again."
        )
    return CommandLine(words[:begin], arguments, runner, directory)


def again(line: CommandLine, table: Table | None = None) -> Again:
    """How the process goes on after a restart: under the same number, so a daemon must not fork.

    :param table: the options of its runner, if it has one.
    """
    if line.runner != "twistd" or table is None:
        return Again((*line.interpreter, *line.arguments), line.directory)
    given, rest = _parsed(line.arguments, table)
    names = {each.name for each in given}
    is_jailed = "chroot" in names
    pidfile = _path(_last(given, "pidfile", _DEFAULT_PIDFILE), line.directory)
    is_daemon = names.isdisjoint(_IN_FRONT)
    log = _last(given, "logfile", _DEFAULT_LOG if is_daemon else "-")
    log = "" if log == "-" or names & {"syslog", "logger"} else _path(log, line.directory)
    dropped = _DONE_FOR_GOOD | {"pidfile", "nodaemon"}
    if log:
        dropped |= {"logfile"}
    if is_jailed:
        # It has happened, and the way that it names begins at the old root.
        dropped |= {"rundir"}
    kept = [word for each in given if each.name not in dropped for word in each.words]
    front = (*line.interpreter, *kept, *(() if "debug" in names else ("--nodaemon",)))
    back = (*((f"--logfile={log}",) if log else ()), *rest)
    without = (*front, "--pidfile=", *back)
    return Again(
        (*front, f"--pidfile={pidfile}", *back) if pidfile else without,
        "" if is_jailed else line.directory,
        pidfile,
        without,
        log,
    )


def trial(line: CommandLine, table: Table | None = None) -> Again:
    """How the same is started in a child that only looks whether it could: in front, writing no file.

    :param table: as in :func:`again`.
    """
    if not line.runner or table is None:
        return Again((*line.interpreter, *line.arguments), line.directory)
    given, rest = _parsed(line.arguments, table)
    is_jailed = any(each.name == "chroot" for each in given)
    if line.runner == "twistd":
        dropped = _DONE_FOR_GOOD | _LOGS | _PROFILES | {"pidfile", "nodaemon", "debug"}
        if is_jailed:
            dropped |= {"rundir"}
        own: tuple[str, ...] = ("--nodaemon", "--pidfile=")
    else:
        dropped, own = frozenset({"log-file"}), ()
    kept = [word for each in given if each.name not in dropped for word in each.words]
    return Again((*line.interpreter, *kept, *own, *rest), "" if is_jailed else line.directory)


def _parsed(arguments: Iterable[str], table: Table) -> tuple[list[_Given], list[str]]:
    """The options in front, and everything from the first word that is none."""
    try:
        pairs, rest = getopt.getopt(list(arguments), table.shortOpt, table.longOpt)
    except getopt.GetoptError as error:
        raise ApplicationError(f"the options that this process was started with cannot be read: {error}.") from error
    given = []
    for option, value in pairs:
        name = option.lstrip("-")
        if option.startswith("--"):
            words: tuple[str, ...] = (f"{option}={value}",) if f"{name}=" in table.longOpt else (option,)
        else:
            words = (option, value) if f"{name}:" in table.shortOpt else (option,)
        full = table.synonyms.get(name) or table.synonyms.get(name.replace("-", "_"), name)
        given.append(_Given(full, value, words))
    return given, rest


def _last(given: Iterable[_Given], name: str, default: str) -> str:
    """The value that counts."""
    return ([default] + [each.value for each in given if each.name == name])[-1]


def _path(path: str, directory: str) -> str:
    return os.path.join(directory, path) if path else ""
