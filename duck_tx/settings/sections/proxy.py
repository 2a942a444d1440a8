"""The section ``proxy``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from duck_tx.settings.sections.routes import RouteSettings


class ProxySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Proxies in front of this server, and the servers that it is a proxy for."""

    trusted: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(
            description="Peers whose X-Forwarded-*, Forwarded, X-Real-IP and X-Request-ID headers are"
            " believed: addresses, networks, `unix` (any peer on a Unix socket) or `*` (all).",
            extra={"accepted": "a list of addresses, networks such as 10.0.0.0/8, unix, or *"},
        ),
    ] = ()
    routes: Annotated[
        tuple[RouteSettings, ...],
        Meta(
            description="What other servers answer, by path and host; a route at / takes the place of the application.",
            extra={
                "accepted": 'a list of tables, [[proxy.routes]] or [{prefix = "/api", upstreams ='
                ' ["http://127.0.0.1:9000"]}]; in a variable or an option also PREFIX=URL'
            },
        ),
    ] = ()
