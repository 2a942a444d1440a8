"""``twistd duck``: from the command line to the service tree."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from twisted.application.service import MultiService
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from twisted.python import usage
from zope.interface import provider

from duck_tx.app import App
from duck_tx.errors import ApplicationError
from duck_tx.process import age, trial
from duck_tx.process.inherited import inherited
from duck_tx.process.log import keep_zone, zone
from duck_tx.settings import OPTIONS, Loaded, Settings, as_text, load

if TYPE_CHECKING:
    from duck_tx.reloading import Monitor

__all__ = ["Options", "app_of", "makeService", "monitor_of", "refuse"]

_ABOUT = (
    "Serves a Django site: HTTP, static and media files, and Django itself on a thread pool in this process.",
    "Without --project, --django-settings or --wsgi, the manage.py in the current directory says what to serve; where "
    "there is none, a welcome project is served.",
    "Every option is also a key of duck.toml and an environment variable such as DUCK_SERVER__PORT. Options win over "
    "variables, variables over the file; there are more keys than options, and --print-settings shows them all.",
)
_OTHER = (
    ("c", "config FILE", "Read settings from FILE instead of duck.toml or pyproject.toml."),
    ("", "print-settings", "Print all settings and where each one comes from, and exit."),
    ("", "version", "Print the version and exit."),
    ("", "help", "Print this and exit."),
)
_COLUMN = 30
_LINK = "DUCK_RELOAD_LINK"
"""The variable of :mod:`duck_tx.reload.link`, which only a start with the reloader imports."""

_ONCE = ("pidfile", "uid", "gid")


class Options(usage.Options):
    """The options of the command; each is also a key of ``duck.toml`` and an environment variable."""

    synopsis = "[options]"

    optParameters = [  # noqa: RUF012 - declared so by usage.Options
        ["config", "c", None],
        *([o.name, o.short or None, None, o.help] for o in OPTIONS if not o.is_flag and not o.is_repeatable),
    ]
    optFlags = [  # noqa: RUF012 - declared so by usage.Options
        ["print-settings", None],
        *([o.name, o.short or None, o.help] for o in OPTIONS if o.is_flag),
    ]
    loaded: Loaded
    read: Callable[[], Loaded]
    """Reads the settings anew."""

    def __init__(self) -> None:
        for option in OPTIONS:
            if option.is_repeatable:
                name = f"opt_{option.name.replace('-', '_')}"
                if not hasattr(type(self), name):
                    setattr(type(self), name, _repeatable(option.name, option.help))
        super().__init__()

    def opt_version(self) -> NoReturn:
        """Print the version and exit."""
        from duck_tx import __version__

        print(f"duck_tx {__version__}")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Take the arguments; what is wrong with them is said in a line, where Twisted would print all of its help.

        :raises SystemExit: with status 1, if an option is unknown or a setting is wrong.
        """
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            refuse(ApplicationError(f"{error}. See --help."))

    def parseArgs(self, *arguments: str) -> None:
        """There are none beside the options."""
        if arguments:
            raise usage.UsageError(f"{arguments[0]!r} is no option")

    def postOptions(self) -> None:
        """Read the settings; print them if asked to."""
        if _LINK in os.environ and self.parent is not None:
            # The monitor has seen to these, and could not do so twice.
            self.parent.update({name: None for name in _ONCE if name in self.parent})
        config = self["config"]
        self.read = partial(
            load,
            directory=Path.cwd(),
            environ=os.environ,
            options={str(name): value for name, value in self.items()},
            config=Path(config) if config is not None else None,
        )
        try:
            self.loaded = self.read()
        except ApplicationError as error:
            refuse(error)
        if self["print-settings"]:
            print(as_text(self.loaded), end="")
            raise SystemExit(0)

    def getUsage(self, width: int | None = None) -> str:
        """The help below the synopsis, the options in an order that makes sense."""
        width = width or int(os.environ.get("COLUMNS") or 80)
        about = [textwrap.fill(paragraph, width) for paragraph in _ABOUT]
        rows = [
            _row(o.short, o.usage.removeprefix("--"), o.help + (" Repeatable." if o.is_repeatable else ""), width)
            for o in OPTIONS
        ]
        others = [_row(*other, width) for other in _OTHER]
        return "\n\n".join([*about, "Options:\n" + "\n".join([*rows, *others])]) + "\n"


