"""What can be read of an App: its names and addresses, what is up, and what it tells about itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Future

from twisted.application.service import MultiService

from duck_tx import uris
from duck_tx.report import metadata
from duck_tx.settings import Settings
from duck_tx.tree import Tree

__all__ = ["Facts"]


class Facts:
    """The reading half of :class:`duck_tx.app.App`; nothing here changes anything.

    :ivar settings: those in use.
    """

    settings: Settings
    _tree: Tree

    @property
    def service(self) -> MultiService:
        """The service tree, for a ``.tac`` file."""
        return self._tree.service

    @property
    def tree(self) -> Tree:
        """The services by name."""
        return self._tree

    @property
    def addr(self) -> str:
        """The address or name it binds."""
        return self.settings.server.addr

    @property
    def port(self) -> int:
        """The port in use; the one asked for until it is bound."""
        address = self._tree.server.address
        return self.settings.server.port if address is None else address[1]

    @property
    def DOMAIN(self) -> str:
        """The public name in absolute URIs."""
        return uris.public_host(self.settings.server.domain, self.addr)

    @property
    def absolute_uri(self) -> str:
        """``https://host[:port]``, or with ``http`` where HTTPS is off."""
        return uris.absolute_uri(self.DOMAIN, self.port, is_secure=self.settings.https.is_on)

    @property
    def absolute_ws_uri(self) -> str:
        """``wss://host[:port]``, or with ``ws`` where HTTPS is off."""
        return uris.absolute_ws_uri(self.DOMAIN, self.port, is_secure=self.settings.https.is_on)

    def build_absolute_uri(self, path: str) -> str:
        """``path`` as an absolute URI; percent-encoding in it is kept byte for byte."""
        return uris.join(self.absolute_uri, path)

    def build_absolute_ws_uri(self, path: str) -> str:
        """``path`` as an absolute WebSocket URI."""
        return uris.join(self.absolute_ws_uri, path)

    @property
    def server_up(self) -> bool:
        """Whether the public port accepts connections."""
        return self._tree.is_serving

    @property
    def running(self) -> bool:
        """The same as :attr:`server_up`."""
        return self.server_up

    @property
    def django_server_up(self) -> bool:
        """Whether Django (or another application) is loaded, or answers at its address."""
        return self._tree.is_loaded

    @property
    def DJANGO_ADDR(self) -> tuple[str, int] | None:
        """Where Django is, if it has an address of its own (``gateway.addr``): host and port, or the path of a Unix
        socket and 0."""
        addr = self.settings.gateway.addr
        if addr is None:
            return None
        if addr.startswith("unix:"):
            return addr.removeprefix("unix:"), 0
        host, _, port = addr.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def DJANGO_SERVER_WAIT_TIME(self) -> float:
        """Seconds that a start waits for Django to answer there (``gateway.wait_time``)."""
        return self.settings.gateway.wait_time

    @property
    def force_https_server_up(self) -> bool:
        """Whether the redirect site accepts connections."""
        return self._tree.is_redirecting

    @property
    def process_id(self) -> int:
        """This process."""
        return os.getpid()

    @property
    def meta(self) -> Mapping[str, object]:
        """What :meth:`record_metadata` writes, as of now."""
        return metadata(self)

    def get_threadpool_futures(self) -> dict[str, Future[None] | None]:
        """The long-running parts, each with a Future that ends when it does, ``None`` where it was not started."""
        return {
            "duck-server": self._tree.ended("server"),
            "django": self._tree.ended("django"),
            "force-https": self._tree.ended("force-https"),
            "automations": self._tree.ended("automations"),
        }
