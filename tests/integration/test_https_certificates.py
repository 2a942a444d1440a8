"""Which certificate is shown: by name, after a change on disk, in development; and starts without a good one."""

from __future__ import annotations

import signal
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from tests.authority import Leaf, issue
from tests.integration.https_server import LOCAL, HttpsCase, HttpsServer, serve_https
from tests.integration.restart_case import next_life
from tests.integration.server import wait_until

_DUCK = issue("duck.example", "www.duck.example")
_POND = issue("*.pond.example")
_LAKE = issue("lake.example")
_SOON = {"DUCK_HTTPS__WATCH_INTERVAL": "0.05"}
_NEVER = {"DUCK_HTTPS__WATCH_INTERVAL": "3600"}

_TOML = """\
[https]
folder = "live"

[[https.certificates]]
certfile = "duck.pem"
private_key = "duck.key"

[[https.certificates]]
certfile = "lake.pem"
"""


def _of(leaf: Leaf) -> x509.Certificate:
    return leaf.credential().chain[0]


class _Case(HttpsCase):
    def server(self, prepare: Callable[[HttpsServer], object], *options: str, **how: object) -> HttpsServer:
        """A server that is ready; its files are completed before it starts."""
        server = HttpsServer(*options, **how)  # type: ignore[arg-type]
        self.addCleanup(server.close)
        prepare(server)
        server.start()
        return server


class NameTests(_Case):
    """``[[https.certificates]]``, and a folder as certbot keeps it."""

    def prepare(self, server: HttpsServer) -> None:
        _DUCK.write(server.directory, "duck.pem", "duck.key")
        (server.directory / "lake.pem").write_bytes(_LAKE.certificates + _LAKE.private_key)
        # As certbot has it: what is live is links into an archive.
        archive, live = server.directory / "archive" / "pond.example", server.directory / "live" / "pond.example"
        _POND.write(archive, "fullchain1.pem", "privkey1.pem")
        live.mkdir(parents=True)
        for name in ("fullchain", "privkey"):
            (live / f"{name}.pem").symlink_to(f"../../archive/pond.example/{name}1.pem")

    def test_each_name_has_its_certificate(self) -> None:
        server = self.server(self.prepare, files={"duck.toml": _TOML})
        for name in ("duck.example", "www.duck.example", "a.pond.example", "lake.example", "localhost"):
            for option in ("--http1.1", "--http2"):
                self.assertEqual(self.curl(server, option, "/hello", name=name).stdout, "Hello, world!")
        self.assertEqual(server.shown("unknown.example"), _of(LOCAL))
        self.assertEqual(server.shown(None), _of(LOCAL))
        done = self.curl(server, "/hello", name="unknown.example", check=False)
        # The name is not in the certificate.
        self.assertEqual(done.returncode, 60, done)

    def test_strictly_an_unknown_name_is_refused(self) -> None:
        server = self.server(self.prepare, files={"duck.toml": _TOML}, environ={"DUCK_HTTPS__STRICT_SNI": "1"})
        self.assertEqual(self.curl(server, "/hello", name="a.pond.example").stdout, "Hello, world!")
        for name in ("unknown.example", None):
            with self.assertRaisesRegex(ssl.SSLError, "UNRECOGNIZED_NAME"):
                server.shown(name)
        done = self.curl(server, "/hello", name="unknown.example", check=False)
        self.assertEqual(done.returncode, 35, done)
        self.assertIn("unrecognized name", done.stderr)
        self.assertEqual(server.lines("unknown.example"), [])


