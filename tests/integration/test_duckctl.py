"""The command ``duckctl`` as a process, and what it makes as clients see it: curl, OpenSSL, Python."""

from __future__ import annotations

import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from duck_tx import __version__
from duck_tx.https.authority import Issued, certificate_pem, make_leaf, with_key_pem
from duck_tx.https.devfolder import DevelopmentFolder
from tests.case import UnitTestCase
from tests.integration.server import CHECKOUT

_DUCKCTL = (sys.executable, "-m", "duck_tx.cli")
_NEW = (*_DUCKCTL, "certificates", "new")


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"secure")

    def log_message(self, *arguments: object) -> None:
        """Quietly."""


class _Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that trusts nobody leaves in the middle of the handshake."""


class _Case(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.ca_file = self.directory / ".duck" / "development" / "ca.pem"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DUCK_", "DJANGO_"))}
        self.environ = kept | {"PYTHONPATH": str(CHECKOUT)}

    def begin(self, *command: str, **streams: Any) -> subprocess.Popen[str]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | streams
        process = subprocess.Popen(command, cwd=self.directory, env=self.environ, text=True, **streams)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def end(self, process: subprocess.Popen[str]) -> tuple[int, str, str]:
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def run_command(self, *command: str, **streams: Any) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        return self.end(self.begin(*command, **streams))

    def make(self, *arguments: str) -> Any:
        status, out, err = self.run_command(*_NEW, "--json", *arguments)
        self.assertEqual((status, err), (0, ""))
        return json.loads(out)


class CommandTests(_Case):
    def test_the_module_is_the_command(self) -> None:
        self.assertEqual(self.run_command(*_DUCKCTL, "--version"), (0, f"duck_tx {__version__}\n", ""))
        status, out, err = self.run_command(*_DUCKCTL, "fly")
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(err, "duckctl: there is no command 'fly'. duckctl --help lists the commands.\n")

    def test_no_reactor_and_no_django_is_loaded(self) -> None:
        code = (
            "import sys; from duck_tx.cli import main; status = main(['certificates', 'new', '--json']);"
            "print([name for name in ('twisted.internet.reactor', 'django') if name in sys.modules], file=sys.stderr)"
        )
        self.assertEqual(self.run_command(sys.executable, "-c", code)[2], "[]\n")

    def test_the_list_of_commands_needs_next_to_nothing(self) -> None:
        code = (
            "import sys; from duck_tx.cli import main; main(['--help']);"
            "print([name for name in ('twisted', 'cryptography', 'msgspec') if name in sys.modules], file=sys.stderr)"
        )
        self.assertEqual(self.run_command(sys.executable, "-c", code)[2], "[]\n")

    def test_a_reader_that_has_gone_is_met_without_a_traceback(self) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        try:
            status, _, err = self.run_command(*_NEW, stdout=writing)
        finally:
            os.close(writing)
        self.assertEqual((status, err), (1, ""))

    def test_output_that_cannot_be_written_is_a_line(self) -> None:
        with open("/dev/full", "w") as full:
            status, _, err = self.run_command(*_NEW, stdout=full)
        self.assertEqual((status, err), (1, "duckctl: No space left on device.\n"))

    def test_closed_streams_are_nobody_s_business(self) -> None:
        command = f"exec {sys.executable} -m duck_tx.cli certificates new >&- 2>&-"
        self.assertEqual(self.run_command("sh", "-c", command), (0, "", ""))
        self.assertTrue(self.ca_file.is_file())

    def test_a_path_that_the_terminal_cannot_show_is_shown_somehow(self) -> None:
        self.environ |= {"PYTHONIOENCODING": "ascii"}
        status, out, err = self.run_command(*_NEW, "--state-dir", "kätzchen")
        self.assertEqual((status, err), (0, ""))
        self.assertIn(r"k\xe4tzchen/development/ca.pem", out)


class TogetherTests(_Case):
    def test_processes_that_start_at_once_make_one_authority(self) -> None:
        started = [self.begin(*_NEW, "--json", f"{number}.test") for number in range(6)]
        ended = [self.end(process) for process in started]
        self.assertEqual([(status, err) for status, _, err in ended], [(0, "")] * 6)
        made = [json.loads(out) for _, out, _ in ended]
        self.assertEqual(len({each["ca"]["sha256"] for each in made}), 1)
        self.assertEqual(sorted(each["ca"]["made"] or "" for each in made), [""] * 5 + ["there was none"])
        last = self.make()
        self.assertEqual(last["certificate"]["made"], None)
        self.assertEqual(
            set(last["certificate"]["names"]) - {"localhost", "127.0.0.1", "::1"},
            {f"{number}.test" for number in range(6)},
        )
        self.assertEqual(
            sorted(path.name for path in self.ca_file.parent.iterdir()), ["authority.pem", "ca.pem", "server.pem"]
        )

    def test_one_that_is_killed_leaves_nothing_that_stops_the_next(self) -> None:
        for _ in range(3):
            self.begin(*_NEW, "--new-ca").kill()
            made = self.make("--new-ca")
            self.assertEqual(self.make()["certificate"] | {"made": "it was asked for"}, made["certificate"])


class ClientTests(_Case):
    def serve(self, pem: Path) -> int:
        """A TLS server with key and certificate from a file: its port."""
        server = _Quiet(("127.0.0.1", 0), _Pages)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return int(server.server_address[1])

    def curl(self, host: str, port: int, *options: str) -> tuple[int, str, str]:
        """Has every name lead to this machine."""
        resolve = ("--connect-to", f"::127.0.0.1:{port}")
        return self.run_command("curl", "--silent", "--show-error", *resolve, *options, f"https://{host}:{port}/")

    def leaf(self, pem: bytes) -> str:
        path = self.directory / "leaf.pem"
        path.write_bytes(pem)
        return str(path)

    def openssl_verify(self, pem: bytes, *options: str) -> tuple[int, str]:
        strict = ("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(self.ca_file))
        status, out, err = self.run_command(*strict, *options, self.leaf(pem))
        return status, out + err

    def forged(self, *names: str) -> bytes:
        """A certificate that whoever got hold of the authority's key may have made."""
        authority = DevelopmentFolder(self.ca_file.parent).authority([], datetime.now(UTC))
        assert isinstance(authority, Issued)
        return with_key_pem(make_leaf(authority, names, datetime.now(UTC)))

    def test_curl_trusts_the_server_for_all_its_names_once_it_is_told_of_the_ca(self) -> None:
        made = self.make("duck.example", "*.duck.test", "192.0.2.7")
        port = self.serve(Path(made["certificate"]["file"]))
        names = ("localhost", "127.0.0.1", "[::1]", "duck.example", "www.duck.test", "192.0.2.7")
        for host in names:
            self.assertEqual(self.curl(host, port, "--cacert", str(self.ca_file)), (0, "secure", ""), host)
        for host in ("other.example", "a.www.duck.test", "duck.test", "127.0.0.2"):
            status, out, err = self.curl(host, port, "--cacert", str(self.ca_file))
            self.assertEqual((status, out), (60, ""), host)
            self.assertIn("no alternative certificate subject name matches", err)

    def test_curl_does_not_trust_it_without(self) -> None:
        port = self.serve(Path(self.make()["certificate"]["file"]))
        status, out, err = self.curl("localhost", port)
        self.assertEqual((status, out), (60, ""))
        self.assertIn("unable to get local issuer certificate", err)

    def test_openssl_finds_nothing_wrong_however_strict(self) -> None:
        made = self.make("duck.example", "*.duck.test", "192.0.2.7")
        pem = Path(made["certificate"]["file"]).read_bytes()
        for host in ("localhost", "duck.example", "x.duck.test"):
            self.assertEqual(
                self.openssl_verify(pem, "-verify_hostname", host), (0, f"{self.directory}/leaf.pem: OK\n")
            )
        self.assertEqual(self.openssl_verify(pem, "-verify_ip", "::1")[0], 0)

    def test_whoever_steals_the_authority_s_key_cannot_pretend_to_be_somebody_else(self) -> None:
        self.make("duck.example")
        self.assertEqual(self.openssl_verify(self.forged("duck.example"))[0], 0)
        for name in ("bank.example", "198.51.100.1", "localhost.evil.example", "*.example"):
            status, said = self.openssl_verify(self.forged("localhost", name))
            self.assertNotEqual(status, 0)
            self.assertIn("permitted subtree violation", said)
        path = self.leaf(self.forged("bank.example"))
        port = self.serve(Path(path))
        status, out, err = self.curl("bank.example", port, "--cacert", str(self.ca_file))
        self.assertEqual((status, out), (60, ""))
        self.assertIn("permitted subtree violation", err)

    def test_a_certificate_of_the_authority_before_is_trusted_no_more(self) -> None:
        old = Path(self.make()["certificate"]["file"]).read_bytes()
        self.make("--new-ca")
        self.assertNotEqual(self.openssl_verify(old)[0], 0)
        authority = DevelopmentFolder(self.ca_file.parent).authority([], datetime.now(UTC))
        assert isinstance(authority, Issued)
        self.assertEqual(self.ca_file.read_bytes(), certificate_pem(authority.certificate))
