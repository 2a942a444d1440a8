"""A server that speaks HTTPS, and ways to look at it that know the authority of the tests.

server = serve_https(self)                        # cert.pem and key.pem for localhost, in its directory
answer = server.get("/hello")                     # as of any server
self.curl(server, "--http2", "/hello")            # curl's word, for tests that derive from HttpsCase
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import TestCase

from cryptography import x509

from tests.authority import Leaf, issue, root_file, trusting
from tests.case import UnitTestCase
from tests.integration.example import EXAMPLE
from tests.integration.server import Server, wait_until

__all__ = ["LOCAL", "HttpsCase", "HttpsServer", "read_all", "serve_https"]

LOCAL = issue("localhost", "127.0.0.1")

_REDIRECTED = re.compile(r", redirected from port (\d+)")


class HttpsServer(Server):
    """Serves HTTPS with a certificate for ``localhost``.

    :param leaf: another certificate; ``None`` for none.
    """

    def __init__(
        self,
        *options: str,
        leaf: Leaf | None = LOCAL,
        project: Path | None = EXAMPLE,
        environ: Mapping[str, str | None] | None = None,
        files: Mapping[str, str] | None = None,
        launch: str = "twistd",
    ) -> None:
        own = ["--https"]
        if leaf is not None:
            own += ["--certfile", "cert.pem", "--private-key", "key.pem"]
        super().__init__(*own, *options, project=project, environ=environ, files=files, launch=launch)
        self.context = trusting()
        if leaf is not None:
            leaf.write(self.directory)

    def connect(self, timeout: float = 10.0) -> socket.socket:
        # Its public name need not lead here.
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def client(self, timeout: float = 10.0) -> http.client.HTTPConnection:
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.context)

    def secured(self, name: str = "localhost", context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        """A connection on which hands are shaken."""
        connection = self.connect()
        try:
            return (context or self.context).wrap_socket(connection, server_hostname=name)
        except BaseException:
            connection.close()
            raise

    def shown(self, name: str | None = "localhost") -> x509.Certificate:
        """The certificate that a client is shown who asks for ``name``.

        :raises ssl.SSLError: if it is refused.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with self.connect() as connection, context.wrap_socket(connection, server_hostname=name) as secured:
            der = secured.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der)

    @property
    def redirect_port(self) -> int:
        """Where the redirect site listens."""
        found = _REDIRECTED.search(self.log)
        assert found is not None, self.log
        return int(found[1])

    def plain(self, timeout: float = 10.0) -> http.client.HTTPConnection:
        """A client of the redirect site."""
        return http.client.HTTPConnection("127.0.0.1", self.redirect_port, timeout=timeout)

    @property
    def connections(self) -> int:
        """How many connections to its port are open, or wait for its close, as the system sees it."""
        port = f":{self.port:04X}"
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return sum(line.split()[1].endswith(port) and line.split()[3] in ("01", "08") for line in lines)

    def descriptors(self) -> int:
        """How many file descriptors it has open, when no connection is."""
        wait_until(lambda: not self.connections, 20, "all connections are closed")
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def memory(self) -> int:
        """Its resident memory in bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def serve_https(test: TestCase, *options: str, **how: Any) -> HttpsServer:
    """A server that is ready, and goes with ``test``; the arguments are those of :class:`HttpsServer`."""
    server = HttpsServer(*options, **how)
    test.addCleanup(server.close)
    server.start()
    return server


class HttpsCase(UnitTestCase):
    """A test with curl."""

    def curl(
        self,
        server: HttpsServer,
        *words: str,
        check: bool = True,
        cacert: Path | None = None,
        name: str = "localhost",
    ) -> subprocess.CompletedProcess[str]:
        """What curl does; a path is completed to a URL.

        :param check: fail if it fails.
        :param cacert: whom it trusts.
        :param name: the host of the URL, which leads to the server whatever it is.
        """
        to = f"{name}:{server.port}:127.0.0.1"
        base = f"https://{name}:{server.port}"
        words = tuple(base + word if word.startswith("/") else word for word in words)
        command = ["curl", "-sS", "--max-time", "30", "--cacert", str(cacert or root_file()), "--resolve", to, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if check:
            self.assertEqual((done.returncode, done.stderr), (0, ""), server.log)
        return done

    def raw(self, server: HttpsServer, data: bytes) -> bytes:
        """What the port answers to these bytes, without TLS."""
        with server.connect() as connection:
            connection.sendall(data)
            return read_all(connection)


def read_all(connection: socket.socket, until: Callable[[bytes], bool] = lambda received: False) -> bytes:
    """All that comes until the other side closes, or until the bytes suffice."""
    received = b""
    while not until(received):
        try:
            data = connection.recv(65_536)
        except ConnectionError:
            break
        if not data:
            break
        received += data
    return received
