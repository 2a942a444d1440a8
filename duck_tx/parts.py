"""The parts of an App, started and stopped one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from duck_tx.settings import Settings
from duck_tx.tree import Tree

if TYPE_CHECKING:
    from duck_tx.app import App
    from duck_tx.microapp import MicroApp

__all__ = ["Parts"]

_log = Logger()


class Parts:
    """The half of :class:`duck_tx.app.App` that starts and stops single services; ``run()`` does it for all of them.

    :ivar settings: those in use.
    """

    settings: Settings
    _tree: Tree

    def _claim(self) -> None:
        """Be the one that lives.

        :raises ApplicationError: if another does.
        """
        raise NotImplementedError

    def start_ducksight_reloader(self) -> Deferred[None]:
        """Watch the files of the pages and refresh the browsers, below a monitor (``--reload``)."""
        return self._start("reloader") if self._tree.reloader is not None else succeed(None)

    def start_server(self) -> Deferred[None]:
        """Bind and listen, if that is not done; fires when the port accepts."""
        return self._start("server")

    def start_django_server(self) -> Deferred[None]:
        """Load Django, if it is enabled and not loaded; fires when it answers."""
        return self._start("django") if self._tree.has_application else succeed(None)

    def start_automations_dispatcher(self, log_message: bool = True) -> Deferred[None]:
        """Find the automations and run them when they are due, if they are on; fires when they have been found.

        :param log_message: say so in the log.
        """
        if not self.settings.automations.enabled:
            return succeed(None)
        if log_message:
            _log.info("starting the automations")
        return self._start("automations")

    def start_force_https_server(self, log_message: bool = True) -> Deferred[None]:
        """Start the redirect site, if there is to be one; fires when its port accepts.

        :param log_message: say so in the log.
        """
        https = self.settings.https
        if not (https.is_on and https.force):
            return succeed(None)
        if log_message:
            _log.info("redirecting to HTTPS from port {port}", port=https.redirect_port)
        return self._start("force-https")

    def _start(self, name: str) -> Deferred[None]:
        self._claim()
        return self._tree.service.start_child(self._tree.part(name))

    def stop_servers(
        self, stop_force_https_server: bool = True, log_to_console: bool = True, wait: bool = True
    ) -> Deferred[None]:
        """Stop the public server, then Django; what else there is stays up.

        :param stop_force_https_server: the redirect site too, before them.
        :param wait: fire when both are down, not at once.
        """
        if log_to_console:
            _log.info("stopping the servers")
        stopped = Deferred.fromCoroutine(self._stop_servers(stop_force_https_server))
        return stopped if wait else succeed(None)

    async def _stop_servers(self, with_redirect: bool) -> None:
        if with_redirect and self.settings.https.force:
            await self._tree.service.stop_child(self._tree.part("force-https"))
        await self._tree.service.stop_child("server")
        if self._tree.has_application:
            await self._tree.service.stop_child(self._tree.part("django"))

    def _renew_threads(self) -> None:
        """Take new gateway threads; the old ones finish what they have."""
        self._tree.gateway.renew_threads()

    @staticmethod
    def start_background_workers(
        application: App | MicroApp,
        start_request_handling_threadpool_manager: bool,
        start_request_handling_eventloop_manager: bool,
        start_component_threadpool_manager: bool = True,
        start_automations_eventloop_manager: bool = False,
        recreate_managers: bool = False,
    ) -> None:
        """See that ``application``, an App or a micro app, has its gateway threads.

        They come with what they call, and so do event loops, so there is something to do only where threads shall be
        new.  The other flags are for parts that have theirs in other ways.

        :param recreate_managers: take new threads; the old ones finish what they have.
        """
        if start_request_handling_threadpool_manager and recreate_managers:
            application._renew_threads()

    def handle_ipc_messages(self) -> Deferred[None]:
        """Serve the control socket, if there is to be one; fires when it listens."""
        return self._start("control") if self._tree.control is not None else succeed(None)
