"""From settings to services: what runs, in which order, and who is handed what."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Container, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from duck_tx.errors import ApplicationError
from duck_tx.http.service import ServerService
from duck_tx.process.check import CheckService, run_checks, tell
from duck_tx.process.control import ControlService, Verb
from duck_tx.process.endpoint import endpoints
from duck_tx.process.hook import Hook, HookService
from duck_tx.process.inherited import InheritedSockets
from duck_tx.process.logs import LogService
from duck_tx.process.meta import MetaService, check_state_directory
from duck_tx.process.notify import NotifyService, notify_address
from duck_tx.process.reaper import ReaperService, is_init
from duck_tx.process.sequence import Sequence
from duck_tx.process.sidecars import SidecarService
from duck_tx.process.signals import Action, Handler, SignalService
from duck_tx.process.workers import WorkerService
from duck_tx.serving import Form, Serving, processes
from duck_tx.settings import Settings

if TYPE_CHECKING:
    from duck_tx.reload.service import ReloaderService

__all__ = ["Tree"]

_NONE: Mapping[str, Any] = MappingProxyType({})


class Tree:
    """The services of one App.  Making it opens nothing.

    There are two forms of it.  In the first this process serves; in the other it holds the ports and looks after worker
    processes that do.

    :ivar service: the root; its children start from the top of this list down, and stop upwards.
    :ivar serving: what answers requests.  Where workers do, it is not started: its ports are bound and its certificates
        read, and the rest is there for those who ask what there is.
    :ivar workers: the worker processes, ``None`` where this process serves.
    :ivar reloader: starts this process anew when a file is edited, where there is a monitor above it.
    :param settings: what to run.
    :param reactor: where.
    :param up: called when everything is up.
    :param down: called before anything goes down.
    :param failed: told when something could not start.
    :param interrupt: called on SIGINT and SIGTERM with the earlier handler.
    :param describe: the metadata of this moment.
    :param status: what is up, in one line.
    :param environ: where a supervisor says that it wants to be told; read at the start.
    :param sockets: listening sockets that were inherited, by name.
    :param takes_signals: a start takes the signals over; otherwise :attr:`signals` can do so later.
    :param verbs: what can be asked over the control socket; ``None``: there is none.
    :param skip_setup: Django has been set up by the embedding program.
    :param hang_up: called on SIGHUP with the earlier handler; ``None``: that signal is left alone.
    :raises ApplicationError: if there is no such project.
    """

    reloader: ReloaderService | None = None

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        *,
        up: Hook,
        down: Hook,
        failed: Callable[[BaseException], object],
        interrupt: Callable[[signal.Signals, Handler | None], object],
        describe: Callable[[], Mapping[str, object]],
        status: Callable[[], str] = str,
        environ: Mapping[str, str] = _NONE,
        sockets: Mapping[str, socket.socket] = _NONE,
        takes_signals: bool = True,
        verbs: Mapping[str, Verb] | None = None,
        skip_setup: bool = False,
        hang_up: Action | None = None,
    ) -> None:
        self.settings = settings
        self._reactor = reactor
        if skip_setup and processes(settings):
            raise ApplicationError(
                "worker processes set Django up for themselves: leave skip_setup or force_worker_processes off."
            )
        self.sockets = InheritedSockets(sockets, endpoints(settings))
        self.serving = Serving(settings, reactor, self.sockets, Form(skip_setup=skip_setup))
        self.project, self.state_directory = self.serving.project, self.serving.state_directory
        self.access_log, self.gateway = self.serving.access_log, self.serving.gateway
        self.site, self.server, self.secure = self.serving.site, self.serving.server, self.serving.secure
        self.workers = self._workers(processes(settings))
        if self.secure is not None:
            self.secure.lead(self.workers)
        self.meta = MetaService(self.state_directory, describe)
        self.early_sidecars, self.late_sidecars = self._sidecars("before"), self._sidecars("after")

        self.signals = SignalService(reactor, self._actions(interrupt, hang_up), at_start=takes_signals)
        self.log = LogService(reactor)
        self.control: ControlService | None = None
        if verbs is not None:
            self.control = ControlService(reactor, self.state_directory, verbs, name=settings.server.process_name)

        self.service = Sequence(failed)
        if not settings.server.no_checks:
            self._add("checks", CheckService(self.checks()))
        self._add("signals", self.signals)
        if is_init():
            self._add("reaper", ReaperService(reactor))
        if self.control is not None:
            self._add("control", self.control)
            self._add("log", self.log)
        if self.early_sidecars is not None:
            self._add("early sidecars", self.early_sidecars)
        if self.workers is None:
            for name, service in self.serving.services():
                self._add(name, service)
        else:
            self._add("server", self.workers)
            if self.secure is not None:
                # Up as soon as a worker has loaded the project, and no later than here.
                self._add("certificates", self.secure.certificates)
        if self.secure is not None and self.secure.acme is not None:
            self._add("acme", self.secure.acme)
        self._add("metadata", self.meta)
        if self.late_sidecars is not None:
            self._add("late sidecars", self.late_sidecars)
        self._add("hooks", HookService(up, down, reactor, settings.server.grace))
        self.notify: NotifyService | None = None
        if notify_address(environ) is not None:
            self.notify = NotifyService(reactor, environ, status=status)
            self._add("notify", self.notify)

    def _add(self, name: str, service: Any) -> None:
        service.setName(name)
        service.setServiceParent(self.service)

    def _workers(self, count: int) -> WorkerService | None:
        """So many processes that serve; ``None`` where this one does."""
        if not count:
            return None
        ports = self.serving.ports
        return WorkerService(
            self._reactor,
            self.settings,
            count=count,
            ports=ports,
            shared=[name for name in ports if name in self.sockets],
            loaded=self._loaded_elsewhere,
            environ=os.environ,
        )

    def _loaded_elsewhere(self, is_development: bool) -> Deferred[None] | None:
        """A worker has loaded the project, and is about to need certificates."""
        self.serving.was_development = is_development
        return None if self.secure is None else self.service.start_child("certificates")

    def _sidecars(self, start: str) -> SidecarService | None:
        """The sidecars that start before the server, or after it; ``None`` where there are none."""
        sidecars = [each for each in self.settings.sidecars if each.start == start]
        if not sidecars:
            return None
        return SidecarService(
            self._reactor,
            sidecars,
            directory=Path(self.project.directory if self.project is not None else os.getcwd()),
            grace=self.settings.server.grace,
            environ=os.environ,
        )

    def run_checks(self) -> None:
        """Look whether a start can succeed, without leaving anything behind.

        :raises ApplicationError: the first thing that was found; any others are logged.
        """
        run_checks(self.checks())

    def checks(self, ports: Container[str] = ()) -> list[Callable[[], object]]:
        """All of them, as functions.

        :param ports: those that another process has, and will hand over.
        """
        checks: list[Callable[[], object]] = [
            port.check for name, port in self.serving.ports.items() if name not in ports
        ]
        if self.secure is not None:
            checks.append(self.secure.certificates.check)
            if self.secure.acme is not None:
                checks.append(self.secure.acme.check)
        checks.append(partial(check_state_directory, self.state_directory))
        if self.control is not None:
            checks.append(self.control.check)
        checks += [each.check for each in (self.early_sidecars, self.late_sidecars) if each is not None]
        return [*checks, self.access_log.check]

    @property
    def redirect(self) -> ServerService | None:
        """The redirect site, if there is one."""
        return self.serving.redirect

    # What is up, in either form.

    @property
    def is_serving(self) -> bool:
        """Whether the public port accepts connections."""
        return self.server.listening if self.workers is None else self.workers.is_serving

    @property
    def is_redirecting(self) -> bool:
        """Whether the redirect site accepts connections."""
        if self.redirect is None:
            return False
        return self.redirect.listening if self.workers is None else self.workers.is_serving

    @property
    def is_loaded(self) -> bool:
        """Whether the application is loaded, wherever requests are answered."""
        if self.workers is None:
            return self.gateway.project is not None
        return self.project is not None and self.workers.is_serving

    def part(self, name: str) -> str:
        """The child that has ``server``, ``django`` or ``force-https``: workers have all three."""
        return name if self.workers is None else "server"

    # Signals.

    def announce_stop(self) -> None:
        """Have every answer from now on say that its connection closes."""
        if self.workers is None:
            self.serving.announce_stop()
        else:
            self.workers.announce_stop()

    def _actions(
        self, interrupt: Callable[[signal.Signals, Handler | None], object], hang_up: Action | None
    ) -> dict[signal.Signals, Action]:
        def stop(number: signal.Signals, earlier: Handler | None) -> None:
            self.announce_stop()
            interrupt(number, earlier)

        actions: dict[signal.Signals, Action] = {
            signal.SIGINT: partial(stop, signal.SIGINT),
            signal.SIGTERM: partial(stop, signal.SIGTERM),
            signal.SIGUSR1: self._reopen_logs,
        }
        if hang_up is not None:
            actions[signal.SIGHUP] = hang_up
        if self.workers is not None:
            actions[signal.SIGTTIN] = partial(self._resize, 1)
            actions[signal.SIGTTOU] = partial(self._resize, -1)
        return actions

    def _resize(self, more: int, earlier: Handler | None) -> None:
        assert self.workers is not None
        try:
            self.workers.resize(self.workers.count + more)
        except ApplicationError as error:
            tell(error)

    def _reopen_logs(self, earlier: Handler | None) -> None:
        if earlier is not None:
            earlier(signal.SIGUSR1, None)
        if self.workers is None:
            self.access_log.reopen()
        else:
            self.workers.reopen_logs()
