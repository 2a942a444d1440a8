"""What the monitor and the server below it tell each other: JSON, a line for each message, over a socket pair."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, MutableMapping
from typing import Any

from twisted.internet.protocol import Factory
from twisted.internet.protocol import connectionDone as connection_done
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

__all__ = ["VARIABLE", "Link", "adopt", "link_of", "wait_for_turn"]

VARIABLE = "DUCK_RELOAD_LINK"
"""Says in which descriptor a server finds its monitor."""


def link_of(environ: MutableMapping[str, str]) -> socket.socket | None:
    """The server's end, if this process is below a monitor.

    :param environ: loses the variable, as it is for this process alone.
    """
    number = environ.pop(VARIABLE, "")
    if not number.isdecimal():
        return None
    try:
        sock = socket.socket(fileno=int(number))
    except OSError:
        return None
    os.set_inheritable(sock.fileno(), False)
    return sock


def wait_for_turn(sock: socket.socket) -> bool:
    """Wait until the monitor says that it is this process's turn to serve; false if it never will be.

    Before the reactor runs: nothing else is to be done meanwhile.
    """
    said = b""
    while not said.endswith(b"\n"):
        # Byte by byte: what comes behind this line is not ours to read.
        piece = sock.recv(1)
        if not piece:
            return False
        said += piece
    return True


class Link(LineOnlyReceiver):
    """One end.

    :param heard: called with each message.
    :param lost: called when the other end is gone.
    """

    delimiter = b"\n"
    MAX_LENGTH = 16_777_216

    def __init__(self, heard: Callable[[dict[str, Any]], object], lost: Callable[[], object]) -> None:
        self._heard = heard
        self._lost = lost

    def say(self, **message: object) -> None:
        """Send a message; nothing comes of it where the other end is gone."""
        if self.connected and self.transport is not None:
            self.sendLine(json.dumps(message).encode())

    def let_go(self) -> None:
        """The other end may go from now on: this process ends."""
        self._lost = _nothing

    def lineReceived(self, line: bytes) -> None:
        """A message came."""
        self._heard(json.loads(line))

    def connectionLost(self, reason: Failure = connection_done) -> None:
        """The other end is gone."""
        self._lost()


def _nothing() -> None:
    pass


def adopt(reactor: Any, sock: socket.socket, link: Link) -> None:
    """Have ``link`` speak over ``sock``, which is closed with it."""
    sock.setblocking(False)
    factory = Factory.forProtocol(lambda: link)
    factory.noisy = False
    reactor.adoptStreamConnection(sock.fileno(), sock.family, factory)
    sock.close()
