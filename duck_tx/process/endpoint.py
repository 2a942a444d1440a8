"""What the server listens on, as its settings say."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path

from duck_tx.errors import PortError
from duck_tx.process.port import bind, explained
from duck_tx.settings import GatewaySettings, Settings

__all__ = ["Endpoint", "endpoints"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and a port.  Two are equal that are bound in the same way.

    :ivar names: what a socket for it may be called, where somebody else opened it; the best name first.
    :ivar addr: an address or a host name; of a Unix socket its path.
    :ivar port: 0 picks a free one.
    :ivar uses_ipv6: as :func:`duck_tx.process.port.bind` takes it.
    :ivar option: what sets the port, for messages.
    :ivar is_unix: it is a Unix socket.
    """

    names: tuple[str, ...] = field(compare=False)
    addr: str
    port: int
    uses_ipv6: bool
    option: str
    is_unix: bool = False

    def bind(self) -> socket.socket:
        """A socket bound to it that does not listen yet.

        :raises PortError: in one line: what is in the way, and how to mend it.
        """
        if self.is_unix:
            from duck_tx.process.unixport import bind_unix

            return bind_unix(Path(self.addr), self.option)
        return bind(self.addr, self.port, uses_ipv6=self.uses_ipv6, option=self.option)

    def explained(self, error: OSError, port: int) -> PortError:
        """What the system said about ``port``, the one that was bound, in one line with the mend."""
        return explained(error, self.addr, port, self.option)


def endpoints(settings: Settings) -> dict[str, Endpoint]:
    """What these settings ask for, by who listens on it: ``server``, ``force-https`` where there is a redirect, and
    ``backend`` where Django has an address of its own."""
    backend = _backend(settings.gateway)
    return _public(settings) | ({} if backend is None else {"backend": backend})


def _backend(gateway: GatewaySettings) -> Endpoint | None:
    if gateway.addr is None or gateway.external or not gateway.enabled:
        return None
    if gateway.addr.startswith("unix:"):
        return Endpoint(("backend",), gateway.addr.removeprefix("unix:"), 0, False, "gateway.addr", is_unix=True)
    host, _, port = gateway.addr.rpartition(":")
    return Endpoint(("backend",), host.strip("[]"), int(port), False, "gateway.addr")


def _public(settings: Settings) -> dict[str, Endpoint]:
    server, https = settings.server, settings.https

    def endpoint(*names: str, port: int, option: str) -> Endpoint:
        return Endpoint(names, server.addr, port, server.uses_ipv6, option)

    if not (https.is_on and https.force):
        return {"server": endpoint("server", "https", "http", port=server.port, option="--port")}
    return {
        "server": endpoint("server", "https", port=server.port, option="--port"),
        "force-https": endpoint("force-https", "redirect", "http", port=https.redirect_port, option="--redirect-port"),
    }
