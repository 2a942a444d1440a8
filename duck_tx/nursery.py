"""The nursery: ``python -m duck_tx.nursery``, started by the main process and by nobody else.

It loads the project, and then does nothing but fork workers when it is asked to.  It has no reactor and no threads: a
process that has them cannot be forked.
"""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import NoReturn

from twisted.logger import Logger

from duck_tx import worker
from duck_tx.errors import ApplicationError
from duck_tx.gateway.django import close_connections, load
from duck_tx.gateway.service import calls
from duck_tx.place import project_of, state_directory
from duck_tx.process.fork import Fork, Gone, Load, Loaded, Made, NotMade, Order, Unfit, Wire
from duck_tx.process.title import set_title
from duck_tx.process.worker import LINK
from duck_tx.serving import found

__all__ = ["Nursery", "arrange", "load_all", "main", "reserve"]

_log = Logger()

_PLACES = range(LINK + 1, LINK + 16)
"""The numbers that the descriptors of a worker have: here the project must not get them for files of its own."""

_ABOVE = 128
"""Where descriptors are out of the way while others are put into their places."""

_LINES = 32_768
"""Characters of a message about what is wrong."""


class Nursery:
    """Forks workers when it is told to.

    :param wire: to the main process.
    """

    def __init__(self, wire: Wire[Order]) -> None:
        self._wire = wire
        self._children: dict[int, int] = {}
        self._is_retired = False

    def run(self) -> bool:
        """Go on for as long as there is something to do.

        :returns: whether this is a worker now, and no longer the nursery.
        """
        while self._children or not self._is_retired:
            ready = select.poll()
            for descriptor in (self._wire.fileno(), *self._children):
                ready.register(descriptor, select.POLLIN)
            for descriptor, _ in ready.poll():
                if descriptor in self._children:
                    self._reap(descriptor)
                    continue
                order, descriptors = self._wire.receive()
                if order is None:
                    return False
                if not isinstance(order, Fork):
                    self._is_retired = True
                elif len(descriptors) < len(order.numbers):
                    # So many were left out by the system.
                    _close(descriptors)
                    self._wire.send(NotMade(os.strerror(errno.EMFILE)))
                elif self._fork(dict(zip(order.numbers, descriptors, strict=True))):
                    return True
        return False

    def _fork(self, descriptors: Mapping[int, int]) -> bool:
        """Make a worker; whether this is it."""
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        # A worker has a handler for it later than its first moment.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        word: Made | NotMade
        try:
            pid = os.fork()
            if not pid:
                self._wire.close()
                _close(self._children)
                arrange(descriptors)
                return True
            word = self._watched(pid)
        except OSError as error:
            word = NotMade(os.strerror(error.errno or 0))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        _close(descriptors.values())
        self._wire.send(word)
        return False

    def _watched(self, pid: int) -> Made:
        try:
            self._children[os.pidfd_open(pid)] = pid
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        return Made(pid)

    def _reap(self, descriptor: int) -> None:
        pid, status = os.waitpid(self._children.pop(descriptor), 0)
        os.close(descriptor)
        self._wire.send(Gone(pid, status))


def reserve() -> None:
    """Take the places of a worker's descriptors."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number in _PLACES:
        if number != nothing:
            os.dup2(nothing, number, inheritable=False)


def arrange(descriptors: Mapping[int, int]) -> None:
    """Give descriptors the numbers that they are to have, for children by exec too; what else was reserved is free."""
    moved = {number: fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, _ABOVE) for number, each in descriptors.items()}
    _close((*descriptors.values(), *_PLACES))
    for number, each in moved.items():
        os.dup2(each, number)
        os.close(each)


def _close(descriptors: Iterable[int]) -> None:
    for each in descriptors:
        os.close(each)


def load_all(order: Load) -> None:
    """Import what a worker needs, and the project.

    :raises ApplicationError: if it cannot be loaded, or not in a process that is going to be forked.
    """
    import twisted.internet.default  # noqa: F401 - the modules of the reactor, and not a reactor

    settings = order.settings
    if settings.https.is_on:
        import duck_tx.secure  # noqa: F401

    with suppress(OSError):
        os.chdir(order.directory)
    project = project_of(settings)
    if project is not None:
        project, commands = found(settings, project, state_directory(settings, project))
        load(
            project,
            commands=[*commands, *settings.gateway.commands_on_startup] if order.runs_commands else (),
            emit=lambda line: _log.info("{line}", line=line),
            use_finders=settings.server.debug,
            calls=calls(settings.gateway),
        )
        close_connections()
    if "twisted.internet.reactor" in sys.modules:
        raise ApplicationError(
            "the project imports twisted.internet.reactor while it is loaded, and a process that has one cannot be "
            "forked: turn server.preload off."
        )


def _threads() -> list[str]:
    """The names of the threads that a fork would not have."""
    return [thread.name for thread in threading.enumerate() if thread is not threading.current_thread()]


class _Watch:
    """While the project is loaded, a thread that ends this process with the main process."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._wake, self._awake = os.pipe()
        self._thread = threading.Thread(target=self._look, name="duck-orphan", daemon=True)

    def _look(self) -> None:
        ready, _, _ = select.select([self._pipe, self._wake], [], [])
        if self._wake not in ready:
            os.kill(os.getpid(), signal.SIGKILL)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *about: object) -> None:
        os.close(self._awake)
        self._thread.join()
        os.close(self._wake)
        os.close(self._pipe)


def _end(status: int) -> NoReturn:
    """The project may have threads that never end, and things to do at an exit that are for a worker to do."""
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(status)


def main() -> None:
    """Load the project, and fork workers until there is nobody to ask for them.  Returns in no process."""
    reserve()
    for number in (*worker.NOT_FOR_WORKERS, signal.SIGUSR1):
        # Not ignored, which programs started from here would inherit.
        signal.signal(number, lambda number, frame: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, worker.NOT_FOR_WORKERS)
    worker.show_crashes()
    worker.log_to_the_main_process()
    sock = socket.socket(fileno=LINK)
    sock.set_inheritable(False)
    wire = Wire[Order](sock, Order)
    order, _ = wire.receive()
    if not isinstance(order, Load):
        _end(1)
    set_title(f"{order.settings.server.process_name}: nursery")
    try:
        with _Watch(worker.standard_input()):
            load_all(order)
    except ApplicationError as error:
        _fail(wire, str(error))
    except Exception as error:
        _log.failure("the project could not be loaded")
        _fail(wire, f"the nursery: {type(error).__name__}: {error}")
    threads = _threads()
    if threads:
        _log.warn(
            "the project has started threads while it was loaded, which no worker will have: {names}",
            names=", ".join(threads),
        )
    gc.collect()
    gc.freeze()
    if _forks(wire):
        worker.serve()
    _end(0)


def _forks(wire: Wire[Order]) -> bool:
    """Whether this is a worker in the end."""
    try:
        wire.send(Loaded())
        return Nursery(wire).run()
    except ConnectionError:
        # The main process is gone.
        return False


def _fail(wire: Wire[Order], lines: str) -> NoReturn:
    with suppress(OSError):
        wire.send(Unfit(lines[:_LINES]))
    _end(1)


if __name__ == "__main__":
    main()
