"""The whole server with a certificate authority: from the first start to a certificate that is renewed under load."""

from __future__ import annotations

import http.client
import re
import ssl
from pathlib import Path
from typing import Any

from tests.integration.https_server import HttpsCase, HttpsServer, serve_https
from tests.integration.pebble import Pebble, free_ports

_SERVING = re.compile(r"acme/live/example\.org/fullchain\.pem: serving the certificate for example\.org,")


class AcmeServerTests(HttpsCase):
    def start(self, challenge: str, *options: str, **authority: Any) -> tuple[HttpsServer, Path]:
        """A server that asks an authority of the test's, and a file with the root of that."""
        port, redirect_port = free_ports(2)
        pebble = Pebble(http_port=redirect_port, tls_port=port, **authority)
        self.addCleanup(pebble.close)
        pebble.start()
        root = Path(self.mktemp()).absolute()
        root.write_text(pebble.root())
        server = serve_https(
            self,
            *("--domain", "example.org", "--acme", "you@example.org", "--port", str(port)),
            *(word.replace("REDIRECT", str(redirect_port)) for word in options),
            leaf=None,
            environ={
                "DUCK_HTTPS__ACME__DIRECTORY": pebble.directory,
                "DUCK_HTTPS__ACME__CA_FILE": str(pebble.ca_file),
                "DUCK_HTTPS__ACME__CHALLENGE": challenge,
                "DUCK_HTTPS__WATCH_INTERVAL": "60",
            },
        )
        return server, root

    def assert_trusted(self, server: HttpsServer, root: Path) -> None:
        done = self.curl(server, "-w", "%{http_version} %{http_code}", "/hello", cacert=root, name="example.org")
        self.assertTrue(done.stdout.endswith("2 200"), done.stdout)

    def test_a_certificate_by_the_tls_port_without_a_restart(self) -> None:
        server, root = self.start("tls-alpn-01")
        server.wait_for(_SERVING)
        self.assert_trusted(server, root)
        self.assertEqual(server.stop(), -15)
        self.assertEqual(server.left_behind(), [])

    def test_a_certificate_by_the_redirect_site(self) -> None:
        server, root = self.start("http-01", "--force-https", "--redirect-port", "REDIRECT")
        server.wait_for(_SERVING)
        self.assert_trusted(server, root)
        self.assertEqual(server.stop(), -15)
        self.assertEqual(server.left_behind(), [])

    def test_a_renewal_disturbs_nobody(self) -> None:
        server, root = self.start("tls-alpn-01", validity=8)
        server.wait_for(_SERVING)
        # Whoever is connected stays so, whatever becomes of the certificate.
        connected = server.secured("example.org", ssl.create_default_context(cafile=root))
        client = http.client.HTTPConnection("example.org")
        client.sock = connected
        self.addCleanup(client.close)
        answered = 0
        while len(_SERVING.findall(server.log)) < 3:
            client.request("GET", "/hello")
            response = client.getresponse()
            self.assertEqual((response.status, response.read() != b""), (200, True))
            answered += 1
            self.assertLess(answered, 100_000, server.log)
        self.assertIs(client.sock, connected)
        self.assertEqual(server.stop(), -15)
