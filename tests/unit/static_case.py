"""A tree of files and a request to ask for them with, shared by the tests of static files."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, BinaryIO, cast

from twisted.web.test.requesthelper import DummyRequest

from duck_tx.content.static import StaticFiles
from duck_tx.http.filepart import FilePart
from tests.case import UnitTestCase

if TYPE_CHECKING:
    from duck_tx.http.request import Request

CSS = b"body { color: teal }"
LARGE = bytes(range(256)) * 1024
MODIFIED = 784111777
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"


Field = tuple[bytes, bytes]


class FakeRequest(DummyRequest):
    """Twisted's request for tests with what this server's have beyond it, and strict about lengths."""

    def __init__(self, method: bytes, path: bytes, fields: Sequence[Field]) -> None:
        super().__init__(path.split(b"/"))
        self.code = 200
        self.method = method
        self.prepath = [b"static"]
        self.path = b"/static/" + path
        self.mount_path = path
        self.raw_headers = fields
        self.files: list[BinaryIO] = []

    def send_parts(self, parts: Sequence[bytes | FilePart]) -> None:
        assert self.method != b"HEAD", "no body answers HEAD"
        for part in parts:
            if isinstance(part, bytes):
                self.write(part)
            else:
                self.files.append(part.file)
                self.write(os.pread(part.file.fileno(), part.count, part.offset))
        for file in self.files:
            file.close()
        assert self.field(b"Content-Length") == b"%d" % len(self.body)
        self.finish()

    def setResponseCode(self, code: int, message: bytes | None = None) -> None:
        self.code = code

    @property
    def body(self) -> bytes:
        return b"".join(self.written)

    def field(self, name: bytes) -> bytes | None:
        values = self.responseHeaders.getRawHeaders(name, [])
        assert len(values) < 2, values
        return values[0] if values else None


class StaticTestCase(UnitTestCase):
    ahead = 10.0
    """Seconds: files written by a test are then old enough to be kept in memory."""

    def setUp(self) -> None:
        self.base = os.path.realpath(self.mktemp())
        self.root = os.path.join(self.base, "root")
        self.write("css/site.css", CSS)
        self.write("large.bin", LARGE)
        self.files = StaticFiles(self.root, now=self.now)

    def now(self) -> float:
        return time.time() + self.ahead

    def write(self, name: str, content: bytes, modified: int = MODIFIED) -> str:
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (0, modified))
        return path

    def ask(self, path: bytes = b"css/site.css", *fields: Field, method: bytes = b"GET") -> FakeRequest:
        request = FakeRequest(method, path, fields)
        open_before = len(os.listdir("/dev/fd"))
        answer = self.files.render(cast("Request", request))
        if isinstance(answer, bytes):
            request.write(answer)
            request.finish()
        self.assertEqual(request.finished, 1)
        self.assertEqual(len(os.listdir("/dev/fd")), open_before)
        return request

    def code(self, path: bytes, *fields: Field) -> int:
        return self.ask(path, *fields).code
