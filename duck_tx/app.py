"""The App: the facade over one service tree."""

from __future__ import annotations

import gc
import os
import signal
import sys
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import Logger

from duck_tx.errors import ApplicationError
from duck_tx.facts import Facts
from duck_tx.life import Life
from duck_tx.parts import Parts
from duck_tx.place import state_directory
from duck_tx.process import age, signals, trial
from duck_tx.process.check import tell
from duck_tx.process.hook import Hook
from duck_tx.process.inherited import inherited
from duck_tx.process.signals import Handler
from duck_tx.process.title import set_title
from duck_tx.promise import settled
from duck_tx.report import banner, metadata, microapp_lines, ready_line, status_line, warning_lines
from duck_tx.restart import Restart, look, own_environment
from duck_tx.settings import Settings, load, override
from duck_tx.tree import Tree
from duck_tx.verbs import verbs

__all__ = ["App"]

_log = Logger()


class App(Parts, Facts):
    """A Django site and everything that serves it, in one tree of services.

    It holds no logic of its own: each member reads or calls one service of the tree.

    A program that runs the reactor itself gives ``disable_ipc_handler=True``, starts the App with :meth:`start` and
    stops it with :meth:`stop`; its reactor goes on.  So does a test on trial::

        class SiteTests(twisted.trial.unittest.TestCase):
            async def test_the_front_page(self) -> None:
                app = App(port=0, disable_ipc_handler=True, disable_signal_handler=True)
                self.addCleanup(app.stop, no_exit=True)
                await app.start()
                response = await treq.get(app.absolute_uri)
                self.assertEqual(response.code, 200)

    Small sites beside the main one, on ports, hosts or paths of their own, are each a :class:`duck_tx.MicroApp`.

    :param settings: a :class:`duck_tx.Settings`; by default what ``duck.toml`` and the environment say.  The other
        arguments win over it where they are not their defaults.
    :param reactor: the global one by default.
    :param on_app_start: called when everything is up; may return a Deferred or be a coroutine function.
    :param on_pre_stop: called before anything goes down, likewise.
    :param reload_settings: reads them anew for a restart; by default what the constructor did.
    :raises ApplicationError: if another App lives in this process, or there is no such project.
    :raises SettingsError: with all that is wrong with the settings.
    """

    _port_option = "--port"
    """What sets its port, for messages."""

    _living: ClassVar[weakref.ref[App] | None] = None

    def __init__(
        self,
        addr: str = "localhost",
        port: int = 8000,
        domain: str | None = None,
        uses_ipv6: bool = False,
        no_checks: bool = False,
        disable_signal_handler: bool = False,
        disable_ipc_handler: bool = False,
        skip_setup: bool = False,
        enable_force_https_logs: bool = False,
        start_bg_eventloop_if_wsgi: bool = True,
        process_name: str = "duck-server",
        workers: int | None = None,
        force_https_workers: int | None = None,
        force_worker_processes: bool = False,
        force_https_force_worker_processes: bool = False,
        *,
        settings: Settings | None = None,
        reactor: Any = None,
        on_app_start: Hook | None = None,
        on_pre_stop: Hook | None = None,
        reload_settings: Callable[[], Settings] | None = None,
    ) -> None:
        self._claim()
        try:
            is_next = age.VARIABLE in os.environ
            if is_next:
                signals.free(signal.SIGUSR1)
            age.began()
            next_environ, tried = own_environment(os.environ), os.environ.pop(trial.VARIABLE, "")
            read = partial(load, directory=Path.cwd(), environ=os.environ, options={})
            base = settings if settings is not None else read()
            given = {
                "server.addr": (addr, "localhost"),
                "server.port": (port, 8000),
                "server.domain": (domain, None),
                "server.uses_ipv6": (uses_ipv6, False),
                "server.no_checks": (no_checks, False),
                "server.process_name": (process_name, "duck-server"),
                "server.workers": (workers, None),
                "server.force_worker_processes": (force_worker_processes, False),
                "https.redirect_log": (enable_force_https_logs, False),
                "gateway.asgi_beside_wsgi": (start_bg_eventloop_if_wsgi, True),
            }
            explicit = {key: value for key, (value, default) in given.items() if value != default}
            self.settings = override(base, explicit, "App()").settings
            if reactor is None:
                from twisted.internet import reactor as global_reactor

                reactor = global_reactor
            self._redirect_workers = force_https_workers or force_https_force_worker_processes
            self._hooks = (on_app_start, on_pre_stop)
            self._calls_pre_stop = True
            grace = self.settings.server.grace
            self._life = Life(reactor, is_guest=disable_ipc_handler, ended=self._release, grace=grace)

            def again() -> Settings:
                fresh = reload_settings() if reload_settings is not None else settings
                return override(read() if fresh is None else fresh, explicit, "App()").settings

            self._tree = Tree(
                self.settings,
                reactor,
                up=self._went_up,
                down=self._going_down,
                failed=self._life.failed,
                interrupt=self._interrupted,
                describe=lambda: metadata(self),
                status=lambda: status_line(self),
                environ=os.environ,
                sockets=inherited(os.environ, os.getpid()),
                takes_signals=not disable_signal_handler,
                verbs=None if disable_ipc_handler or tried else verbs(self),
                skip_setup=skip_setup,
                hang_up=None if disable_ipc_handler else self._hang_up,
                is_next=is_next,
                port_option=self._port_option,
            )
            if tried:
                self._tree.service = trial.Attempt(tried, partial(look, self._tree))
            self._life.service = self._tree.service
            self._restart = Restart(
                self._tree, self._life, reactor, environ=next_environ, directory=os.getcwd(), reload=again
            )
        except BaseException:
            self._release()
            raise

    def _claim(self) -> None:
        """Be the one that lives."""
        living = App.get_main_app()
        if living is not None and living is not self:
            # One that was dropped and never ran may still wait for the collector.
            del living
            gc.collect()
            living = App.get_main_app()
        if living is not None and living is not self:
            raise ApplicationError(
                f"there is an App in this process already (port {living.port}); stop it before making another."
            )
        App._living = weakref.ref(self)

    def _release(self) -> None:
        if App._living is not None and App._living() is self:
            App._living = None

    # What it is.

    @classmethod
    def get_main_app(cls) -> App | None:
        """The App of this process, if there is one."""
        return App._living() if App._living is not None else None

    @classmethod
    def instances(cls) -> int:
        """How many Apps live in this process: 0 or 1."""
        return int(cls.get_main_app() is not None)

    # Its life.

    def run(self, print_ansi_art: bool = True) -> None:
        """Start, and run the reactor until it is stopped.

        With ``disable_ipc_handler`` the tree is started and the reactor left to the caller.

        :param print_ansi_art: print a banner first, on a terminal.
        :raises SystemExit: with status 1, if something could not start; after a signal, with its status.
        """
        if print_ansi_art and sys.stdout.isatty():
            print(banner())
        self._claim()
        self._life.run()

    def start(self) -> Deferred[None]:
        """Start everything; fires when it is up, and fails with what stopped the start."""
        self._claim()
        self._calls_pre_stop = True
        return self._life.start()

    def stop(
        self,
        log_to_console: bool = True,
        no_exit: bool = False,
        call_on_pre_stop_handler: bool = True,
        kill_ducksight_reloader: bool = True,
        wait_for_thread_pool_executor_shutdown: bool = True,
        close_log_file: bool = True,
    ) -> Deferred[None]:
        """Stop with grace; fires when all is down.

        :param log_to_console: say so in the log.
        :param no_exit: leave the reactor running; the App can be started again.  So it is in any case with
            ``disable_ipc_handler``, as the reactor is the caller's.
        :param call_on_pre_stop_handler: call :meth:`on_pre_stop` first.
        :param kill_ducksight_reloader: with ``--reload``, do not start again at the next change.
        :param wait_for_thread_pool_executor_shutdown: wait for threads at work, as long as the grace lasts.
        :param close_log_file: close the access log.
        """
        self._restart.give_up()
        if self._tree.reloader is not None and not kill_ducksight_reloader:
            self._tree.reloader.stay()
        if log_to_console:
            _log.info("stopping")
        self._calls_pre_stop = call_on_pre_stop_handler
        self._tree.gateway.joins = wait_for_thread_pool_executor_shutdown
        self._tree.access_log.closes = close_log_file
        return self._life.stop(ends=not no_exit)

    def restart(self) -> Deferred[tuple[str, ...]]:
        """Load code and settings anew without losing a request.

        They are tried first.  Where this process serves, this fires when they have been, and then the process begins
        again under the same number; where workers do, when all of them are new.

        :return: the keys of settings that were changed, and will be as set only after a stop and a start.
        :raises ApplicationError: with all that is wrong with them, by way of the Deferred; the old code serves on.
        """
        if self._tree.reloader is not None:
            self._tree.reloader.restart()
            return succeed(())
        return self._restart.begin()

    def _hang_up(self, earlier: Handler | None) -> None:
        if earlier is not None:
            earlier(signal.SIGHUP, None)
        # It is in the log.
        self.restart().addErrback(lambda failure: failure.trap(ApplicationError) and None)

    def _interrupted(self, number: signal.Signals, earlier: Handler | None) -> None:
        self._restart.give_up()
        self._life.interrupted(number, earlier)

    def register_signals(self) -> None:
        """Have SIGINT and SIGTERM stop the App, and SIGHUP restart it, through the reactor; earlier handlers are put
        back on stop."""
        self._tree.signals.take()

    def handle_signal(self, sig: int, frame: FrameType | None) -> None:
        """What is registered for signals: leaves the work to the reactor."""
        self._tree.signals.handle(signal.Signals(sig), frame)

    def on_app_start(self) -> Any:
        """Called when everything is up; to be overridden, or passed to the constructor."""
        return self._hooks[0]() if self._hooks[0] is not None else None

    def on_pre_stop(self) -> Any:
        """Called before anything goes down; to be overridden, or passed to the constructor."""
        return self._hooks[1]() if self._hooks[1] is not None else None

    async def _went_up(self) -> None:
        self.set_process_name()
        await settled(self.on_app_start())
        for line in warning_lines(self):
            _log.warn("{line}", line=line)
        if self._redirect_workers:
            _log.info("the redirect site needs no workers: it answers on the reactor")
        for line in [*microapp_lines(self), ready_line(self)]:
            _log.info("{line}", line=line)

    async def _going_down(self) -> None:
        if self._calls_pre_stop:
            await settled(self.on_pre_stop())

    def run_checks(self) -> None:
        """Look whether a start can succeed, without leaving anything behind.  All that is found is logged.

        :raises PortError: if a port cannot be bound.
        :raises SSLError: if a certificate or its key cannot be used.
        :raises ApplicationError: if the state directory or the access log cannot be written.
        """
        try:
            self._tree.run_checks()
        except ApplicationError as error:
            tell(error)
            raise

    @staticmethod
    def check_ssl_credentials() -> None:
        """Look whether the certificates of the living App can be used; without one, those that the settings name.

        A name that no certificate covers is logged as a warning.

        :raises SSLError: naming the file, what is wrong with it, and the command that mends it.
        """
        living = App.get_main_app()
        if living is not None and living.tree.secure is not None:
            living.tree.secure.certificates.check()
            return
        from duck_tx.secure import certificates

        settings = living.settings if living else load(directory=Path.cwd(), environ=os.environ, options={}).settings
        certificates(settings, Clock(), state_directory(settings, None), lambda: True).check()

    def record_metadata(self) -> Mapping[str, object]:
        """Write :attr:`meta` to ``meta.json`` in the state directory."""
        return self._tree.meta.record()

    def set_process_name(self) -> None:
        """Set the title of this process."""
        set_title(self.settings.server.process_name)
