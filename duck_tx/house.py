"""The process that serves, as far as those know it that live in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.web.resource import IResource

from duck_tx.http.service import Listener
from duck_tx.http.site import Site
from duck_tx.process.inherited import Sockets
from duck_tx.settings import Settings

__all__ = ["House"]


class House(Protocol):
    """Has the settings, the reactor and the sockets, and makes sites and what listens for them."""

    @property
    def settings(self) -> Settings: ...
    @property
    def reactor(self) -> Any: ...
    @property
    def sockets(self) -> Sockets: ...
    @property
    def is_worker(self) -> bool: ...
    def is_development(self) -> bool: ...
    def patience(self) -> float:
        """Seconds that what works behind the server has left of its grace."""

    def make_site(
        self,
        resource: IResource,
        *,
        logs: bool,
        secure: bool = False,
        hsts: Callable[[], bytes | None] | None = None,
    ) -> Site: ...
    def listener(self, site: Site) -> Listener: ...
