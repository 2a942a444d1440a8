"""Files over HTTP that are not there, lie elsewhere, or cannot be had."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, cast
from urllib.parse import quote_from_bytes

from hypothesis import given
from hypothesis import strategies as st
from twisted.web.resource import Resource

from duck_tx.content.static import StaticFiles
from tests.unit.static_case import CSS, FakeRequest, StaticTestCase

if TYPE_CHECKING:
    from duck_tx.http.request import Request

_STEP = st.sampled_from(
    [
        b"..",
        b"%2e%2e",
        b"%2E.",
        b".",
        b"/",
        b"%2f",
        b"\\",
        b"%5c",
        b"%00",
        b"%",
        b"css",
        b"up",
        b"out",
        b"loop",
        b"secret",
        b".hidden",
        b"site.css",
        b"root",
        b"%252e",
        b"\xff",
        b"fifo",
        b"~",
    ]
)


_ANY = st.binary(max_size=30).map(quote_from_bytes).map(str.encode)
_PATH = st.lists(_STEP, max_size=8).map(b"".join) | _ANY


class MissingTests(StaticTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.write("../secret", b"SECRET")
        self.write(".hidden", b"SECRET")
        self.write(".git/config", b"SECRET")
        os.symlink("..", os.path.join(self.root, "up"))
        os.symlink("../secret", os.path.join(self.root, "out"))
        os.symlink("loop", os.path.join(self.root, "loop"))
        os.symlink("../secret", os.path.join(self.root, "css/site.css.br"))
        os.mkfifo(os.path.join(self.root, "fifo"))

    def test_what_is_no_file_of_the_root_is_not_found(self) -> None:
        for path in (
            b"",
            b"/",
            b"none",
            b"css",
            b"css/",
            b"css/none",
            b"css/site.css/",
            b"css//site.css",
            b"../secret",
            b"%2e%2e/secret",
            b"css/..%2f..%2fsecret",
            b"..%5csecret",
            self.base.encode() + b"/secret",
            b".hidden",
            b"%2ehidden",
            b".git/config",
            b"up/secret",
            b"out",
            b"loop",
            b"fifo",
            b"css/site.css%00",
            b"%ff",
            b"x" * 300,
            b"x/" * 3000,
        ):
            request = self.ask(path)
            self.assertEqual(request.code, 404, path)
            self.assertEqual(request.field(b"Content-Type"), b"text/plain; charset=utf-8")
            self.assertLess(len(request.body), 100)

    def test_a_sibling_that_leads_outside_is_ignored(self) -> None:
        self.assertEqual(self.ask(b"css/site.css", (b"Accept-Encoding", b"br")).body, CSS)

    @given(st.lists(_STEP, max_size=8).map(b"".join) | st.binary(max_size=30).map(quote_from_bytes).map(str.encode))
    def test_no_path_leaves_the_root(self, path: bytes) -> None:
        request = self.ask(path, (b"Accept-Encoding", b"br"))
        self.assertIn(request.code, (200, 404))
        self.assertNotIn(b"SECRET", request.body)

    def test_well_known_files_are_served(self) -> None:
        self.write(".well-known/security.txt", b"Contact: us")
        self.assertEqual(self.ask(b".well-known/security.txt").body, b"Contact: us")

    def test_a_root_that_is_not_there_yet_is_empty(self) -> None:
        self.files = StaticFiles(os.path.join(self.base, "later"))
        self.assertEqual(self.code(b"a"), 404)
        self.write("../later/a", b"now")
        self.assertEqual(self.code(b"a"), 200)


class _Page(Resource):
    """Says what it was asked for, or fails."""

    isLeaf = True

    def __init__(self, failure: Exception | None = None) -> None:
        super().__init__()
        self.failure = failure

    def render(self, request: FakeRequest) -> bytes:
        if self.failure is not None:
            raise self.failure
        return b"%b %b %b" % (request.method, request.mount_path, b"/".join(request.postpath))


class FallbackTests(StaticTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.files = StaticFiles(self.root, fallback=_Page())

    def test_what_is_here_is_answered_here(self) -> None:
        self.assertEqual(self.ask().body, CSS)
        self.assertEqual(self.ask(method=b"POST").code, 405)

    def test_what_is_not_goes_on_as_it_came(self) -> None:
        for path in (b"none", b"css/", b"../x", b".hidden"):
            self.assertEqual(self.ask(path).body, b"GET static/%b static/%b" % (path, path))
        self.assertEqual(self.ask(b"upload", method=b"POST").body, b"POST static/upload static/upload")

    def test_the_way_to_the_fallback_is_walked(self) -> None:
        site = Resource()
        site.putChild(b"static", _Page())
        self.files = StaticFiles(self.root, fallback=site)
        self.assertEqual(self.ask(b"none").body, b"GET static/none none")

    def test_its_failures_are_its_own(self) -> None:
        self.files = StaticFiles(self.root, fallback=_Page(FileNotFoundError(2, "not ours")))
        self.assertRaises(FileNotFoundError, self.ask, b"none")


class FinderTests(StaticTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str] = []
        self.files = StaticFiles(finder=self.find, now=self.now)

    def find(self, name: str) -> str | None:
        self.asked.append(name)
        return os.path.join(self.root, name.removeprefix("app/")) if name.startswith("app/") else None

    def test_the_finder_is_asked_by_name(self) -> None:
        self.assertEqual(self.ask(b"app/css/site%2ecss").body, CSS)
        self.assertEqual(self.code(b"css/site.css"), 404)
        self.assertEqual(self.asked, ["app/css/site.css", "css/site.css"])

    def test_it_is_never_asked_for_what_is_no_name(self) -> None:
        for path in (b"app/../x", b"app/.env", b"app//a", b"%2fapp/a"):
            self.assertEqual(self.code(path), 404)
        self.assertEqual(self.asked, [])

    def test_siblings_lie_beside_what_it_finds(self) -> None:
        self.write("css/site.css.gz", b"gz")
        request = self.ask(b"app/css/site.css", (b"Accept-Encoding", b"gzip"))
        self.assertEqual(request.body, b"gz")

    def test_a_path_that_the_file_system_cannot_spell_is_missing(self) -> None:
        self.files = StaticFiles(finder=lambda name: "/\ud800")
        self.assertEqual(self.code(b"a"), 404)

    def test_a_folder_that_it_finds_is_missing(self) -> None:
        self.assertEqual(self.code(b"app/css"), 404)


class TroubleTests(StaticTestCase):
    replacements = 0

    def now(self) -> float:
        """The time; on the way to it, somebody puts another file in place while the first is looked at."""
        if self.replacements:
            self.replacements -= 1
            new = self.write("new", b"new content")
            os.replace(new, os.path.join(self.root, "css/site.css"))
        return super().now()

    def test_a_file_replaced_meanwhile_is_answered_whole(self) -> None:
        self.replacements = 1
        request = self.ask()
        self.assertEqual((request.code, request.body), (200, b"new content"))
        self.assertEqual(request.field(b"ETag"), self.ask().field(b"ETag"))

    def test_a_file_replaced_all_the_time_is_not_waited_for(self) -> None:
        self.replacements = 100
        request = self.ask()
        self.assertEqual(request.code, 503)
        self.assertEqual(request.field(b"Retry-After"), b"1")

    def test_a_file_that_may_not_be_read_is_forbidden(self) -> None:
        path = self.write("closed.txt", b"")
        os.chmod(path, 0)
        # The superuser may read anything.
        if os.geteuid() == 0:
            os.seteuid(65534)
            self.addCleanup(os.seteuid, 0)
        self.assertEqual(self.code(b"closed.txt"), 403)

    def test_a_server_out_of_descriptors_says_so(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        request = FakeRequest(b"GET", b"css/site.css", ())
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            self.files.render(cast("Request", request))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assertEqual(request.code, 503)
        self.assertEqual(self.ask().code, 200)
