"""The micro apps of a tree: their place among its services, and what worker processes are told of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Protocol

from duck_tx.errors import ApplicationError
from duck_tx.micro.site import MicroSite
from duck_tx.micro.spec import MicroSpec, check_port
from duck_tx.process.endpoint import Endpoint, endpoints
from duck_tx.process.inherited import InheritedSockets
from duck_tx.process.program import packed
from duck_tx.process.sequence import Sequence
from duck_tx.settings import Settings

__all__ = ["Roster", "TreeOfMicroApps"]

_WHOSE = {"server": "the server of the App", "force-https": "its redirect site", "backend": "its Django"}
"""The ports of :func:`duck_tx.process.endpoint.endpoints`, in messages."""

_MOST_FORKED = 12
"""Ports of theirs that a nursery has room for, beside those of the server."""


class TreeOfMicroApps(Protocol):
    """The tree, as far as micro apps know it."""

    secure: Any

    @property
    def settings(self) -> Settings: ...
    @property
    def serving(self) -> Any: ...
    @property
    def workers(self) -> Any: ...
    @property
    def sockets(self) -> InheritedSockets: ...
    @property
    def is_serving(self) -> bool: ...


class Roster:
    """The micro apps of a tree.

    :param tree: where they are; where it has worker processes, those serve them.
    :param services: its services.
    """

    def __init__(self, tree: TreeOfMicroApps, services: Sequence) -> None:
        self._tree = tree
        self._services = services
        self._apps: dict[str, MicroSite] = tree.serving.microapps

    def __iter__(self) -> Iterator[MicroSite]:
        return iter(self._apps.values())

    @property
    def ports(self) -> Collection[str]:
        """The names of the ports that they have for themselves."""
        return [key for key, app in self._apps.items() if app.server is not None]

    def is_up(self, app: MicroSite) -> bool:
        """Whether a micro app answers requests, wherever that is."""
        if app.server is None and not self._tree.is_serving:
            return False
        return app.is_up if self._tree.workers is None else bool(self._tree.workers.is_serving)

    def add(self, spec: MicroSpec) -> MicroSite:
        """One more.  Where the tree is up, it is not started by that.

        :raises ApplicationError: if that cannot be.
        """
        tree, services = self._tree, self._services
        if tree.workers is not None and services.running:
            raise ApplicationError(
                f"the micro app {spec.name} comes too late for the worker processes, which serve it: make it before its"
                " App is started."
            )
        is_first, key = not self._apps, spec.key(self._apps)
        if spec.prefix is None:
            if tree.settings.server.preload and len(self.ports) >= _MOST_FORKED:
                raise ApplicationError(
                    f"the micro app {spec.name} has the {_MOST_FORKED + 1}th port, too many for worker processes that"
                    " are forked: mount some at the App's own port, or turn server.preload off."
                )
            endpoint = spec.endpoint(key)
            check_port(endpoint, f"the micro app {spec.name}", self._wanted())
            tree.sockets.want(key, endpoint)
        app: MicroSite = tree.serving.add_microapp(spec, key)
        if tree.workers is None:
            services.insert(app, key, before="server")
            if is_first:
                services.insert(tree.serving.farewell(), "micro apps", before="metadata")
        else:
            if app.server is not None:
                tree.workers.add_port(key, app.server, is_shared=key in tree.sockets)
            tree.workers.microapps = self._packed
        if tree.secure is None and tree.serving.secure is not None:
            tree.secure = tree.serving.secure
            tree.secure.lead(tree.workers)
            # Up as soon as a worker has loaded the project, and no later than here.
            place = key if tree.workers is None else "metadata"
            services.insert(tree.secure.certificates, "certificates", before=place)
        return app

    def _wanted(self) -> Iterator[tuple[str, Endpoint]]:
        """Who wants which port so far."""
        for name, endpoint in endpoints(self._tree.settings).items():
            yield _WHOSE[name], endpoint
        for key, app in self._apps.items():
            if app.server is not None:
                # Several may be called the same.
                yield f"the micro app {app.spec.name}", app.spec.endpoint(key)

    def check(self) -> None:
        """Look whether they can be handed to workers, where there are some.

        :raises ApplicationError: if not.
        """
        if self._tree.workers is not None:
            self._packed()

    def _packed(self) -> bytes:
        for app in self:
            # One by one first, to name the one that cannot.
            packed(app.spec, f"the micro app {app.spec.name}")
        return packed([(key, app.spec) for key, app in self._apps.items()], "the micro apps")
