"""One connection to the control socket."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from duck_tx.errors import ApplicationError
from duck_tx.process.message import (
    ANSWER,
    ARGUMENTS,
    COMMAND,
    LONGEST_QUESTION,
    REFUSED,
    VERB,
    arguments_of,
    as_json,
    gathered,
    spread,
    unknown,
)
from duck_tx.process.unixsocket import peer_of
from duck_tx.promise import settled

__all__ = ["PATIENCE", "Ask", "Conversation", "Verb"]

_log = Logger()

Verb = Callable[[Mapping[str, Any]], object]
"""Gets the arguments of a question, and gives the answer, or a coroutine or a Deferred of it; all is what JSON can say.

An :class:`ApplicationError` is answered as its lines.  What is waited for is cancelled when the client leaves."""

PATIENCE = 10
"""Seconds that a client may take to ask, and to take its answer."""

_LONGEST_REFUSAL = 8192
_QUESTION = {amp.COMMAND, amp.ASK, VERB, ARGUMENTS}


class _Spread(amp.Argument):
    """Bytes of any length, in as many values of the box as it takes."""

    def toBox(self, name: bytes, strings: Any, objects: Any, proto: object) -> None:
        strings.update(spread(name, objects[name.decode("ascii")]))

    def fromBox(self, name: bytes, strings: Any, objects: Any, proto: object) -> None:
        objects[name.decode("ascii")] = gathered(name, strings)


class Ask(amp.Command):
    """A verb, and a JSON object of arguments; answered with JSON, or with the lines of an :class:`ApplicationError`."""

    commandName = COMMAND
    arguments = [(VERB, amp.String()), (ARGUMENTS, amp.String())]  # noqa: RUF012 - declared so by amp.Command
    response = [(ANSWER, _Spread())]  # noqa: RUF012
    errors = {ApplicationError: REFUSED}  # noqa: RUF012


@implementer(amp.IBoxReceiver)
class Conversation(amp.BinaryBoxProtocol, amp.CommandLocator, TimeoutMixin):
    """Questions of one client, each answered before the next.

    A client that says anything else, or says nothing, is dropped with a line in the log: as no box gets further than
    :meth:`ampBoxReceived` unless it is a question, AMP itself has nothing to complain of at length.

    :param clock: for deadlines.
    :param verbs: what can be asked.
    :param name: what the server calls itself.
    :param ended: called with this when the connection is gone.
    """

    def __init__(
        self,
        clock: IReactorTime,
        verbs: Mapping[str, Verb],
        name: str,
        ended: Callable[[Conversation], object],
    ) -> None:
        super().__init__(self)
        self._clock = clock
        self._verbs = verbs
        self._name = name
        self._ended = ended
        self._dispatcher = amp.BoxDispatcher(self)
        self._wire: Any = None
        self._doing: Deferred[Any] | None = None
        self._is_answering = False
        self._unfinished = 0
        self._is_within_box = False
        self._has_asked = False
        self._has_just_asked = False
        self._is_choked = False
        self._is_dropped = False
        self._is_finishing = False

    def callLater(self, period: float, func: Callable[[], object]) -> Any:
        """For the deadlines of the mixin."""
        return self._clock.callLater(period, func)

    # The connection.

    def startReceivingBoxes(self, boxSender: object) -> None:
        """Boxes are about to come."""
        self._dispatcher.startReceivingBoxes(boxSender)

    def connectionMade(self) -> None:
        """Wait for a question, but not for long."""
        self._wire = self.transport
        # A client that does not take its answers is not listened to.
        self._wire.registerProducer(self, True)
        self._mind_the_time()

    def finish(self) -> None:
        """Answer what is being done, and close."""
        self._is_finishing = True
        if not self._is_answering:
            self._close()

    def abort(self) -> None:
        """Close at once."""
        self._wire.abortConnection()

    def _close(self) -> None:
        self._wire.unregisterProducer()
        self._wire.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone, and nobody wants to know any more."""
        self.setTimeout(None)
        super().connectionLost(reason)
        if self._doing is not None:
            self._doing.cancel()
        self._ended(self)

    def stopReceivingBoxes(self, reason: Failure) -> None:
        """No more boxes will come."""
        self._dispatcher.stopReceivingBoxes(reason)

    def unhandledError(self, failure: Failure) -> None:
        """Something is wrong with this module."""
        _log.failure("control: a connection failed", failure=failure)
        self.abort()

    # What comes.

    def dataReceived(self, data: bytes) -> None:
        """Find questions in it."""
        self._has_just_asked = False
        self._unfinished += len(data)
        super().dataReceived(data)
        if self._unfinished > LONGEST_QUESTION:
            self._drop("sent too much")
        self._mind_the_time()

    def proto_init(self, string: bytes) -> str:
        """A box begins."""
        self._is_within_box = True
        return str(super().proto_init(string))

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        """Have a question answered, if this is one and its time has come."""
        self._is_within_box = False
        self._unfinished = 0
        if self._is_dropped:
            return
        if box.keys() != _QUESTION or box[amp.COMMAND] != COMMAND:
            self._drop("sent what is no question")
        elif self._is_answering or self._has_just_asked:
            self._drop("asked again before it had its answer")
        else:
            self._has_asked = self._has_just_asked = True
            self._dispatcher.ampBoxReceived(box)

    def lengthLimitExceeded(self, length: int) -> None:
        """This is not AMP."""
        self._drop("does not speak AMP")

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """Nobody asked for files, and each would stay open."""
        os.close(descriptor)
        self._drop("sent an open file")

    def _drop(self, why: str) -> None:
        if self._is_dropped:
            return
        self._is_dropped = True
        self.setTimeout(None)
        peer = peer_of(self._wire.getHandle())
        _log.warn("control: {who} {why}, dropped", who=f"pid {peer.pid}" if peer is not None else "a client", why=why)
        self.abort()

    # Its time.

    def _mind_the_time(self) -> None:
        """Let the deadline run while it is the client's turn to do something; one that has its answer may stay."""
        if self._is_dropped:
            return
        is_in_the_middle = self._is_within_box or self.recvd
        if self._has_asked and not is_in_the_middle and not self._is_choked:
            self.setTimeout(None)
        elif self.timeOut is None:
            self.setTimeout(PATIENCE)

    def timeoutConnection(self) -> None:
        """The client has had its time."""
        self._drop(f"took longer than {PATIENCE} s")

    def pauseProducing(self) -> None:
        """The client does not take its answer."""
        super().pauseProducing()
        self._is_choked = True
        self._mind_the_time()

    def resumeProducing(self) -> None:
        """It does."""
        self._is_choked = False
        super().resumeProducing()

    # What goes.

    @Ask.responder
    def _ask(self, verb: bytes, arguments: bytes) -> Deferred[dict[str, bytes]]:
        # Set before it begins: it may be what stops the server.
        self._is_answering = True
        self._doing = Deferred.fromCoroutine(self._answer(verb.decode(errors="backslashreplace"), arguments))

        def done(result: Any) -> Any:
            self._is_answering = False
            self._doing = None
            return result

        return self._doing.addBoth(done)

    async def _answer(self, verb: str, arguments: bytes) -> dict[str, bytes]:
        try:
            act = self._verbs.get(verb)
            if act is None:
                known = ", ".join(sorted(self._verbs))
                raise ApplicationError(f"{self._name} {unknown(verb)}; it knows {known}.")
            return {ANSWER.decode(): as_json(await settled(act(arguments_of(arguments))))}
        except ApplicationError as error:
            raise ApplicationError(str(error)[:_LONGEST_REFUSAL]) from error
        except CancelledError:
            raise ApplicationError(f"{self._name} went down before it could answer.") from None
        except Exception:
            _log.failure("control: {verb} failed", verb=verb)
            raise ApplicationError(f"{verb} failed in the server, whose log says more.") from None

    def sendBox(self, box: amp.AmpBox) -> None:
        """Send an answer; the last one ends the conversation."""
        super().sendBox(box)
        if self._is_finishing:
            self._close()
