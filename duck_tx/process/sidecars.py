"""Sidecars: programs that run beside the server, such as task workers."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from duck_tx.errors import ApplicationError
from duck_tx.process.backoff import Backoff
from duck_tx.process.child import Child, Ending, environ_of_child
from duck_tx.settings import SidecarSettings

__all__ = ["SidecarService"]

_log = Logger()


class SidecarService(Service):
    """Runs sidecars, and starts those again that end.  None of them can take the server down.

    :param reactor: for the processes and the time.
    :param sidecars: which, in the order of their start.
    :param directory: where they run, unless they say otherwise.
    :param grace: seconds that all of them together may take to stop.
    :param environ: the variables of the server, read at each start of one.
    :param draw: gives numbers from 0 up to 1, for the delay before a start.
    """

    def __init__(
        self,
        reactor: Any,
        sidecars: Sequence[SidecarSettings],
        *,
        directory: Path,
        grace: float,
        environ: Mapping[str, str],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._reactor = reactor
        self._grace = grace
        self._sidecars = [_Sidecar(reactor, each, directory, environ, draw) for each in sidecars]

    def check(self) -> None:
        """Look whether they can be started.

        :raises ApplicationError: if not, with a line for each that cannot.
        """
        faults = [fault for sidecar in self._sidecars if (fault := sidecar.fault())]
        if faults:
            raise ApplicationError("\n".join(faults))

    def startService(self) -> None:
        """Start them."""
        super().startService()
        for sidecar in self._sidecars:
            sidecar.start()

    async def stopService(self) -> None:
        """Stop one after the other, the last one first."""
        super().stopService()
        deadline = self._reactor.seconds() + self._grace
        try:
            for sidecar in reversed(self._sidecars):
                await sidecar.stop(max(0.0, deadline - self._reactor.seconds()))
        except CancelledError:
            self.stop_at_once()
            raise

    def stop_at_once(self) -> None:
        """Kill all of them."""
        for sidecar in self._sidecars:
            sidecar.stop_at_once()


class _Sidecar:
    """One program, from its first start to its stop; the parameters are those of the service."""

    def __init__(
        self,
        reactor: Any,
        settings: SidecarSettings,
        directory: Path,
        environ: Mapping[str, str],
        draw: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._settings = settings
        self._name = settings.called
        self._directory = directory.absolute() / (settings.directory or "")
        self._environ = environ
        self._backoff = Backoff(draw=draw)
        self._child: Child | None = None
        self._began = 0.0
        self._is_stopping = False
        self._next: IDelayedCall | None = None
        self._killing: IDelayedCall | None = None
        self._stopped: Deferred[None] | None = None

    def fault(self) -> str:
        """What stands in the way of a start; empty if nothing does."""
        program = self._settings.command[0]
        if not self._directory.is_dir():
            return f"sidecar {self._name}: there is no directory {self._directory}. Mend its directory."
        if not os.access(self._directory, os.X_OK):
            return f"sidecar {self._name}: this user may not enter {self._directory}. Give it another directory."
        if os.sep not in program:
            path = self._variables().get("PATH", os.defpath)
            if shutil.which(program, path=path) is None:
                return f"sidecar {self._name}: there is no program {program} in PATH. Mend its command, or install it."
            return ""
        file = self._directory / program
        if not file.is_file():
            return f"sidecar {self._name}: there is no program {file}. Mend its command, or install it."
        if not os.access(file, os.X_OK):
            return f"sidecar {self._name}: {file} is not executable. Make it so (chmod +x), or mend its command."
        return ""

    def start(self) -> None:
        """Start the program, unless it runs."""
        self._is_stopping = False
        if self._child is None:
            self._run()

    def stop(self, at_most: float) -> Deferred[None]:
        """Ask the program to end, and kill it when its grace is over; fires when it is gone.

        :param at_most: seconds that the grace may last.
        """
        self._give_up()
        if self._child is None:
            return succeed(None)
        self._child.terminate()
        self._killing = self._reactor.callLater(min(self._settings.grace, at_most), self._child.kill)
        self._stopped = Deferred()
        return self._stopped

    def stop_at_once(self) -> None:
        """Kill the program and what it has started."""
        self._give_up()
        if self._child is not None:
            self._child.kill()

    def _give_up(self) -> None:
        self._is_stopping = True
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _run(self) -> None:
        self._next = None
        self._began = self._reactor.seconds()
        child = Child(self._reactor, output=self._tell, ended=self._ended)
        settings = self._settings
        try:
            child.start(settings.command, directory=self._directory, environ=self._variables(), grace=settings.grace)
        except OSError as error:
            self._fail(f"could not be started ({error.strerror})")
            return
        self._child = child
        _log.info("sidecar {name} started, pid {pid}", name=self._name, pid=child.pid)

    def _variables(self) -> dict[str, str]:
        return environ_of_child(self._environ) | self._settings.env

    def _tell(self, stream: str, line: str) -> None:
        # Standard error is where most programs write their logs, so it says nothing of the weight of a line.
        _log.info("[{name}] {line}", name=self._name, line=line, stream=stream)

    def _ended(self, ending: Ending) -> None:
        self._child = None
        if self._killing is not None and self._killing.active():
            self._killing.cancel()
        if self._is_stopping:
            _log.info("sidecar {name} stopped: {ending}", name=self._name, ending=str(ending))
            stopped, self._stopped = self._stopped, None
            if stopped is not None:
                stopped.callback(None)
        elif self._settings.restart == "always" or (self._settings.restart == "on-failure" and not ending.is_clean):
            self._fail(str(ending))
        elif ending.is_clean:
            _log.info("sidecar {name}: {ending}, not started again", name=self._name, ending=str(ending))
        else:
            _log.warn("sidecar {name}: {ending}, not started again", name=self._name, ending=str(ending))

    def _fail(self, what: str) -> None:
        """Say what happened, and start the program again when its time has come."""
        lived = self._reactor.seconds() - self._began
        delay = self._backoff.failed(lived)
        _log.warn(
            "sidecar {name}: {what} after {lived:.1f} s, started again {when}",
            name=self._name,
            what=what,
            lived=lived,
            when=f"in {delay:.1f} s" if delay else "at once",
        )
        self._next = self._reactor.callLater(delay, self._run)
