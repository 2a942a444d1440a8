"""What types and limits cannot say: the form of some values, and values that contradict each other.

A rule looks at settings whose types are right, and says what is wrong and how to mend it, or None; one that looks at a
list says it of each item.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from duck_tx.settings.routes import faults
from duck_tx.settings.schema import AcmeSettings, ServerSettings, Settings
from duck_tx.settings.sections.bounds import YEAR
from duck_tx.settings.toml import toml_value

_LONGEST_PATH = 107
"""What Linux takes (``unix(7)``)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on the values of ``keys``; it is asked only when each of them is right by itself."""

    keys: tuple[str, ...]
    broken: Callable[[Settings], str | list[str] | None]

    def reasons(self, settings: Settings) -> list[str]:
        """All that it finds."""
        found = self.broken(settings) or []
        return [found] if isinstance(found, str) else found


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


def _unused(settings: Settings) -> str | None:
    https = settings.https
    if https.certfile is not None and https.enabled is None and not https.is_on:
        return "a certificate is of no use without HTTPS; turn https.enabled on (--https), or say false to it"
    return None


def _force(settings: Settings) -> str | None:
    https = settings.https
    if https.force and not https.is_on:
        return "there is no HTTPS to redirect to; turn https.enabled on (--https) or leave https.force off"
    return None


def _redirect_port(settings: Settings) -> str | None:
    https, server = settings.https, settings.server
    if https.force and https.redirect_port == server.port != 0:
        return "the redirect site and the server cannot have the same port; usual are 80 and 443"
    return None


def _key_alone(settings: Settings) -> str | None:
    https = settings.https
    if https.private_key is not None and https.certfile is None:
        return "a private key is of no use without its certificate; give https.certfile (--certfile)"
    return None


def _preload(settings: Settings) -> str | None:
    https = settings.https
    if https.hsts_preload and not https.hsts_subdomains:
        return "the lists of browsers take no name without those below it; turn https.hsts_subdomains on"
    if https.hsts_preload and https.hsts is not None and https.hsts < YEAR:
        return f"the lists of browsers take no name for less than a year; give https.hsts {YEAR} at least"
    return None


def _staging(settings: Settings) -> str | None:
    acme = settings.https.acme
    if acme.staging and acme.directory != AcmeSettings().directory:
        return "only Let's Encrypt has the staging server that is meant; leave one of the two out"
    return None


def _binding(settings: Settings) -> str | None:
    acme = settings.https.acme
    if (acme.eab_key_id is None) != (acme.eab_hmac_key is None):
        return "an external account binding needs both"
    return None


def _acme_names(settings: Settings) -> str | None:
    acme = settings.https.acme
    if acme.email is not None and not acme.names and settings.server.domain is None:
        return "a certificate needs a name; give server.domain (--domain) or https.acme.names"
    return None


def _wildcards(settings: Settings) -> str | None:
    wild = [name for name in settings.https.acme.names if name.startswith("*.")]
    if wild:
        return f"{toml_value(wild[0])}: wildcard certificates need a DNS challenge, which duck_tx does not do"
    return None


def _forking(settings: Settings) -> str | None:
    server = settings.server
    if not server.preload:
        return None
    if not server.force_worker_processes:
        return "there are no worker processes to fork; turn server.force_worker_processes on (--processes)"
    if not hasattr(os, "pidfd_open"):
        return "processes can be forked safely on Linux alone; leave server.preload off"
    return None


def _address(settings: Settings) -> str | None:
    gateway = settings.gateway
    if gateway.addr is None:
        return "there is no address of that server; give gateway.addr" if gateway.external else None
    if not gateway.enabled:
        return "there is no application to be at an address; turn gateway.enabled on"
    if gateway.addr.startswith("unix:"):
        path = gateway.addr.removeprefix("unix:")
        if len(path) > _LONGEST_PATH or ":" in path or path.endswith("/"):
            return f"a socket's path has {_LONGEST_PATH} characters at most, no colon, and a name at its end"
        return None
    if not 0 < int(gateway.addr.rpartition(":")[2]) <= 65535:
        return "there is no such port; give one from 1 to 65535"
    return None


def _own_port(settings: Settings) -> str | None:
    gateway, server, https = settings.gateway, settings.server, settings.https
    if gateway.addr is None or gateway.addr.startswith("unix:"):
        return None
    host, _, port = gateway.addr.rpartition(":")
    own = [server.port, https.redirect_port] if https.is_on and https.force else [server.port]
    if int(port) not in own or not _is_own(host.strip("[]"), server, asks=gateway.external):
        return None
    if gateway.external:
        return "this server would ask itself there; give the address of the other one"
    return "the application cannot have a port that the server itself has; give it another"


def _is_own(host: str, server: ServerSettings, *, asks: bool) -> bool:
    """Whether this server, as far as can be told without asking for names, is at ``host`` too.

    :param asks: a connection is made to ``host``; otherwise it is bound.
    """
    addr = ("::1" if server.uses_ipv6 else "127.0.0.1") if server.addr == "localhost" else server.addr
    host = "127.0.0.1" if host == "localhost" else host
    if addr not in ("0.0.0.0", "::"):
        return host == addr
    if ":" in host and addr == "0.0.0.0":
        return False
    return not asks or host == "::1" or host.startswith("127.")


def _only_asgi(settings: Settings) -> str | None:
    gateway = settings.gateway
    if gateway.asgi_only and gateway.wsgi is not None and gateway.asgi is None:
        return "nothing is called through WSGI then; name an application with gateway.asgi, or leave one of the two out"
    return None


def _response(settings: Settings) -> str | None:
    gateway = settings.gateway
    if 0 < gateway.response_spool < gateway.response_memory:
        return "a file smaller than the memory before it has no use; raise the second, or make it 0 for none"
    return None


def _sidecars(settings: Settings) -> str | None:
    numbers: dict[str, int] = {}
    for number, sidecar in enumerate(settings.sidecars):
        if not sidecar.called:
            return f"sidecars[{number}] names no program; give one as the first word of its command"
        earlier = numbers.setdefault(sidecar.called, number)
        if earlier != number:
            called = toml_value(sidecar.called)
            return f"sidecars[{earlier}] and sidecars[{number}] are both called {called}; give one of them a name"
    return None


RULES: tuple[Rule, ...] = (
    Rule(("server.addr",), _addr),
    Rule(("server.addr", "server.uses_ipv6"), _ipv6),
    Rule(("server.force_worker_processes", "server.preload"), _forking),
    Rule(("proxy.trusted",), _trusted),
    Rule(("proxy.routes",), lambda settings: faults(settings.proxy.routes)),
    Rule(("gateway.commands_on_startup",), _commands),
    Rule(("http.max_header_line", "http.max_header_block"), _header_line),
    Rule(("https.enabled", "https.certfile"), _unused),
    Rule(("https.enabled", "https.acme.email", "https.force"), _force),
    Rule(("server.port", "https.force", "https.redirect_port"), _redirect_port),
    Rule(("https.certfile", "https.private_key"), _key_alone),
    Rule(("https.hsts", "https.hsts_preload", "https.hsts_subdomains"), _preload),
    Rule(("https.acme.directory", "https.acme.staging"), _staging),
    Rule(("https.acme.eab_key_id", "https.acme.eab_hmac_key"), _binding),
    Rule(("server.domain", "https.acme.email", "https.acme.names"), _acme_names),
    Rule(("https.acme.names",), _wildcards),
    Rule(("gateway.enabled", "gateway.addr", "gateway.external"), _address),
    Rule(("server.port", "gateway.addr"), _own_port),
    Rule(("gateway.wsgi", "gateway.asgi", "gateway.asgi_only"), _only_asgi),
    Rule(("gateway.response_memory", "gateway.response_spool"), _response),
    Rule(("sidecars",), _sidecars),
)
