"""What types and limits cannot say: the form of some values, and values that contradict each other.

A rule looks at settings whose types are right, and says what is wrong and how to mend it, or None.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from duck_tx.settings.schema import Settings
from duck_tx.settings.toml import toml_value


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on the values of ``keys``; it is asked only when each of them is right by itself."""

    keys: tuple[str, ...]
    broken: Callable[[Settings], str | None]


def _addr(settings: Settings) -> str | None:
    addr = settings.server.addr
    if not re.fullmatch(r"[0-9.]+|.*:.*", addr):
        return None
    try:
        ipaddress.ip_address(addr)
    except ValueError:
        return "not an IPv4 or IPv6 address; a port goes into server.port"
    return None


def _ipv6(settings: Settings) -> str | None:
    addr = settings.server.addr
    if settings.server.uses_ipv6 and re.fullmatch(r"[0-9.]+", addr):
        return f"IPv6 cannot bind an IPv4 address; give {'::' if addr == '0.0.0.0' else 'an IPv6 address'}"
    return None


def _trusted(settings: Settings) -> str | None:
    wrong = []
    for each in settings.proxy.trusted:
        if each in ("unix", "*"):
            continue
        try:
            ipaddress.ip_network(each)
        except ValueError as error:
            wrong.append(f"{toml_value(each)}: {error}")
    if not wrong:
        return None
    return f"{'; '.join(wrong)}; give addresses, networks such as 10.0.0.0/8, unix, or *"


def _commands(settings: Settings) -> str | None:
    for each in settings.gateway.commands_on_startup:
        try:
            words = shlex.split(each)
        except ValueError as error:
            return f"{toml_value(each)} cannot be split into words ({error}); close its quotation"
        if not words:
            return f"{toml_value(each)} names no command; leave it out"
    return None


def _header_line(settings: Settings) -> str | None:
    if settings.http.max_header_line > settings.http.max_header_block:
        return "one line cannot be longer than the block it is in; lower the first or raise the second"
    return None


def _response(settings: Settings) -> str | None:
    gateway = settings.gateway
    if 0 < gateway.response_spool < gateway.response_memory:
        return "a file smaller than the memory before it has no use; raise the second, or make it 0 for none"
    return None


RULES: tuple[Rule, ...] = (
    Rule(("server.addr",), _addr),
    Rule(("server.addr", "server.uses_ipv6"), _ipv6),
    Rule(("proxy.trusted",), _trusted),
    Rule(("gateway.commands_on_startup",), _commands),
    Rule(("http.max_header_line", "http.max_header_block"), _header_line),
    Rule(("gateway.response_memory", "gateway.response_spool"), _response),
)
