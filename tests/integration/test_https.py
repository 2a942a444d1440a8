"""A Django project over HTTPS, as visitors use it: curl, forms, uploads, streams, files."""

from __future__ import annotations

import atexit
import hashlib
import json
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.integration.https_server import HttpsCase, HttpsServer, serve_https
from tests.integration.server import Answer, wait_until
from tests.integration.visitor import Visitor, multipart

_TWENTY = bytes(range(256)) * 4096 * 20
"""20 MiB."""

_VERSIONS = {"--http1.1": "1.1", "--http2": "2"}
"""What curl is told, and what it then speaks."""


@cache
def _shared() -> HttpsServer:
    """One server for the tests that leave it as it is."""
    server = HttpsServer("--log-format", "json")
    atexit.register(server.close)
    server.start()
    return server


class _Case(HttpsCase):
    def setUp(self) -> None:
        self.server = _shared()

    def asked(self, *words: str) -> str:
        """What curl prints."""
        return self.curl(self.server, *words).stdout


class CurlTests(_Case):
    def test_both_versions_are_spoken(self) -> None:
        for option, version in _VERSIONS.items():
            self.assertEqual(
                self.asked(option, "-w", " %{http_version} %{ssl_verify_result}", "/hello"),
                f"Hello, world! {version} 0",
            )

    def test_the_elder_is_understood(self) -> None:
        self.assertEqual(self.asked("--http1.0", "/hello"), "Hello, world!")

    def test_http2_is_what_a_client_gets_who_does_not_mind(self) -> None:
        self.assertEqual(self.asked("-o", "sink", "-w", "%{http_version}", "/hello").strip(), "2")

    def test_both_versions_of_tls_are_spoken_and_no_older_one(self) -> None:
        for option in ("--tls-max 1.2", "--tlsv1.3"):
            self.assertEqual(self.asked(*option.split(), "/hello"), "Hello, world!")
        old = ("--tls-max", "1.1", "--tlsv1.0", "--ciphers", "ALL:@SECLEVEL=0", "/hello")
        done = self.curl(self.server, *old, check=False)
        self.assertEqual(done.returncode, 35, done)
        self.assertIn("alert protocol version", done.stderr)

    def test_several_requests_share_a_connection(self) -> None:
        for option in _VERSIONS:
            where = [word for path in ("/hello", "/json", "/page") for word in ("-o", "sink", path)]
            self.assertEqual(self.asked(option, "-w", "%{num_connects} ", *where), "1 0 0 ")

    def test_plain_http_on_the_port_is_told_so(self) -> None:
        answer = self.raw(self.server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), answer)
        self.assertIn(b"This port speaks HTTPS: use an address that begins with https://.", answer)
        done = subprocess.run(
            ["curl", "-sS", f"http://localhost:{self.server.port}/hello"], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("This port speaks HTTPS", done.stdout)


class _Browser(Visitor):
    """Says where a form came from, as browsers do."""

    def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        return super()._ask(method, path, body, {"Referer": self.server.uri + path, **headers})


class PageTests(_Case):
    def test_django_knows_that_it_is_secure(self) -> None:
        for option in _VERSIONS:
            seen = json.loads(self.asked(option, "/echo?q=%2B+1"))
            self.assertTrue(seen["is_secure"])
            self.assertEqual(seen["absolute_uri"], f"https://localhost:{self.server.port}/echo?q=%2B+1")
            self.assertEqual(seen["meta"]["QUERY_STRING"], "q=%2B+1")

    def test_what_a_stranger_says_about_the_scheme_does_not_count(self) -> None:
        seen = json.loads(self.asked("-H", "X-Forwarded-Proto: http", "/echo"))
        self.assertTrue(seen["is_secure"])

    def test_a_form_with_its_token_writes_and_the_session_counts(self) -> None:
        visitor = _Browser(self.server)
        self.assertIn("Visits in this session: 1", visitor.get("/form").text)
        answer = visitor.post("/form", {"text": "over TLS"})
        self.assertEqual((answer.status, answer.headers["Location"]), (302, "/form"))
        page = visitor.get("/form").text
        self.assertIn("<li>over TLS</li>", page)
        self.assertIn("Visits in this session: 2", page)

    def test_a_form_that_comes_from_nowhere_is_refused(self) -> None:
        # Django asks for that only where it knows that it is secure.
        visitor = Visitor(self.server)
        visitor.get("/form")
        answer = visitor.post("/form", {"text": "from nowhere"})
        self.assertEqual(answer.status, 403)
        self.assertNotIn("from nowhere", visitor.get("/form").text)

    def test_the_admin_lets_in_whom_it_knows(self) -> None:
        visitor = _Browser(self.server)
        visitor.get("/admin/login/?next=/admin/")
        fields = {"username": "admin", "password": "admin", "next": "/admin/"}
        answer = visitor.post("/admin/login/?next=/admin/", fields)
        self.assertEqual((answer.status, answer.headers["Location"]), (302, "/admin/"))
        self.assertIn("Site administration", visitor.get("/admin/").text)

    def test_twenty_megabytes_arrive_unharmed(self) -> None:
        file = Path(self.mktemp())
        file.write_bytes(_TWENTY)
        for option in _VERSIONS:
            answer = json.loads(self.asked(option, "-F", "title=big", "-F", f"file=@{file};filename=a.bin", "/upload"))
            self.assertEqual(answer["fields"], {"title": "big"})
            self.assertEqual(answer["files"][0]["sha256"], hashlib.sha256(_TWENTY).hexdigest())

    def test_a_chunked_upload_arrives_whole(self) -> None:
        body, kind = multipart({}, [("file", "a.bin", _TWENTY[: 1 << 20])])
        with self.server.secured() as connection:
            connection.sendall(
                b"POST /upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
                b"Content-Type: %b\r\n\r\n" % kind.encode()
            )
            for start in range(0, len(body), 70_000):
                piece = body[start : start + 70_000]
                connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            connection.sendall(b"0\r\n\r\n")
            received = connection.makefile("rb").read()
        self.assertIn(hashlib.sha256(_TWENTY[: 1 << 20]).hexdigest().encode(), received)

    def test_a_stream_is_whole(self) -> None:
        for option in _VERSIONS:
            self.assertEqual(len(self.asked(option, "/stream?chunks=500&size=10000")), 5_000_000)

    def test_a_stream_that_fails_is_not_taken_for_whole(self) -> None:
        for option in _VERSIONS:
            done = self.curl(self.server, option, "/stream?chunks=5&fail=3", check=False)
            self.assertNotEqual(done.returncode, 0, option)

    def test_large_answers_of_every_kind_are_whole(self) -> None:
        for option in _VERSIONS:
            for path, size in (("/bytes/2000000", 2_000_000), ("/file?memory=3000000", 3_000_000)):
                self.assertEqual(self.asked(option, "-o", "sink", "-w", "%{size_download}", path), str(size))

    def test_static_files_come_with_validators_and_ranges(self) -> None:
        large = self.server.data / "static" / "large.bin"
        large.write_bytes(_TWENTY)
        for option in _VERSIONS:
            got = Path(self.mktemp())
            self.asked(option, "-o", str(got), "/static/large.bin")
            self.assertEqual(hashlib.sha256(got.read_bytes()).digest(), hashlib.sha256(_TWENTY).digest())
            self.assertEqual(self.asked(option, "-r", "48-57", "/static/large.bin"), "0123456789")
            head = self.asked(option, "-I", "/static/pages/site.css").lower()
            tag = head.partition("etag: ")[2].partition("\n")[0].strip()
            said = self.asked(option, "-w", "%{http_code}", "-H", f"If-None-Match: {tag}", "/static/pages/site.css")
            self.assertEqual(said, "304")

    def test_the_access_log_tells_what_was_asked(self) -> None:
        for option, version in _VERSIONS.items():
            self.asked(option, f"/hello?from=curl{version}")
            line = self.logged(f"from=curl{version}")
            self.assertEqual(line["protocol"], f"HTTP/{version}")
            self.assertEqual((line["status"], line["scheme"]), (200, "https"))

    def logged(self, text: str) -> dict[str, object]:
        wait_until(lambda: self.server.lines(text), 10, "the line in the access log")
        (line,) = self.server.lines(text)
        found: dict[str, object] = json.loads(line[line.index("{") :])
        return found


class LogTests(HttpsCase):
    def test_nothing_is_logged_but_the_start_and_what_was_asked(self) -> None:
        server = serve_https(self)
        self.curl(server, "--http1.1", "/hello")
        self.curl(server, "--http2", "/hello")
        server.get("/hello")
        wait_until(lambda: len(server.lines('"GET /hello')) == 3)
        self.assertEqual(server.stop(), -15)
        self.assertEqual(server.lines("Traceback") + server.lines("rror"), [])
        self.assertEqual(server.left_behind(), [])
