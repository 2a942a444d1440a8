"""A real Django project, used as visitors use it: pages, sessions, forms, uploads, files, errors."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
from pathlib import Path

from tests.case import UnitTestCase
from tests.integration.example import EXAMPLE
from tests.integration.server import Server, serve, shared_server
from tests.integration.visitor import Visitor, multipart

_MANY = bytes(range(256)) * 4096 * 50
"""50 MiB."""


class _Case(UnitTestCase):
    """Tests that share one server."""

    environ: frozenset[tuple[str, str]] = frozenset()
    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.server = shared_server(*self.options, environ=self.environ)

    def curl(self, *arguments: str) -> str:
        """What curl prints for ``arguments``; a path is completed to a URL."""
        words = [f"{self.server.uri}{word}" if word.startswith("/") else word for word in arguments]
        done = subprocess.run(["curl", "-sS", "--max-time", "30", *words], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout


class PageTests(_Case):
    def test_text_json_and_a_template_from_the_database(self) -> None:
        self.assertEqual(self.server.get("/hello").text, "Hello, world!")
        answer = self.server.get("/json")
        self.assertEqual((answer.headers["Content-Type"], answer.json()["nested"]), ("application/json", {"ok": True}))
        page = self.server.get("/page").text
        self.assertEqual(page.count("<li>"), 20)
        self.assertIn("First &amp; best", page)

    def test_curl_sees_the_same(self) -> None:
        self.assertEqual(self.curl("/hello"), "Hello, world!")
        self.assertEqual(self.curl("--http1.0", "/hello"), "Hello, world!")
        head = self.curl("--head", "/page")
        self.assertTrue(head.startswith("HTTP/1.1 200 OK\n"))
        self.assertIn("\nServer: duck_tx\n", head)

    def test_head_has_the_length_of_get_and_no_body(self) -> None:
        whole, head = self.server.get("/hello"), self.server.request("HEAD", "/hello")
        self.assertEqual(head.headers["Content-Length"], str(len(whole.body)))
        self.assertEqual(head.body, b"")

    def test_each_cookie_has_a_line_of_its_own(self) -> None:
        lines = self.server.get("/cookies").headers.get_all("Set-Cookie")
        assert lines is not None
        self.assertEqual([line.partition("=")[0] for line in lines], ["first", "second"])

    def test_the_path_and_the_query_arrive_byte_for_byte(self) -> None:
        seen = self.server.get("/echo/a%2Fb/%E4%BD%A0?q=%2B+1&q=%C3%A9").json()
        self.assertEqual(seen["path_info"], "/echo/a/b/\N{CJK UNIFIED IDEOGRAPH-4F60}")
        self.assertEqual(seen["query"], {"q": ["+ 1", "\xe9"]})
        self.assertEqual(seen["meta"]["QUERY_STRING"], "q=%2B+1&q=%C3%A9")

    def test_a_missing_page_is_404_and_a_failing_view_500(self) -> None:
        self.assertEqual(self.server.get("/no/such/page").status, 404)
        answer = self.server.get("/error")
        self.assertEqual(answer.status, 500)
        self.assertNotIn("RuntimeError", answer.text)
        self.assertEqual(self.server.get("/hello").status, 200)

    def test_the_slash_that_django_appends_is_redirected_to(self) -> None:
        answer = self.server.get("/admin")
        self.assertEqual((answer.status, answer.headers["Location"]), (301, "/admin/"))

    def test_a_response_cannot_be_split(self) -> None:
        for where in ("reason", "cookie", "name", "value"):
            answer = self.server.get(f"/split-response?where={where}")
            self.assertIsNone(answer.headers["X-Injected"], where)
            self.assertNotIn("injected", answer.text, where)


class FormTests(_Case):
    def test_a_form_with_its_token_writes_and_the_session_counts(self) -> None:
        visitor = Visitor(self.server)
        self.assertIn("Visits in this session: 1", visitor.get("/form").text)
        answer = visitor.post("/form", {"text": "Grüße & <b>more</b>"})
        self.assertEqual((answer.status, answer.headers["Location"]), (302, "/form"))
        page = visitor.get("/form").text
        self.assertIn("<li>Grüße &amp; &lt;b&gt;more&lt;/b&gt;</li>", page)
        self.assertIn("Visits in this session: 2", page)
        self.assertIn("Visits in this session: 1", Visitor(self.server).get("/form").text)

    def test_a_form_without_its_token_is_refused(self) -> None:
        visitor = Visitor(self.server)
        visitor.get("/form")
        self.assertEqual(visitor.post("/form", {"text": "forged"}, token=False).status, 403)
        self.assertNotIn("forged", visitor.get("/form").text)

    def test_somebody_logs_in_and_out(self) -> None:
        visitor = Visitor(self.server)
        answer = visitor.get("/login-required")
        self.assertEqual((answer.status, answer.headers["Location"]), (302, "/login/?next=/login-required"))
        visitor.get("/login/")
        self.assertEqual(visitor.post("/login/", {"username": "admin", "password": "wrong"}).status, 200)
        self.assertEqual(visitor.post("/login/", {"username": "admin", "password": "admin"}).status, 302)
        self.assertEqual(visitor.get("/login-required").text, "Hello, admin!")
        visitor.get("/form")
        self.assertEqual(visitor.post("/logout/", {}).status, 302)
        self.assertEqual(visitor.get("/login-required").status, 302)

    def test_the_admin_logs_in_lists_searches_adds_and_deletes(self) -> None:
        visitor = Visitor(self.server)
        visitor.get("/admin/login/?next=/admin/")
        answer = visitor.post(
            "/admin/login/?next=/admin/", {"username": "admin", "password": "admin", "next": "/admin/"}
        )
        self.assertEqual((answer.status, answer.headers["Location"]), (302, "/admin/"))
        self.assertIn("Site administration", visitor.get("/admin/").text)
        self.assertIn("25 articles", visitor.get("/admin/pages/article/").text)
        visitor.get("/admin/pages/article/add/")
        added = visitor.post(
            "/admin/pages/article/add/", {"title": "Brand new", "author": "Somebody", "body": "Text.", "_save": "Save"}
        )
        self.assertEqual(added.status, 302, added.text)
        found = visitor.get("/admin/pages/article/?q=Brand").text
        self.assertIn("1 result", found)
        number = found.partition("/admin/pages/article/")[2].partition("/change")[0].rpartition("/")[2]
        visitor.get(f"/admin/pages/article/{number}/delete/")
        self.assertEqual(visitor.post(f"/admin/pages/article/{number}/delete/", {"post": "yes"}).status, 302)
        self.assertIn("25 articles", visitor.get("/admin/pages/article/").text)


class UploadTests(_Case):
    def test_fifty_megabytes_in_a_form_arrive_unharmed(self) -> None:
        body, kind = multipart({"title": "big"}, [("file", "big.bin", _MANY)])
        answer = self.server.request("POST", "/upload", body, {"Content-Type": kind}, timeout=60).json()
        self.assertEqual(answer["fields"], {"title": "big"})
        self.assertEqual(
            answer["files"],
            [{"field": "file", "name": "big.bin", "size": len(_MANY), "sha256": hashlib.sha256(_MANY).hexdigest()}],
        )

    def test_curl_uploads_a_file_and_waits_for_the_hundred_continue(self) -> None:
        file = Path(self.mktemp())
        file.write_bytes(_MANY[: 3 << 20])
        answer = json.loads(self.curl("-H", "Expect: 100-continue", "-F", f"file=@{file};filename=a.bin", "/upload"))
        self.assertEqual(answer["files"][0]["size"], 3 << 20)
        self.assertEqual(answer["files"][0]["sha256"], hashlib.sha256(file.read_bytes()).hexdigest())

    def test_a_chunked_body_arrives_whole(self) -> None:
        file = Path(self.mktemp())
        file.write_bytes(_MANY[:200_000])
        seen = json.loads(
            self.curl(
                "-H", "Transfer-Encoding: chunked", "--data-binary", f"@{file}", "-H", "Content-Type: x/y", "/echo"
            )
        )
        self.assertEqual(seen["body_sha256"], hashlib.sha256(file.read_bytes()).hexdigest())
        self.assertEqual(seen["meta"]["CONTENT_LENGTH"], "200000")

    def test_an_uploaded_file_is_kept_and_served(self) -> None:
        body, kind = multipart({}, [("file", "kept.txt", b"kept by the site")])
        url = self.server.request("POST", "/upload-to-media", body, {"Content-Type": kind}).json()["url"]
        answer = self.server.get(url)
        self.assertEqual((answer.status, answer.body), (200, b"kept by the site"))
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")


class StreamTests(_Case):
    def test_a_stream_is_chunked_and_whole(self) -> None:
        answer = self.server.get("/stream?chunks=500&size=1000")
        self.assertEqual(len(answer.body), 500_000)
        self.assertEqual(answer.headers["Transfer-Encoding"], "chunked")

    def test_pieces_leave_as_they_come(self) -> None:
        with self.server.connect() as connection:
            connection.sendall(b"GET /stream?chunks=2&delay=5 HTTP/1.1\r\nHost: test\r\n\r\n")
            stream = connection.makefile("rb")
            while not stream.readline().startswith(b"000000 "):
                pass
            connection.settimeout(0.2)
            self.assertRaises(TimeoutError, connection.recv, 1)

    def test_a_stream_that_fails_is_not_taken_for_whole(self) -> None:
        with self.server.connect() as connection:
            connection.sendall(b"GET /stream?chunks=5&fail=3 HTTP/1.1\r\nHost: test\r\n\r\n")
            received = _all_of(connection)
        self.assertIn(b"000002 ", received)
        self.assertFalse(received.endswith(b"0\r\n\r\n"))

    def test_a_file_response_has_its_type_length_and_name(self) -> None:
        answer = self.server.get("/file")
        source = (EXAMPLE / "pages" / "wire.py").read_bytes()
        self.assertEqual((answer.body, answer.headers["Content-Length"]), (source, str(len(source))))
        self.assertEqual(answer.headers["Content-Type"], "text/plain")
        self.assertIn('filename="wire.txt"', answer.headers["Content-Disposition"])
        self.assertEqual(self.server.get("/file?memory=3000000").body, b"m" * 3_000_000)

    def test_two_megabytes_leave_a_view_unharmed(self) -> None:
        answer = self.server.get("/bytes/2000000")
        self.assertEqual(answer.body, (bytes(range(256)) * 8000)[:2_000_000])


class FileTests(_Case):
    """STATIC_ROOT and MEDIA_ROOT, as in production."""

    def test_static_files_come_with_type_validators_and_ranges(self) -> None:
        answer = self.server.get("/static/pages/site.css")
        self.assertEqual((answer.status, answer.headers["Content-Type"].partition(";")[0]), (200, "text/css"))
        again = self.server.get("/static/pages/site.css", {"If-None-Match": answer.headers["ETag"]})
        self.assertEqual((again.status, again.body), (304, b""))
        part = self.server.get("/static/pages/site.css", {"Range": "bytes=0-3"})
        self.assertEqual((part.status, part.body), (206, answer.body[:4]))
        self.assertEqual(self.server.get("/static/admin/css/base.css").status, 200)

    def test_there_is_no_way_out_of_the_root(self) -> None:
        for path in ("/static/../example.sqlite3", "/static/%2e%2e/example.sqlite3", "/static/..%2fexample.sqlite3"):
            answer = self.curl("--path-as-is", "-w", "%{http_code}", path)
            self.assertTrue(answer.endswith(("404", "400")), (path, answer[:200]))
            self.assertNotIn("SQLite", answer)

    def test_a_missing_file_is_404(self) -> None:
        self.assertEqual(self.server.get("/static/no.css").status, 404)
        self.assertEqual(self.server.get("/media/no.txt").status, 404)


class DebugTests(_Case):
    environ = frozenset({("EXAMPLE_DEBUG", "1")})

    def test_static_files_come_from_where_the_apps_keep_them(self) -> None:
        source = EXAMPLE / "pages" / "static" / "pages" / "site.css"
        (self.server.data / "static" / "pages" / "site.css").unlink(missing_ok=True)
        self.assertEqual(self.server.get("/static/pages/site.css").body, source.read_bytes())

    def test_errors_are_explained(self) -> None:
        answer = self.server.get("/error")
        self.assertEqual(answer.status, 500)
        self.assertIn("this view always fails", answer.text)


class ReactorThreadTests(_Case):
    """``--threads 0``: the application runs on the reactor thread."""

    options = ("--threads", "0")

    def test_pages_forms_uploads_and_streams_work_there_too(self) -> None:
        self.assertEqual(self.server.get("/threads").json()["thread"], "MainThread")
        visitor = Visitor(self.server)
        visitor.get("/form")
        self.assertEqual(visitor.post("/form", {"text": "from the reactor"}).status, 302)
        self.assertIn("<li>from the reactor</li>", visitor.get("/form").text)
        body, kind = multipart({}, [("file", "a.bin", _MANY[: 5 << 20])])
        answer = self.server.request("POST", "/upload", body, {"Content-Type": kind}, timeout=30).json()
        self.assertEqual(answer["files"][0]["sha256"], hashlib.sha256(_MANY[: 5 << 20]).hexdigest())
        self.assertEqual(len(self.server.get("/stream?chunks=300&size=10000").body), 3_000_000)
        self.assertEqual(len(self.server.get("/bytes/3000000").body), 3_000_000)
        self.assertEqual(self.server.get("/error").status, 500)
        self.assertEqual(self.server.get("/static/pages/site.css").status, 200)


class ProxyTests(_Case):
    """A proxy in front that is trusted, and strangers who say the same."""

    options = ("--trusted", "127.0.0.1", "--trusted", "::1")

    _SAID = {  # noqa: RUF012 - a constant of the class
        "X-Forwarded-For": "203.0.113.7, 127.0.0.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "site.example",
        "X-Request-ID": "abc-123",
    }

    def test_what_a_trusted_proxy_says_is_what_django_sees(self) -> None:
        seen = self.server.get("/echo", self._SAID).json()
        self.assertEqual(
            (seen["is_secure"], seen["host"], seen["remote_addr"], seen["absolute_uri"]),
            (True, "site.example", "203.0.113.7", "https://site.example/echo"),
        )

    def test_what_a_stranger_says_is_not(self) -> None:
        server = serve(self)
        seen = server.get("/echo", self._SAID).json()
        self.assertEqual(
            (seen["is_secure"], seen["host"], seen["remote_addr"]), (False, f"localhost:{server.port}", "127.0.0.1")
        )
        self.assertNotIn("203.0.113.7", json.dumps(seen))


class CommandTests(UnitTestCase):
    def test_startup_commands_run_before_the_first_request_and_are_logged(self) -> None:
        server = Server(environ={"DUCK_GATEWAY__COMMANDS_ON_STARTUP": '["migrate", "collectstatic"]'})
        self.addCleanup(server.close)
        for path in [*server.data.glob("example.sqlite3*"), server.data / "static" / "pages" / "site.css"]:
            path.unlink()
        server.start()
        log = server.log
        self.assertLess(log.index("Applying pages.0002_articles... OK"), log.index("ready: "))
        self.assertLess(log.index("static file"), log.index("ready: "))
        self.assertEqual(server.get("/page").text.count("<li>"), 20)
        self.assertEqual(server.get("/static/pages/site.css").status, 200)


def _all_of(connection: socket.socket) -> bytes:
    received = b""
    while True:
        try:
            data = connection.recv(65536)
        except ConnectionError:
            return received
        if not data:
            return received
        received += data
