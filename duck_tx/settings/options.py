"""The command-line options that set a key: one row each, for the command, the loader and the reference."""

from __future__ import annotations

from dataclasses import dataclass

from duck_tx.settings.fields import FIELDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of the command.

    :ivar name: the long name, without dashes; also the name of its value in ``load(options=...)``.
    :ivar short: one letter, or empty.
    :ivar key: the setting it sets.
    :ivar metavar: what its argument is called in the help; empty for a flag.
    :ivar flag: the value that a flag sets; None for an option with an argument.
    :ivar is_repeatable: may be given several times, the values make a list.
    :ivar text: help where the description of the setting does not fit.
    """

    name: str
    key: str
    short: str = ""
    metavar: str = ""
    flag: bool | None = None
    is_repeatable: bool = False
    text: str = ""

    @property
    def is_flag(self) -> bool:
        return self.flag is not None

    @property
    def usage(self) -> str:
        """The option as it is typed: ``--port PORT``."""
        return f"--{self.name} {self.metavar}".rstrip()

    @property
    def help(self) -> str:
        """One sentence for ``--help``, with the unit; plain text."""
        field = FIELDS[self.key]
        text = (self.text or field.description).replace("`", "")
        unit = "" if self.is_flag or not field.unit or field.unit in text.lower() else f" In {field.unit}."
        return text + unit


OPTIONS: tuple[Option, ...] = (
    Option(name="addr", short="a", key="server.addr", metavar="ADDR"),
    Option(name="port", short="p", key="server.port", metavar="PORT"),
    Option(name="domain", short="d", key="server.domain", metavar="NAME"),
    Option(name="ipv6", key="server.uses_ipv6", flag=True),
    Option(name="workers", key="server.workers", metavar="N|auto"),
    Option(name="processes", key="server.force_worker_processes", flag=True),
    Option(name="preload", key="server.preload", flag=True),
    Option(name="threads", key="gateway.threads", metavar="N"),
    Option(name="project", key="gateway.project", metavar="DIR"),
    Option(name="django-settings", key="gateway.django_settings", metavar="MODULE"),
    Option(name="wsgi", key="gateway.wsgi", metavar="MODULE:NAME"),
    Option(name="asgi", key="gateway.asgi", metavar="MODULE:NAME"),
    Option(name="trusted", key="proxy.trusted", metavar="PEER", is_repeatable=True),
    Option(
        name="upstream",
        key="proxy.routes",
        metavar="PREFIX=URL",
        is_repeatable=True,
        text="Have the server at URL answer the paths below PREFIX: /api=http://127.0.0.1:9000, or unix:/PATH; the same"
        " PREFIX again is one server more.",
    ),
    Option(name="automations", key="automations.modules", metavar="MODULE", is_repeatable=True),
    Option(name="state-dir", key="server.state_dir", metavar="DIR"),
    Option(name="https", key="https.enabled", flag=True),
    Option(name="certfile", key="https.certfile", metavar="FILE"),
    Option(name="private-key", key="https.private_key", metavar="FILE"),
    Option(name="force-https", key="https.force", flag=True),
    Option(name="redirect-port", key="https.redirect_port", metavar="PORT"),
    Option(name="acme", key="https.acme.email", metavar="EMAIL"),
    Option(name="no-checks", key="server.no_checks", flag=True),
    Option(name="access-log", key="log.access", flag=True, text="Write a line for each request, as by default."),
    Option(name="no-access-log", key="log.access", flag=False, text="Write no access log."),
    Option(
        name="log-format",
        key="log.format",
        metavar="FORMAT",
        text="Form of a line of the access log: combined or json.",
    ),
    Option(
        name="reload",
        key="reload.enabled",
        flag=True,
        text="Start anew when code or settings are edited, and refresh the pages in browsers.",
    ),
    Option(
        name="no-reload",
        key="reload.enabled",
        flag=False,
        text="Do not watch files, whatever server.debug says.",
    ),
)

# Options of the same command that are no settings: they say where to read, or what to do instead of serving.
OTHER_OPTIONS = frozenset({"config", "print-settings"})


def options_of(key: str) -> list[Option]:
    """The options that set a key, in the order of the table."""
    return [option for option in OPTIONS if option.key == key]
