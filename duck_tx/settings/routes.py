"""What types cannot say of ``proxy.routes``: what is wrong with one of them, and which two contradict each other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from duck_tx.settings.sections.routes import RouteSettings
from duck_tx.settings.toml import toml_value

__all__ = ["faults"]

_PORT = re.compile(r"\Ahttps?://[^/]*:([0-9]+)(?:/|\Z)")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def faults(routes: tuple[RouteSettings, ...]) -> list[str]:
    """All that is wrong with them, each in words that name the route by its number, counted from 0."""
    return [
        *_twice(routes),
        *(f"routes[{number}]: {fault}" for number, route in enumerate(routes) for fault in _faults(route)),
    ]


def _twice(routes: tuple[RouteSettings, ...]) -> Iterator[str]:
    numbers: dict[tuple[str, str], int] = {}
    for number, route in enumerate(routes):
        host = (route.host or "").lower().removesuffix(".")
        earlier = numbers.setdefault((host, route.mount), number)
        if earlier != number:
            where = f" of the host {host}" if host else ""
            yield (
                f"routes[{earlier}] and routes[{number}] are both for {toml_value(route.prefix)}{where};"
                " put all of their upstreams into one"
            )


def _faults(route: RouteSettings) -> Iterator[str]:
    if {".", ".."} & set(route.prefix.split("/")) or _PERCENT.search(route.prefix):
        yield f"prefix = {toml_value(route.prefix)} is no path that a request has; leave . and .. out, and encode %"
    yield from _servers(route)
    if route.client_key is not None and route.client_certificate is None:
        yield "a private key is of no use without its certificate; give client_certificate"
    files = {name: getattr(route, name) for name in ("ca_file", "client_certificate", "client_key")}
    given = {name: path for name, path in files.items() if path is not None}
    if given and not any(each.url.startswith("https:") for each in route.servers):
        yield f"{next(iter(given))} is of no use without an upstream that begins with https://"
    for name, path in given.items():
        if not os.path.isfile(path):
            yield f"{name} = {toml_value(path)}: there is no such file; mend the path"


def _servers(route: RouteSettings) -> Iterator[str]:
    seen = set()
    for url in (each.url for each in route.servers):
        port = _PORT.match(url)
        if port is not None and not 0 < int(port[1]) <= 65535:
            yield f"{toml_value(url)}: there is no port {port[1]}; give one from 1 to 65535"
        if url in seen:
            yield f"{toml_value(url)} is there twice; give it once, with a weight"
        seen.add(url)
