"""The link between the main process and one worker: what either tells the other, in AMP over a pair of sockets.

Nothing is trusted less for coming over it: both ends are this program.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.protocol import Factory, connectionDone
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from duck_tx.errors import ApplicationError
from duck_tx.process.message import arguments_of, as_json, gathered, spread
from duck_tx.promise import settled
from duck_tx.settings import Settings

__all__ = [
    "Announce",
    "Answer",
    "Ask",
    "Beat",
    "Begin",
    "Drain",
    "Idle",
    "Leaving",
    "MainEnd",
    "Ready",
    "Reload",
    "ReopenLogs",
    "Role",
    "Settle",
    "WorkerEnd",
    "connect",
]

_log = Logger()

_REFUSED = b"REFUSED"

_LONGEST_REFUSAL = 8192
"""Characters; a value of AMP has 65,535 bytes at most."""

_FOR_PROGRAMS = 7.0
"""Seconds, two more than :mod:`duck_tx.automations.process` lets pass before it kills what it has told to end."""


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is to do.

    :ivar kind: one of several that serve, or the only one that runs automations.
    :ivar number: its own, from 1.
    :ivar sockets: descriptors of the listening sockets, by who has them.
    :ivar directory: where the main process read its settings: relative paths in them are seen from there.
    :ivar board: the descriptor of the board (:mod:`duck_tx.http.turns`).
    :ivar cell: its own there.
    :ivar runs_commands: the startup commands are for this one.
    :ivar beat: seconds between two signs of life.
    :ivar microapps: those that it serves too, as :func:`duck_tx.process.program.packed` has them.
    """

    number: int
    settings: Settings
    sockets: Mapping[str, int]
    directory: str
    board: int
    cell: int
    runs_commands: bool
    beat: float
    kind: Literal["worker", "automations"] = "worker"
    microapps: bytes = b""

    @property
    def label(self) -> str:
        """Who it is, in a word or two."""
        return self.kind if self.kind != "worker" else f"worker {self.number}"

    @property
    def name(self) -> str:
        """Who it is, in a sentence."""
        return self.label if self.kind == "worker" else f"the {self.label} process"

    @property
    def grace(self) -> float:
        """Seconds to finish what is in flight, and for programs among that to end when they are told to."""
        grace = self.settings.server.grace
        return grace if self.kind == "worker" else grace + _FOR_PROGRAMS


class _Long(amp.Argument):
    """Bytes of any length."""

    def toBox(self, name: bytes, strings: Any, objects: Any, proto: object) -> None:
        strings.update(spread(name, objects[name.decode("ascii")]))

    def fromBox(self, name: bytes, strings: Any, objects: Any, proto: object) -> None:
        objects[name.decode("ascii")] = gathered(name, strings)


# What the main process says.


class Begin(amp.Command):
    """Serve."""

    arguments = [(b"role", _Long())]  # noqa: RUF012 - declared so by amp.Command


class Announce(amp.Command):
    """Have answers say that their connections close."""

    requiresAnswer = False


class Drain(amp.Command):
    """Accept no more, finish what is in flight, and end; answered when nothing more is accepted."""

    arguments = [(b"shared", amp.ListOf(amp.Unicode()))]  # noqa: RUF012


class ReopenLogs(amp.Command):
    """Go on in new files."""

    requiresAnswer = False


class Reload(amp.Command):
    """Read the certificates anew."""

    requiresAnswer = False


class Answer(amp.Command):
    """Answer a challenge, or no longer if the value is empty."""

    arguments = [(b"kind", amp.Unicode()), (b"key", amp.String()), (b"value", _Long())]  # noqa: RUF012
    requiresAnswer = False


class Ask(amp.Command):
    """A question, with a JSON object of arguments; answered with JSON, or with the lines of an error."""

    arguments = [(b"verb", amp.Unicode()), (b"given", _Long())]  # noqa: RUF012
    response = [(b"answer", _Long())]  # noqa: RUF012
    errors = {ApplicationError: _REFUSED}  # noqa: RUF012


class Settle(amp.Command):
    """Nothing, but answered after all that was said before it."""


# What a worker says.


class Loaded(amp.Command):
    """The project is loaded; answered when there are certificates."""

    arguments = [(b"development", amp.Boolean())]  # noqa: RUF012
    errors = {ApplicationError: _REFUSED}  # noqa: RUF012


class Ready(amp.Command):
    """It serves."""

    requiresAnswer = False


class Failed(amp.Command):
    """It cannot serve, and ends; the lines say why."""

    arguments = [(b"lines", _Long())]  # noqa: RUF012


class Idle(amp.Command):
    """There is nothing for it to do: it waits to be told to end."""

    requiresAnswer = False


class Leaving(amp.Command):
    """Somebody has asked it to end."""

    requiresAnswer = False


class Beat(amp.Command):
    """It lives: how many requests it has answered, its open connections, its resident memory in bytes."""

    arguments = [  # noqa: RUF012
        (b"requests", amp.Integer()),
        (b"connections", amp.Integer()),
        (b"memory", amp.Integer()),
    ]
    requiresAnswer = False


class Told(Protocol):
    """Who hears what a worker says."""

    def loaded(self, is_development: bool) -> Deferred[None] | None: ...
    def became_ready(self) -> None: ...
    def failed(self, lines: str) -> None: ...
    def idle(self) -> None: ...
    def leaving(self) -> None: ...
    def beat(self, requests: int, connections: int, memory: int) -> None: ...