def _row(short: str, long: str, text: str, width: int) -> str:
    left = f"  {f'-{short},' if short else '   '} --{long}"
    lines = textwrap.wrap(text, max(width - _COLUMN, 20))
    if len(left) >= _COLUMN:
        lines.insert(0, "")
    return "\n".join(f"{left if number == 0 else '':{_COLUMN}}{line}".rstrip() for number, line in enumerate(lines))


def _repeatable(name: str, text: str) -> Any:
    def option(self: Options, value: str) -> None:
        self.opts.setdefault(name, []).append(value)

    option.__doc__ = text
    return option


def makeService(options: Options) -> MultiService:
    """The service tree that ``options`` ask for."""
    globalLogPublisher.addObserver(_hush_plugin_cache)
    zone()
    globalLogPublisher.addObserver(_keep_zone)
    try:
        monitor = monitor_of(options)
        if monitor is not None:
            return monitor.service
        app = app_of(options)
        parent = options.parent
        if parent is not None and not parent.get("nodaemon", True) and not app.settings.server.no_checks:
            # A process in the background has nobody to tell.
            app.tree.run_checks()
    except ApplicationError as error:
        refuse(error)
    return app.service


def app_of(options: Options) -> App:
    """The App that ``options`` ask for.

    :raises ApplicationError: if there can be none.
    """
    settings = options.loaded.settings

    def read() -> Settings:
        return options.read().settings

    if _LINK not in os.environ:
        return App(settings=settings, reload_settings=read)
    from twisted.internet import reactor

    from duck_tx.reload.link import link_of
    from duck_tx.reloading import equip, settings_below, stand_by

    link = link_of(os.environ)
    if link is None:
        return App(settings=settings, reload_settings=read)
    stand_by(link)
    # Those of this moment: it may have taken a while.
    given = read()
    app = App(settings=settings_below(given), reload_settings=read)
    equip(app.tree, reactor, link, lambda: os.kill(os.getpid(), signal.SIGTERM), debug=given.server.debug)
    return app


def monitor_of(options: Options) -> Monitor | None:
    """What stands above the server and starts it anew, if that is wanted and this process is the one to do so.

    :raises ApplicationError: if it is wanted where it cannot be.
    """
    settings = options.loaded.settings
    enabled = settings.reload.enabled
    if not (settings.server.debug if enabled is None else enabled):
        return None
    if any(variable in os.environ for variable in (_LINK, trial.VARIABLE, age.VARIABLE)):
        # Below a monitor; a trial; or the next life of a server that has none.
        return None
    parent = options.parent
    if parent is not None and not parent.get("nodaemon", True):
        if enabled:
            raise ApplicationError("--reload is for a server in front: start it with twistd -n, or leave --reload out.")
        return None
    from twisted.internet import reactor

    from duck_tx.reloading import Monitor, Ports

    return Monitor(
        reactor,
        lambda: options.read().settings,
        config=options["config"],
        environ=os.environ,
        ports=lambda settings: Ports(inherited(os.environ, os.getpid()), settings),
    )


def refuse(error: ApplicationError) -> NoReturn:
    """End with one line for each thing that is wrong.

    :raises SystemExit: with status 1.
    """
    for line in str(error).splitlines():
        print(f"duck: {line}", file=sys.stderr)
    raise SystemExit(1)


@provider(ILogObserver)
def _keep_zone(event: LogEvent) -> None:
    """``twistd`` begins to log after the service has been made, and says so: that is the moment to see to its lines.

    It stays where it is then: the one behind an observer that goes away would miss what is being logged.
    """
    keep_zone()


@provider(ILogObserver)
def _hush_plugin_cache(event: LogEvent) -> None:
    """Where Twisted cannot write its cache of plugins, as in an installation that belongs to root, it says so at each
    start; nobody needs to know."""
    if str(event.get("format", "")).startswith("Unable to write to plugin cache"):
        event.update(log_format="", log_level=LogLevel.debug)
