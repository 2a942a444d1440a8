"""TLS to servers: the files that it needs."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

from duck_tx.errors import SSLError
from duck_tx.proxy.tls import ClientTLS
from tests.authority import issue, root_file
from tests.case import UnitTestCase


class ClientTLSTests(UnitTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.certificate, self.key = issue("client.example").write(self.folder)

    def file(self, text: str) -> Path:
        path = self.folder / "file.pem"
        path.write_text(text)
        return path

    def assert_refused(self, named: Path, *parts: str, **options: Path) -> None:
        error = self.assertRaises(SSLError, ClientTLS, **options)
        for part in (str(named), *parts):
            self.assertIn(part, str(error))

    def test_each_host_has_its_own_connections(self) -> None:
        both = self.file(self.certificate.read_text() + self.key.read_text())
        for tls in (
            ClientTLS(),
            ClientTLS(root_file()),
            ClientTLS(root_file(), self.certificate, self.key),
            ClientTLS(certificate=both),
        ):
            for host in ("app.example", "127.0.0.1", "::1"):
                self.assertTrue(IOpenSSLClientConnectionCreator.providedBy(tls.creator(host)))

    def test_a_name_that_no_certificate_can_have_is_refused(self) -> None:
        error = self.assertRaises(ValueError, ClientTLS().creator, "my_service")
        self.assertIn("'my_service'", str(error))

    def test_a_file_that_cannot_be_used_is_named(self) -> None:
        missing = self.folder / "missing.pem"
        self.assert_refused(missing, "No such file", ca=missing)
        self.assert_refused(self.key, "no certificate in it", ca=self.key)
        broken = self.file("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        self.assert_refused(broken, "cannot be read", ca=broken)
        self.assert_refused(self.certificate, "no private key in it", certificate=self.certificate)
        self.assert_refused(missing, "No such file", certificate=self.certificate, key=missing)

    def test_a_key_of_another_certificate_is_refused(self) -> None:
        _, other = issue("other.example").write(self.folder / "other")
        self.assert_refused(other, "does not belong to", str(self.certificate), certificate=self.certificate, key=other)
