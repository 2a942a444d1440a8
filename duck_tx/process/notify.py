"""Telling a supervisor how the server fares, as ``sd_notify(3)`` says: one datagram for each piece of news."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger

__all__ = [
    "VARIABLES",
    "WATCHDOG",
    "NotifyService",
    "notify_address",
    "ready",
    "reloading",
    "stopping",
    "watchdog_interval",
]

_log = Logger()
_AGAIN = 0.1
"""Seconds to wait for a supervisor that has too much unread."""

WATCHDOG = b"WATCHDOG=1"

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""By which a supervisor says what it wants to hear."""


def ready(pid: int, status: str) -> bytes:
    """What says that everything is up, after a start or a reload.

    :param pid: the main process, which need not be the one that was started.
    :param status: what a person reads about it.
    """
    return b"READY=1\nMAINPID=%d\n%b" % (pid, _status(status))


def reloading(microseconds: int, status: str) -> bytes:
    """What says that a reload has begun; :func:`ready` says that it is over.

    :param microseconds: the time of CLOCK_MONOTONIC, by which a supervisor tells this reload from an earlier one.
    """
    return b"RELOADING=1\nMONOTONIC_USEC=%d\n%b" % (microseconds, _status(status))


def stopping(status: str) -> bytes:
    """What says that the stop has begun."""
    return b"STOPPING=1\n%b" % _status(status)


def _status(text: str) -> bytes:
    # A line break would begin another assignment.
    return b"STATUS=%b" % " ".join(text.split()).encode(errors="replace")


def notify_address(environ: Mapping[str, str]) -> str | None:
    """Where to send: a path, or an abstract name behind a null character; ``None`` where nobody wants to know.

    Sockets of other kinds (``vsock:``, for virtual machines) are not for a service.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if len(address) < 2 or address[0] not in "/@":
        return None
    return f"\0{address[1:]}" if address[0] == "@" else address


def watchdog_interval(environ: Mapping[str, str], pid: int) -> float | None:
    """Seconds between two signs of life, half of what the supervisor waits for one; ``None`` where it wants none.

    :param pid: this process: the variables may have been meant for another.
    """
    digits = environ.get("WATCHDOG_USEC", "")
    wanted_of = environ.get("WATCHDOG_PID", "")
    if not digits.isdecimal() or int(digits) == 0 or wanted_of not in ("", str(pid)):
        return None
    return int(digits) / 2_000_000


class NotifyService(Service):
    """Says when everything is up, that it still is, and when it stops; the last child of its parent, so that it comes
    last and goes first.

    Without ``NOTIFY_SOCKET`` it does nothing at all.  A sign of life comes from the reactor, so it means that the
    reactor turns.

    :param reactor: for the time.
    :param environ: ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID``, read at the start.
    :param status: what is up, in one line.
    """

    def __init__(self, reactor: Any, environ: Mapping[str, str], *, status: Callable[[], str]) -> None:
        self._reactor = reactor
        self._environ = environ
        self._status = status
        self._address = ""
        self._sender: socket.socket | None = None
        self._interval: float | None = None
        self._unsent: list[bytes] = []
        self._next_try: Any = None
        self._next_sign: Any = None
        self._is_reloading = False

    def startService(self) -> None:
        """Say that everything is up, and give signs of life from now on."""
        super().startService()
        address = notify_address(self._environ)
        if address is None:
            return
        self._address = address
        # Kept, so that a sign of life can be given when there are no descriptors left.
        self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sender.setblocking(False)
        # Asked for here, as ``twistd`` may have gone into the background since this was made.
        self._interval = watchdog_interval(self._environ, os.getpid())
        self.say_ready()
        if self._interval is not None:
            self._give_sign()

    def stopService(self) -> None:
        """Say that the stop has begun.  In a reload it is none: signs of life are given until the process ends."""
        super().stopService()
        if not self._is_reloading:
            self._end()

    def _end(self) -> None:
        if self._next_sign is not None:
            self._next_sign.cancel()
            self._next_sign = None
        self._send(stopping("finishing what is in flight"))
        if self._next_try is not None:
            # The supervisor learns of the end by itself.
            self._next_try.cancel()
            self._next_try = None
        self._unsent.clear()
        if self._sender is not None:
            self._sender.close()
            self._sender = None

    def say_ready(self) -> None:
        """Say that everything is up."""
        self._is_reloading = False
        self._send(ready(os.getpid(), self._status()))

    def say_reloading(self) -> None:
        """Say that a reload has begun; :meth:`say_ready`, here or in the next life, or :meth:`stop_instead` has to
        follow."""
        self._is_reloading = True
        self._send(reloading(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, "reloading"))

    def stop_instead(self) -> None:
        """Have the stop that is under way, or will be, be one after all."""
        was_reloading, self._is_reloading = self._is_reloading, False
        if was_reloading and not self.running:
            self._end()

    def _give_sign(self) -> None:
        assert self._interval is not None
        self._next_sign = self._reactor.callLater(self._interval, self._give_sign)
        self._send(WATCHDOG)

    def _send(self, message: bytes) -> None:
        """Send ``message`` behind those that wait, if anybody wants to know."""
        if self._sender is None:
            return
        if self._unsent[-1:] != [message]:
            self._unsent.append(message)
        if self._next_try is None:
            self._flush(self._sender)

    def _flush(self, sender: socket.socket) -> None:
        self._next_try = None
        while self._unsent:
            try:
                sender.sendto(self._unsent[0], self._address)
            except BlockingIOError:
                self._next_try = self._reactor.callLater(_AGAIN, self._flush, sender)
                return
            except OSError as error:
                # A supervisor that is gone may come back, and is no reason not to serve.
                _log.debug("nobody reads {address}: {error}", address=self._address, error=error)
            del self._unsent[0]
