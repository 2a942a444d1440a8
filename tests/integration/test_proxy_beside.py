"""The same exchanges through this proxy, nginx and haproxy.

Where one of the others does something else, the reason why we do not is in :mod:`tests.integration.beside`.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from duck_tx.proxy.limits import UpstreamLimits
from tests.integration.beside import REQUESTED, REQUESTS, RESPONSES, Reasons
from tests.integration.peers import start_haproxy, start_nginx
from tests.integration.test_proxy import ROWS, ProxyTestCase, get

_AT_ONCE = 12
_PAUSE = 0.03
_MANY = 10
"""Steps that would take too long with such a pause."""

_BEGIN_WITHIN = 20.0


class Answer(Protocol):
    """Keeps what comes until the connection ends.

    :ivar begun: fires when a head is there, or the connection ends.
    """

    def __init__(self) -> None:
        self.received = b""
        self.begun: Deferred[None] = Deferred()
        self.closed: Deferred[tuple[bytes, bool]] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if b"\r\n\r\n" in self.received and not self.begun.called:
            self.begun.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.begun.called:
            self.begun.callback(None)
        self.closed.callback((self.received, isinstance(reason.value, ConnectionDone)))


class BesideCase(ProxyTestCase):
    """Three proxies before one server."""

    timeout = 120

    async def others(self) -> dict[str, IStreamClientEndpoint]:
        """Where each proxy is."""
        directory = Path(mkdtemp(prefix="duck-beside-"))
        self.addCleanup(rmtree, directory, ignore_errors=True)
        found: dict[str, IStreamClientEndpoint] = {
            "duck_tx": TCP4ClientEndpoint(self.reactor, "127.0.0.1", self.port.getHost().port)
        }
        for name, start in (("nginx", start_nginx), ("haproxy", start_haproxy)):
            path = directory / f"{name}.sock"
            process = start(directory, path, self.far.port)
            self.addCleanup(_end, process)
            found[name] = UNIXClientEndpoint(self.reactor, str(path))
            await self.ready(name, process, found[name])
        return found

    async def ready(self, name: str, process: subprocess.Popen[bytes], endpoint: IStreamClientEndpoint) -> None:
        until = self.reactor.seconds() + _BEGIN_WITHIN
        while True:
            try:
                made: Any = await connectProtocol(endpoint, Answer())
            except Exception:
                if process.poll() is not None or self.reactor.seconds() > until:
                    raise AssertionError(f"{name} does not listen (status {process.poll()})") from None
                await deferLater(self.reactor, 0.02)
            else:
                made.transport.abortConnection()
                await made.closed
                return

    def compare(self, name: str, got: dict[str, str], reasons: Reasons) -> None:
        """Look whether others did the same, or there is a reason."""
        ours = got.pop("duck_tx")
        known = reasons.get(name, ((), ""))[0]
        different = {who: what for who, what in got.items() if what != ours and who not in known}
        self.assertEqual(different, {}, f"{name}: here it is {ours!r}")

    async def exchange(self, endpoint: IStreamClientEndpoint, sent: bytes) -> tuple[bytes, bool]:
        """What comes until the connection ends, and whether it ended properly."""
        client = await connectProtocol(endpoint, Answer())
        client.transport.write(sent)
        return await client.closed


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def outcome(came: bytes, ended: bool) -> str:
    """A response in short: status, content, and whether it was cut."""
    while re.match(rb"HTTP/1\.1 10[023] ", came):
        came = came.partition(b"\r\n\r\n")[2]
    if not came:
        return "nothing"
    head, _, rest = came.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1."):
        return "no HTTP"
    code = int(head[9:12])
    if code >= 400:
        return str(code)
    content, whole = _content(head, rest, ended)
    return f"{code} {content.decode()}{'' if whole else ' cut'}".strip()


def _content(head: bytes, rest: bytes, ended: bool) -> tuple[bytes, bool]:
    length = re.search(rb"\r\ncontent-length: ([0-9]+)", head, re.IGNORECASE)
    if length is not None:
        return rest[: int(length[1])], len(rest) >= int(length[1]) or not rest
    if re.search(rb"\r\ntransfer-encoding: chunked", head, re.IGNORECASE) is None:
        return rest, ended
    content = b""
    while rest:
        line, _, rest = rest.partition(b"\r\n")
        if not re.fullmatch(rb"[0-9A-Fa-f]+", line):
            return content, False
        size = int(line, 16)
        if not size:
            return content, (b"\r\n" + rest).endswith(b"\r\n\r\n")
        content, rest = content + rest[:size], rest[size + 2 :]
    return content, False


COMPARED = [row for row in ROWS if len(row.steps) < _MANY]


class ResponseTests(BesideCase):
    limits = UpstreamLimits(first_byte_timeout=2, idle_timeout=2, max_head=8192, max_fields=50, max_interim=4)

    async def test_responses_are_handed_on_as_by_others(self) -> None:
        proxies = await self.others()
        self.far.pause = _PAUSE
        self.far.scripts = {b"/%d" % number: row.steps for number, row in enumerate(COMPARED)}
        names = list(proxies)
        got = await gatherResults([Deferred.fromCoroutine(self.outcomes(proxies[name])) for name in names])
        for number, row in enumerate(COMPARED):
            self.compare(row.name, {name: got[at][number] for at, name in enumerate(names)}, RESPONSES)

    async def outcomes(self, endpoint: IStreamClientEndpoint) -> list[str]:
        """What comes of each row, some of them at a time."""
        found: list[str] = []
        for first in range(0, len(COMPARED), _AT_ONCE):
            asked = [
                Deferred.fromCoroutine(
                    self.exchange(endpoint, get(b"/%d" % number, b"Connection: close", method=row.asked or b"GET"))
                )
                for number, row in list(enumerate(COMPARED))[first : first + _AT_ONCE]
            ]
            found += [outcome(came, ended) for came, ended in await gatherResults(asked)]
        return found


_OUR_OWN = re.compile(
    rb"(?:x-forwarded-[a-z]+|x-real-ip|x-request-id|forwarded|via|connection|transfer-encoding|content-length): ", re.I
)


class RequestTests(BesideCase):
    async def test_requests_are_forwarded_as_by_others(self) -> None:
        proxies = await self.others()
        for row in REQUESTS:
            got = {name: await self.forwarded(endpoint, row.sent) for name, endpoint in proxies.items()}
            self.compare(row.name, got, REQUESTED)

    async def forwarded(self, endpoint: IStreamClientEndpoint, sent: bytes) -> str:
        """What the server gets of a request, or how the proxy refuses it."""
        self.far.connections.clear()
        self.far.answer = lambda connection, head: (
            connection.play(b"HTTP/1.1 100 Continue\r\n\r\n") if b"100-continue" in head else None
        )
        client: Any = await connectProtocol(endpoint, Answer())
        client.transport.write(sent)
        whole = self.far.until(lambda: [each for each in self.far.connections if is_whole(each.received)])
        refused = self.refusal(client)
        await DeferredList([whole, refused], fireOnOneCallback=True)
        client.transport.abortConnection()
        await client.closed
        return told(self.far.connections[0].received) if whole.called else outcome(client.received, True)

    def refusal(self, client: Answer) -> Deferred[None]:
        """Fires when the proxy has refused: an interim response is none."""

        def again(_: None) -> Deferred[None] | None:
            if not client.received.startswith(b"HTTP/1.1 100 "):
                return None
            client.received = client.received.partition(b"\r\n\r\n")[2]
            client.begun = Deferred()
            return client.begun

        return client.begun.addCallback(again)


def is_whole(received: bytes) -> bool:
    """Whether a server has got a whole request."""
    head, end, body = received.partition(b"\r\n\r\n")
    if re.search(rb"\r\ntransfer-encoding: chunked", head, re.IGNORECASE):
        return re.search(rb"(?:^|\r\n)0\r\n(?:.*\r\n)?\r\n$", body, re.DOTALL) is not None
    length = re.search(rb"\r\ncontent-length: ([0-9]+)", head, re.IGNORECASE)
    return bool(end) and len(body) >= (int(length[1]) if length else 0)


def told(received: bytes) -> str:
    """What a server got, without what proxies say of themselves, and however a body is framed."""
    head, _, body = received.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    if re.search(rb"\r\ntransfer-encoding: chunked", head, re.IGNORECASE):
        pieces = re.split(rb"(?:^|\r\n)[0-9a-f]+\r\n", body)
        body = b"".join(pieces[:-1]) + b" " + pieces[-1].strip().lower()
    kept = [re.sub(rb"^[^:]+", lambda name: name[0].lower(), field) for field in fields if not _OUR_OWN.match(field)]
    return " | ".join(part.decode("latin-1").strip() for part in [line, *sorted(kept), body] if part.strip())