class ChangeTests(_Case):
    def test_a_change_on_disk_is_picked_up_and_connections_live_on(self) -> None:
        server = serve_https(self, environ=_SOON)
        kept = server.client()
        self.addCleanup(kept.close)
        self.assertEqual(self.ask(kept), b"Hello, world!")
        for _ in range(3):
            renewed = issue("localhost", "127.0.0.1")
            renewed.write(server.directory)
            wait_until(lambda renewed=renewed: server.shown() == _of(renewed), 10, "the renewed one")  # type: ignore[misc]
            self.assertEqual(self.ask(kept), b"Hello, world!")
        self.assertEqual(len(server.lines("serving the certificate")), 4)
        self.assertEqual(server.lines("rror"), [])

    def ask(self, client: object) -> bytes:
        client.request("GET", "/hello")  # type: ignore[attr-defined]
        answer: bytes = client.getresponse().read()  # type: ignore[attr-defined]
        return answer

    def test_a_restart_reads_them(self) -> None:
        server = serve_https(self, environ=_NEVER)
        renewed = issue("localhost")
        renewed.write(server.directory)
        self.assertEqual(server.shown(), _of(LOCAL))
        server.send_signal(signal.SIGHUP)
        next_life(server, 1)
        self.assertEqual(server.shown(), _of(renewed))
        self.assertTrue(server.running)

    def test_a_bad_new_file_leaves_the_old_one_serving_and_the_log_says_why(self) -> None:
        for environ, level in ((_SOON, "error"), (_NEVER, "critical")):
            server = serve_https(self, environ=environ)
            (server.directory / "cert.pem").write_text("rubbish")
            if environ is _NEVER:
                server.send_signal(signal.SIGHUP)
            server.wait_for(f"#{level}]")
            (line,) = server.lines(f"#{level}]")
            self.assertIn("cert.pem", line)
            self.assertEqual(server.shown(), _of(LOCAL))
            self.assertEqual(self.curl(server, "/hello").stdout, "Hello, world!")
            # A good one mends it.
            renewed = issue("localhost")
            renewed.write(server.directory)
            if environ is _NEVER:
                server.send_signal(signal.SIGHUP)
                next_life(server, 1)
            wait_until(lambda server=server, renewed=renewed: server.shown() == _of(renewed), 10)  # type: ignore[misc]
            self.assertNotIn("Traceback", server.log)

    def test_a_key_that_does_not_belong_to_the_new_certificate_is_not_served(self) -> None:
        server = serve_https(self, environ=_SOON)
        other = issue("localhost")
        (server.directory / "cert.pem").write_bytes(other.certificates)
        server.wait_for("key.pem")
        self.assertEqual(server.shown(), _of(LOCAL))
        # The second half of a change that was made in two steps.
        (server.directory / "key.pem").write_bytes(other.private_key)
        wait_until(lambda: server.shown() == _of(other), 10, "the new one")


class DevelopmentTests(_Case):
    def test_the_welcome_project_makes_its_own(self) -> None:
        server = self.server(lambda server: None, leaf=None, project=None)
        (authority,) = (server.state / "development").glob("*ca*.pem")
        for option in ("--http1.1", "--http2"):
            self.assertIn("It floats.", self.curl(server, option, "/", cacert=authority).stdout)
        self.assertEqual(self.curl(server, "-k", "/", name="unknown.example", check=False).returncode, 0)
        self.assertEqual((server.state / "development").stat().st_mode & 0o777, 0o700)
        for path in (server.state / "development").iterdir():
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
        (line,) = server.lines("trust")
        self.assertIn(str(authority), line)
        shown = server.shown()
        again = server.stop()
        self.assertEqual((again, server.left_behind()), (-signal.SIGTERM, []))
        second = self.server(
            lambda server: None, leaf=None, project=None, environ={"DUCK_SERVER__STATE_DIR": str(server.state)}
        )
        self.assertEqual(second.shown(), shown)

    def test_a_project_in_debug_has_one_too(self) -> None:
        server = self.server(lambda server: None, leaf=None, environ={"EXAMPLE_DEBUG": "1"})
        self.assertEqual(self.curl(server, "-k", "/hello").stdout, "Hello, world!")


class FailureTests(_Case):
    """Starts that cannot succeed: one line, status 1, nothing left."""

    def fails(self, line: str, prepare: Callable[[Path], object], *options: str, leaf: Leaf | None = LOCAL) -> None:
        server = HttpsServer(*options, leaf=leaf)
        self.addCleanup(server.close)
        prepare(server.directory)
        server.begin()
        self.assertEqual(server.exit(30), 1, server.log)
        told = server.lines("duck: ")
        self.assertEqual(len(told), 1, server.log)
        self.assertIn(line, told[0])
        for word in ("Traceback", "ready", "starting on"):
            self.assertNotIn(word, server.log)
        self.assertEqual(server.left_behind(), [])

    def test_a_file_that_is_missing(self) -> None:
        self.fails("cert.pem", lambda here: (here / "cert.pem").unlink())
        self.fails("key.pem", lambda here: (here / "key.pem").unlink())

    def test_a_file_that_holds_something_else(self) -> None:
        self.fails("cert.pem", lambda here: (here / "cert.pem").write_text("rubbish"))
        self.fails("key.pem", lambda here: (here / "key.pem").write_text("rubbish"))

    def test_a_key_of_another_certificate(self) -> None:
        self.fails("key.pem", lambda here: (here / "key.pem").write_bytes(_DUCK.private_key))

    def test_a_certificate_that_has_expired(self) -> None:
        old = issue("localhost", before=timedelta(days=10), after=-timedelta(days=1))
        self.fails("expired", lambda here: None, leaf=old)

    def test_an_encrypted_key(self) -> None:
        key = LOCAL.credential().key
        locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
        self.fails("encrypted", lambda here: (here / "key.pem").write_bytes(locked))

    def test_no_certificate_in_production(self) -> None:
        server = HttpsServer(leaf=None)
        self.addCleanup(server.close)
        server.begin()
        self.assertEqual(server.exit(30), 1, server.log)
        (line,) = server.lines("duck: ")
        for way in ("--certfile", "--acme", "server.debug"):
            self.assertIn(way, line)
        self.assertNotIn("Traceback", server.log)
        self.assertEqual(server.left_behind(), [])
