"""The control socket: whoever looks after the server from outside of it asks it here.

It is ``control.sock`` in the state directory, for the user that the server runs as, and root.  What is said there is
:class:`duck_tx.process.conversation.Ask`.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from duck_tx.errors import ApplicationError
from duck_tx.process.conversation import Conversation, Verb
from duck_tx.process.message import SOCKET
from duck_tx.process.meta import make_state_directory
from duck_tx.process.unixsocket import Taken, peer_of, refuse_living, take

__all__ = ["ControlService", "Verb"]

_log = Logger()

_ROOM = 32
"""Connections at the same time."""

_LAST_WORDS = 2.0
"""Seconds, at a stop, for what is being answered."""

_REST = 1.0
"""Seconds until a connection that could not be accepted is tried again."""


class ControlService(Service):
    """Answers questions over the control socket.

    :param reactor: for connections and time.
    :param directory: the state directory.
    :param verbs: what can be asked.
    :param name: what the server calls itself.
    """

    def __init__(self, reactor: Any, directory: Path, verbs: Mapping[str, Verb], *, name: str) -> None:
        self._reactor = reactor
        self._path = directory / SOCKET
        self._factory = _Factory(lambda: Conversation(reactor, verbs, name, self._left), self._came)
        self._conversations: set[Conversation] = set()
        self._taken: Taken | None = None
        self._door: _Door | None = None
        self._empty: Deferred[None] | None = None

    def check(self) -> None:
        """Look whether the state directory is free, without leaving anything behind.

        :raises ApplicationError: naming the server that uses it.
        """
        if self._taken is None:
            refuse_living(self._path)

    def startService(self) -> None:
        """Listen.

        :raises ApplicationError: as :meth:`check`, or if the socket cannot be made.
        """
        super().startService()
        make_state_directory(self._path.parent)
        self._taken = take(self._path)
        self._door = _Door(self._reactor, self._taken.socket, self._admit)

    def renew(self) -> None:
        """Make the socket again, if it has been removed, as with its directory; what belongs to another server stays.

        Nothing is wrong with the site where that fails, so it is only logged.
        """
        before, door = self._taken, self._door
        if before is None or door is None or os.path.lexists(self._path):
            return
        try:
            make_state_directory(self._path.parent)
            self._taken = take(self._path)
        except ApplicationError as error:
            _log.warn("the control socket is gone: {error}", error=error)
            return
        self._door = _Door(self._reactor, self._taken.socket, self._admit)
        door.close()
        before.socket.close()
        _log.info("the control socket was gone, and has been made again: {path}", path=self._path)

    def _admit(self, connected: socket.socket) -> None:
        peer = peer_of(connected)
        if peer is not None and peer.uid not in (os.geteuid(), 0):
            _log.warn("control: uid {uid} (pid {pid}) is not for this server, refused", uid=peer.uid, pid=peer.pid)
        elif len(self._conversations) >= _ROOM:
            _log.warn("control: {room} clients are connected, one more refused", room=_ROOM)
        else:
            connected.setblocking(False)
            # The reactor makes a descriptor of its own for it.
            self._reactor.adoptStreamConnection(connected.fileno(), socket.AF_UNIX, self._factory)

    def _came(self, conversation: Conversation) -> None:
        self._conversations.add(conversation)

    def _left(self, conversation: Conversation) -> None:
        self._conversations.discard(conversation)
        if self._empty is not None and not self._conversations and not self._empty.called:
            self._empty.callback(None)

    def stopService(self) -> Deferred[None]:
        """Take no more questions, answer those in flight, and remove the socket if it is still ours."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        door, self._door = self._door, None
        if door is not None:
            door.close()
        taken, self._taken = self._taken, None
        if taken is not None:
            taken.release()
        for conversation in list(self._conversations):
            conversation.finish()
        if not self._conversations:
            return
        self._empty = Deferred()
        late = self._reactor.callLater(_LAST_WORDS, self._abort)
        try:
            await self._empty
        finally:
            if late.active():
                late.cancel()
            self._abort()

    def _abort(self) -> None:
        for conversation in list(self._conversations):
            conversation.abort()


class _Factory(Factory):
    """Makes the protocol of each connection."""

    noisy = False

    def __init__(self, make: Callable[[], Conversation], came: Callable[[Conversation], object]) -> None:
        self._make = make
        self._came = came

    def buildProtocol(self, addr: object) -> Conversation:
        """One more connection."""
        conversation = self._make()
        self._came(conversation)
        return conversation


@implementer(IReadDescriptor)
class _Door:
    """Accepts connections.

    Twisted's own port for Unix sockets would let everybody in when it takes a socket over, and would remove whatever
    has the name of its file in the end.

    :param listening: the socket; it stays its owner's.
    :param admit: called with each connection, which is closed after that.
    """

    def __init__(self, reactor: Any, listening: socket.socket, admit: Callable[[socket.socket], object]) -> None:
        self._reactor = reactor
        self._listening = listening
        self._admit = admit
        self._later: IDelayedCall | None = None
        self._is_short = False
        listening.setblocking(False)
        reactor.addReader(self)

    def fileno(self) -> int:
        """For the reactor."""
        return self._listening.fileno()

    def logPrefix(self) -> str:
        """For the log."""
        return "control"

    def doRead(self) -> None:
        """Somebody is there."""
        try:
            with self._listening.accept()[0] as connected:
                self._admit(connected)
            self._is_short = False
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            # This process has no descriptor left. Who is there stays there, and would keep the reactor awake.
            if not self._is_short:
                _log.warn("control: nobody can connect: {error}", error=error.strerror)
            self._is_short = True
            self._reactor.removeReader(self)
            self._later = self._reactor.callLater(_REST, self._reactor.addReader, self)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor goes down without having been told."""
        self.close()

    def close(self) -> None:
        """Accept no more."""
        self._reactor.removeReader(self)
        if self._later is not None and self._later.active():
            self._later.cancel()
