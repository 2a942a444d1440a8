"""From settings to services: what runs, in which order, and who is handed what."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Container, Mapping
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

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
from duck_tx.promise import settled
from duck_tx.serving import Form, Serving, processes
from duck_tx.settings import Settings

if TYPE_CHECKING:
    from duck_tx.micro.roster import Roster
    from duck_tx.micro.site import MicroSite
    from duck_tx.micro.spec import MicroSpec
    from duck_tx.process.solo import SoloService
    from duck_tx.process.workers import WorkerService
    from duck_tx.reload.service import ReloaderService

__all__ = ["Tree"]

_log = Logger()

_OF_WORKERS = ("server", "django", "force-https")

_NONE: Mapping[str, Any] = MappingProxyType({})


class Tree:
    """The services of one App.  Making it opens nothing.

    There are two forms of it.  In the first this process serves; in the other it holds the ports and looks after worker
    processes that do.

    :ivar service: the root; its children start from the top of this list down, and stop upwards.
    :ivar serving: what answers requests.  Where workers do, it is not started: its ports are bound and its certificates
        read, and the rest is there for those who ask what there is.
    :ivar workers: the worker processes, ``None`` where this process serves.
    :ivar solo: the process that runs the automations then.
    :ivar microapps: those in this tree, ``None`` where there are none.
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
    :param is_next: this process was restarted, so its startup commands have been run by the trial, and signals may have
        been held since.
    :param port_option: what sets the port, for messages.
    :raises ApplicationError: if there is no such project.
    """

    reloader: ReloaderService | None = None
    microapps: Roster | None = None

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
        is_next: bool = False,
        port_option: str = "--port",
    ) -> None:
        self.settings = settings
        self._reactor = reactor
        if skip_setup and processes(settings):
            raise ApplicationError(
                "worker processes set Django up for themselves: leave skip_setup or force_worker_processes off."
            )
        self.sockets = InheritedSockets(sockets, endpoints(settings), keeps=True)
        count = processes(settings)
        form = Form(
            skip_setup=skip_setup, runs_commands=not is_next, runs_automations=not count, port_option=port_option
        )
        self.serving = Serving(settings, reactor, self.sockets, form)
        self.project, self.state_directory = self.serving.project, self.serving.state_directory
        self.access_log, self.gateway = self.serving.access_log, self.serving.gateway
        self.site, self.server, self.secure = self.serving.site, self.serving.server, self.serving.secure
        # The startup commands are for the first process that loads the project.
        has_solo = bool(count) and settings.automations.enabled
        self.solo = self._solo(runs_commands=not is_next) if count else None
        self.workers = self._workers(count, runs_commands=not (is_next or has_solo))
        if self.secure is not None:
            self.secure.lead(self.workers)
        self.meta = MetaService(self.state_directory, describe)
        self.early_sidecars, self.late_sidecars = self._sidecars("before"), self._sidecars("after")

        self.signals = SignalService(
            reactor, self._actions(interrupt, hang_up), at_start=takes_signals, lets_in=is_next
        )
        self.log = LogService(reactor)
        self.control: ControlService | None = None
        if verbs is not None:
            self.control = ControlService(reactor, self.state_directory, verbs, name=settings.server.process_name)

        self.service = self._sequence = Sequence(failed)
        if not settings.server.no_checks:
            self._add("checks", CheckService([self.run_checks]))
        if sockets:
            # By now it is known what micro apps there are.
            self._add("inherited sockets", CheckService([self.sockets.settle]))
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
            self._add("automations", self.solo)
            self._add("server", self.workers)
            if self.secure is not None:
                # Up as soon as a worker has loaded the project, and no later than here.
                self._add("certificates", self.secure.certificates)
        if self.secure is not None and self.secure.acme is not None:
            self._add("acme", self.secure.acme)
        self._add("metadata", self.meta)
        if self.late_sidecars is not None:
            self._add("late sidecars", self.late_sidecars)
        self._add("hooks", HookService(up, partial(self._going_down, down), reactor, settings.server.grace))
        self.notify: NotifyService | None = None
        if notify_address(environ) is not None:
            self.notify = NotifyService(reactor, environ, status=status)
            self._add("notify", self.notify)

    def _add(self, name: str, service: Any) -> None:
        service.setName(name)
        service.setServiceParent(self.service)

    def _workers(self, count: int, *, runs_commands: bool) -> WorkerService | None:
        """So many processes that serve; ``None`` where this one does."""
        if not count:
            return None
        # Only here, as most servers are one process.
        from duck_tx.process.workers import WorkerService

        ports = self.serving.ports
        return WorkerService(
            self._reactor,
            self.settings,
            count=count,
            ports=ports,
            shared=[name for name in ports if name in self.sockets],
            loaded=self._loaded_elsewhere,
            environ=os.environ,
            resized=lambda: self.meta.renew(),
            runs_commands=runs_commands,
        )

    def _solo(self, *, runs_commands: bool) -> SoloService:
        """The process that runs the automations, where workers serve."""
        from duck_tx.process.solo import SoloService

        return SoloService(
            self._reactor,
            self.settings,
            environ=os.environ,
            changed=lambda: self.meta.renew(),
            runs_commands=runs_commands,
        )

    async def _going_down(self, down: Hook) -> None:
        try:
            await settled(down())
        finally:
            if self.solo is not None:
                # Workers and automations have their grace at the same time.
                self.solo.let_go()

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
        if self.microapps is not None:
            checks.append(self.microapps.check)
        return [*checks, self.access_log.check]

    @property
    def redirect(self) -> ServerService | None:
        """The redirect site, if there is one."""
        return self.serving.redirect

    # Micro apps.

    def add_microapp(self, spec: MicroSpec) -> MicroSite:
        """Have a micro app in this tree, or mounted on its server.  Where the tree is up, it is not started by that.

        :raises ApplicationError: if that cannot be; :class:`duck_tx.errors.PortError`, if somebody here wants its port.
        """
        if self.microapps is None:
            # Only here, as most servers have none.
            from duck_tx.micro.roster import Roster

            self.microapps = Roster(self, self._sequence)
        return self.microapps.add(spec)

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
        """Whether the application is loaded, wherever requests are answered; that it answers, where it has an address
        of its own."""
        if self.workers is not None:
            return self.has_application and self.workers.is_serving
        apart = self.serving.apart
        return self.gateway.project is not None if apart is None else apart.backend.is_up

    @property
    def has_application(self) -> bool:
        """Whether there is one, here or at an address of its own."""
        return self.project is not None or self.serving.apart is not None

    def part(self, name: str) -> str:
        """The child that has ``server``, ``django`` or ``force-https``: workers have all three; others have their own
        names."""
        return "server" if self.workers is not None and name in _OF_WORKERS else name

    def ended(self, name: str) -> Future[None] | None:
        """A Future that ends when ``server``, ``django``, ``force-https`` or ``automations`` has; ``None`` where it was
        not started."""
        here = self.serving.automations
        if name != "automations":
            is_there = any(name == each for each, _ in self.serving.services())
        elif self.solo is not None:
            is_there = self.solo.is_wanted and not self.solo.is_idle
        else:
            is_there = here is not None and bool(here.automations)
        return self.service.ended(self.part(name)) if is_there else None

    async def ask_automations(self, verb: str, given: Mapping[str, Any]) -> object:
        """What :class:`duck_tx.automations.desk.Desk` answers.

        :raises ApplicationError: if it cannot be done.
        """
        here, solo = self.serving.automations, self.solo
        if here is None and (solo is None or not solo.is_wanted):
            raise ApplicationError("automations are off: turn them on with automations.enabled = true.")
        if solo is not None and not solo.is_idle:
            return await solo.ask(verb, given)
        from duck_tx.automations.desk import Desk, answer_without

        return answer_without(verb) if here is None else await Desk(here, self._reactor).answer(verb, given)

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
        else:
            # Left alone, they would suspend it.
            actions[signal.SIGTTIN] = actions[signal.SIGTTOU] = _there_are_no_workers
        return actions

    def _resize(self, more: int, earlier: Handler | None) -> None:
        assert self.workers is not None
        count = self.workers.count + more
        if not count:
            _log.info("one worker is the least")
            return
        try:
            self.workers.resize(count)
        except ApplicationError as error:
            tell(error)

    def _reopen_logs(self, earlier: Handler | None) -> None:
        if earlier is not None:
            earlier(signal.SIGUSR1, None)
        if self.workers is None:
            self.access_log.reopen()
        else:
            self.workers.reopen_logs()


def _there_are_no_workers(earlier: Handler | None) -> None:
    _log.info("there is one process, and no more can be had: start the server with --processes for several")
