"""``--force-https``: the plain port leads to the other, byte for byte, and nowhere else."""

from __future__ import annotations

import atexit
import hashlib
import json
import socket
from functools import cache
from http.client import HTTPMessage

from tests.authority import issue
from tests.integration.https_server import HttpsCase, HttpsServer, read_all, serve_https
from tests.integration.server import Server, wait_until

_OPTIONS = ("--force-https", "--redirect-port", "0", "--domain", "duck.example")


@cache
def _shared() -> HttpsServer:
    """One server for the tests that leave it as it is."""
    server = HttpsServer(
        *_OPTIONS,
        leaf=issue("duck.example", "*.pond.example", "localhost"),
        files={"duck.toml": '[https]\nredirect_hosts = ["extra.example"]\nredirect_exempt = ["/hello"]\n'},
    )
    atexit.register(server.close)
    server.start()
    return server


def _ask(server: HttpsServer, method: str, target: str, host: str = "duck.example") -> tuple[int, HTTPMessage, bytes]:
    client = server.plain()
    try:
        client.putrequest(method, target, skip_host=True)
        client.putheader("Host", host)
        if method in ("POST", "PUT"):
            client.putheader("Content-Length", "4")
        client.endheaders(b"body" if method in ("POST", "PUT") else None)
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        client.close()


class RedirectTests(HttpsCase):
    def setUp(self) -> None:
        self.server = _shared()
        self.port = self.server.port

    def led(self, target: str, host: str = "duck.example", method: str = "GET") -> tuple[int, str | None]:
        """Where somebody is led, and how."""
        status, headers, _ = _ask(self.server, method, target, host)
        return status, headers["Location"]

    def test_path_and_query_arrive_byte_for_byte(self) -> None:
        for target in (
            "/",
            "/a/b?x=1&y=%20+%zz",
            "/%2e%2e/%2F?a=/",
            "//other.example/",
            "/a?",
            "/?a=1?b=2",
            "/%E4%BD%A0;p=1",
            "/a'b\"c<d>",
        ):
            self.assertEqual(self.led(target), (301, f"https://duck.example:{self.port}{target}"), target)

    def test_methods_with_a_body_are_asked_to_come_again_as_they_are(self) -> None:
        for method, status in {"GET": 301, "HEAD": 301, "POST": 308, "PUT": 308, "DELETE": 308}.items():
            self.assertEqual(self.led("/x", method=method), (status, f"https://duck.example:{self.port}/x"), method)

    def test_hosts_of_ours_are_kept_and_others_lead_to_the_domain(self) -> None:
        for host in ("duck.example", "a.pond.example", "extra.example", "DUCK.example", "duck.example:80"):
            name = host.partition(":")[0].lower()
            self.assertEqual(self.led("/", host), (301, f"https://{name}:{self.port}/"), host)
        for host in ("evil.example", "duck.example.evil.example", "192.0.2.1", "pond.example", "[::1]"):
            self.assertEqual(self.led("/", host), (301, f"https://duck.example:{self.port}/"), host)

    def test_a_host_that_is_none_is_refused(self) -> None:
        for host in ("evil.example/x", "a@b", "a b"):
            status, headers, _ = _ask(self.server, "GET", "/", host)
            self.assertEqual((status, headers["Location"]), (400, None), host)

    def test_a_response_cannot_be_split(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.redirect_port), 10) as connection:
            connection.sendall(
                b"GET /a%0d%0aX-Injected:%201 HTTP/1.1\r\nHost: duck.example\r\nConnection: close\r\n\r\n"
            )
            answer = read_all(connection)
        self.assertTrue(answer.startswith(b"HTTP/1.1 301 "), answer)
        self.assertNotIn(b"\r\nX-Injected", answer)

    def test_an_exempt_path_is_answered_in_plain(self) -> None:
        status, headers, body = _ask(self.server, "GET", "/hello")
        self.assertEqual((status, body, headers["Location"]), (200, b"Hello, world!", None))
        self.assertEqual(self.led("/hello/")[0], 301)

    def test_curl_arrives_with_its_body(self) -> None:
        to = f"duck.example:{self.server.redirect_port}:127.0.0.1"
        url = f"http://duck.example:{self.server.redirect_port}/echo?q=1"
        seen = json.loads(self.curl(self.server, "--resolve", to, "-L", "-d", "a=b", url, name="duck.example").stdout)
        self.assertEqual((seen["method"], seen["is_secure"], seen["query"]), ("POST", True, {"q": ["1"]}))
        self.assertEqual(seen["body_sha256"], hashlib.sha256(b"a=b").hexdigest())

    def test_browsers_are_told_over_tls_to_come_that_way(self) -> None:
        head = self.curl(self.server, "--http1.1", "-I", "/hello", name="duck.example").stdout
        self.assertIn("\nStrict-Transport-Security: max-age=31536000\n", head)
        head = self.curl(self.server, "--http2", "-I", "/static/pages/site.css", name="duck.example").stdout
        self.assertIn("\nstrict-transport-security: max-age=31536000\n", head)
        for path in ("/x", "/hello"):
            self.assertIsNone(_ask(self.server, "GET", path)[1]["Strict-Transport-Security"], path)
        plain = self.raw(self.server, b"GET / HTTP/1.1\r\nHost: duck.example\r\n\r\n")
        self.assertTrue(plain.startswith(b"HTTP/1.1 400 "), plain)
        self.assertNotIn(b"Strict-Transport-Security", plain)

    def test_its_requests_are_not_logged(self) -> None:
        self.led("/not-logged")
        self.curl(self.server, "/echo/logged", name="duck.example")
        wait_until(lambda: self.server.lines("/echo/logged"))
        self.assertEqual(self.server.lines("/not-logged"), [])


class OtherTests(HttpsCase):
    def test_they_are_logged_where_that_is_wanted(self) -> None:
        server = serve_https(self, *_OPTIONS, environ={"DUCK_HTTPS__REDIRECT_LOG": "1"})
        _ask(server, "GET", "/logged?x=1")
        wait_until(lambda: server.lines('"GET /logged?x=1 HTTP/1.1" 301'))

    def test_they_can_be_for_now_only(self) -> None:
        server = serve_https(self, *_OPTIONS, environ={"DUCK_HTTPS__REDIRECT_PERMANENT": "0"})
        self.assertEqual([_ask(server, method, "/")[0] for method in ("GET", "POST")], [302, 307])

    def test_both_ports_close_and_nothing_is_left(self) -> None:
        server = serve_https(self, *_OPTIONS)
        port = server.redirect_port
        self.assertEqual(server.stop(), -15)
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", port), 5)
        self.assertEqual(server.left_behind(), [])

    def test_a_port_that_is_taken_is_named_with_its_option(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            server = HttpsServer("--force-https", "--redirect-port", str(port))
            self.addCleanup(server.close)
            server.begin()
            self.assertEqual(server.exit(30), 1)
        (line,) = server.lines("duck: ")
        self.assertIn(f"port {port} is in use", line)
        self.assertIn("choose another with --redirect-port.", line)
        self.assertEqual(server.left_behind(), [])

    def test_settings_that_contradict_each_other_are_named(self) -> None:
        for options, line in (
            (["--force-https"], "there is no HTTPS to redirect to"),
            (["--https", "--force-https", "--port", "8443", "--redirect-port", "8443"], "cannot have the same port"),
        ):
            server = Server(*options)
            self.addCleanup(server.close)
            server.begin()
            self.assertEqual(server.exit(30), 1)
            self.assertIn(line, server.log)
            self.assertNotIn("Traceback", server.log)
