"""HTTPS where workers serve: the main process has certificates made, issued and watched, and all workers show them."""

from __future__ import annotations

import re
from pathlib import Path

from cryptography import x509

from tests.authority import issue
from tests.integration.https_server import LOCAL, HttpsCase, HttpsServer, serve_https
from tests.integration.pebble import Pebble, free_port, free_ports
from tests.integration.server import wait_until

_PROCESSES = ("--processes", "--workers", "2")
_READY = re.compile(r"worker \d+ is ready")


class WorkersHttpsTests(HttpsCase):
    def end(self, server: HttpsServer) -> None:
        self.assertEqual(server.stop(), -15, server.log)
        self.assertEqual(server.left_behind(), [], server.log)
        self.assertNotIn("Traceback", server.log)

    def all_show(self, server: HttpsServer, certificate: x509.Certificate) -> bool:
        """Whether a number of handshakes, one after the other, show this certificate."""
        return all(server.shown() == certificate for _ in range(12))

    def test_all_show_the_certificate_of_the_files_and_a_new_one_when_it_is_there(self) -> None:
        server = serve_https(self, *_PROCESSES, environ={"DUCK_HTTPS__WATCH_INTERVAL": "0.05"})
        self.assertEqual(len(_READY.findall(server.log)), 2)
        for option in ("--http1.1", "--http2"):
            self.assertEqual(self.curl(server, option, "/hello").stdout, "Hello, world!")
        self.assertTrue(self.all_show(server, LOCAL.credential().chain[0]))
        renewed = issue("localhost", "127.0.0.1")
        renewed.write(server.directory)
        wait_until(lambda: self.all_show(server, renewed.credential().chain[0]), 30)
        self.end(server)

    def test_one_certificate_for_development_is_made_for_all_and_the_redirect_site_leads_there(self) -> None:
        server = serve_https(
            self, *_PROCESSES, "--force-https", "--redirect-port", str(free_port()), leaf=None,
            environ={"DUCK_SERVER__DEBUG": "1", "DUCK_RELOAD__ENABLED": "0"},
        )  # fmt: skip
        self.assertEqual(len(_READY.findall(server.log)), 2)
        self.assertTrue(self.all_show(server, server.shown()))
        self.assertEqual(len(server.lines("a development certificate was made")), 1)
        self.assertEqual(len(server.lines("HTTPS with a development certificate")), 1)
        for _ in range(4):
            client = server.plain()
            client.request("GET", "/hello")
            response = client.getresponse()
            self.assertEqual(response.headers["Location"], f"https://localhost:{server.port}/hello")
            client.close()
        self.end(server)

    def test_without_a_certificate_the_start_fails(self) -> None:
        server = HttpsServer(*_PROCESSES, leaf=None, environ={"DUCK_SERVER__DEBUG": "0"})
        self.addCleanup(server.close)
        self.assertEqual(server.begin().exit(), 1, server.log)
        self.assertEqual(len(server.lines("duck: there is no certificate for HTTPS.")), 1)
        self.assertEqual(server.left_behind(), [])

    def is_issued(self, server: HttpsServer) -> bool:
        """Whether one handshake shows what is no stand-in, which has signed itself."""
        shown = server.shown("example.org")
        return shown.issuer != shown.subject

    def issued(self, challenge: str, *options: str) -> None:
        """Start, with an authority that looks at the ports, until all show its certificate."""
        port, redirect_port = free_ports(2)
        pebble = Pebble(http_port=redirect_port, tls_port=port)
        self.addCleanup(pebble.close)
        pebble.start()
        root = Path(self.mktemp()).absolute()
        root.write_text(pebble.root())
        server = serve_https(
            self, *_PROCESSES, "--domain", "example.org", "--acme", "you@example.org", "--port", str(port),
            *(word.replace("REDIRECT", str(redirect_port)) for word in options), leaf=None,
            environ={
                "DUCK_HTTPS__ACME__DIRECTORY": pebble.directory,
                "DUCK_HTTPS__ACME__CA_FILE": str(pebble.ca_file),
                "DUCK_HTTPS__ACME__CHALLENGE": challenge,
                "DUCK_HTTPS__WATCH_INTERVAL": "60",
            },
        )  # fmt: skip
        server.wait_for("serving the certificate for example.org,")
        wait_until(lambda: all(self.is_issued(server) for _ in range(12)), 30)
        self.assertEqual(self.curl(server, "/hello", cacert=root, name="example.org").stdout, "Hello, world!")
        self.end(server)

    def test_any_of_them_answers_an_authority_that_asks_the_tls_port(self) -> None:
        self.issued("tls-alpn-01")

    def test_any_of_them_answers_an_authority_that_asks_the_redirect_site(self) -> None:
        self.issued("http-01", "--force-https", "--redirect-port", "REDIRECT")
