"""What comes to a TLS port that does not mean well, or does not know where it is: nothing of it may stay."""

from __future__ import annotations

import random
import resource
import socket
import ssl
import struct
from collections import Counter

from tests.authority import trusting
from tests.integration.https_server import HttpsCase, HttpsServer, read_all, serve_https
from tests.integration.server import wait_until

_MANY = 1_000
_ROUNDS = 3
_GROWTH = 4 * 1024 * 1024
"""Bytes of resident memory that :data:`_ROUNDS` times :data:`_MANY` strangers may leave."""

_IDLE = 500
_EACH = 40_000
"""Bytes that an idle connection may cost."""

_SEED = 4712
_FRUGAL = {
    "DUCK_HTTPS__HANDSHAKE_TIMEOUT": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}


class _Stranger:
    """One client of a kind that is up to no good."""

    def __init__(self, server: HttpsServer, context: ssl.SSLContext) -> None:
        self.socket = server.connect()
        self._inbound, self._outbound = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._inbound, self._outbound, server_hostname="localhost")

    def _flight(self) -> bytes:
        """The next flight of a handshake, not sent."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                if data := self._outbound.read():
                    return data
                self._inbound.write(self.socket.recv(65_536))
            else:
                return self._outbound.read()

    def silent(self, chance: random.Random) -> None:
        """Says nothing."""

    def half_a_hello(self, chance: random.Random) -> None:
        """Stops somewhere in its first message."""
        hello = self._flight()
        self.socket.sendall(hello[: chance.randrange(1, len(hello))])

    def a_hello(self, chance: random.Random) -> None:
        """Does not go on when the server has answered."""
        self.socket.sendall(self._flight())

    def half_a_handshake(self, chance: random.Random) -> None:
        """Stops somewhere in its second message."""
        self.socket.sendall(self._flight())
        last = self._flight()
        self.socket.sendall(last[: chance.randrange(1, len(last))])

    def rubbish(self, chance: random.Random) -> None:
        """Sends bytes that mean nothing."""
        self.socket.sendall(chance.randbytes(chance.randrange(1, 3000)))

    def rubbish_in_a_record(self, chance: random.Random) -> None:
        """Sends something that begins as a handshake does."""
        content = chance.randbytes(chance.randrange(1, 600))
        self.socket.sendall(b"\x16\x03\x01%b%b" % (len(content).to_bytes(2, "big"), content))

    def damaged(self, chance: random.Random) -> None:
        """Sends a hello in which some bytes are wrong."""
        hello = bytearray(self._flight())
        for _ in range(8):
            hello[chance.randrange(5, len(hello))] = chance.randrange(256)
        self.socket.sendall(hello)

    def plain(self, chance: random.Random) -> None:
        """Speaks plain HTTP."""
        self.socket.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def leave(self, chance: random.Random) -> None:
        """Leave, politely or not."""
        if chance.random() < 0.5:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


_KINDS = (
    _Stranger.silent,
    _Stranger.half_a_hello,
    _Stranger.a_hello,
    _Stranger.half_a_handshake,
    _Stranger.rubbish,
    _Stranger.rubbish_in_a_record,
    _Stranger.damaged,
    _Stranger.plain,
)


class _Case(HttpsCase):
    def setUp(self) -> None:
        # The server of the test inherits it.
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, limits[1]), limits[1]))
        self.chance = random.Random(_SEED)
        self.context = trusting()


class StrangerTests(_Case):
    def come(self, server: HttpsServer, count: int, *, stay: bool) -> Counter[str]:
        """Let strangers come, all of whom stay until the server cuts them, or leave at once."""
        seen: Counter[str] = Counter()
        strangers = []
        for _ in range(count):
            kind = self.chance.choice(_KINDS)
            seen[kind.__name__] += 1
            stranger = _Stranger(server, self.context)
            strangers.append(stranger)
            try:
                kind(stranger, self.chance)
            except ConnectionError:
                # It was cut while it was still sending.
                continue
            if not stay:
                stranger.leave(self.chance)
        wait_until(lambda: not server.connections, 30, "the server has cut everybody")
        for stranger in strangers:
            stranger.socket.close()
        return seen

    def test_a_thousand_strangers_leave_nothing_behind(self) -> None:
        server = serve_https(self, "--no-access-log", "--threads", "2", environ=_FRUGAL)
        self.curl(server, "/hello")
        # The first ones fill what is kept for the next.
        self.come(server, _MANY, stay=True)
        descriptors, log = server.descriptors(), server.log
        memory = []
        for round_ in range(_ROUNDS):
            seen = self.come(server, _MANY, stay=round_ % 2 == 0)
            self.assertEqual(len(seen), len(_KINDS))
            memory.append(server.memory())
        self.assertLess(memory[-1] - memory[0], _GROWTH, memory)
        self.assertEqual(server.descriptors(), descriptors)
        self.assertEqual(server.log, log)
        self.assertEqual(self.curl(server, "/hello").stdout, "Hello, world!")
        self.assertEqual(server.stop(), -15)
        self.assertEqual(server.left_behind(), [])

    def test_visitors_are_served_meanwhile(self) -> None:
        server = serve_https(self, "--no-access-log", "--threads", "2", environ=_FRUGAL)
        strangers = []
        for _ in range(300):
            # One after the other: who waits too long for its turn is cut.
            strangers.append(_Stranger(server, self.context))
            strangers[-1].half_a_handshake(self.chance)
        for option in ("--http1.1", "--http2"):
            self.assertEqual(self.curl(server, option, "/hello").stdout, "Hello, world!")
        for stranger in strangers:
            stranger.leave(self.chance)
        wait_until(lambda: not server.connections, 30, "the server has cut everybody")


class IdleTests(_Case):
    def test_an_idle_connection_costs_little(self) -> None:
        server = serve_https(self, "--no-access-log", "--threads", "2", environ=_FRUGAL)
        for connection in self.asked(server, 100):
            connection.close()
        wait_until(lambda: not server.connections, 30, "the server has noticed")
        before = server.memory()
        connections = self.asked(server, _IDLE)
        self.assertLess((server.memory() - before) / _IDLE, _EACH)
        for connection in connections:
            connection.close()

    def asked(self, server: HttpsServer, count: int) -> list[ssl.SSLSocket]:
        """Connections on which something was asked, and which wait for more to ask."""
        made = []
        for _ in range(count):
            connection = server.secured(context=self.context)
            self.addCleanup(connection.close)
            connection.sendall(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n")
            read_all(connection, lambda received: received.endswith(b"Hello, world!"))
            made.append(connection)
        return made