class Serves(Protocol):
    """Who does what the main process says."""

    def begin(self, role: Role) -> None: ...
    def announce_stop(self) -> None: ...
    def drain(self, shared: list[str]) -> None: ...
    def reopen_logs(self) -> None: ...
    def reload(self) -> None: ...
    def answer(self, kind: str, key: bytes, value: bytes) -> None: ...
    def ask(self, verb: str, given: Mapping[str, Any]) -> object: ...
    def link_lost(self) -> None: ...


class _End(amp.AMP):
    """What both ends have in common: of how it comes and goes nothing is logged."""

    def makeConnection(self, transport: Any) -> None:
        amp.BinaryBoxProtocol.makeConnection(self, transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        amp.BinaryBoxProtocol.connectionLost(self, reason)
        self.transport = None

    def hang_up(self) -> None:
        """Say and hear no more."""
        if self.transport is not None:
            self.transport.loseConnection()

    def say(self, command: type[amp.Command], **arguments: Any) -> Deferred[Any]:
        """Say something; fires when it was answered, or nobody is there to answer, or no answer is due."""
        answered: Deferred[Any] | None = self.callRemote(command, **arguments)
        return succeed(None) if answered is None else answered.addErrback(lambda failure: None)


class MainEnd(_End):
    """The end of the main process."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self._told = told

    def begin(self, role: Role) -> None:
        """Tell the worker what to do."""
        self.say(Begin, role=msgspec.json.encode(role))

    @Loaded.responder
    def _loaded(self, development: bool) -> Deferred[dict[str, object]]:
        return maybeDeferred(self._told.loaded, development).addCallback(lambda _: {})

    @Ready.responder
    def _ready(self) -> dict[str, object]:
        self._told.became_ready()
        return {}

    @Failed.responder
    def _failed(self, lines: bytes) -> dict[str, object]:
        self._told.failed(lines.decode(errors="backslashreplace"))
        return {}

    async def ask(self, verb: str, given: Mapping[str, Any]) -> Any:
        """Ask it something; that may take long.

        :raises ApplicationError: if it refuses.
        :raises ConnectionClosed: if it ends before it has answered.
        """
        answered = await self.callRemote(Ask, verb=verb, given=as_json(given))
        return msgspec.json.decode(answered["answer"])

    @Idle.responder
    def _idle(self) -> dict[str, object]:
        self._told.idle()
        return {}

    @Leaving.responder
    def _leaving(self) -> dict[str, object]:
        self._told.leaving()
        return {}

    @Beat.responder
    def _beat(self, requests: int, connections: int, memory: int) -> dict[str, object]:
        self._told.beat(requests, connections, memory)
        return {}


class WorkerEnd(_End):
    """The end of a worker."""

    def __init__(self, serves: Serves) -> None:
        super().__init__()
        self._serves = serves

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The main process is gone."""
        super().connectionLost(reason)
        self._serves.link_lost()

    async def loaded(self, is_development: bool) -> None:
        """Say that the project is loaded, and wait for certificates.

        :raises ApplicationError: if there can be none.
        """
        await self.callRemote(Loaded, development=is_development)

    def failed(self, lines: str) -> Deferred[Any]:
        """Say why it cannot serve; fires when that was heard, or nobody is there to hear it."""
        return self.say(Failed, lines=lines.encode(errors="backslashreplace"))

    @Begin.responder
    def _begin(self, role: bytes) -> dict[str, object]:
        self._serves.begin(msgspec.json.decode(role, type=Role))
        return {}

    @Announce.responder
    def _announce(self) -> dict[str, object]:
        self._serves.announce_stop()
        return {}

    @Drain.responder
    def _drain(self, shared: list[str]) -> dict[str, object]:
        self._serves.drain(shared)
        return {}

    @ReopenLogs.responder
    def _reopen_logs(self) -> dict[str, object]:
        self._serves.reopen_logs()
        return {}

    @Reload.responder
    def _reload(self) -> dict[str, object]:
        self._serves.reload()
        return {}

    @Answer.responder
    def _answer(self, kind: str, key: bytes, value: bytes) -> dict[str, object]:
        self._serves.answer(kind, key, value)
        return {}

    @Ask.responder
    def _ask(self, verb: str, given: bytes) -> Deferred[dict[str, object]]:
        return Deferred.fromCoroutine(self._answered(verb, given))

    async def _answered(self, verb: str, given: bytes) -> dict[str, object]:
        # With an error of another kind, AMP would end the connection.
        try:
            return {"answer": as_json(await settled(self._serves.ask(verb, arguments_of(given))))}
        except ApplicationError as error:
            raise ApplicationError(str(error)[:_LONGEST_REFUSAL]) from error
        except CancelledError:
            raise ApplicationError("the process went down before it could answer.") from None
        except Exception:
            _log.failure("{verb} failed", verb=verb)
            raise ApplicationError(f"{verb} failed, and the log says more.") from None

    @Settle.responder
    def _settle(self) -> dict[str, object]:
        return {}


def connect(reactor: Any, sock: socket.socket, end: amp.AMP) -> None:
    """Have ``end`` speak over a connected socket, which is closed here: the reactor makes a descriptor of its own."""
    sock.setblocking(False)
    factory = Factory.forProtocol(lambda: end)
    factory.noisy = False
    with sock:
        reactor.adoptStreamConnection(sock.fileno(), socket.AF_UNIX, factory)
