"""What scanners of TLS servers find on a real one: nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.authority import root_file
from tests.integration.https_server import HttpsCase, HttpsServer, serve_https

_TESTSSL_PARTS = (
    "--protocols",
    "--std",
    "--fs",
    "--server-preference",
    "--server-defaults",
    "--headers",
    "--vulnerable",
)
"""All that testssl.sh looks for.  Left out is what it only shows: how the browsers of the last twenty years would fare,
and a list of ciphers that repeats what it has found by then."""

_NOT_OURS = {
    # About the openssl command of the machine that the scanner runs on.
    ("engine_problem", "WARN"): "its own openssl",
    # Whether a zone says which authorities may issue certificates for a name; localhost has no zone.
    ("DNS_CAArecord", "LOW"): "DNS",
    # Its openssl hangs up when hands are shaken, and by chance before it has read the ticket, which comes after that in
    # TLS 1.3: then it has nothing to look at. That sessions are resumed is tested in tests/unit/test_tls_transport.py.
    ("sessionresumption_ticket", "WARN"): "its own openssl",
}
"""What testssl.sh finds that no server on a loopback address can change, by name and severity."""


class ScannerTests(HttpsCase):
    def server(self) -> HttpsServer:
        # The two years that Mozilla recommends.
        return serve_https(self, environ={"DUCK_HTTPS__HSTS": "63072000"})

    def test_sslyze_finds_what_mozilla_recommends(self) -> None:
        # It needs an older cryptography than the server, so it lives in an environment of its own.
        path = f"{Path(sys.prefix, 'scanners', 'bin')}{os.pathsep}{os.environ['PATH']}"
        command = shutil.which("sslyze", path=path)
        assert command is not None, "there is no sslyze: make .venv/.installed-scanners"
        server = self.server()
        done = subprocess.run(
            [
                command,
                "--mozilla_config=intermediate",
                "--http_headers",
                "--early_data",
                "--resum",
                f"--certinfo_ca_file={root_file()}",
                f"localhost:{server.port}",
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        said = done.stdout + done.stderr
        self.assertIn(f"localhost:{server.port}: OK - Compliant.", said)
        self.assertEqual(done.returncode, 0, said)
        self.assertNotIn("VULNERABLE -", said)
        self.quiet(server)

    def test_testssl_finds_nothing(self) -> None:
        command = shutil.which("testssl") or shutil.which("testssl.sh")
        assert command is not None, "there is no testssl.sh: apt-get install testssl.sh"
        server = self.server()
        found = Path(self.mktemp()).absolute()
        words = [command, "--quiet", "--color", "0", "--warnings", "batch", "--add-ca", str(root_file())]
        words += ["--jsonfile", str(found), *_TESTSSL_PARTS, f"https://localhost:{server.port}/page"]
        done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=240, check=False)
        findings = json.loads(found.read_text())
        names = {each["id"] for each in findings}
        # It went through to the end: these are from the first part, and from the last.
        for name in ("SSLv2", "TLS1_3", "cipher_order", "cert_chain_of_trust", "HSTS_time", "heartbleed", "RC4"):
            self.assertIn(name, names, done.stdout)
        bad = [
            each
            for each in findings
            if each["severity"] not in ("OK", "INFO") and (each["id"], each["severity"]) not in _NOT_OURS
        ]
        self.assertEqual(bad, [], done.stdout)
        self.quiet(server)

    def quiet(self, server: HttpsServer) -> None:
        """Nothing of all that was worth a line, but the pages that were asked for."""
        lines = server.log[server.log.index("ready: ") :].splitlines()[1:]
        self.assertEqual([line for line in lines if '" 200 ' not in line and '" 404 ' not in line], [])
        self.assertEqual(server.stop(), -15)
